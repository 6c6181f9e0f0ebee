"""The result of an evaluation: plain, self-checking records, with their JSON.

Everything that a report, a gate or a comparison shows is read from here; nothing here computes a figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BeforeValidator

from newsstance.errors import InputError
from newsstance.stances import LABELS, Label

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NO_LABEL = "none"
"""Row and column of the confusion table for sentences without a label."""

EVALUATION_FILE = "evaluation.json"
PREDICTIONS_FILE = "predictions.jsonl"

Figure = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number that may be undefined: NaN in Python, null in JSON."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its confidence interval.

    Attributes:
        value: The figure on the whole data; NaN where it is undefined (e.g. average precision without a positive).
        low: Lower bound of the 95% interval; NaN where there is none.
        high: Upper bound of the 95% interval; NaN where there is none.
    """

    value: Figure
    low: Figure = math.nan
    high: Figure = math.nan

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"the interval [{self.low}, {self.high}] is upside down")

    @property
    def defined(self) -> bool:
        """Whether the figure has a value."""
        return not math.isnan(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether the figure has an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def __str__(self) -> str:
        if not self.defined:
            return "–"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.has_interval else f"{self.value:.3f}"


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one label, or their unweighted mean over the labels (macro).

    Attributes:
        support: Gold positives (macro: of all labels together).
        predicted: Predicted positives (macro: of all labels together).
        average_precision: Area under the precision-recall curve; undefined for systems that give no scores.
        mcc: Matthews correlation coefficient.
    """

    support: int
    predicted: int
    f1: Estimate
    precision: Estimate
    recall: Estimate
    average_precision: Estimate
    mcc: Estimate

    def __post_init__(self) -> None:
        if self.support < 0 or self.predicted < 0:
            raise ValueError(f"negative count: support {self.support}, predicted {self.predicted}")


@dataclass(frozen=True, slots=True)
class Curve:
    """A precision-recall curve, by rising threshold.

    Attributes:
        precision: *Shape:* ``(n + 1,)``, the last is 1 by convention.
        recall: *Shape:* ``(n + 1,)``, the last is 0 by convention.
        thresholds: *Shape:* ``(n,)``.
    """

    precision: list[float]
    recall: list[float]
    thresholds: list[float]

    def __post_init__(self) -> None:
        if not len(self.precision) == len(self.recall) == len(self.thresholds) + 1:
            raise ValueError(
                f"a curve of {len(self.thresholds)} thresholds has one point more, "
                f"not {len(self.precision)} precisions and {len(self.recall)} recalls"
            )


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which gold label was read as which: sentences by gold label (rows) and predicted label (columns), none included.

    A label that is both gold and predicted counts on the diagonal. A missed gold label counts once in the column of
    each label predicted in its stead (`NO_LABEL` where there is none); a false alarm in a sentence whose gold labels
    were all found counts in the row `NO_LABEL`.

    Attributes:
        names: Names of rows and columns: the labels, then `NO_LABEL`.
        counts: *Shape:* ``(4, 4)``.
    """

    names: list[str]
    counts: list[list[int]]

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.names) or any(len(row) != len(self.names) for row in self.counts):
            raise ValueError(f"a confusion of {len(self.names)} names needs as many rows and columns")


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Sentences whose score for a label lies in ``[low, high)`` (the last bin includes 1).

    Attributes:
        count: Number of sentences; empty bins are left out.
        mean_score: Their mean score.
        positive_share: Share of them that carry the label.
    """

    low: float
    high: float
    count: int
    mean_score: float
    positive_share: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the scores of one label can be read as probabilities.

    Attributes:
        bins: Reliability diagram, by rising score.
        ece: Expected calibration error: mean of ``|mean_score - positive_share|`` weighted by the count of the bin.
        brier: Mean squared difference of score and truth.
        brier_of_base_rate: The Brier score of always answering the share of positives; a useful model is below it.
    """

    bins: list[CalibrationBin]
    ece: Estimate
    brier: Estimate
    brier_of_base_rate: float


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """What one threshold gives for one label.

    Attributes:
        false_alarms: Sentences with the label predicted that do not carry it.
        misses: Sentences that carry the label and were not found.
        cost: ``false_alarms * cost_of_false_alarm + misses * cost_of_miss``.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    false_alarms: int
    misses: int
    cost: float


@dataclass(frozen=True, slots=True)
class ThresholdSweep:
    """One label at many thresholds. The best ones are found on the evaluated data itself, so they flatter.

    Attributes:
        points: By rising threshold.
        cheapest: Threshold with the lowest cost.
        best_f1: Threshold with the highest F1.
    """

    points: list[ThresholdPoint]
    cheapest: float
    best_f1: float


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

    def to_json(self) -> str:
        """JSON of everything but the predictions."""
        import dataclasses

        import pydantic_core

        content = dataclasses.replace(self, predictions=[])
        record = json.loads(pydantic_core.to_json(content, inf_nan_mode="null"))
        del record["predictions"]
        return json.dumps(record, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Evaluation:
        """The evaluation that `to_json` wrote, without its predictions.

        Raises:
            ValueError: Where the text is no such JSON.
        """
        return cast("Evaluation", _adapter(cls).validate_json(text))

    def save(self, folder: Path) -> dict[str, Path]:
        """Write ``evaluation.json`` and ``predictions.jsonl`` into ``folder``; returns name → path."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = {"evaluation": folder / EVALUATION_FILE, "predictions": folder / PREDICTIONS_FILE}
        paths["evaluation"].write_text(self.to_json(), encoding="utf-8")
        with paths["predictions"].open("w", encoding="utf-8") as file:
            file.writelines(prediction_lines(self.predictions))
        return paths

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read what `save` wrote.

        Raises:
            InputError: Where ``folder`` holds no readable evaluation.
        """
        path = folder / EVALUATION_FILE
        if not path.is_file():
            raise InputError.at(folder, f"no {EVALUATION_FILE} in it", remedy="give the folder of an evaluation")
        try:
            evaluation = cls.from_json(path.read_bytes())
        except ValueError as error:
            raise InputError.at(path, "not an evaluation of this version", remedy="evaluate the model again") from error
        evaluation.predictions = list(read_predictions(folder / PREDICTIONS_FILE))
        if len(evaluation.predictions) != evaluation.sentences:
            problem = f"{len(evaluation.predictions)} rows for {evaluation.sentences} sentences"
            raise InputError.at(folder / PREDICTIONS_FILE, problem, remedy="evaluate the model again")
        return evaluation


def prediction_lines(predictions: Iterable[Prediction]) -> Iterator[str]:
    """One JSON line a prediction."""
    import pydantic_core

    for prediction in predictions:
        yield pydantic_core.to_json(prediction).decode() + "\n"


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The rows of a ``predictions.jsonl``.

    Raises:
        InputError: Where the file is missing or a row is no prediction.
    """
    if not path.is_file():
        raise InputError.at(path, "no such file", remedy="evaluate the model again")
    adapter = _adapter(Prediction)
    with path.open(encoding="utf-8") as file:
        for row, line in enumerate(file, start=1):
            try:
                yield adapter.validate_json(line)
            except ValueError as error:
                raise InputError.at(path, "not a prediction", row=row, remedy="evaluate the model again") from error


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
