"""``newsstance train``: fine-tune an encoder on a labelled corpus."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.commands import CrossPredictConfig, PipelineConfig, TrainConfig
from newsstance.configuration.groups import CorpusConfig
from newsstance.errors import InputError
from newsstance.model.processes import rank
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.training_job import TrainingJob
    from newsstance.stances import LabelledSentence

LOG = logging.getLogger(__name__)


def run(config: TrainConfig, run: Run) -> None:
    """Train (or reuse) the model that ``config`` describes, and say where it is."""
    job = training_job(config)
    classifier, folder = (
        train_one(config, job, run) if config.hparams_search.name == "none" else _search(config, job, run)
    )
    figures = classifier.metadata.figures if classifier.metadata else {}
    run.record(figures=figures)
    if rank() == 0:
        print(f"model: {folder}")
        print(f"validation macro-F1: {figures.get('validation_macro_f1')}")


def train_one(config: TrainConfig, job: TrainingJob, run: Run) -> tuple[StanceClassifier, Path]:
    """One training by the recipe of ``config``."""
    from newsstance.model.location import model_folder
    from newsstance.model.training import train

    folder = model_folder(job.key, config.output)
    run.record(data_hash=job.data_hash, training_key=job.key, model=str(folder))
    return train(job, folder), folder


def _search(config: TrainConfig, job: TrainingJob, run: Run) -> tuple[StanceClassifier, Path]:
    """Many trainings, the best of which is the result."""
    from newsstance.model.location import model_folder
    from newsstance.model.search import SEARCH, search, search_key

    folder = model_folder(search_key(job, config.hparams_search), config.output)
    run.record(data_hash=job.data_hash, model=str(folder), search=str(folder / SEARCH))
    classifier, trials = search(job, config.hparams_search, folder)
    run.record(trials=trials)
    _print_trials(trials)
    print(f"trials: {folder / SEARCH / 'trials.csv'}")
    return classifier, folder


def _print_trials(trials: list[dict[str, Any]]) -> None:
    """The trials as a table, the best first."""
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(key for trial in trials for key in trial))
    table = Table(box=None, pad_edge=False)
    for column in columns:
        title = "macro-F1" if column == "validation_macro_f1" else column.replace("_", " ")
        table.add_column(title, justify="left" if column == "state" else "right")
    order = {"complete": 0, "pruned": 1}
    for trial in sorted(trials, key=lambda row: (order.get(row["state"], 2), -(row["validation_macro_f1"] or 0.0))):
        table.add_row(*(_cell(trial.get(column)) for column in columns))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def training_job(config: TrainConfig | PipelineConfig | CrossPredictConfig) -> TrainingJob:
    """Read and split the corpus of ``config``, and put the job of training on it together."""
    from newsstance.corpus.loading import data_hash, load_corpus
    from newsstance.model.training_job import TrainingJob

    sentences = load_corpus(config.corpus)
    splits = training_splits(config.corpus, sentences)
    sizes = ", ".join(f"{len(part)} {name}" for name, part in splits.items())
    LOG.info("corpus %s: %d sentences (%s)", config.corpus.name, sum(map(len, splits.values())), sizes)
    return TrainingJob(splits, data_hash(sentences), config.encoder, config.trainer, config.tracker, config.seed)


def training_splits(config: CorpusConfig, sentences: list[LabelledSentence]) -> dict[str, list[LabelledSentence]]:
    """The splits of a corpus; the training split with its soft labels, and with what only these know."""
    from newsstance.corpus.splitting import split_by_article

    splits = split_by_article(sentences, config.split)
    splits["train"] = _with_soft_labels(splits, config)
    return splits


def _with_soft_labels(splits: dict[str, list[LabelledSentence]], config: CorpusConfig) -> list[LabelledSentence]:
    """The training split with its soft labels, and with what only these know: the others keep what was read in them."""
    from newsstance.corpus.duplicates import normalise
    from newsstance.corpus.loading import load_unlabelled
    from newsstance.corpus.soft_labels import SOFT_LABELS, unread_sentences, with_soft_labels

    if config.soft_labels is None:
        if config.unlabelled:
            raise InputError("corpus.unlabelled: what nobody has labelled needs corpus.soft_labels=FILE to be learned")
        return splits["train"]
    held_out = [sentence for name in ("validation", "test") for sentence in splits[name]]
    docs, texts = {sentence.doc for sentence in held_out}, {normalise(sentence.text) for sentence in held_out}
    unlabelled = load_unlabelled(config) if config.unlabelled else []
    others = [s for s in unlabelled if s.doc not in docs and normalise(s.text) not in texts]
    if len(others) < len(unlabelled):
        LOG.info("corpus.unlabelled: %d sentences of held-out articles left out", len(unlabelled) - len(others))
    scored = with_soft_labels([*splits["train"], *others], Path(config.soft_labels).expanduser())
    labelled = len(splits["train"])
    training = scored[:labelled] + unread_sentences(scored[labelled:])
    LOG.info("soft labels: %d of %d training sentences", sum(SOFT_LABELS in s.extra for s in training), len(training))
    return training
