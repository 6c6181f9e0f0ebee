"""Find the records in the unpacked bytes of a WARC file, behind broken ones too."""

from __future__ import annotations

import re

from newsstance.articles.article import UnreadableError
from newsstance.articles.members import Members

HEAD = 1 << 16
"""Most bytes that the headers of a record may have."""

_MAX_SKIPPED = 1_000_000_000
"""Unpacked bytes that are passed over in search of the next record: a bomb goes on for terabytes."""
_START = re.compile(rb"WARC/[01]\.\d{1,2}\r?\n(?=[A-Za-z-]+:)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_BLANKS = re.compile(rb"[\r\n]+")
_CHUNK = 1 << 16
_OVERLAP = 128


class LostError(UnreadableError):
    """The file cannot be read on from here."""


class RecordStream:
    """The unpacked bytes of a WARC file, with what it takes to find records in them.

    What has been read ahead stays in one buffer, in which a place moves on: a file whose lengths are all wrong is then
    read in linear time, too.
    """

    def __init__(self, members: Members, limit: int) -> None:
        self._members, self._limit = members, limit
        self._buffer = bytearray()
        self._place = 0

    def recover(self) -> bool:
        """Go on behind a damaged member; False where nothing is left."""
        self._buffer.clear()
        self._place = 0
        return self._members.recover()

    def read_head(self) -> bytes:
        """The header of the next record, with the blank line behind it.

        Raises:
            EOFError: At the end.
            UnreadableError: Where there is none; the stream then stands at the next one.
        """
        self._pass_over_blanks()
        if not self._has(1):
            raise EOFError
        if not self._buffer.startswith(b"WARC/", self._place):
            self._find_start()
            raise UnreadableError("no WARC record where one should start")
        while (end := _HEAD_END.search(self._buffer, self._place, self._place + HEAD)) is None:
            if self._ahead > HEAD:
                self._place += HEAD // 2  # no whole header starts in this half
                self._find_start()
                raise UnreadableError("a WARC record with an endless header")
            if not self._fill():
                self._place = len(self._buffer)
                raise UnreadableError("the last WARC record is cut off")
        return self._take(end.end() - self._place)

    def read_block(self, size: int) -> bytes:
        """The block of a record.

        Raises:
            UnreadableError: Where it is cut off or longer or shorter than said; the stream then stands at the next
                record.
        """
        if not self._has(size):
            self._find_start()
            raise UnreadableError("the last WARC record is cut off")
        if not self._ends_behind(size):
            self._find_start()
            raise UnreadableError("a WARC record whose Content-Length is wrong")
        return self._take(size)

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end; they are left in the stream."""
        self._has(size)
        return bytes(self._buffer[self._place : self._place + size])

    def skip(self, size: int) -> None:
        """Pass over a block that is too large to be held.

        Raises:
            UnreadableError: Where a record starts inside it, which shows that its length is wrong.
        """
        if self._find(size):
            raise UnreadableError("a WARC record whose Content-Length is wrong")

    def reject_head(self, reason: str) -> UnreadableError:
        """Go to the next record, since the one whose header was read cannot be; the error to raise."""
        self._find(None)
        return UnreadableError(reason)

    @property
    def _ahead(self) -> int:
        return len(self._buffer) - self._place

    def _fill(self, size: int = _CHUNK) -> bool:
        """Read some more ahead; whether there was more."""
        if self._place > _CHUNK:
            del self._buffer[: self._place]  # bytearray does this without moving the rest
            self._place = 0
        piece = self._members.read(max(_CHUNK, min(size, 1 << 20)))
        self._buffer += piece
        return bool(piece)

    def _has(self, size: int) -> bool:
        while self._ahead < size:
            if not self._fill(size - self._ahead):
                return False
        return True

    def _take(self, size: int) -> bytes:
        start, self._place = self._place, self._place + size
        return bytes(self._buffer[start : self._place])

    def _pass_over_blanks(self) -> None:
        passed = 0
        while self._has(1) and passed < _MAX_SKIPPED:
            blanks = _BLANKS.match(self._buffer, self._place)
            if blanks is None:
                break
            passed += blanks.end() - self._place
            self._place = blanks.end()
        self._has(len(b"WARC/"))

    def _ends_behind(self, size: int) -> bool:
        self._has(size + 4)
        behind = bytes(self._buffer[self._place + size : self._place + size + 4]).lstrip(b"\r\n")
        return b"WARC/".startswith(behind)

    def _find_start(self) -> None:
        """Go to the next start of a record behind this place, or to the end."""
        self._place += 1
        self._find(None)

    def _find(self, size: int | None) -> bool:
        """Go to the next start of a record, ``size`` bytes further at most; whether there was one."""
        passed = 0
        while True:
            match = _START.search(self._buffer, self._place)
            if match and (size is None or passed + match.start() - self._place < size):
                self._place = match.start()
                return True
            if size is not None and self._ahead >= size - passed:
                self._place += size - passed
                return False
            step = max(0, self._ahead - _OVERLAP)
            passed += step
            self._place += step
            if passed > max(_MAX_SKIPPED, self._limit):
                raise LostError("nothing but one endless record from here on; the rest of the file was not read")
            if not self._fill():
                self._place = len(self._buffer)
                return False
