"""Unpack an archive member by member (gzip members, Zstandard frames), and go on behind a damaged one."""

from __future__ import annotations

import io
import zlib
from typing import Any

from newsstance.articles.article import UnreadableError

_CHUNK = 1 << 16
_KEPT = 8_000_000
"""Packed bytes of the member in work that are kept, to look in them for the next one when this one is damaged."""
_LOOK = 1 << 18
"""A Zstandard block, of which nothing can be unpacked before all of it is there, has 128 KB at most."""
_SKIPPABLE = tuple(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60))
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_GZIP, _ZSTANDARD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"


class DamagedError(UnreadableError):
    """A damaged member; there may be others behind it."""


class Members:
    """The unpacked bytes of an archive whose members each start with the same few bytes."""

    def __init__(self, packed: io.BufferedReader, compression: str, member_start: bytes) -> None:
        """Read ``packed``, which is compressed with ``compression`` (gzip, zstd or "")."""
        self._packed, self._compression, self._member_start = packed, compression, member_start
        self._inflater: Any = None  # what unpacks one member, with the members of zlib.decompressobj
        self._rest = b""
        self._kept = bytearray()
        self._dictionary: Any = None

    def read(self, size: int) -> bytes:
        """Some of the next bytes, about ``size`` at most; b"" at the end.

        Raises:
            DamagedError: Where the member is damaged or cut off; `recover` goes on behind it.
            UnreadableError: Where the packed bytes cannot be read.
        """
        if not self._compression:
            return self._packed.read1(size)
        while True:
            if self._inflater is None and not self._start_member():
                return b""
            data = self._rest or self._take()
            if not data:
                self._inflater = None
                raise DamagedError("the compressed file is cut off")
            unpacked = self._inflate(data, size)
            if unpacked:
                return unpacked

    def recover(self) -> bool:
        """Go to the next member that starts as it should; False where there is none."""
        if not self._compression:
            return False
        magic = _GZIP if self._compression == "gzip" else _ZSTANDARD
        data, behind = bytes(self._kept[1:]), 0  # bytes are looked at once: each may start what looks like a member
        while True:
            place = data.find(magic, behind)
            if place < 0:
                chunk = self._packed.read(_CHUNK)
                if not chunk:
                    return False
                data, behind = data[max(behind, len(data) - len(magic)) :] + chunk, 0
                continue
            if len(data) - place < _LOOK and (chunk := self._packed.read(_LOOK)):
                data, behind = data[place:] + chunk, 0
                continue
            if self._starts_well(memoryview(data)[place : place + _LOOK]):
                self._inflater, self._rest, self._kept = None, data[place:], bytearray()
                return True
            behind = place + 1

    def _inflate(self, data: bytes, size: int) -> bytes:
        assert self._inflater is not None
        try:
            unpacked: bytes = self._inflater.decompress(data, size)
        except (zlib.error, _zstandard_error()) as error:
            self._inflater = None
            raise DamagedError(f"the compressed file is damaged: {error}") from error
        if self._inflater.eof:
            self._rest, self._inflater = self._inflater.unused_data, None
        else:
            self._rest = self._inflater.unconsumed_tail
        return unpacked

    def _take(self) -> bytes:
        chunk = self._packed.read(_CHUNK)
        self._kept += chunk
        if len(self._kept) > _KEPT:
            del self._kept[: len(self._kept) - _KEPT // 2]
        return chunk

    def _start_member(self) -> bool:
        """Whether there is one more member."""
        while True:
            if self._compression == "gzip":
                self._rest = self._rest.lstrip(b"\0")  # padding between members is allowed
            if len(self._rest) < 4:
                self._rest += self._packed.read(_CHUNK)
            if not self._rest:
                return False
            if self._rest.strip(b"\0") or self._compression != "gzip":
                break
        self._kept = bytearray(self._rest)
        if self._compression == "zstd" and self._rest.startswith(_SKIPPABLE):
            return self._skip_frame() and self._start_member()
        self._inflater = self._new_inflater()
        return True

    def _skip_frame(self) -> bool:
        """Pass over a skippable frame; one kind holds the dictionary of all frames (IIPC, WARC with Zstandard)."""
        is_dictionary = self._rest.startswith(_DICTIONARY)
        while len(self._rest) < 8 and (chunk := self._packed.read(8)):
            self._rest += chunk
        size = 8 + int.from_bytes(self._rest[4:8], "little")
        if is_dictionary and size <= _KEPT:
            self._rest += self._packed.read(max(0, size - len(self._rest)))
            self._dictionary = _dictionary(self._rest[8:size])
        left = size - len(self._rest)
        self._rest = self._rest[size:]
        while left > 0 and (chunk := self._packed.read(min(left, _CHUNK))):
            left -= len(chunk)
        return left <= 0

    def _new_inflater(self) -> Any:
        return (
            zlib.decompressobj(zlib.MAX_WBITS | 16)
            if self._compression == "gzip"
            else _ZstandardInflater(self._dictionary)
        )

    def _starts_well(self, rest: memoryview | bytes) -> bool:
        inflater = self._new_inflater()
        try:
            while rest and not inflater.eof:
                start: bytes = inflater.decompress(rest, len(self._member_start))
                if start:
                    return start.startswith(self._member_start)
                rest = inflater.unconsumed_tail
        except (zlib.error, _zstandard_error()):
            pass
        return False


class _ZstandardInflater:
    """Unpacks one frame, as `zlib.decompressobj` does one member."""

    _FEED = 512
    """Packed bytes at a time: each 4 of them may unpack to 128 KB."""

    def __init__(self, dictionary: Any) -> None:
        import zstandard

        decompressor = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=1 << 27)
        self._inner = decompressor.decompressobj()
        self.unconsumed_tail = b""
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        del max_length  # bounded by what it is fed
        unpacked: bytes = self._inner.decompress(data[: self._FEED])
        self.unconsumed_tail = data[self._FEED :]
        if self.eof:
            self.unused_data = self._inner.unused_data + self.unconsumed_tail
        return unpacked


def _dictionary(data: bytes) -> Any:
    import zstandard

    if data.startswith(_ZSTANDARD):
        try:
            data = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj().decompress(data[:_KEPT])
        except zstandard.ZstdError as error:
            raise UnreadableError(f"the dictionary of the compressed file is damaged: {error}") from error
    return zstandard.ZstdCompressionDict(data)


def _zstandard_error() -> type[Exception]:
    import sys

    module = sys.modules.get("zstandard")
    return module.ZstdError if module else zlib.error
