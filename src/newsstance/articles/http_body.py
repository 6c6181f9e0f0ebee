"""Undo the codings of an HTTP body (RFC 9110, section 8.4; RFC 9112, section 7), however it was damaged or inflated."""

from __future__ import annotations

import re
import zlib
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.inflating import too_large

_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,15})[^\r\n]{0,256}\r?\n")
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAX_CODINGS = 4
_STEP = 1 << 14


def unpack_body(data: bytes, codings: tuple[str, ...], limit: int, *, may_be_cut: bool = False) -> bytes:
    """Undo ``codings``, the last first.

    Archives often keep the headers of a body that they have unpacked, so that a body that does not look as its coding
    says is taken as it is.

    Args:
        data: The body.
        codings: Content codings in the order in which they were applied, then transfer codings.
        limit: Most bytes that the body may have at any stage.
        may_be_cut: Take what can be unpacked of a body that was cut off.

    Raises:
        UnreadableError: Where the body is damaged, cut off, too large or in a coding that is not known.
    """
    if len(codings) > _MAX_CODINGS:
        raise UnreadableError(f"more than {_MAX_CODINGS} codings of the page, one upon the other")
    for coding in reversed(codings):
        data, is_whole = _undo(coding, data, limit)
        if len(data) > limit:
            raise UnreadableError(too_large(limit))
        if not is_whole and not may_be_cut:
            raise UnreadableError(f"the {coding} body of the page is cut off or damaged")
    return data


def _undo(coding: str, data: bytes, limit: int) -> tuple[bytes, bool]:
    """``data`` without ``coding``, no more than ``limit`` + 1 bytes of it, and whether it was whole."""
    match coding:
        case "identity" | "":
            return data, True
        case "chunked":
            return _join_chunks(data)
        case "gzip" | "x-gzip":
            return _inflate_gzip(data, limit) if data.startswith(_GZIP) else (data, True)
        case "deflate":
            return _inflate_deflate(data, limit)
        case "br":
            return _inflate_brotli(data, limit)
        case "zstd":
            return _inflate_zstandard(data, limit) if data.startswith(_ZSTANDARD) else (data, True)
        case _:
            raise UnreadableError(f"the page is packed in an unknown way: {coding[:40]}")


def _join_chunks(data: bytes) -> tuple[bytes, bool]:
    chunks: list[bytes] = []
    place = 0
    while match := _CHUNK_SIZE.match(data, place):
        size = int(match[1], 16)
        if not size:
            return b"".join(chunks), True
        chunk = data[match.end() : match.end() + size]
        chunks.append(chunk)
        place = match.end() + len(chunk)
        if len(chunk) < size:
            break
        place += 2 if data.startswith(b"\r\n", place) else 1 if data.startswith(b"\n", place) else 0
    return (b"".join(chunks), False) if chunks else (data, True)


def _inflate_gzip(data: bytes, limit: int) -> tuple[bytes, bool]:
    """Members one behind the other; what some servers send behind the end is left away."""
    whole = b""
    is_whole = True
    while is_whole and len(whole) <= limit and data.startswith(_GZIP):
        member, is_whole, data = _inflate(data, limit - len(whole), zlib.MAX_WBITS | 16)
        whole += member
    return whole, is_whole


def _inflate_deflate(data: bytes, limit: int) -> tuple[bytes, bool]:
    """In zlib's frame, as the standard says, or bare, as many send it."""
    framed, is_whole, _ = _inflate(data, limit, zlib.MAX_WBITS)
    if framed or is_whole:
        return framed, is_whole
    bare, is_whole, _ = _inflate(data, limit, -zlib.MAX_WBITS)
    return (data, True) if not is_whole and _is_page(data) else (bare, is_whole)


def _inflate(data: bytes, limit: int, window: int) -> tuple[bytes, bool, bytes]:
    """No more than ``limit`` + 1 bytes, whether they are whole (or too many), and what lies behind."""
    inflater = zlib.decompressobj(window)
    pieces: list[bytes] = []
    size = place = 0
    try:
        while (
            not inflater.eof and size <= limit and (packed := inflater.unconsumed_tail or data[place : place + _STEP])
        ):
            place += 0 if inflater.unconsumed_tail else len(packed)
            pieces.append(inflater.decompress(packed, limit + 1 - size))
            size += len(pieces[-1])
    except zlib.error:
        return b"".join(pieces), False, b""
    return b"".join(pieces), inflater.eof or size > limit, inflater.unused_data + data[place:]


def _inflate_brotli(data: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        import brotli  # type: ignore[import-untyped]
    except ImportError as error:
        raise UnreadableError("the page is packed with brotli (pip install 'newsstance[warc]')") from error
    inflater: Any = brotli.Decompressor()
    try:
        unpacked = inflater.process(data, output_buffer_limit=limit + 1)
    except brotli.error:
        return (data, True) if _is_page(data) else (b"", False)
    return unpacked, inflater.is_finished() or len(unpacked) > limit


def _inflate_zstandard(data: bytes, limit: int) -> tuple[bytes, bool]:
    import pyarrow as pa

    whole: list[bytes] = []
    size = 0
    try:
        stream = pa.CompressedInputStream(pa.BufferReader(data), "zstd")
        while size <= limit and (piece := stream.read(min(1 << 20, limit + 1 - size))):
            whole.append(piece)
            size += len(piece)
    except OSError:
        return b"".join(whole), False
    return b"".join(whole), True


def _is_page(data: bytes) -> bool:
    """Whether a body is not packed, whatever its header says."""
    return data.lstrip()[:1] == b"<"
