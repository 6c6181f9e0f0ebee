"""Perturbations change what they say they change, leave the rest alone, and do so the same way each time."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from newsstance.evaluation.perturbations import PERTURBATIONS, Passage
from newsstance.evaluation.perturbations.entities import scale_numbers, shift_dates, swap_countries, swap_names
from newsstance.evaluation.perturbations.passage import word_lists
from newsstance.evaluation.perturbations.surface import (
    add_typo,
    append_caption,
    change_headline_case,
    change_quotation_marks,
    change_spelling,
)
from newsstance.resources import data_dir
from newsstance.stances import LabelledSentence, Stance


def test_names_are_swapped_everywhere_and_titles_stay() -> None:
    passage = Passage("Spokesman Ivo Tarkan said Tarkan's bus was late.", "Few had heard of Ivo Tarkan.")
    changed = swap_names(passage, Random(0))
    assert changed is not None
    name = re.match(r"Spokesman (\w+ (\w+)) said (\w+)'s bus was late\.", changed.text)
    assert name is not None
    assert name[1] in word_lists().names["male"]
    assert name[2] == name[3]
    assert changed.context == f"Few had heard of {name[1]}."


def test_names_keep_the_gender_of_the_pronoun() -> None:
    changed = swap_names(Passage("Mayor Runa Feld said she had not read it."), Random(3))
    assert changed is not None
    assert (
        changed.text.removeprefix("Mayor ").removesuffix(" said she had not read it.") in word_lists().names["female"]
    )


def test_two_people_stay_two_people() -> None:
    changed = swap_names(Passage("Mr Holt accused Ms Dane of lying; Mr Holt then left."), Random(1))
    assert changed is not None
    first, second, third = re.findall(r"M[rs]s? (\w+)", changed.text)
    assert first == third != second


def test_countries_keep_articles_and_plurals_right() -> None:
    for seed in range(30):
        changed = swap_countries(Passage("An Italian court freed two Italians, and Italy was pleased."), Random(seed))
        assert changed is not None
        found = re.fullmatch(r"An (\w+) court freed two (\w+), and (\w+) was pleased\.", changed.text)
        assert found is not None
        assert found[1][0] in "AEIO"
        assert found[2] == found[1] + "s"
        assert word_lists().countries[found[3]] == found[1] != "Italian"


def test_numbers_keep_their_order_and_equality() -> None:
    changed = scale_numbers(Passage("It said 12 died, not 40; hospitals, too, count 40 and 1,500 wounded."), Random(0))
    assert changed is not None
    low, high, again, many = (int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", changed.text))
    assert low < high == again < many
    assert (low, high) != (12, 40)


@pytest.mark.parametrize(
    "text",
    [
        "In 2015 it closed.",
        "It opens on March 12.",
        "It fell by 9 percent.",
        "It left at 7:45.",
        "The F-16 fell.",
        "No. 1",
    ],
)
def test_numbers_that_are_no_amounts_stay(text: str) -> None:
    assert scale_numbers(Passage(text), Random(0)) is None


def test_dates_move_and_equal_dates_stay_equal() -> None:
    passage = Passage("On Tuesday, 31 March 2021, it denied what Tuesday's paper said.", "It was Tuesday.")
    changed = shift_dates(passage, Random(0))
    assert changed is not None
    found = re.fullmatch(r"On (\w+day), 31 (\w+) (\d{4}), it denied what (\w+day)'s paper said\.", changed.text)
    assert found is not None
    assert found[1] == found[4] != "Tuesday"
    assert found[2] in {"January", "July", "August", "October", "December"}
    assert found[3] != "2021"
    assert changed.context == f"It was {found[1]}."


def test_the_verb_may_is_no_month() -> None:
    assert shift_dates(Passage("It may close."), Random(0)) is None


def test_quotation_marks_change_and_apostrophes_stay() -> None:
    styles = {change_quotation_marks(Passage('"We don\'t know," he said.'), Random(seed)) for seed in range(20)}
    assert {style.text for style in styles if style} == {"“We don't know,” he said.", "‘We don't know,’ he said."}


def test_spelling_goes_both_ways_in_the_same_case() -> None:
    changed = change_spelling(Passage("Sceptics doubt the acknowledgment; the SCEPTIC did apologize."), Random(0))
    assert changed is not None
    assert changed.text == "Skeptics doubt the acknowledgement; the SKEPTIC did apologise."


def test_only_headlines_change_case() -> None:
    assert change_headline_case(Passage("Bank admits error", is_headline=True), Random(0)).text in {  # type: ignore[union-attr]
        "BANK ADMITS ERROR",
        "Bank Admits Error",
    }
    assert change_headline_case(Passage("Bank admits error"), Random(0)) is None


@pytest.mark.parametrize("headline", ["* * *", "10 20 30", "—", "A", "洪水三人死亡", "الفيضان"])
def test_a_headline_without_another_letter_case_is_left_alone(headline: str) -> None:
    assert change_headline_case(Passage(headline, is_headline=True), Random(0)) is None


def test_caption_is_glued_to_the_end() -> None:
    changed = append_caption(Passage("He denied it."), Random(0))
    assert changed is not None
    assert changed.text.removeprefix("He denied it. ") in word_lists().captions


def test_typo_spares_the_cue_and_swaps_two_letters() -> None:
    sentence = LabelledSentence(
        "d", 0, "The minister admitted yesterday it leaked", (Stance("acknowledgement", "", "admitted"),)
    )
    for seed in range(30):
        changed = add_typo(Passage.of(sentence), Random(seed))
        assert changed is not None
        assert "admitted" in changed.text
        assert sorted(changed.text) == sorted(sentence.text)
        assert sum(a != b for a, b in zip(changed.text, sentence.text, strict=True)) == 2


@pytest.fixture(scope="module")
def corpus() -> list[LabelledSentence]:
    """A tenth of the shipped articles."""
    sentences = []
    for path in sorted((data_dir() / "corpus").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if Random(record["doc"]).random() < 0.1:
                stances = tuple(Stance(**stance) for stance in record["stances"])
                sentences.append(LabelledSentence(record["doc"], record["i"], record["text"], stances))
    return sentences


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda perturbation: perturbation.name)
def test_each_perturbation_has_twenty_cases_in_a_tenth_of_the_shipped_corpus(perturbation, corpus) -> None:  # type: ignore[no-untyped-def]
    changed = [(s, perturbation.apply(Passage.of(s), Random(s.text))) for s in corpus]
    cases = [(sentence, passage) for sentence, passage in changed if passage is not None]
    assert len(cases) >= 20
    assert all(passage.text != sentence.text for sentence, passage in cases)
    again = [perturbation.apply(Passage.of(sentence), Random(sentence.text)) for sentence, _ in cases]
    assert again == [passage for _, passage in cases], "same sentence and seed, another result"
