"""What a line of an article is: headline, subheading, caption, link, credit or body.

The rules are few and meant to be precise rather than complete: what no rule claims is body. They look at a line by
itself (`kind_by_words`) and at its place among the others (`line_kinds`), where the page's markup is asked too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from newsstance.articles.article import Article, MarkedSpan
from newsstance.stances import SentenceKind

Span = tuple[int, int]
"""Start and end offset in the article's text."""

_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")  # the line breaks of `str.splitlines`

_HEADLINE_LENGTH, _SUBHEADING_LENGTH, _CREDIT_LENGTH, _CAPTION_LENGTH = 200, 80, 200, 400
_TITLE_LINES = 5

_FINAL = re.compile(r"""[.!?…:;,][\s"'”’»)\]]*$""")
_LIST_ITEM = re.compile(r"(?:[-–—*•·▪►]|\(?\d{1,3}[.)])\s")
_DATELINE = re.compile(r"[A-Z][A-Z .,'-]{2,40}(?:,[\w .]{2,20})?(?:\s\([\w ]+\))?\s[-–—]")

_LINK = re.compile(
    r"""(?:read\s+(?:also|more|next)|also\s+read|see\s+also|more\s+on\s+this\s+(?:story|topic)|click\s+here
          |recommended\s+(?:reading|stories))\b
      | (?:related(?:\s+(?:articles?|stor(?:y|ies)|news|coverage|links?|topics?|content|reading|videos?))?
          |(?-i:MORE)|you\s+may\s+also\s+like|don['’]t\s+miss|more\s+from\s+[\w ]{1,40}
          |watch|listen|in\s+pictures)\s*(?:[:|»>]|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_IMAGE = r"(?:(?:file|stock|handout|representational)\s+)?(?:photo(?:graph)?|image|picture|pic)s?"
_CAPTION_START = re.compile(
    rf"""[(\[]?\s*(?:{_IMAGE}\s*:|(?-i:FILE)\s*(?:PHOTO)?\s*[-–—:]|file\s+photo\b
      |pictured(?:\s+(?:here|above|below|left|right))?\s*[:,]
      |in\s+this\s+(?:[\w,.]+\s+){{0,4}}(?:photo|image|picture)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_AGENCY = (
    r"(?:Getty(?:\s+Images)?|AFP|AP(?:\s+Photo)?|REUTERS|Reuters|EPA|PA(?:\s+Wire)?|Shutterstock|Bloomberg|Alamy"
    r"|Rex|TASS|Xinhua|ANI|PTI|IANS|DPA|dpa|UPI)"
)
_PHOTO_CREDIT_END = re.compile(
    rf"""(?:[(\[]\s*(?i:{_IMAGE}|file)\s*(?:(?i:by|credit|courtesy)\b|[:/]|\bof\b)[^()\[\]]{{0,120}}[)\]]
      |[(\[]\s*(?:AP\s+Photo|Reuters|REUTERS|AFP|EPA)\s*/[^()\[\]]{{0,80}}[)\]]
      |\b(?i:photograph|photo|image|picture)\s*:\s*(?:[A-Z][\w.'’-]*[\s/,]*){{1,8}}
      |\bREUTERS/[^.!?/]{{3,60}}
      |[/]\s*{_AGENCY}(?:\s+via\s+{_AGENCY})?(?:\s+\w+)?)[.\s]*$""",
    re.VERBOSE,
)
_CREDIT_MARKS = frozenset("([/:")
_CREDIT_START = re.compile(
    r"""[(\[–—-]*\s*(?:with\s+(?:files|inputs|reporting)\s+(?:from|by)|(?:additional\s+|with\s+)?(?:reporting|writing|editing|research|production)(?:\s+and\s+(?:reporting|writing|editing|research))?\s+by
      |(?:written|edited|compiled|reported|translated|produced)\s+by|by|source)\b:?\s""",
    re.IGNORECASE | re.VERBOSE,
)
_CREDIT = re.compile(
    rf"""[(\[]?\s*(?:{_IMAGE}|videos?|graphics?|illustration)\s*(?:credits?|by|courtesy)\b
      |(?:©|\(c\)\s|copyright\b(?=.{{0,20}}(?:©|\d{{4}}|\(c\))))
      |our\s+standards:\s
      |this\s+(?:story|report|article)\s+(?:was|is|has\s+been)\s+(?:(?:first|originally)\s+published|corrected
        |updated|syndicated)""",
    re.IGNORECASE | re.VERBOSE,
)
_CREDIT_ANYWHERE = re.compile(
    r"""\ball\s+rights\s+reserved\b
      |^[^.]{3,150}\bcontributed\s+(?:reporting\s+)?(?:to|from)
        \s+(?:this\s+(?:report|story|article)|[A-Z][\w ]{2,40})\.?$""",
    re.IGNORECASE | re.VERBOSE,
)
_SIGN_OFF = re.compile(rf"[(\[]?\s*{_AGENCY}(?:\s*[/,]\s*{_AGENCY})*\s*[)\]]?\.?$|[-–—]+\s*{_AGENCY}\s*$")
_PARTICLES = ("de", "del", "der", "di", "al", "bin", "van", "von", "la", "le", "el")
_JOINING = ("and", "in", "at", "of", "for", "from", "the", "with", "by")
_NAME_WORDS = frozenset((*_PARTICLES, *_JOINING, "additional", "reporting", "writing", "editing", "research"))


def headline_of(text: str) -> str:
    """The first line of ``text`` where it looks like a headline and more follows; else ""."""
    lines = _line_spans(text)
    first = next(lines, None)
    if first is None or next(lines, None) is None:
        return ""
    line = text[slice(*first)].strip()
    return line if _looks_like_headline(line) and kind_by_words(line) is None else ""


def kind_by_words(line: str) -> SentenceKind | None:
    """The kind that the words of a line or sentence tell by themselves: link, caption or credit; else None."""
    line = line.strip()
    if _LINK.match(line):
        return "link"
    if _CAPTION_START.match(line):
        return "caption"
    if len(line) <= _CREDIT_LENGTH and _is_credit(line):
        return "credit"
    may_end_in_credit = len(line) <= _CAPTION_LENGTH and not _CREDIT_MARKS.isdisjoint(line[-140:])  # spares a search
    if may_end_in_credit and (match := _PHOTO_CREDIT_END.search(line)):
        return "caption" if line[: match.start()].count(" ") > 2 else "credit"
    return None


def line_kinds(article: Article) -> list[tuple[Span, SentenceKind]]:
    """The lines of ``article`` that are not blank, each with its kind, in order."""
    text = article.text
    spans = list(_line_spans(text))
    headline = _headline_line(article, spans)
    kinds: list[tuple[Span, SentenceKind]] = []
    marks = list(article.marked)
    has_headings = any(mark.kind == "subheading" for mark in marks)
    for k, (start, end) in enumerate(spans):
        while marks and marks[0].end <= start:
            marks.pop(0)
        kind = _marked_kind(marks, end) or ("headline" if k == headline else None)
        if kind in {None, "subheading"}:
            kind = kind_by_words(text[start:end]) or kind
        if kind is None:
            kind = "subheading" if k > 0 and not has_headings and _is_subheading(text, spans, k) else "body"
        kinds.append(((start, end), kind))
    return kinds


def _line_spans(text: str) -> Iterator[Span]:
    """The lines of ``text`` that are not blank, without their line breaks."""
    return (match.span() for match in _LINE.finditer(text) if not match[0].isspace())


def _marked_kind(marks: Sequence[MarkedSpan], end: int) -> SentenceKind | None:
    return marks[0].kind if marks and marks[0].start < end else None


def _headline_line(article: Article, spans: Sequence[Span]) -> int | None:
    """Index of the line that is the headline: the title's, else the first where it looks like one; None for neither."""
    title = _folded(article.title)
    for k, (start, end) in enumerate(spans[:_TITLE_LINES]):
        if title and end - start < 2 * len(title) + 100 and _folded(article.text[start:end]) == title:
            return k
    return 0 if headline_of(article.text) and not article.marked else None


def _looks_like_headline(line: str) -> bool:
    return (
        len(line) <= _HEADLINE_LENGTH
        and not _FINAL.search(line)
        and not _LIST_ITEM.match(line)
        and not _DATELINE.match(line)
    )


def _is_subheading(text: str, spans: Sequence[Span], k: int) -> bool:
    """A short line without final punctuation that stands alone: between blank lines, unless there are none at all."""
    start, end = spans[k]
    line = text[start:end].strip()
    if k + 1 == len(spans) or len(line) > _SUBHEADING_LENGTH or _FINAL.search(line) or _LIST_ITEM.match(line):
        return False
    if line[0].islower() or not any(character.isalpha() for character in line):
        return False
    blank_before, blank_after = (
        _has_blank_line(text[a:b]) for a, b in ((spans[k - 1][1], start), (end, spans[k + 1][0]))
    )
    if blank_before and blank_after:
        return True
    # Paragraphs that are single lines: the line before is finished, and the next one starts anew.
    previous, following = text[slice(*spans[k - 1])], text[slice(*spans[k + 1])].strip()
    return (
        blank_before == blank_after
        and bool(_FINAL.search(previous))
        and bool(_FINAL.search(following))
        and not following[0].islower()
    )


def _has_blank_line(gap: str) -> bool:
    return len(gap.splitlines()) > 2 or gap.replace("\r\n", "\n").count("\n") > 1


def _is_credit(line: str) -> bool:
    if _CREDIT.match(line) or _SIGN_OFF.match(line):
        return True
    if ("contributed" in line or "ights" in line or "IGHTS" in line) and _CREDIT_ANYWHERE.search(line):
        return True
    start = _CREDIT_START.match(line)
    return start is not None and _only_names(line[start.end() :])


def _only_names(text: str) -> bool:
    """Whether ``text`` is names and what joins them: "P. Holm in Dornau; Editing by A. Veyra"."""
    words = re.findall(r"[\w.'’-]+", text)
    named = [word for word in words if word.lower() not in _NAME_WORDS]
    return 0 < len(named) <= 30 and all(not word[0].islower() for word in named)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
