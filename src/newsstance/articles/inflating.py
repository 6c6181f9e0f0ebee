"""Open a file for reading, unpacking gzip and Zstandard as it streams; every fault becomes `UnreadableError`."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import BinaryIO, Protocol, cast

from newsstance.articles.article import UnreadableError
from newsstance.articles.inputs import InputFile

BUFFER = 1 << 16
_PIECE = 1 << 12
"""Unpacked bytes read at a time; of Zstandard, less would cost much time and more would lose more before damage."""
_GZIP = b"\x1f\x8b"
_ZSTANDARD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""A frame with data, or one to skip (RFC 8878, section 3.1)."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Content:
    """The bytes of a file, as they are and unpacked.

    Attributes:
        packed: The bytes as they are; whoever reads them must not read `stream`.
        compression: gzip or zstd; "" for none.
    """

    def __init__(self, packed: io.BufferedReader) -> None:
        magic = packed.peek(4)[:4]
        self.packed = packed
        self.compression = "gzip" if magic.startswith(_GZIP) else "zstd" if _ZSTANDARD.match(magic) else ""

    @property
    def is_compressed(self) -> bool:
        """Whether the bytes are unpacked, so that a small file may hold very many."""
        return bool(self.compression)

    @cached_property
    def stream(self) -> io.BufferedReader:
        """The unpacked bytes; reading them raises `UnreadableError` where the file is damaged."""
        if not self.compression:
            return self.packed
        inner: _Readable = gzip.GzipFile(fileobj=self.packed)
        if self.compression == "zstd":
            import pyarrow as pa

            inner = pa.CompressedInputStream(pa.PythonFile(self.packed, mode="r"), "zstd")
        return io.BufferedReader(_Source(inner), BUFFER)

    def peek(self) -> bytes:
        """The first unpacked bytes (up to 64 KB), left in the stream."""
        return self.stream.peek(BUFFER)[:BUFFER]

    def starts_with(self, unpacked: bytes) -> bool:
        """Whether the content starts so; nothing is taken from `packed`."""
        start = self.packed.peek(BUFFER)[:BUFFER]
        with suppress(zlib.error, OSError):
            if self.compression == "gzip":
                start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start, len(unpacked))
            elif self.compression == "zstd":
                import pyarrow as pa

                start = pa.CompressedInputStream(pa.BufferReader(start), "zstd").read(len(unpacked))
        return start.startswith(unpacked)

    def read_all(self, limit: int) -> bytes:
        """The whole content.

        Raises:
            UnreadableError: Where it has more than ``limit`` bytes; no more than that is read.
        """
        data = self.stream.read(limit + 1)
        if len(data) > limit:
            raise UnreadableError(too_large(limit))
        return data


@contextmanager
def open_content(file: InputFile) -> Iterator[Content]:
    """Open ``file``; compression is told from the first bytes, not from the name.

    Raises:
        UnreadableError: Where it cannot be opened, or is a pipe or device that a folder or glob happens to hold.
        OSError: Where it cannot be opened.
    """
    if file.url:
        from newsstance.articles.remote import open_remote

        with open_remote(file.url) as stream:
            yield Content(stream)
        return
    if file.path is None:
        if sys.stdin is None:
            raise UnreadableError("stdin is closed")
        yield Content(io.BufferedReader(_Source(sys.stdin.buffer), BUFFER))
        return
    if not file.named and not file.is_regular:
        raise UnreadableError("not an ordinary file")
    with file.path.open("rb", buffering=BUFFER) as opened:
        yield Content(cast(io.BufferedReader, opened))


def too_large(limit: int) -> str:
    """The reason for rejecting a record of more than ``limit`` bytes."""
    return f"larger than {limit / 1e6:g} MB (raise reader.max_record_mb to read it)"


class _Source(io.RawIOBase):
    """Bytes of ``inner`` as a raw stream; what a damaged archive raises becomes `UnreadableError`."""

    def __init__(self, inner: _Readable | BinaryIO) -> None:
        self._inner = inner
        self._fault: UnreadableError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        if self._fault is not None:
            raise self._fault
        taken = 0
        while taken < len(buffer):  # a little at a time: what is read before damage is not lost with it
            try:
                data = self._inner.read(min(_PIECE, len(buffer) - taken))
            except EOFError as error:
                self._fault = UnreadableError("the compressed file is cut off")
                self._fault.__cause__ = error
            except (zlib.error, OSError) as error:  # pyarrow raises OSError for damaged and cut-off files alike
                what = "cut off" if "runcated" in str(error) else "damaged"
                self._fault = UnreadableError(f"the compressed file is {what}: {error}")
                self._fault.__cause__ = error
            if self._fault is not None:
                if taken:
                    return taken
                raise self._fault
            if not data:
                break
            buffer[taken : taken + len(data)] = data
            taken += len(data)
        return taken
