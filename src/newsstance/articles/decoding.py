"""From bytes to text: UTF-8 first, then what the bytes look like; binary content is refused."""

from __future__ import annotations

import codecs
import re

from newsstance.articles.article import UnreadableError

UTF8 = "utf-8"
_MARKS = (  # the marks of UTF-32 start with those of UTF-16, so they come first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY_MAGIC = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x7fELF",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"{\\rtf",
    b"\xd0\xcf\x11\xe0",
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROL_SHARE, _MOSTLY_ASCII = 0.02, 0.25
_SAMPLE = 1 << 16


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Decode a whole text.

    Args:
        data: The text's bytes.
        encoding: Its encoding; None to find it out: byte order mark, UTF-8, then detection by charset-normalizer.

    Returns:
        The text without byte order mark, and the encoding; ``utf-8`` for plain ASCII too.

    Raises:
        UnreadableError: Where ``data`` is not text in that encoding.
    """
    encoding = encoding or encoding_by_mark(data) or (UTF8 if is_valid(data, UTF8) else detect_encoding(data))
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise UnreadableError(f"not {encoding} text: {_short(error)} (set reader.encoding)") from error
    check_characters(text)
    return text.removeprefix("\ufeff"), UTF8 if encoding == "utf-8-sig" else encoding


def encoding_by_mark(data: bytes) -> str | None:
    """The encoding that a byte order mark at the start of ``data`` tells; None without one."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def text_encoding(name: str) -> str | None:
    """Python's name of the text encoding ``name``; None where there is none (``base64`` and ``rot13`` are no text)."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: a null byte
        return None
    return codec.name if codec._is_text_encoding else None


def is_valid(data: bytes, encoding: str) -> bool:
    """Whether ``data`` can be decoded from ``encoding``."""
    try:
        data.decode(encoding)
    except UnicodeError:
        return False
    return True


def detect_encoding(data: bytes) -> str:
    """Guess the encoding of text that is not UTF-8, from the 64 KB around its first non-ASCII byte.

    Text that is mostly ASCII is taken as Windows-1252, by far the most frequent encoding of English text after UTF-8:
    a few accents and curly quotes are too little for charset-normalizer, which is asked about everything else.

    Raises:
        UnreadableError: Where ``data`` looks like no text at all.
    """
    from charset_normalizer import from_bytes

    refuse_binary(data)
    first = _NOT_ASCII.search(data)
    start = max(0, first.start() - _SAMPLE // 2) if first else 0
    sample = data[start : start + _SAMPLE]
    if len(_NOT_ASCII.findall(sample)) < _MOSTLY_ASCII * len(sample) and is_valid(sample, "cp1252"):
        return "cp1252"
    best = from_bytes(sample).best()
    if best is None:
        raise UnreadableError("binary content, or text in an unknown encoding (set reader.encoding)")
    return best.encoding


def refuse_binary(data: bytes) -> None:
    """Raise `UnreadableError` where ``data`` starts like a known binary format or is full of control characters."""
    if data.startswith(_BINARY_MAGIC):
        raise UnreadableError("binary content (an image, a PDF, an office file or the like), not text")
    sample = data[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > _CONTROL_SHARE * len(sample):
        raise UnreadableError("binary content, not text")


def check_characters(text: str) -> None:
    """Raise `UnreadableError` where ``text`` holds what neither tokenizers nor UTF-8 files can take."""
    if "\0" in text:
        raise UnreadableError("null bytes in the text (a binary file?)")
    if not text.isascii() and _LONE_SURROGATE.search(text):
        raise UnreadableError("lone surrogates (half characters) in the text")


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _short(error: UnicodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{error.reason} at byte {error.start}"
    return str(error)
