"""Figures of an evaluation: estimates with intervals, metrics, curves, confusion, calibration, threshold sweeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

NO_LABEL = "none"
"""Row and column of the confusion table for sentences without a label."""

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
