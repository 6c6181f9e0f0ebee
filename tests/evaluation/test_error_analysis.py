"""Errors are sorted, explained and counted as promised."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from newsstance.configuration.groups import EncoderConfig
from newsstance.evaluation.attributions import _per_word, attribute_words
from newsstance.evaluation.embedder import Embedder
from newsstance.evaluation.error_analysis import analyse_errors, error_kind
from newsstance.evaluation.label_errors import suspect_labels
from newsstance.evaluation.neighbours import nearest_neighbours
from newsstance.evaluation.result import Evaluation, Prediction
from newsstance.model.classifier import StanceClassifier
from newsstance.stances import LABELS, Label, LabelledSentence, Stance


def prediction(text: str, gold: list[Label], scores: tuple[float, float, float]) -> Prediction:
    by_label = dict(zip(LABELS, scores, strict=True))
    said = [label for label, score in by_label.items() if score >= 0.5]
    return Prediction("doc", len(text), text, "", gold, said, by_label)


MISSED = prediction("The pier owner conceded that the rails were rotten.", ["acknowledgement"], (0.2, 0.1, 0.1))
FALSE_ALARM = prediction("The ferry sails at noon.", [], (0.1, 0.97, 0.1))
CONFUSED = prediction("Pilots doubt the account.", ["third_party_skepticism"], (0.1, 0.6, 0.45))
HIT = prediction("He denied the affair.", ["denial"], (0.1, 0.9, 0.1))
SHAKY_HIT = prediction("He waved the rumour away.", ["denial"], (0.1, 0.52, 0.1))
NONE = prediction("It rained.", [], (0.1, 0.1, 0.1))
ALL = [HIT, MISSED, NONE, CONFUSED, SHAKY_HIT, FALSE_ALARM]


def test_kinds_of_error() -> None:
    assert [error_kind(p) for p in (MISSED, FALSE_ALARM, CONFUSED)] == ["missed", "false_alarm", "confused"]
    with pytest.raises(ValueError, match="no error"):
        error_kind(HIT)


def test_most_confident_error_and_least_confident_hit_come_first() -> None:
    analysis = analyse_errors(ALL)
    assert [row["text"] for row in analysis["confident_errors"]] == [p.text for p in (FALSE_ALARM, MISSED, CONFUSED)]
    assert [row["confidence"] for row in analysis["confident_errors"]] == pytest.approx([0.97, 0.8, 0.6])
    assert [row["text"] for row in analysis["unsure_hits"]] == [SHAKY_HIT.text, HIT.text]
    assert analysis["counts"] == {"false_alarm": 1, "missed": 1, "confused": 1}
    assert {"labels": [], "predicted": ["denial"], "count": 1} in analysis["label_sets"]
    json.dumps(analysis, allow_nan=False)


def test_margin_is_the_distance_to_the_threshold_in_use() -> None:
    analysis = analyse_errors(ALL, thresholds={"acknowledgement": 0.5, "denial": 0.89, "third_party_skepticism": 0.5})
    assert analysis["unsure_hits"][0]["text"] == HIT.text
    assert analysis["unsure_hits"][0]["margin"] == pytest.approx(0.01)


def test_neighbours_are_alike_and_carry_their_labels() -> None:
    training = [
        LabelledSentence(
            "t", 0, "The stadium owner conceded that the seats were rotten.", (Stance("acknowledgement"),)
        ),
        LabelledSentence("t", 1, "The train leaves at noon."),
        LabelledSentence("t", 2, "Doctors doubt the toll.", (Stance("third_party_skepticism"),)),
    ]
    rows = analyse_errors(ALL, training, neighbours=2)["confident_errors"]
    missed = next(row for row in rows if row["text"] == MISSED.text)
    assert missed["neighbours"][0]["i"] == 0
    assert missed["neighbours"][0]["labels"] == ["acknowledgement"]
    assert missed["neighbours"][0]["similarity"] > missed["neighbours"][1]["similarity"]


def test_the_same_sentence_is_its_own_nearest_neighbour() -> None:
    found = nearest_neighbours(["b c d"], ["x y z", "b c d"], count=5)
    assert found[0][0] == (1, pytest.approx(1.0))
    assert len(found[0]) == 2


def test_planted_label_errors_are_found(evaluation_of: Callable[..., Evaluation]) -> None:
    random = np.random.default_rng(0)
    truth = random.random((300, 3)) < 0.3
    scores = np.clip(np.where(truth, 0.9, 0.05) + random.normal(0, 0.03, truth.shape), 0.01, 0.99)
    planted = {3, 77, 150}
    gold = truth.copy()
    for row in planted:
        gold[row] = ~gold[row]
    sets = [[label for label, present in zip(LABELS, row, strict=True) if present] for row in gold]
    assert set(suspect_labels(sets, scores.tolist())) == planted


def test_no_suspects_where_a_label_has_no_example() -> None:
    assert suspect_labels([["denial"], []], [[0.1, 0.9, 0.1], [0.1, 0.1, 0.1]]) == []


@pytest.fixture(scope="module")
def classifier(tiny_model: Path) -> StanceClassifier:
    return StanceClassifier.from_pretrained(tiny_model)


def test_each_token_counts_for_one_word():
    sentence = "Well ... it's no."
    offsets = [[0, 0], [0, 4], [5, 8], [9, 13], [14, 17], [0, 0]]  # "..." and "no." are one token each
    words = _per_word(sentence, offsets, [9.0, 1.0, 2.0, 3.0, 4.0, 9.0])
    assert [(word.word, word.value) for word in words] == [("Well", 1.0), ("...", 2.0), ("it's", 3.0), ("no", 4.0)]


def test_attributions_cover_the_words_and_add_up(classifier: StanceClassifier) -> None:
    import torch

    sentence = "Ferry-line officials admitted nothing, he said."
    words = attribute_words(classifier, sentence, "denial", steps=200)
    assert [word.word for word in words] == ["Ferry-line", "officials", "admitted", "nothing", ",", "he", "said", "."]
    assert all(sentence[word.start : word.end] == word.word for word in words)
    tokens = classifier.tokenizer(sentence, return_tensors="pt")
    empty = tokens["input_ids"].clone()
    empty[0, 1:-1] = classifier.tokenizer.pad_token_id
    with torch.inference_mode():
        full = classifier.model(**tokens).logits[0, LABELS.index("denial")]
        none = classifier.model(**{**tokens, "input_ids": empty}).logits[0, LABELS.index("denial")]
    assert sum(word.value for word in words) == pytest.approx(float(full - none), abs=0.05)


def test_attributions_and_encoder_neighbours_in_the_analysis(classifier: StanceClassifier, tiny_encoder: Path) -> None:
    training = [
        LabelledSentence("t", 0, MISSED.text, (Stance("acknowledgement"),)),
        LabelledSentence("t", 1, "It rained."),
    ]
    analysis = analyse_errors(
        ALL,
        training,
        classifier=classifier,
        embed=Embedder(EncoderConfig(str(tiny_encoder))),
        attributed=2,
        neighbours=1,
    )
    first, _, third = analysis["confident_errors"]
    assert set(first["attributions"]) == {"denial"}
    assert third["attributions"] == {}
    missed = analysis["confident_errors"][1]
    assert missed["neighbours"][0]["i"] == 0
    assert missed["neighbours"][0]["similarity"] == pytest.approx(1.0, abs=1e-4)
