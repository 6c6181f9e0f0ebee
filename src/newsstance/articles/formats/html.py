"""Web pages: one file is one article; and the bytes of a page with all that is known about their encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsstance.articles.decoding import UTF8, decode, encoding_by_mark, is_valid, refuse_binary, text_encoding
from newsstance.articles.formats import NumberedRow, RowSettings
from newsstance.articles.http_body import unpack_body
from newsstance.articles.inflating import Content

_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,200}?encoding=["']([\w.-]{1,40})""", re.I
)
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page as it was stored; decoding and extraction, which take their time, are left to whoever needs its text.

    Attributes:
        data: Its bytes as they were sent.
        encoding: The text encoding that the user gave; None to find it out.
        charset: What the server said about the text encoding; "" for nothing.
        codings: Codings that were applied to the page one after the other, e.g. ``("gzip", "chunked")``.
        may_be_cut: The archive says that the page was cut off, so that half a body is no fault.
        crawled: When it was fetched; "" where unknown.
    """

    data: bytes
    encoding: str | None = None
    charset: str = ""
    codings: tuple[str, ...] = ()
    may_be_cut: bool = False
    crawled: str = ""

    def decode(self, limit: int) -> tuple[str, str]:
        """The page's HTML and its text encoding.

        Raises:
            UnreadableError: Where it is no text, has more than ``limit`` bytes or a coding of it is damaged.
        """
        return decode_page(
            unpack_body(self.data, self.codings, limit, may_be_cut=self.may_be_cut), self.encoding, self.charset
        )


def read_html(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the one page of an HTML file, as ``html``."""
    yield None, {"html": WebPage(content.read_all(settings.limit), settings.encoding)}


def decode_page(data: bytes, encoding: str | None, charset: str = "") -> tuple[str, str]:
    """Decode a page: the given encoding, byte order mark, UTF-8, what server or page declare, detection.

    UTF-8 comes before the declarations because pages that declare another encoding are often UTF-8 all the same, while
    text in another encoding is practically never valid UTF-8.

    Raises:
        UnreadableError: Where the page is no text.
    """
    if encoding is None and not encoding_by_mark(data) and not is_valid(data, UTF8):
        refuse_binary(data)
        declared = (_meant_encoding(charset), _declared_encoding(data))
        encoding = next((name for name in declared if name and is_valid(data, name)), None)
    return decode(data, encoding)


def _declared_encoding(data: bytes) -> str | None:
    match = _DECLARED.search(data[:_HEAD])
    return _meant_encoding((match[1] or match[2]).decode("ascii", "replace")) if match else None


def _meant_encoding(name: str) -> str | None:
    """The text encoding that a page means by ``name``; None where there is none."""
    found = text_encoding(name)
    # As browsers do (WHATWG Encoding Standard, "Names and labels"): Latin-1 means Windows-1252.
    return "cp1252" if found in {"iso8859-1", "ascii"} else found
