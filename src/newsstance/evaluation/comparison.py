"""Two or more systems on the same sentences: which differences are real?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from newsstance.errors import InputError
from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.intervals import ArticleBootstrap, two_sided_p
from newsstance.evaluation.metrics import Booleans, Output, Samples, indicators, sample_metrics, to_estimate
from newsstance.evaluation.result import Evaluation, Prediction
from newsstance.stances import LABELS

Verdict = Literal["better", "worse", "not distinguishable", "undefined"]

COMPARED = ("macro_f1", *(f"f1.{label}" for label in LABELS), "macro_average_precision", "micro_f1", "exact_match")
"""The metrics of a comparison; in all of them higher is better."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of a system against the same metric of the first one.

    Attributes:
        metric: Which metric, e.g. ``f1.denial``.
        first: The first system's figure.
        other: The other system's figure.
        difference: ``other - first`` with the interval of the paired bootstrap over articles.
        p: Bootstrap p-value of "no difference" (two-sided).
        verdict: ``better`` or ``worse`` where the 95% interval of the difference excludes 0.
    """

    metric: str
    first: Estimate
    other: Estimate
    difference: Estimate
    p: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact McNemar test on sentences that only one of two systems labels exactly right.

    It takes sentences as independent, which those of one article are not: read it beside the bootstrap.

    Attributes:
        only_first: Sentences that only the first system labels exactly right.
        only_other: Sentences that only the other system labels exactly right.
        p: Two-sided exact p-value; 1 where they never differ.
    """

    only_first: int
    only_other: int
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system against the first.

    Attributes:
        name: Which system.
        differences: One a metric, in the order of `COMPARED`.
        mcnemar: The paired test of exact matches.
    """

    name: str
    differences: list[Difference]
    mcnemar: McNemar

    def to_record(self) -> dict[str, Any]:
        """JSON-ready dict; undefined figures are null."""
        record: dict[str, Any] = _without_nan(asdict(self))
        return record


def compare_outputs(
    gold: Booleans, first: Output, other: Output, bootstrap: ArticleBootstrap, name: str = ""
) -> Comparison:
    """Compare two systems on the same sentences: paired bootstrap over articles, and McNemar's test.

    Args:
        gold: Gold labels. *Shape:* ``(sentences, 3)``.
        first: What the first system said.
        other: What the other said.
        bootstrap: The resamples of the articles, shared by both: that is what pairs them.
        name: Name of the other system.
    """
    samples = sample_metrics(gold, first, bootstrap), sample_metrics(gold, other, bootstrap)
    differences = [_difference(metric, *samples) for metric in COMPARED]
    return Comparison(name, differences, mcnemar(gold, first.predicted, other.predicted))


def _difference(metric: str, first: Samples, other: Samples) -> Difference:
    a, b = first.get(metric), other.get(metric)
    change = to_estimate(b - a)
    return Difference(metric, to_estimate(a), to_estimate(b), change, two_sided_p((b - a)[1:]), verdict(change))


def verdict(difference: Estimate) -> Verdict:
    """What the interval of a difference says."""
    if not difference.defined or not difference.has_interval:
        return "undefined"
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else "not distinguishable"


def mcnemar(gold: Booleans, first: Booleans, other: Booleans) -> McNemar:
    """Exact McNemar test: is a sentence that only one system gets right as likely to be the one's as the other's?"""
    from scipy.stats import binomtest

    first_right, other_right = (gold == first).all(axis=1), (gold == other).all(axis=1)
    only_first, only_other = int((first_right & ~other_right).sum()), int((other_right & ~first_right).sum())
    discordant = only_first + only_other
    p = float(binomtest(only_other, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_other, p)


def compare_evaluations(evaluations: Sequence[tuple[str, Evaluation]], resamples: int, seed: int) -> list[Comparison]:
    """Compare the models of evaluations on the same sentences with that of the first.

    Args:
        evaluations: Name and evaluation, with predictions.
        resamples: Bootstrap resamples of the articles.
        seed: Seed of the resamples.

    Raises:
        InputError: Where fewer than two are given, or they are not about the same sentences and gold labels.
    """
    if len(evaluations) < 2:
        raise InputError("compare needs two evaluations or more: newsstance compare RUN RUN")
    first_name, first = evaluations[0]
    for name, other in evaluations[1:]:
        check_same_sentences(first_name, first.predictions, name, other.predictions)
    gold = indicators([row.labels for row in first.predictions])
    bootstrap = ArticleBootstrap([row.doc for row in first.predictions], resamples, seed)
    outputs = [model_output(evaluation.predictions) for _, evaluation in evaluations]
    names = [name for name, _ in evaluations]
    return [
        compare_outputs(gold, outputs[0], output, bootstrap, name)
        for name, output in zip(names[1:], outputs[1:], strict=True)
    ]


def check_same_sentences(a: str, rows_a: Sequence[Prediction], b: str, rows_b: Sequence[Prediction]) -> None:
    """Refuse to compare evaluations on other sentences or other gold labels.

    Raises:
        InputError: Names the first difference.
    """
    remedy = "evaluate both models on the same corpus and split"
    if len(rows_a) != len(rows_b):
        raise InputError(f"{a} has {len(rows_a)} sentences, {b} has {len(rows_b)} ({remedy})")
    for number, (one, other) in enumerate(zip(rows_a, rows_b, strict=True), start=1):
        if (one.doc, one.i, one.text) != (other.doc, other.i, other.text):
            raise InputError(f"{a} and {b} differ in the sentence of row {number}, {one.doc}:{one.i} ({remedy})")
        if set(one.labels) != set(other.labels):
            raise InputError(f"{a} and {b} differ in the gold labels of row {number}, {one.doc}:{one.i} ({remedy})")


def model_output(predictions: Sequence[Prediction]) -> Output:
    """What the model said, as matrices."""
    scores = np.array([[row.scores[label] for label in LABELS] for row in predictions], dtype=float)
    return Output(indicators([row.predicted for row in predictions]), scores.reshape(-1, len(LABELS)))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
