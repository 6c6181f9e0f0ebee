"""The behaviour suite: what a model must be able to do, tested one capability at a time.

After CheckList (Ribeiro et al. 2020, https://aclanthology.org/2020.acl-main.442): minimum functionality and directional
tests on minimal pairs, invariance tests on perturbed sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol

from newsstance.evaluation.behaviour_pairs import MinimalPair, load_minimal_pairs
from newsstance.evaluation.perturbations import PERTURBATIONS, Passage, Perturbation
from newsstance.stances import LABELS, Label, LabelledSentence, from_scores

if TYPE_CHECKING:
    import numpy as np

TestType = Literal["minimum_functionality", "invariance", "directional"]

MAX_CASES = 100
"""Cases of one invariance test; half of them sentences with a stance, as far as there are."""

MIN_CASES = 20
"""Cases below which a pass rate is called too small to judge."""


class Classifier(Protocol):
    """What the suite needs of a model."""

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Scores in [0, 1]. *Shape:* ``(n, 3)``, in the order of `LABELS`."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that failed.

    Attributes:
        text: The sentence (first of the pair, or as it stood).
        other: Its counterpart (second of the pair, or perturbed).
        expected: Gold labels of each (for an invariance test, what the model said of the first, twice).
        predicted: Predicted labels of each.
    """

    text: str
    other: str
    expected: tuple[tuple[Label, ...], tuple[Label, ...]]
    predicted: tuple[tuple[Label, ...], tuple[Label, ...]]


@dataclass(slots=True)
class CapabilityResult:
    """How one capability did in one kind of test.

    Attributes:
        capability: The capability, or the name of the perturbation.
        test: Kind of test.
        description: What passes, for readers.
        support: Number of cases.
        passed: Number of cases that passed.
        sentence_rate: Share of single sentences with exactly their gold labels (minimum functionality only).
        failures: The failing cases.
    """

    capability: str
    test: TestType
    description: str
    support: int = 0
    passed: int = 0
    sentence_rate: float | None = None
    failures: list[Failure] = field(default_factory=list)

    def record(self, max_examples: int) -> dict[str, Any]:
        """As JSON: with pass rate, its 95% Wilson interval, and the first ``max_examples`` failures."""
        from scipy.stats import binomtest

        content = asdict(self)
        failures = content.pop("failures")
        interval: list[float | None] = [None, None]
        if self.support:
            bounds = binomtest(self.passed, self.support).proportion_ci(method="wilson")
            interval = [float(bounds.low), float(bounds.high)]
        return content | {
            "pass_rate": self.passed / self.support if self.support else None,
            "interval": interval,
            "too_small": "" if self.support >= MIN_CASES else f"{self.support} cases, {MIN_CASES} needed",
            "examples": failures[:max_examples],
        }


def run_behaviour_suite(
    classifier: Classifier,
    sentences: Sequence[LabelledSentence],
    seed: int = 0,
    *,
    threshold: float = 0.5,
    pairs_path: Path | None = None,
    max_cases: int = MAX_CASES,
    max_examples: int = 20,
) -> dict[str, Any]:
    """Test ``classifier`` on every capability.

    Args:
        classifier: The model.
        sentences: Labelled sentences that the invariance tests perturb; none of the training split.
        seed: Seed of the choice of sentences and of every perturbation.
        threshold: Score from which a label counts as predicted.
        pairs_path: Minimal pairs; by default those that ship.
        max_cases: Cases of one invariance test.
        max_examples: Failing examples kept of each capability.

    Returns:
        ``{"seed", "pass_rates": {test: mean over capabilities}, "capabilities": [CapabilityResult.record(), ...]}``.

    Raises:
        InputError: Where the file of minimal pairs has a faulty row.
    """
    pairs = load_minimal_pairs(pairs_path)
    results = check_minimal_pairs(classifier, pairs, threshold)
    results += check_invariance(classifier, sentences, seed, max_cases, threshold)
    records = [result.record(max_examples) for result in results]
    return {"seed": seed, "pass_rates": _pass_rates(records), "capabilities": records}


def check_minimal_pairs(
    classifier: Classifier, pairs: Sequence[MinimalPair], threshold: float = 0.5
) -> list[CapabilityResult]:
    """Minimum functionality and direction of each capability of ``pairs``.

    A pair passes the first when both sentences get exactly their labels; the second when each label that only one of
    them carries scores higher there than in the other.
    """
    if not pairs:
        return []
    texts = [pair.a.text for pair in pairs] + [pair.b.text for pair in pairs]
    contexts = [pair.context for pair in pairs] * 2
    scores = classifier.predict_proba(texts, contexts)
    predicted = [from_scores(row, threshold) for row in scores]
    functionality: dict[str, CapabilityResult] = {}
    direction: dict[str, CapabilityResult] = {}
    right_sentences: dict[str, int] = {}
    for i, pair in enumerate(pairs):
        j = i + len(pairs)
        failure = Failure(pair.a.text, pair.b.text, (pair.a.labels, pair.b.labels), (predicted[i], predicted[j]))
        right = [set(gold) == set(said) for gold, said in zip(failure.expected, failure.predicted, strict=True)]
        right_sentences[pair.capability] = right_sentences.get(pair.capability, 0) + sum(right)
        about = "both sentences of a pair get exactly their labels"
        result = CapabilityResult(pair.capability, "minimum_functionality", about)
        _count(functionality.setdefault(pair.capability, result), all(right), failure)
        about = "a label scores higher in the sentence that carries it than in its counterpart"
        result = CapabilityResult(pair.capability, "directional", about)
        _count(direction.setdefault(pair.capability, result), _moves_right(pair, scores[i], scores[j]), failure)
    for capability, result in functionality.items():
        result.sentence_rate = right_sentences[capability] / (2 * result.support)
    return [*functionality.values(), *direction.values()]


def _moves_right(pair: MinimalPair, a: np.ndarray, b: np.ndarray) -> bool:
    only_a, only_b = set(pair.a.labels) - set(pair.b.labels), set(pair.b.labels) - set(pair.a.labels)
    rises = {label: float(score_a) - float(score_b) for label, score_a, score_b in zip(LABELS, a, b, strict=True)}
    return all(rises[label] > 0 for label in only_a) and all(rises[label] < 0 for label in only_b)


def check_invariance(
    classifier: Classifier,
    sentences: Sequence[LabelledSentence],
    seed: int = 0,
    max_cases: int = MAX_CASES,
    threshold: float = 0.5,
) -> list[CapabilityResult]:
    """Whether the predicted labels stay the same under each perturbation, over sentences that it applies to."""
    cases = {perturbation: perturbed_cases(perturbation, sentences, seed, max_cases) for perturbation in PERTURBATIONS}
    # Many tests perturb the same sentence: score each passage once.
    passages = list({passage: None for pairs in cases.values() for pair in pairs for passage in pair})
    scores = classifier.predict_proba([p.text for p in passages], [p.context for p in passages])
    predicted = {passage: from_scores(row, threshold) for passage, row in zip(passages, scores, strict=True)}
    results = []
    for perturbation, pairs in cases.items():
        about = f"the predicted labels stay the same with {perturbation.description}"
        result = CapabilityResult(perturbation.name, "invariance", about)
        for before, after in pairs:
            said, says = predicted[before], predicted[after]
            _count(result, said == says, Failure(before.text, after.text, (said, said), (said, says)))
        results.append(result)
    return results


def perturbed_cases(
    perturbation: Perturbation, sentences: Sequence[LabelledSentence], seed: int, max_cases: int = MAX_CASES
) -> list[tuple[Passage, Passage]]:
    """Pairs of passage and perturbed passage, at most ``max_cases``; sentences with a stance first, up to a half.

    Each sentence has its own random generator, so that more sentences or other perturbations change no case.
    """
    order = sorted(sentences, key=lambda sentence: Random(f"{seed} {sentence.doc} {sentence.i}").random())
    found: dict[bool, list[tuple[Passage, Passage]]] = {True: [], False: []}
    for sentence in order:
        side = found[bool(sentence.stances)]
        if len(side) >= max_cases:
            continue
        before = Passage.of(sentence)
        after = perturbation.apply(before, Random(f"{seed} {perturbation.name} {sentence.doc} {sentence.i}"))
        if after is not None:
            side.append((before, after))
    half = max_cases // 2
    stanced = found[True][: max(half, max_cases - len(found[False]))]
    return stanced + found[False][: max_cases - len(stanced)]


def _count(result: CapabilityResult, passed: bool, failure: Failure) -> None:
    result.support += 1
    result.passed += passed
    if not passed:
        result.failures.append(failure)


def _pass_rates(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Kind of test → mean pass rate of its capabilities."""
    rates: dict[str, list[float]] = {}
    for record in records:
        if record["pass_rate"] is not None:
            rates.setdefault(record["test"], []).append(record["pass_rate"])
    return {test: sum(values) / len(values) for test, values in rates.items()}
