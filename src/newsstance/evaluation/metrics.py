"""Metrics of multi-label predictions, on the data and on every resample of its articles.

Point values follow scikit-learn (``zero_division=0``), with one departure: a label that the gold never carries has no
figures (NaN instead of 0), and macro averages leave it out. A resample that lacks a label which the data carries has no
macro averages: those of fewer labels are figures of something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from newsstance.evaluation.figures import NO_LABEL, Confusion, Curve, Estimate, Metrics
from newsstance.evaluation.intervals import ArticleBootstrap, Floats, estimate
from newsstance.stances import LABELS, Label, to_indicators

Booleans = npt.NDArray[np.bool_]

METRICS = ("f1", "precision", "recall", "average_precision", "mcc")


@dataclass(frozen=True, slots=True)
class Output:
    """What a system said of all sentences.

    Attributes:
        predicted: *Shape:* ``(sentences, 3)``, columns as in `LABELS`.
        scores: In [0, 1]. *Shape:* ``(sentences, 3)``; None for systems without scores.
        thresholds: Score from which each label counted as predicted; empty for systems without scores.
    """

    predicted: Booleans
    scores: Floats | None = None
    thresholds: tuple[float, ...] = ()

    @classmethod
    def from_scores(cls, scores: Floats, thresholds: Sequence[float] | Floats) -> Output:
        """The labels whose score reaches its threshold."""
        return cls(scores >= np.asarray(thresholds), scores, tuple(float(threshold) for threshold in thresholds))

    def __post_init__(self) -> None:
        if self.predicted.ndim != 2 or self.predicted.shape[1] != len(LABELS):
            raise ValueError(f"predicted has shape {self.predicted.shape}, expected (sentences, {len(LABELS)})")
        if self.scores is not None and self.scores.shape != self.predicted.shape:
            raise ValueError(f"scores have shape {self.scores.shape}, expected {self.predicted.shape}")
        if self.scores is not None and not bool(((self.scores >= 0) & (self.scores <= 1)).all()):
            raise ValueError("scores lie outside [0, 1] or are NaN")


@dataclass(frozen=True, slots=True)
class Samples:
    """One system's metrics on the whole data (row 0) and on every resample (the other rows).

    Attributes:
        labels: Metric → *shape* ``(1 + resamples, 3)``.
        macro: Metric → *shape* ``(1 + resamples,)``.
        overall: ``micro_f1``, ``exact_match``, ``false_alarm_rate`` → *shape* ``(1 + resamples,)``.
    """

    labels: dict[str, Floats]
    macro: dict[str, Floats]
    overall: dict[str, Floats]

    def get(self, name: str) -> Floats:
        """The samples of ``macro_f1``, ``f1.denial``, ``exact_match``, ... *Shape:* ``(1 + resamples,)``."""
        if name in self.overall:
            return self.overall[name]
        if name.startswith("macro_"):
            return self.macro[name.removeprefix("macro_")]
        metric, _, label = name.partition(".")
        return self.labels[metric][:, LABELS.index(label)]


def indicators(label_sets: Sequence[Sequence[str]]) -> Booleans:
    """Label sets as a matrix. *Shape:* ``(len(label_sets), 3)``."""
    return np.array([to_indicators(labels) for labels in label_sets], dtype=bool).reshape(-1, len(LABELS))


def label_sets(matrix: Booleans) -> list[list[Label]]:
    """The rows of an indicator matrix as lists of labels."""
    return [[label for label, present in zip(LABELS, row, strict=True) if present] for row in matrix]


def sample_metrics(gold: Booleans, output: Output, bootstrap: ArticleBootstrap) -> Samples:
    """All metrics of ``output`` against ``gold`` (``(sentences, 3)``), on the data and on each resample."""
    cells = _cells(gold, output.predicted)  # (sentences, 3 * 4)
    exact = (gold == output.predicted).all(axis=1)
    unlabelled = ~gold.any(axis=1)
    alarmed = unlabelled & output.predicted.any(axis=1)
    rates = np.stack([exact, np.ones_like(exact), alarmed, unlabelled], axis=1)
    columns = np.concatenate([cells, rates], axis=1)
    totals = np.concatenate([columns.sum(axis=0, dtype=float)[None], bootstrap.totals(columns)])
    counts = totals[:, :-4].reshape(len(totals), len(LABELS), 4)
    labels = _from_counts(counts)
    labels["average_precision"] = _sample_average_precision(gold, output.scores, bootstrap)
    macro = {metric: _macro(labels[metric]) for metric in METRICS}
    pooled = counts.sum(axis=1)
    overall = {
        "micro_f1": _ratio(2 * pooled[:, 0], 2 * pooled[:, 0] + pooled[:, 1] + pooled[:, 2]),
        "exact_match": _ratio(totals[:, -4], totals[:, -3]),
        "false_alarm_rate": _ratio(totals[:, -2], totals[:, -1]),
    }
    return Samples(labels, macro, overall)


def to_estimate(samples: Floats) -> Estimate:
    """The value (row 0) with the interval of the resamples (the other rows)."""
    return estimate(float(samples[0]), samples[1:])


def label_metrics(gold: Booleans, output: Output, samples: Samples) -> tuple[dict[Label, Metrics], Metrics]:
    """The metrics of each label, and their macro average."""
    per_label = {
        label: Metrics(
            support=int(gold[:, k].sum()),
            predicted=int(output.predicted[:, k].sum()),
            **{metric: to_estimate(samples.labels[metric][:, k]) for metric in METRICS},
        )
        for k, label in enumerate(LABELS)
    }
    macro = Metrics(
        support=int(gold.sum()),
        predicted=int(output.predicted.sum()),
        **{metric: to_estimate(samples.macro[metric]) for metric in METRICS},
    )
    return per_label, macro


def precision_recall_curves(gold: Booleans, scores: Floats) -> dict[Label, Curve]:
    """The precision-recall curve of each label that the gold carries."""
    from sklearn.metrics import precision_recall_curve

    curves: dict[Label, Curve] = {}
    for k, label in enumerate(LABELS):
        if gold[:, k].any():
            precision, recall, thresholds = precision_recall_curve(gold[:, k], scores[:, k], drop_intermediate=True)
            curves[label] = Curve(precision.tolist(), recall.tolist(), thresholds.tolist())
    return curves


def confusion(gold: Booleans, predicted: Booleans) -> Confusion:
    """Which label was read as which; see `newsstance.evaluation.figures.Confusion` for the rule."""
    missed, extra = gold & ~predicted, predicted & ~gold
    counts = np.zeros((len(LABELS) + 1, len(LABELS) + 1), dtype=int)
    counts[:-1, :-1] = missed.T.astype(int) @ extra.astype(int)
    counts[:-1, :-1] += np.diag((gold & predicted).sum(axis=0))
    counts[:-1, -1] = missed[~extra.any(axis=1)].sum(axis=0)
    counts[-1, :-1] = extra[~missed.any(axis=1)].sum(axis=0)
    counts[-1, -1] = (~gold.any(axis=1) & ~predicted.any(axis=1)).sum()
    return Confusion([*LABELS, NO_LABEL], counts.tolist())


def _macro(samples: Floats) -> Floats:
    """The mean over the labels that the data (row 0) carries. *Shape:* ``(1 + resamples,)``."""
    carried = ~np.isnan(samples[0])
    if not carried.any():
        return np.full(len(samples), np.nan)
    return np.asarray(samples[:, carried].mean(axis=1), dtype=float)


def _cells(gold: Booleans, predicted: Booleans) -> Booleans:
    """True positives, false positives, false negatives, true negatives of each label. *Shape:* ``(sentences, 12)``."""
    cells = np.stack([gold & predicted, ~gold & predicted, gold & ~predicted, ~gold & ~predicted], axis=2)
    return cells.reshape(len(gold), -1)


def _from_counts(counts: Floats) -> dict[str, Floats]:
    """F1, precision, recall and MCC from ``(rows, 3, 4)`` counts; each *shape* ``(rows, 3)``."""
    tp, fp, fn, tn = np.moveaxis(counts, -1, 0)
    absent = tp + fn == 0
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    metrics = {
        "f1": _ratio(2 * tp, 2 * tp + fp + fn, zero=0.0),
        "precision": _ratio(tp, tp + fp, zero=0.0),
        "recall": _ratio(tp, tp + fn, zero=0.0),
        "mcc": _ratio(tp * tn - fp * fn, spread, zero=0.0),
    }
    return {name: np.where(absent, np.nan, values) for name, values in metrics.items()}


def _ratio(over: Floats, under: Floats, zero: float = np.nan) -> Floats:
    return np.divide(over, under, out=np.full_like(over, zero), where=under != 0)


def _sample_average_precision(gold: Booleans, scores: Floats | None, bootstrap: ArticleBootstrap) -> Floats:
    """Average precision on the data and on each resample. *Shape:* ``(1 + resamples, 3)``."""
    rows = 1 + (bootstrap.resamples if bootstrap.articles > 1 else 0)
    if scores is None or len(gold) == 0:
        return np.full((rows, len(LABELS)), np.nan)
    columns = []
    for k in range(len(LABELS)):
        order = np.argsort(-scores[:, k], kind="stable")
        sorted_scores = scores[order, k]
        last_of_tie = np.append(np.flatnonzero(np.diff(sorted_scores)), len(order) - 1)
        positive = gold[order, k].astype(float)
        chunks = [np.ones((1, len(order))), *bootstrap.sentence_weights(order)]
        columns.append(np.concatenate([_average_precision(positive, weights, last_of_tie) for weights in chunks]))
    return np.stack(columns, axis=1)


def _average_precision(positive: Floats, weights: Floats, last_of_tie: npt.NDArray[np.intp]) -> Floats:
    """``sum((R_n - R_{n-1}) P_n)`` over the distinct scores, sorted by falling score. *Shape:* ``(rows,)``."""
    hits = np.cumsum(weights * positive, axis=1)[:, last_of_tie]
    seen = np.cumsum(weights, axis=1)[:, last_of_tie]
    gained = np.diff(hits, axis=1, prepend=0.0)
    return _ratio((gained * _ratio(hits, seen, zero=0.0)).sum(axis=1), hits[:, -1])
