"""The page of an article: its text unharmed, its stances marked, nothing run."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from newsstance.articles.article import Article
from newsstance.inference.article_view import cut_into_pieces, is_web_address, render_article_view, write_article_view

SENTENCES = [
    ("Ferry line admits fault.", ["acknowledgement"]),
    ("It had <b>denied</b> it & now owned up.", ["denial", "acknowledgement"]),
    ("Rain fell.", []),
    ("Pilots doubt the account.", ["third_party_skepticism"]),
]


@pytest.fixture
def text() -> str:
    return "\n\n".join(sentence for sentence, _ in SENTENCES) + "\n"


@pytest.fixture
def rows(text: str) -> list[dict[str, Any]]:
    made = []
    for i, (sentence, labels) in enumerate(SENTENCES):
        start = text.index(sentence)
        scores = {label: 0.9 if label in labels else 0.1 for label in LABELS}
        made.append(
            {"doc": "a", "i": i, "start": start, "end": start + len(sentence), "labels": labels, "scores": scores}
        )
    return made


LABELS = ("acknowledgement", "denial", "third_party_skepticism")


def test_every_character_of_the_article_is_kept_and_escaped(text: str, rows: list[dict[str, Any]]) -> None:
    page = render_article_view(Article("a", text), rows, "demo")
    main = re.search(r'<main class="text">(.*?)</main>', page, re.DOTALL)
    assert main is not None
    bare = re.sub(r'<span class="(badge|tip)".*?</span>(?=</mark>|<span class="tip")', "", main[1], flags=re.DOTALL)
    assert unescape(re.sub(r"<[^>]+>", "", bare)) == text
    assert "<b>" not in page.replace('<b style="', "")


def test_each_stance_is_marked_and_listed(text: str, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "views" / "a.html"
    write_article_view(Article("a", text), rows, path, "minilm-1234")
    page = path.read_text(encoding="utf-8")
    assert re.findall(r'<mark id="s(\d+)"', page) == ["0", "1", "3"]
    assert re.findall(r'<a href="#s(\d+)"', page) == ["0", "1", "3"]
    assert "3 of 4 sentences report a stance" in page
    assert "acknowledgement (2)" in page
    assert "minilm-1234" in page


def test_a_mixed_sentence_shows_both_colours_and_letters(text: str, rows: list[dict[str, Any]]) -> None:
    page = render_article_view(Article("a", text), rows, "demo")
    mark = re.search(r'<mark id="s1".*?</mark>', page, re.DOTALL)
    assert mark is not None
    assert "repeating-linear-gradient" in mark[0]
    assert "var(--acknowledgement-mark)" in mark[0]
    assert "var(--denial-mark)" in mark[0]
    assert re.findall(r">([ADS])</span>", mark[0]) == ["A", "D"]
    assert "denial 0.90" in mark[0]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x.example", "http://[broken", "ferry"])
def test_only_web_addresses_become_links(url: str) -> None:
    assert not is_web_address(url)
    page = render_article_view(Article("a", "Rain fell.", url=url), [], "demo")
    assert "href=" not in page.replace('href="data:,"', "")


def test_web_addresses_become_links() -> None:
    page = render_article_view(Article("a", "Rain fell.", url='https://news.example/a?b="c'), [], "demo")
    assert 'href="https://news.example/a?b=&#34;c"' in page


def test_hostile_title_is_text() -> None:
    page = render_article_view(Article("a", "Rain fell.", title="</title><script>alert(1)</script>"), [], "demo")
    assert "<script" not in page


def test_an_article_without_stances_says_so() -> None:
    assert "None found." in render_article_view(Article("a", "Rain fell."), [], "demo")


@pytest.mark.parametrize(("start", "end"), [(5, 99), (9, 5), (0, 6)])
def test_rows_that_do_not_fit_the_text_are_refused(start: int, end: int) -> None:
    first = {"doc": "a", "i": 0, "start": 0, "end": 4, "labels": [], "scores": {}}
    row = {"doc": "a", "i": 1, "start": start, "end": end, "labels": [], "scores": {}}
    with pytest.raises(ValueError, match=r"sentence a:\d at \d+-\d+ overlaps or lies outside the text"):
        cut_into_pieces("Rain fell.", [first, row])
