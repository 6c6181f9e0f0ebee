"""Web pages: one file is one article."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from newsstance.articles.decoding import UTF8, decode, encoding_by_mark, is_valid, refuse_binary
from newsstance.articles.formats import NumberedRow, RowSettings
from newsstance.articles.inflating import Content

_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,200}?encoding=["']([\w.-]{1,40})""", re.I
)
_HEAD = 4096


def read_html(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the one page of an HTML file, as ``html``."""
    html, encoding = decode_page(content.read_all(settings.limit), settings.encoding)
    yield None, {"html": html} if encoding == UTF8 else {"html": html, "encoding": encoding}


def decode_page(data: bytes, encoding: str | None) -> tuple[str, str]:
    """Decode a page: the given encoding, byte order mark, UTF-8, the encoding that the page declares, detection.

    UTF-8 comes before the declaration because pages that declare another encoding are often UTF-8 all the same, while
    text in another encoding is practically never valid UTF-8.

    Raises:
        UnreadableError: Where the page is no text.
    """
    if encoding is None and not encoding_by_mark(data) and not is_valid(data, UTF8):
        refuse_binary(data)
        declared = _declared_encoding(data)
        encoding = declared if declared and is_valid(data, declared) else None
    return decode(data, encoding)


def _declared_encoding(data: bytes) -> str | None:
    match = _DECLARED.search(data[:_HEAD])
    if match is None:
        return None
    name = (match[1] or match[2]).decode("ascii", "replace").lower()
    try:
        # As browsers do (WHATWG Encoding Standard, "Names and labels"): Latin-1 means Windows-1252.
        return "cp1252" if codecs.lookup(name).name in {"iso8859-1", "ascii"} else codecs.lookup(name).name
    except LookupError:
        return None
