"""Sentences: exact offsets whatever the text, and the right ends on tricky cases."""

import json
import runpy
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsstance.articles.article import Article, MarkedSpan
from newsstance.articles.kinds import headline_of
from newsstance.articles.segmentation import split_line, split_sentences

BENCH = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "bench_articles.py"))
KNOWN_ERRORS = {"Orvane vs. Pellworth was heard in Oct. and Nov."}  # "Nov. A ruling": an initial, to sentencex

PIECES = [
    "The",
    "U.S.",
    "said",
    "No.",
    "10",
    "Mr.",
    '"',
    "”",
    "“",
    "'",
    "(",
    ")",
    ".",
    "...",
    "!",
    "?",
    " ",
    "  ",
    "\n",
]
PIECES += [
    "\r\n",
    "\u2028",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "a.m.",
    "é",
    "😀",
    "שלום",
    "READ MORE:",
    "(Photo: x)",
    "1.",
    ";",
]
NEWSLIKE = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def visible(text: str) -> str:
    return "".join(
        c for c in text if not c.isspace() and c not in "\u00ad\u2060\ufeff" and not "\u200b" <= c <= "\u200f"
    )


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=300), NEWSLIKE, NEWSLIKE.map(lambda text: text * 200)))
def test_offsets_are_exact_and_cover_all_visible_text(text):
    sentences = split_sentences(Article("a", text, title=headline_of(text)))
    end = 0
    for i, sentence in enumerate(sentences):
        assert (sentence.i, sentence.doc) == (i, "a")
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.text == sentence.text.strip() != ""
        assert len(sentence.text.splitlines()) == 1
        assert sentence.start >= end
        end = sentence.end
    assert visible("".join(s.text for s in sentences)) == visible(text)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_a_sentence_article_is_left_as_it_is(text):
    (sentence,) = split_sentences(Article("a", text, is_sentence=True))
    assert (sentence.start, sentence.end, sentence.text) == (0, len(text), text)


@pytest.mark.parametrize("case", BENCH["TRICKY"], ids=lambda case: case[0].strip()[:40])
def test_tricky_paragraph(case):
    if case[0] in KNOWN_ERRORS:
        pytest.xfail("known error of the segmenter")
    text = BENCH["paragraph"](case)
    assert [s.text for s in split_sentences(Article("a", text))] == BENCH["expected"](case)


@pytest.mark.parametrize("word", ["word ", "x", "“ ", "(a ", "He said (a. "])
def test_a_very_long_sentence_is_kept_whole_and_quickly(word):
    long = (word * 100_000)[:100_000].strip().replace(".", ",")
    text = f"First one.\n{long}\nLast one."
    start = time.process_time()
    sentences = split_sentences(Article("a", text))
    assert time.process_time() - start < 10
    assert [s.text for s in sentences] == ["First one.", long, "Last one."]


def test_long_paragraph_is_split_as_its_parts_are():
    sentences = [f'The ministry denied claim No. {i} on Mar. {i % 28 + 1}, calling it a "lie."' for i in range(1000)]
    paragraph = " ".join(sentences)
    assert [paragraph[start:end] for start, end in split_line(paragraph)] == sentences


def test_kind_is_taken_from_the_markup():
    text = "Quite a long line that could be anything. Really.\nNext."
    article = Article("a", text, marked=(MarkedSpan(0, 49, "caption"),))
    assert [s.kind for s in split_sentences(article)] == ["caption", "caption", "body"]


@pytest.mark.shared
def test_seed_article_comes_out_exactly(shared):
    text = (shared / "seed_article.txt").read_text("utf-8")
    right = [json.loads(line) for line in (shared / "seed_article.labels.jsonl").read_text("utf-8").splitlines()]
    sentences = split_sentences(Article("seed", text, title=headline_of(text)))
    assert [(s.start, s.end) for s in sentences] == [(r["start"], r["end"]) for r in right]
    kinds = {s.i: s.kind for s in sentences if s.kind != "body"}
    expected = {0: "headline", 1: "caption", 7: "subheading", 14: "link", 19: "subheading", 28: "link"}
    assert kinds == expected
