"""Evaluate a model beside the baselines: from labelled sentences to an `Evaluation`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from newsstance.configuration.groups import EvaluationConfig, Neighbours
from newsstance.configuration.typed import to_plain
from newsstance.errors import InputError
from newsstance.evaluation.baselines import Baseline, make_baselines
from newsstance.evaluation.embedder import Embedder
from newsstance.evaluation.explanations import check_attributable, choose_sentences, explain
from newsstance.evaluation.metrics import Output, label_sets
from newsstance.evaluation.remembering import RememberingScorer
from newsstance.evaluation.result import Evaluation, Prediction, SystemOutput
from newsstance.evaluation.slices import find_slices
from newsstance.evaluation.systems import MODEL, Data, Scorer, measure_baseline, measure_model
from newsstance.provenance import code_revision
from newsstance.stances import LABELS, Label, LabelledSentence
from newsstance.writing import to_line

if TYPE_CHECKING:
    from newsstance.evaluation.intervals import Floats
    from newsstance.model.classifier import StanceClassifier

LOG = logging.getLogger(__name__)

FEW_ARTICLES = 20
"""Below so many articles, bootstrap intervals are too narrow."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is evaluated on what, for the head of the report.

    Attributes:
        corpus: Name of the corpus.
        split: Which part of it: train, validation, test or all.
        training: Where the training sentences come from; "" for the train split of the same corpus.
        config: The command's resolved config; None for the `EvaluationConfig` alone.
        seed: Seed of the resamples and of the baselines.
        learned: What of it the model has learned from; "" where nothing is known to be.
    """

    corpus: str = ""
    split: str = "test"
    training: str = ""
    config: dict[str, Any] | None = None
    seed: int = 0
    learned: str = ""


def evaluate_model(
    classifier: Scorer,
    sentences: Sequence[LabelledSentence],
    train_sentences: Sequence[LabelledSentence],
    config: EvaluationConfig,
    subject: Subject | None = None,
) -> Evaluation:
    """Measure a model, and the baselines of ``config``, on the same sentences.

    Args:
        classifier: The model.
        sentences: The sentences to measure on, with their gold labels.
        train_sentences: What the baselines learn from, and where near neighbours of errors are looked up.
        config: What to compute.
        subject: What is evaluated on what.

    Raises:
        InputError: Where there are no sentences, or a baseline cannot be run.
    """
    from newsstance.corpus.loading import data_hash

    check_request(config, sentences)
    subject = subject or Subject()
    embedder = Embedder(config.embedder)
    baselines = make_baselines(config, embedder)
    chosen = choose_sentences(config.attribute, sentences)
    if chosen or config.attribute_errors:
        check_attributable(classifier)
    data = Data.of(sentences, config.resamples, subject.seed)
    model = measure_model(classifier, data, config)
    measured = [model] + [
        measure_baseline(baseline, train_sentences, data, model, config=config, seed=subject.seed)
        for baseline in baselines
    ]
    evaluation = Evaluation(
        model_id=classifier.model_id,
        corpus=subject.corpus,
        split=subject.split,
        data_hash=data_hash(sentences),
        code_revision=code_revision(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        config=subject.config or {"evaluation": to_plain(config)},
        sentences=len(sentences),
        articles=data.bootstrap.articles,
        resamples=config.resamples,
        systems=[system.result for system in measured],
        slices=find_slices(sentences, data, model.output, min_support=config.min_slice_support, seed=subject.seed),
        predictions=to_predictions(sentences, {system.result.name: system.output for system in measured}),
        notes=_notes(data, baselines, subject),
    )
    if config.behaviour:
        scores = cast("Floats", model.output.scores)
        remembering = RememberingScorer(classifier, data.texts, data.contexts, scores)
        _run_behaviour_suite(evaluation, remembering, sentences, subject.seed, config.threshold)
    if config.error_analysis:
        _analyse_errors(evaluation, train_sentences, config, classifier=classifier, embedder=embedder)
    if chosen:
        evaluation.explanations = list(explain(cast("StanceClassifier", classifier), chosen))
    return evaluation


def check_request(config: EvaluationConfig, sentences: Sequence[LabelledSentence]) -> None:
    """Refuse what cannot be evaluated before the work, or the training before it: a slip should not cost minutes.

    Args:
        config: What to compute.
        sentences: The sentences to measure on.

    Raises:
        InputError: Where there are no sentences, or ``config`` asks for something that there is not.
    """
    if not sentences:
        raise InputError("there are no sentences to evaluate on")
    if config.resamples < 0:
        raise InputError(f"evaluation.resamples={config.resamples}: must be at least 0")
    if not 0 <= config.threshold <= 1:
        raise InputError(f"evaluation.threshold={config.threshold}: must be between 0 and 1")
    if config.attribute_errors and not config.error_analysis:
        raise InputError(
            f"evaluation.attribute_errors={config.attribute_errors}: there is no error analysis to show the words in"
            " (set evaluation.error_analysis=true)"
        )
    make_baselines(config)
    choose_sentences(config.attribute, sentences)


def to_predictions(sentences: Sequence[LabelledSentence], outputs: Mapping[str, Output]) -> list[Prediction]:
    """One row a sentence: gold labels, what the model said, what the baselines said.

    Args:
        sentences: The sentences.
        outputs: System → what it said; `MODEL` among them.
    """
    said = {name: _said(output) for name, output in outputs.items()}
    return [
        Prediction(
            doc=sentence.doc,
            i=sentence.i,
            text=sentence.text,
            context=sentence.context,
            labels=list(sentence.labels),
            predicted=said[MODEL][row].labels,
            scores=said[MODEL][row].scores,
            baselines={name: rows[row] for name, rows in said.items() if name != MODEL},
            extra=json.loads(to_line(dict(sentence.extra))),
        )
        for row, sentence in enumerate(sentences)
    ]


def _said(output: Output) -> list[SystemOutput]:
    scores: list[dict[Label, float]] = [{} for _ in output.predicted]
    if output.scores is not None:
        scores = [dict(zip(LABELS, row, strict=True)) for row in output.scores.tolist()]
    return [SystemOutput(labels, row) for labels, row in zip(label_sets(output.predicted), scores, strict=True)]


def _notes(data: Data, baselines: Sequence[Baseline], subject: Subject) -> list[str]:
    notes = []
    if data.bootstrap.articles < FEW_ARTICLES:
        notes.append(f"Only {data.bootstrap.articles} articles: the intervals are too narrow, or missing.")
    absent = [label for label, count in zip(LABELS, data.gold.sum(axis=0), strict=True) if not count]
    if absent:
        notes.append(f"No sentence carries {', '.join(absent)}: left out of the macro averages.")
    if subject.learned:
        notes.append(f"The model {subject.learned}: its figures flatter.")
    if baselines and subject.training:
        notes.append(f"Baselines that learn were trained on {subject.training}.")
    return notes


def _run_behaviour_suite(
    evaluation: Evaluation,
    classifier: RememberingScorer,
    sentences: Sequence[LabelledSentence],
    seed: int,
    threshold: float,
) -> None:
    from newsstance.evaluation.behaviour import run_behaviour_suite

    LOG.info("behaviour suite")
    evaluation.behaviour = run_behaviour_suite(classifier, sentences, seed, threshold=threshold)


def _analyse_errors(
    evaluation: Evaluation,
    train_sentences: Sequence[LabelledSentence],
    config: EvaluationConfig,
    *,
    classifier: Any,
    embedder: Embedder,
) -> None:
    from newsstance.evaluation.error_analysis import analyse_errors

    LOG.info("error analysis")
    thresholds: dict[Label, float] = dict.fromkeys(LABELS, config.threshold)
    evaluation.error_analysis = analyse_errors(
        evaluation.predictions,
        [] if config.neighbours is Neighbours.none else train_sentences,
        classifier=classifier,
        embed=embedder if config.neighbours is Neighbours.embeddings else None,
        thresholds=thresholds,
        examples=config.examples,
        attributed=config.attribute_errors,
    )
