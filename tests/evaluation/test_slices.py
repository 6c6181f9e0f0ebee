"""Slices: who belongs where, worst first, too small to judge."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from newsstance.evaluation import slices
from newsstance.evaluation.metrics import Output, indicators
from newsstance.evaluation.slices import find_slices
from newsstance.evaluation.systems import Data
from newsstance.stances import LabelledSentence, Stance


def sentence(text, *, doc="war-01", i=0, stances=(), **extra):
    return LabelledSentence(doc, i, text, tuple(stances), extra=extra)


@pytest.mark.parametrize(
    ("cut", "given", "name"),
    [
        (slices.by_domain, sentence("x", doc="war-01"), "war"),
        (slices.by_domain, sentence("x", doc="fact_check-12"), "fact_check"),
        (slices.by_domain, sentence("x", doc="polar:article_46"), "polar"),
        (slices.by_domain, sentence("x", doc="war-01", outlet="Belmar Post"), "Belmar Post"),
        (slices.by_length, sentence("one two three"), "1-10 words"),
        (slices.by_length, sentence("w " * 11), "11-20 words"),
        (slices.by_length, sentence("w " * 41), "over 40 words"),
        (slices.by_quotation, sentence('"It is a forgery," she said.'), "quoted"),
        (slices.by_quotation, sentence("“It is a forgery,” she said."), "quoted"),
        (slices.by_quotation, sentence("He called it 'a plain forgery' on Monday."), "quoted"),
        (slices.by_quotation, sentence("The firm's lawyers didn't comment."), "not quoted"),
        (slices.by_headline, sentence("Belmar denies hiding the memo"), "headline"),
        (slices.by_headline, sentence("Belmar denied hiding the memo."), "running text"),
        (slices.by_headline, sentence("Belmar denied hiding the memo.", kind="headline"), "headline"),
        (slices.by_agreement, sentence("x", agreed=False), "disputed"),
        (slices.by_agreement, sentence("x", agreed=True), "agreed"),
        (slices.by_agreement, sentence("x"), ""),
        (slices.by_position, sentence("x"), ""),
        (slices.by_cue, sentence("Belmar denied hiding the memo."), "cue word"),
        (slices.by_cue, sentence("The ferry sails twice a day."), "no cue word"),
        (slices.by_stance_source, sentence("She denied it.", stances=[Stance("denial", "She", "denied")]), "pronoun"),
        (slices.by_stance_source, sentence("x", stances=[Stance("denial", "Otto Brandvik")]), "named"),
        (slices.by_stance_source, sentence("x", stances=[Stance("denial", "narrator")]), "narrator"),
        (slices.by_stance_source, sentence("x", stances=[Stance("denial")]), ""),
    ],
)
def test_membership(cut, given, name):
    assert cut([given]) == [name]


def test_style_by_dateline_or_field():
    wire = [
        sentence("Ferry line under fire", doc="a"),
        sentence("PORT VELL, Aug 3 (Interpress) - It sank.", doc="a", i=1),
    ]
    local = [sentence("The ferry sank - again.", doc="b"), sentence("It was late.", doc="b", i=1)]
    alone = sentence("PORT VELL, Aug 3 (Interpress) - It sank.", doc="c")
    tabloid = sentence("x", doc="d", style="tabloid")
    assert slices.by_style([*wire, *local, alone, tabloid]) == ["dateline"] * 2 + ["no dateline"] * 2 + ["", "tabloid"]


@pytest.mark.parametrize(
    ("opening", "style"),
    [
        ("PORT VELL (Interpress) — It sank.", "dateline"),
        ("OSTROVA – It sank.", "dateline"),
        ("ST. ANNE'S, Dornau, June 4 -- It sank.", "dateline"),
        ("BREAKING NEWS It sank.", "no dateline"),
        ("A long-delayed ferry sank.", "no dateline"),
        ("F-16s were seen.", "no dateline"),
    ],
)
def test_datelines(opening, style):
    assert slices.by_style([sentence(opening), sentence("x", i=1)]) == [style] * 2


def test_positions_in_an_article():
    names = slices.by_position([sentence("x", i=i) for i in range(1, 8)])
    assert names[0] == "first sentence"
    assert names[1:3] == ["first third"] * 2
    assert names[3:5] == ["middle third"] * 2
    assert names[5:] == ["last third"] * 2


@pytest.fixture
def measured():
    """Thirty short sentences that the model gets right, thirty long ones where it misses half, four very long ones."""
    texts = ["Belmar denied it."] * 30 + ["word " * 15] * 30 + ["word " * 50] * 4
    sentences = [sentence(text, doc=f"war-{n:02}", i=0, stances=[Stance("denial")]) for n, text in enumerate(texts)]
    gold = indicators([s.labels for s in sentences])
    predicted = gold.copy()
    predicted[30:45] = False
    data = Data.of(sentences, resamples=200, seed=0)
    found = find_slices(sentences, data, Output(predicted), min_support=10, seed=0)
    return sentences, gold, predicted, [one for one in found if one.dimension == "length"]


def test_worst_first_with_support_and_interval(measured):
    _, gold, predicted, found = measured
    assert [one.name for one in found] == ["11-20 words", "1-10 words", "over 40 words"]
    worst = found[0]
    expected = f1_score(gold[30:60], predicted[30:60], average="micro")
    assert worst.micro_f1.value == pytest.approx(expected)
    assert worst.micro_f1.low < expected < worst.micro_f1.high
    assert worst.label_f1["denial"].value == pytest.approx(expected)
    assert (worst.support, worst.sentences, worst.articles) == (30, 30, 30)


def test_slices_too_small_say_so_instead_of_a_figure(measured):
    small = measured[3][-1]
    assert small.too_small == "4 gold labels, 10 needed"
    assert not small.micro_f1.defined
    assert not small.exact_match.defined


def test_dimensions_that_do_not_cut_are_left_out():
    sentences = [sentence("Belmar denied it.", stances=[Stance("denial")]) for _ in range(20)]
    data = Data.of(sentences, resamples=10, seed=0)
    assert find_slices(sentences, data, Output(np.ones((20, 3), dtype=bool)), min_support=1, seed=0) == []


def test_long_hostile_text_is_quick():
    slices.by_quotation([sentence(" 'a" * 100_000)])
