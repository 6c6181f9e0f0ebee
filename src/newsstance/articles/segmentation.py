"""From an article to its sentences, with exact offsets.

Sentence ends are found by sentencex (https://github.com/wikimedia/sentencex); ``docs/articles.md`` says what it was
chosen over. A line break always ends a sentence.
"""

from __future__ import annotations

import re
from itertools import pairwise

from newsstance.articles.article import Article
from newsstance.articles.kinds import kind_by_words, line_kinds
from newsstance.stances import Sentence

_WINDOW = 4096
"""Characters that sentencex sees at once: its time grows with the square of a line's length on hostile text."""


_VISIBLE = re.compile(r"[^\s\u00ad\u200b-\u200f\u2060\ufeff]")


def split_sentences(article: Article) -> list[Sentence]:
    """Split ``article`` into sentences; one that is a sentence already is left as it is.

    Returns:
        The sentences in order, without white space at either end, not overlapping, together covering all visible text;
        ``article.text[s.start:s.end] == s.text`` for each. However long a sentence is, it is not cut.
    """
    if article.is_sentence:
        return [Sentence(doc=article.id, i=0, start=0, end=len(article.text), text=article.text)]
    sentences: list[Sentence] = []
    for (line_start, line_end), line_kind in line_kinds(article):
        line = article.text[line_start:line_end]
        for start, end in split_line(line):
            text = line[start:end]
            kind = (kind_by_words(text) or "body") if line_kind == "body" else line_kind
            place = {"start": line_start + start, "end": line_start + end}
            sentences.append(Sentence(doc=article.id, i=len(sentences), text=text, kind=kind, **place))
    return sentences


def split_line(line: str) -> list[tuple[int, int]]:
    """The spans of the sentences of one line, without white space at their ends."""
    cuts = [0, *_cuts(line), len(line)]
    spans = []
    for start, end in pairwise(cuts):
        piece = line[start:end]
        stripped = piece.strip()
        if _VISIBLE.search(piece):
            begin = start + len(piece) - len(piece.lstrip())
            spans.append((begin, begin + len(stripped)))
    return spans


def _cuts(line: str) -> list[int]:
    """Offsets inside ``line`` at which a sentence starts."""
    if len(line) <= _WINDOW:
        return _cuts_in_window(line)
    cuts: list[int] = []
    start = 0
    while start < len(line):
        window = line[start : start + _WINDOW]
        found = [start + cut for cut in _cuts_in_window(window)]
        cuts += found
        # The last sentence of a window may go on behind it, so the next window starts with it, unless it is so long
        # that this would hardly get on.
        goes_on = start + _WINDOW < len(line) and bool(found) and found[-1] - start >= _WINDOW // 2
        start = found[-1] if goes_on else start + _WINDOW
    return cuts


def _cuts_in_window(window: str) -> list[int]:
    import sentencex

    starts = {piece["start_index"] for piece in sentencex.get_sentence_boundaries("en", window)}
    starts |= {match.end() for match in _AFTER_BRACKETED.finditer(window) if match.start() in starts}
    return [start for start in sorted(starts) if 0 < start < len(window) and not _is_false_end(window, start)]


# What follows puts right the few things that sentencex gets wrong in ``scripts/bench_articles.py``.

_AFTER_BRACKETED = re.compile(r"""\([^()\n]{1,300}[.!?]["'”’]?\)\s+(?=["'“‘(]?[A-Z])""")
"""A bracketed sentence: "(He admits that.) He left." sentencex sees its start, not its end."""

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_FALSE_ENDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = (
    # "Wed. Sept. 3"
    (re.compile(r"\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.\s+$"), re.compile(_MONTH)),
    # "pre-Sept. 11", "Lt.-Gen. Orlin"
    (re.compile(rf"-{_MONTH}t?\.\s+$"), re.compile(r"\d")),
    (re.compile(r"(?:-(?:Gen|Col|Gov|Cmdr)|\bLieut)\.\s*$"), re.compile(r"[-\w]")),
    # "7 p.m. Tuesday", "7 p.m. GMT", but "5 p.m. Tuesday's vote" is a new sentence
    (
        re.compile(r"\b[ap]\.m\.\s+$", re.I),
        re.compile(rf"(?:{_DAY}|E[SD]?T|P[SD]?T|C[SD]?T|GMT|UTC|IST|CEST|BST|Eastern|Pacific)\b(?!['’]s)"),
    ),
    # "approx. 300", "para. 2", "4.5 bn. crowns"
    (
        re.compile(r"\b(?:approx|est|paras?|rte|bn|mn|pp|sec|fig|vol|ext|tel|incl|excl|ca)\.\s+$", re.I),
        re.compile(r"[a-z\d]"),
    ),
    # "1. The dam held." at the start of a line
    (re.compile(r"^\s*\(?\d{1,3}[.)]\s+$"), re.compile(r"\S")),
)


def _is_false_end(window: str, cut: int) -> bool:
    before = window[max(0, cut - 20) : cut]
    return any(left.search(before) and right.match(window, cut) for left, right in _FALSE_ENDS)
