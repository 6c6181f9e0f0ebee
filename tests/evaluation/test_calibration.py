"""Calibration and threshold sweep: by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score

from newsstance.evaluation.calibration import best_thresholds, calibrate, sweep_thresholds
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.stances import LABELS

A, D, S = LABELS


def columns(column):
    return np.stack([column] * 3, axis=1)


def bootstrap(count, resamples=50):
    return ArticleBootstrap([f"doc-{n // 2}" for n in range(count)], resamples)


def test_ece_counted_by_hand():
    scores = columns(np.array([0.05, 0.05, 0.85, 0.85, 0.85, 1.0]))
    gold = columns(np.array([False, True, True, True, False, True]))
    result = calibrate(gold, scores, bootstrap(6))[A]
    # bins: [0, 0.1) score 0.05, share 0.5; [0.8, 0.9) score 0.85, share 2/3; [0.9, 1] score 1, share 1
    assert [(b.low, b.count) for b in result.bins] == [(0.0, 2), (0.8, 3), (0.9, 1)]
    assert result.ece.value == pytest.approx((2 * 0.45 + 3 * abs(0.85 - 2 / 3) + 0) / 6)
    assert result.brier_of_base_rate == pytest.approx(4 / 6 * 2 / 6)


def test_bins_and_brier_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.random((500, 3))
    gold = random.random((500, 3)) < scores**2
    for k, (label, result) in enumerate(calibrate(gold, scores, bootstrap(500)).items()):
        share, mean = calibration_curve(gold[:, k], scores[:, k], n_bins=10)
        assert label == LABELS[k]
        assert [b.positive_share for b in result.bins] == pytest.approx(share.tolist())
        assert [b.mean_score for b in result.bins] == pytest.approx(mean.tolist())
        assert result.brier.value == pytest.approx(brier_score_loss(gold[:, k], scores[:, k]))
        assert result.brier.low < result.brier.value < result.brier.high


def test_perfectly_calibrated_scores_have_no_error():
    scores = columns(np.repeat([0.25, 0.75], 8))
    gold = columns(np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0], dtype=bool))
    assert calibrate(gold, scores, bootstrap(16))[D].ece.value == pytest.approx(0)


def test_sweep_points_are_those_of_scikit_learn():
    random = np.random.default_rng(2)
    scores = random.random((300, 3))
    gold = random.random((300, 3)) < 0.3
    sweep = sweep_thresholds(gold, scores)[S]
    assert len(sweep.points) == 49
    for point in sweep.points[::8]:
        predicted = scores[:, 2] >= point.threshold
        assert point.f1 == pytest.approx(f1_score(gold[:, 2], predicted, zero_division=0))
        assert point.precision == pytest.approx(precision_score(gold[:, 2], predicted, zero_division=0))
        assert point.recall == pytest.approx(recall_score(gold[:, 2], predicted, zero_division=0))
        assert point.false_alarms == int((predicted & ~gold[:, 2]).sum())


def test_dear_misses_lower_the_cheapest_threshold():
    random = np.random.default_rng(3)
    gold = random.random((400, 3)) < 0.3
    scores = np.clip(0.3 + 0.4 * gold + random.normal(0, 0.15, (400, 3)), 0, 1)
    dear_misses = sweep_thresholds(gold, scores, cost_of_false_alarm=1, cost_of_miss=10)[A]
    dear_alarms = sweep_thresholds(gold, scores, cost_of_false_alarm=10, cost_of_miss=1)[A]
    assert dear_misses.cheapest < dear_alarms.cheapest
    point = next(p for p in dear_misses.points if p.threshold == dear_misses.cheapest)
    assert point.cost == point.false_alarms + 10 * point.misses


def test_best_threshold_separates_what_can_be_separated():
    gold = np.zeros((100, 3), dtype=bool)
    gold[:30, 0] = True
    scores = np.where(gold, 0.31, 0.19)
    best = best_thresholds(gold, scores)
    assert 0.19 < best[0] <= 0.31
    assert best[1] == 0.5, "nothing can be told of a label that never occurs"
