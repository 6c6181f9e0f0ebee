"""Plain text: one file is one article."""

from __future__ import annotations

from collections.abc import Iterator

from newsstance.articles.decoding import UTF8, decode
from newsstance.articles.formats import NumberedRow, RowSettings
from newsstance.articles.inflating import Content
from newsstance.articles.kinds import headline_of


def read_text(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the one article of a text file. Its title is the first line, where that looks like a headline."""
    text, encoding = decode(content.read_all(settings.limit), settings.encoding)
    row = {"text": text, "title": headline_of(text)}
    yield None, row if encoding == UTF8 else row | {"encoding": encoding}
