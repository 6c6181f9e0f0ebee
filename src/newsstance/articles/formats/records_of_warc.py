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
_CHUNK = 1 << 16
_OVERLAP = 128


class LostError(UnreadableError):
    """The file cannot be read on from here."""


class RecordStream:
    """The unpacked bytes of a WARC file, with what it takes to find records in them."""

    def __init__(self, members: Members, limit: int) -> None:
        self._members, self._limit = members, limit
        self._buffer = b""

    def recover(self) -> bool:
        """Go on behind a damaged member; False where nothing is left."""
        self._buffer = b""
        return self._members.recover()

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        pieces = [self._buffer]
        left = size - len(self._buffer)
        while left > 0 and (piece := self._members.read(min(left, 1 << 20) if left > _CHUNK else _CHUNK)):
            pieces.append(piece)
            left -= len(piece)
        data = b"".join(pieces)
        self._buffer = data[size:]
        return data[:size]

    def read_head(self) -> bytes:
        """The header of the next record, with the blank line behind it.

        Raises:
            EOFError: At the end.
            UnreadableError: Where there is none; the stream then stands at the next one.
        """
        start = self._buffer = self._without_blanks()
        if not start:
            raise EOFError
        if not start.startswith(b"WARC/"):
            self.find_start()
            raise UnreadableError("no WARC record where one should start")
        while (end := _HEAD_END.search(self._buffer)) is None:
            if len(self._buffer) > HEAD:
                self.find_start()
                raise UnreadableError("a WARC record with an endless header")
            piece = self._members.read(_CHUNK)
            if not piece:
                self._buffer = b""
                raise UnreadableError("the last WARC record is cut off")
            self._buffer += piece
        head, self._buffer = self._buffer[: end.end()], self._buffer[end.end() :]
        return head

    def _without_blanks(self) -> bytes:
        skipped = 0
        data = self._buffer
        while len(data := data.lstrip(b"\r\n")) < len(b"WARC/"):
            piece = self._members.read(_CHUNK)
            skipped += len(piece)
            if not piece or skipped > _MAX_SKIPPED:
                break
            data += piece
        return data

    def read_block(self, size: int) -> bytes:
        """The block of a record and the blank lines behind it.

        Raises:
            UnreadableError: Where it is cut off or longer or shorter than said; the stream then stands at the next
                record.
        """
        block = self.read(size)
        if len(block) < size:
            self.find_start(block)
            raise UnreadableError("the last WARC record is cut off")
        if not self._ends_here():
            self.find_start(block)
            raise UnreadableError("a WARC record whose Content-Length is wrong")
        return block

    def _ends_here(self) -> bool:
        behind = self.read(4)
        self._buffer = behind + self._buffer
        left = behind.lstrip(b"\r\n")
        return not left or b"WARC/".startswith(left) or left.startswith(b"WARC/")

    def skip(self, start: bytes, size: int) -> None:
        """Pass over a large block of which ``start`` has been read.

        Raises:
            UnreadableError: Where a record starts inside it, which shows that its length is wrong.
        """
        self._buffer = start + self._buffer
        if self._find(size):
            raise UnreadableError("a WARC record whose Content-Length is wrong")

    def find_start(self, seen: bytes = b"") -> None:
        """Go to the next start of a record behind the start of ``seen``, which has been read, or to the end."""
        self._buffer = (seen + self._buffer)[1:]
        self._find(None)

    def _find(self, size: int | None) -> bool:
        """Go to the next start of a record, ``size`` bytes further at most; whether there was one."""
        skipped = 0
        while True:
            match = _START.search(self._buffer)
            if match and (size is None or skipped + match.start() < size):
                self._buffer = self._buffer[match.start() :]
                return True
            if size is not None and len(self._buffer) >= size - skipped:
                self._buffer = self._buffer[size - skipped :]
                return False
            kept = self._buffer[-_OVERLAP:]
            skipped += len(self._buffer) - len(kept)
            if skipped > max(_MAX_SKIPPED, self._limit):
                raise LostError("nothing but one endless record from here on; the rest of the file was not read")
            piece = self._members.read(_CHUNK)
            if not piece:
                self._buffer = b""
                return False
            self._buffer = kept + piece
