"""Text lines of bounded length from a stream, with the stream's encoding."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from newsstance.articles.article import UnreadableError
from newsstance.articles.decoding import UTF8, detect_encoding, encoding_by_mark, is_valid, refuse_binary
from newsstance.articles.inflating import Content, too_large


def open_lines(content: Content, encoding: str | None, newline: str) -> tuple[io.TextIOWrapper, str]:
    """Decode ``content`` as it streams.

    Bytes that are not valid in an ASCII-like encoding become lone surrogates, so that `decoding.check_characters`
    rejects the one row that holds them, not the file.

    Args:
        content: The file's bytes.
        encoding: Text encoding; None to find it out from the first 64 KB.
        newline: Line ends to recognise, as for `io.TextIOWrapper`.

    Returns:
        The text stream and the name of its encoding (``utf-8`` with or without byte order mark).

    Raises:
        UnreadableError: Where the content is binary.
    """
    sample = content.peek()
    marked = encoding_by_mark(sample)
    if encoding is None or (marked is not None and encoding in _WITHOUT_MARK[marked]):
        encoding = marked or _encoding_of_lines(sample)
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    stream = io.TextIOWrapper(content.stream, encoding, errors=errors, newline=newline)
    return stream, UTF8 if encoding == "utf-8-sig" else encoding


_WITHOUT_MARK = {
    "utf-8-sig": {UTF8},
    "utf-16": {"utf-16-le", "utf-16-be"},
    "utf-32": {"utf-32-le", "utf-32-be"},
}
"""Encodings that take a byte order mark for a character, by those that do not."""


def bounded_lines(lines: io.TextIOWrapper, content: Content, limit: int) -> Iterator[str | UnreadableError]:
    """Yield the lines, and `UnreadableError` in the place of one of more than ``limit`` characters.

    The rest of such a line is passed over without keeping it. In a compressed file, where it might inflate for hours,
    the file ends there.
    """
    while line := lines.readline(limit + 1):
        if len(line) <= limit or line.endswith(("\n", "\r")):
            yield line
            continue
        if content.is_compressed:
            yield UnreadableError(too_large(limit) + "; the rest of the compressed file was not read")
            return
        while (rest := lines.readline(1 << 20)) and not rest.endswith(("\n", "\r")):
            pass
        yield UnreadableError(too_large(limit))


def _may_start_utf8(line: bytes) -> bool:
    """Whether ``line`` is UTF-8 but for a character that the end of the sample cuts."""
    try:
        codecs.getincrementaldecoder(UTF8)().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _encoding_of_lines(sample: bytes) -> str:
    """UTF-8 unless no line with other than ASCII characters is UTF-8: one broken row must not decide for the others."""
    refuse_binary(sample)
    *whole, last = sample.split(b"\n")
    foreign = [line for line in (*whole, last) if not line.isascii()]
    if not foreign or any(is_valid(line, UTF8) for line in whole if not line.isascii()):
        return UTF8
    if not last.isascii() and _may_start_utf8(last):
        return UTF8
    return detect_encoding(b"\n".join(foreign))
