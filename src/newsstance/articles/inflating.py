"""Open a file for reading, unpacking gzip and Zstandard as it streams; every fault becomes `UnreadableError`."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from newsstance.articles.article import UnreadableError
from newsstance.articles.inputs import InputFile

BUFFER = 1 << 16
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Content:
    """The unpacked bytes of a file.

    Attributes:
        stream: The bytes; reading them raises `UnreadableError` where the file is damaged.
        is_compressed: Whether they were unpacked, so that a small file may hold very many.
    """

    stream: io.BufferedReader
    is_compressed: bool

    def peek(self) -> bytes:
        """The first bytes (up to 64 KB), left in the stream."""
        return self.stream.peek(BUFFER)[:BUFFER]

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
    if file.path is None:
        yield _unpacked(io.BufferedReader(_Source(sys.stdin.buffer), BUFFER))
        return
    if not file.named and not file.is_regular:
        raise UnreadableError("not an ordinary file")
    with file.path.open("rb", buffering=BUFFER) as opened:
        yield _unpacked(cast(io.BufferedReader, opened))


def too_large(limit: int) -> str:
    """The reason for rejecting a record of more than ``limit`` bytes."""
    return f"larger than {limit / 1e6:g} MB (raise reader.max_record_mb to read it)"


def _unpacked(packed: io.BufferedReader) -> Content:
    magic = packed.peek(4)[:4]
    if magic.startswith(_GZIP):
        inner: _Readable = gzip.GzipFile(fileobj=packed)
    elif magic == _ZSTANDARD:
        import pyarrow as pa

        inner = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
    else:
        return Content(packed, is_compressed=False)
    return Content(io.BufferedReader(_Source(inner), BUFFER), is_compressed=True)


class _Source(io.RawIOBase):
    """Bytes of ``inner`` as a raw stream; what a damaged archive raises becomes `UnreadableError`."""

    def __init__(self, inner: _Readable | BinaryIO) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except EOFError as error:
            raise UnreadableError("the compressed file is cut off") from error
        except (zlib.error, OSError) as error:  # pyarrow raises OSError for damaged and cut-off files alike
            what = "cut off" if "runcated" in str(error) else "damaged"
            raise UnreadableError(f"the compressed file is {what}: {error}") from error
        buffer[: len(data)] = data
        return len(data)
