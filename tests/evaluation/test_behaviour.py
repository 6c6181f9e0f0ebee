"""The behaviour suite, on classifiers whose behaviour is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from newsstance.commands.evaluate import sentences_of, shipped_corpus
from newsstance.corpus.loading import load_corpus
from newsstance.errors import InputError
from newsstance.evaluation.behaviour import MIN_CASES, check_invariance, check_minimal_pairs, run_behaviour_suite
from newsstance.evaluation.behaviour_pairs import MinimalPair, load_minimal_pairs
from newsstance.stances import LABELS, Label, LabelledSentence, Stance


class Words:
    """Scores a label by a word: 0.9 where the text holds it, else 0.1."""

    def __init__(self, **words: str) -> None:
        self.words = words

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        rows = [[0.9 if self.words.get(label, "\0") in text else 0.1 for label in LABELS] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 3)


class Gold(Words):
    """Knows the labels of every minimal pair by heart."""

    def __init__(self, pairs: Sequence[MinimalPair]) -> None:
        self.labels = {s.text: s.labels for pair in pairs for s in (pair.a, pair.b)}

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        rows = [[0.9 if label in self.labels.get(text, ()) else 0.1 for label in LABELS] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, 3)


def pair(a: str, b: str, a_label: Label | None, b_label: Label | None) -> MinimalPair:
    def sentence(text: str, label: Label | None) -> LabelledSentence:
        return LabelledSentence(text, 0, text, (Stance(label),) if label else ())

    return MinimalPair("p", "negation", "", sentence(a, a_label), sentence(b, b_label))


def test_a_pair_passes_only_when_both_sentences_are_right() -> None:
    pairs = [
        pair("It admitted the leak.", "It never owned up to the leak.", "acknowledgement", None),
        pair("It admitted the raid.", "It has not admitted the raid.", "acknowledgement", None),
    ]
    functionality, direction = check_minimal_pairs(Words(acknowledgement="admitted"), pairs)
    assert (functionality.test, functionality.passed, functionality.support) == ("minimum_functionality", 1, 2)
    assert functionality.sentence_rate == 0.75
    assert [failure.text for failure in functionality.failures] == ["It admitted the raid."]
    assert functionality.failures[0].predicted == (("acknowledgement",), ("acknowledgement",))
    assert (direction.test, direction.passed) == ("directional", 1)


def test_direction_asks_for_either_label_on_its_own_side() -> None:
    pairs = [pair("The bank said no.", "An expert said no.", "denial", "third_party_skepticism")]
    right = check_minimal_pairs(Words(denial="bank", third_party_skepticism="expert"), pairs)[1]
    half = check_minimal_pairs(Words(denial="bank"), pairs)[1]
    assert (right.passed, half.passed) == (1, 0)


def test_shipped_pairs_cover_the_capabilities_with_twenty_cases_each() -> None:
    pairs = load_minimal_pairs()
    results = check_minimal_pairs(Gold(pairs), pairs)
    capabilities = {result.capability for result in results}
    assert capabilities >= {"party_or_third_party", "negation", "hypothetical", "refusal_to_comment", "verb_sense"}
    assert all(result.support >= MIN_CASES for result in results)
    assert all(result.passed == result.support for result in results), "a classifier that knows the labels must pass"


LISTED = {
    "minimum_functionality": {"party_or_third_party", "negation", "hypothetical"},
    "directional": {"party_or_third_party", "negation", "hypothetical"},
    "invariance": {
        *("names", "countries", "numbers", "dates", "quotation_marks", "spelling", "letter_case", "caption", "typos"),
    },
}


def test_every_capability_has_twenty_cases_on_the_shipped_test_split() -> None:
    sentences = sentences_of(load_corpus(shipped_corpus()), shipped_corpus(), "test", training_needed=False)[0]
    records = run_behaviour_suite(Words(denial="denied"), sentences)["capabilities"]
    support = {(record["test"], record["capability"]): record["support"] for record in records}
    assert {(test, name) for test, names in LISTED.items() for name in names} <= set(support)
    assert {place: cases for place, cases in support.items() if cases < MIN_CASES} == {}
    assert all(record["too_small"] == "" for record in records)


SENTENCES = [
    LabelledSentence(
        f"doc-{n}", n, f"Spokesman Jan Velde said on Monday that {n + 20} fishing vessels sank, “sadly”.", stances
    )
    for n in range(60)
    for stances in [(Stance("acknowledgement", "", "sank"),) if n % 3 == 0 else ()]
]


def test_what_depends_on_a_name_fails_the_name_test_alone() -> None:
    results = {r.capability: r for r in check_invariance(Words(denial="Velde"), SENTENCES)}
    assert results["names"].support == len(SENTENCES)
    assert results["names"].passed == 0
    for other in ("numbers", "dates", "quotation_marks", "caption", "typos"):
        assert results[other].support == len(SENTENCES)
        assert results[other].passed == results[other].support, other


def test_cases_are_half_stances_where_there_are_enough() -> None:
    results = {r.capability: r for r in check_invariance(Words(denial="Velde"), SENTENCES, max_cases=20)}
    assert results["names"].support == 20
    assert results["countries"].support == 0


def test_suite_is_json_ready_and_the_same_for_the_same_seed() -> None:
    classifier = Words(acknowledgement="admitted", denial="Monday")
    first = run_behaviour_suite(classifier, SENTENCES, 7, max_examples=2)
    assert json.loads(json.dumps(first, allow_nan=False)) == json.loads(
        json.dumps(run_behaviour_suite(classifier, list(reversed(SENTENCES)), 7, max_examples=2))
    )
    records = {(r["test"], r["capability"]): r for r in first["capabilities"]}
    dates = records["invariance", "dates"]
    assert dates["pass_rate"] == 0
    assert len(dates["examples"]) == 2
    assert 0 == dates["interval"][0] < dates["interval"][1] < 0.1
    assert records["invariance", "countries"]["too_small"] == f"0 cases, {MIN_CASES} needed"
    assert set(first["pass_rates"]) == {"minimum_functionality", "directional", "invariance"}


@pytest.mark.parametrize(
    "row",
    [
        "{",
        '{"pair": "p", "capability": "c", "a": {"text": "x", "stances": []}}',
        '{"pair": "p", "capability": "c", "a": {"text": "x", "stances": []}, "b": {"text": "y", "stances": []}}',
        '{"pair": "p", "capability": "c", "a": {"text": "x", "stances": [{"label": "lie"}]}, "b": {}}',
    ],
)
def test_a_faulty_pair_names_file_and_row(tmp_path: Path, row: str) -> None:
    a, b = {"text": "x", "stances": [{"label": "denial"}]}, {"text": "y", "stances": []}
    good = json.dumps({"pair": "p", "capability": "c", "a": a, "b": b})
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{good}\n{row}\n")
    with pytest.raises(InputError, match=r"pairs\.jsonl, row 2: not a minimal pair"):
        load_minimal_pairs(path)


def test_threshold_decides_what_counts_as_predicted() -> None:
    pairs = [pair("It admitted the leak.", "It never owned up.", "acknowledgement", None)]
    assert check_minimal_pairs(Words(acknowledgement="admitted"), pairs, threshold=0.95)[0].passed == 0
    assert check_minimal_pairs(Words(acknowledgement="admitted"), pairs, threshold=0.85)[0].passed == 1
