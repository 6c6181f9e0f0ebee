"""How far scores can be read as probabilities, and what each threshold costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from newsstance.evaluation.figures import Calibration, CalibrationBin, ThresholdPoint, ThresholdSweep
from newsstance.evaluation.intervals import ArticleBootstrap, Floats, estimate
from newsstance.evaluation.metrics import Booleans
from newsstance.stances import LABELS, Label

BINS = 10
THRESHOLDS: tuple[float, ...] = tuple(round(step / 50, 2) for step in range(1, 50))


def calibrate(gold: Booleans, scores: Floats, bootstrap: ArticleBootstrap) -> dict[Label, Calibration]:
    """Reliability diagram, expected calibration error and Brier score of each label.

    Equal-width bins as in Guo et al. (2017), https://arxiv.org/abs/1706.04599, on the probability of the label itself
    (not of the top class), since the labels are independent decisions.

    Args:
        gold: *Shape:* ``(sentences, 3)``.
        scores: *Shape:* ``(sentences, 3)``.
        bootstrap: The resamples of the articles of these sentences.
    """
    return {label: _calibrate(gold[:, k], scores[:, k], bootstrap) for k, label in enumerate(LABELS)}


def _calibrate(positive: Booleans, scores: Floats, bootstrap: ArticleBootstrap) -> Calibration:
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    member = bins[:, None] == np.arange(BINS)
    squared = (scores - positive) ** 2
    # A bin's share of the error is |sum of scores - number of positives| / sentences: sums are all that is needed.
    columns = np.concatenate(
        [member * (scores - positive)[:, None], squared[:, None], np.ones((len(scores), 1))], axis=1
    )
    rows = np.concatenate([columns.sum(axis=0)[None], bootstrap.totals(columns)])
    errors = np.abs(rows[:, :BINS]).sum(axis=1) / rows[:, -1]
    briers = rows[:, BINS] / rows[:, -1]
    rate = float(positive.mean())
    return Calibration(
        bins=[_bin(index, scores[member[:, index]], positive[member[:, index]]) for index in np.unique(bins)],
        ece=estimate(float(errors[0]), errors[1:]),
        brier=estimate(float(briers[0]), briers[1:]),
        brier_of_base_rate=rate * (1 - rate),
    )


def _bin(index: np.intp, scores: Floats, positive: Booleans) -> CalibrationBin:
    low, high = float(index) / BINS, (float(index) + 1) / BINS
    return CalibrationBin(low, high, len(scores), float(scores.mean()), float(positive.mean()))


def sweep_thresholds(
    gold: Booleans, scores: Floats, cost_of_false_alarm: float = 1.0, cost_of_miss: float = 1.0
) -> dict[Label, ThresholdSweep]:
    """What every threshold from 0.02 to 0.98 gives for each label, and what it costs.

    Args:
        gold: *Shape:* ``(sentences, 3)``.
        scores: *Shape:* ``(sentences, 3)``.
        cost_of_false_alarm: Cost of a label predicted where there is none.
        cost_of_miss: Cost of a label not found.
    """
    sweeps: dict[Label, ThresholdSweep] = {}
    for k, label in enumerate(LABELS):
        points = [_point(gold[:, k], scores[:, k], at, cost_of_false_alarm, cost_of_miss) for at in THRESHOLDS]
        cheapest = min(points, key=lambda point: point.cost)
        best = max(points, key=lambda point: point.f1)
        sweeps[label] = ThresholdSweep(points, cheapest.threshold, best.threshold)
    return sweeps


def best_thresholds(gold: Booleans, scores: Floats) -> npt.NDArray[np.float64]:
    """The threshold of the highest F1 for each label; 0.5 for a label without positives. *Shape:* ``(3,)``."""
    sweeps = sweep_thresholds(gold, scores)
    return np.array([sweeps[label].best_f1 if gold[:, k].any() else 0.5 for k, label in enumerate(LABELS)])


def _point(positive: Booleans, scores: Floats, threshold: float, false_alarm: float, miss: float) -> ThresholdPoint:
    predicted = scores >= threshold
    hits, alarms = int((predicted & positive).sum()), int((predicted & ~positive).sum())
    misses = int(positive.sum()) - hits
    return ThresholdPoint(
        threshold=threshold,
        precision=hits / (hits + alarms) if hits + alarms else 0.0,
        recall=hits / (hits + misses) if hits + misses else 0.0,
        f1=2 * hits / (2 * hits + alarms + misses) if hits + alarms + misses else 0.0,
        false_alarms=alarms,
        misses=misses,
        cost=alarms * false_alarm + misses * miss,
    )
