"""The result of an evaluation: plain, self-checking records.

Everything that a report, a gate or a comparison shows is read from here; nothing here computes a figure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from newsstance.evaluation.explanations import Explanation
from newsstance.evaluation.figures import Calibration, Confusion, Curve, Estimate, Metrics, ThresholdSweep
from newsstance.stances import LABELS, Label


@dataclass(frozen=True, slots=True)
class Timing:
    """What scoring took.

    Attributes:
        seconds: Wall-clock seconds of scoring.
        sentences_per_second: Sentences scored a second.
        peak_mb: Highest resident memory of the whole process meanwhile (training included), in MB.
        training_seconds: Wall-clock seconds of training in this run; 0 for systems that came trained.
        added_mb: How much of the peak came with this system: growth while it was trained and scored, plus the weights
            of a model that was loaded before.
    """

    seconds: float
    sentences_per_second: float
    peak_mb: float
    training_seconds: float = 0.0
    added_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class SystemResult:
    """The figures of one system: the model, or a baseline.

    Attributes:
        name: ``model`` or the name of the baseline.
        description: One line on what it is.
        threshold: Score from which a label counted as predicted, per label; empty for systems without scores.
        labels: Label → its metrics.
        macro: Unweighted mean of the metrics over the labels.
        micro_f1: F1 over all pairs of sentence and label.
        exact_match: Share of sentences whose set of labels is exactly right.
        false_alarm_rate: Share of the sentences without a gold label that were given one.
        confusion: Which label was read as which.
        curves: Label → precision-recall curve; empty for systems without scores.
        calibration: Label → calibration; empty for systems without scores.
        sweeps: Label → threshold sweep; empty for systems without scores.
        versus_model: Metric (macro_f1, exact_match) → paired difference ``model - system`` on the same sentences;
            empty for the model itself.
    """

    name: str
    description: str
    threshold: dict[Label, float]
    labels: dict[Label, Metrics]
    macro: Metrics
    micro_f1: Estimate
    exact_match: Estimate
    false_alarm_rate: Estimate
    confusion: Confusion
    timing: Timing
    curves: dict[Label, Curve] = field(default_factory=dict)
    calibration: dict[Label, Calibration] = field(default_factory=dict)
    sweeps: dict[Label, ThresholdSweep] = field(default_factory=dict)
    versus_model: dict[str, Estimate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(self.labels) != LABELS:
            raise ValueError(f"metrics for {', '.join(LABELS)} expected, in this order; got {', '.join(self.labels)}")


@dataclass(frozen=True, slots=True)
class Slice:
    """The model on a part of the sentences.

    Attributes:
        dimension: What the data is cut by, e.g. ``length``.
        name: Which part, e.g. ``1-10 words``.
        sentences: Sentences in it.
        articles: Articles that they come from.
        support: Gold labels in it, all labels together.
        label_support: Label → gold positives.
        micro_f1: F1 over all pairs of sentence and label in it; undefined where it is too small to judge.
        exact_match: Share of sentences whose set of labels is exactly right.
        label_f1: Label → F1; undefined where the label is too rare in the slice to judge.
        too_small: Why there is no figure, e.g. ``4 gold labels, 10 needed``; "" where there is one.
    """

    dimension: str
    name: str
    sentences: int
    articles: int
    support: int
    label_support: dict[Label, int]
    micro_f1: Estimate
    exact_match: Estimate
    label_f1: dict[Label, Estimate]
    too_small: str = ""

    def __post_init__(self) -> None:
        if sum(self.label_support.values()) != self.support:
            raise ValueError(f"slice {self.dimension}={self.name}: label supports do not add up to {self.support}")


@dataclass(frozen=True, slots=True)
class SystemOutput:
    """What one system said of one sentence.

    Attributes:
        labels: The labels it predicted.
        scores: Label → score in [0, 1]; empty for systems without scores.
    """

    labels: list[Label]
    scores: dict[Label, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row of ``predictions.jsonl``.

    Attributes:
        doc: Id of the article.
        i: Position of the sentence in the article.
        text: The sentence.
        context: The sentence before it, "" where none was given.
        labels: Gold labels.
        predicted: Labels that the model predicted.
        scores: Label → the model's score in [0, 1].
        baselines: Baseline → what it said.
        extra: Further fields of the corpus record (e.g. ``agreed``).
    """

    doc: str
    i: int
    text: str
    context: str
    labels: list[Label]
    predicted: list[Label]
    scores: dict[Label, float]
    baselines: dict[str, SystemOutput] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether exactly the gold labels were predicted."""
        return set(self.labels) == set(self.predicted)


@dataclass(slots=True)
class Evaluation:
    """All that one run of ``newsstance evaluate`` found.

    Attributes:
        model_id: Which model was measured.
        corpus: Name of the corpus.
        split: Which part of it: train, validation, test or all.
        data_hash: Hash of the sentences and gold labels.
        code_revision: Commit or version of newsstance.
        created: Time of the run, ISO 8601, UTC.
        config: The command's resolved config.
        sentences: Number of sentences.
        articles: Number of articles.
        resamples: Bootstrap resamples of the articles behind each interval.
        systems: The model first, then the baselines in the order of the config.
        slices: Worst first; those too small to judge at the end.
        predictions: One row a sentence; kept beside the JSON, in ``predictions.jsonl``.
        notes: What a reader must know, e.g. that baselines were trained on another corpus.
        behaviour: Results of the behaviour suite; None where it was not run.
        error_analysis: The error analysis; None where it was not run.
        explanations: What speaks for and against each label in sentences that the user asked about.
    """

    model_id: str
    corpus: str
    split: str
    data_hash: str
    code_revision: str
    created: str
    config: dict[str, Any]
    sentences: int
    articles: int
    resamples: int
    systems: list[SystemResult]
    slices: list[Slice] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    behaviour: dict[str, Any] | None = None
    error_analysis: dict[str, Any] | None = None
    explanations: list[Explanation] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.systems:
            raise ValueError("an evaluation has at least one system, the model")
        if self.predictions and len(self.predictions) != self.sentences:
            raise ValueError(f"{len(self.predictions)} predictions for {self.sentences} sentences")

    @property
    def model(self) -> SystemResult:
        """The figures of the evaluated model."""
        return self.systems[0]

    @property
    def baselines(self) -> list[SystemResult]:
        """The figures of the baselines."""
        return self.systems[1:]
