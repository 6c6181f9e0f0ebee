"""The records of this stage: an article, and the report of one that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from newsstance.errors import InputError
from newsstance.stances import SentenceKind


class Position(NamedTuple):
    """Where a record stands in an input, to go on behind it later; ordered as the input is.

    Attributes:
        file: Index of its file among the files of the input, from 0.
        record: Records of that file before it, articles and rejects alike.
    """

    file: int = 0
    record: int = 0

    @property
    def following(self) -> Position:
        """The position behind this record."""
        return Position(self.file, self.record + 1)


START = Position()
"""Before the first record."""


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """A stretch of an article's text whose kind the web page's own markup gives, e.g. a caption.

    Attributes:
        start: Offset of its first character in the article's text.
        end: Offset behind its last character.
        kind: What its sentences are.
    """

    start: int
    end: int
    kind: SentenceKind


@dataclass(frozen=True, slots=True)
class Article:
    """One article, or one sentence that is to be scored as it is.

    Attributes:
        id: As given, else derived from file and row; unique among the derived ones of a run.
        text: The text that every offset counts in; never empty, without null bytes and lone surrogates.
        title: Its headline; "" where none was found. `text` holds it too wherever the source's text does.
        url: Its address; "" where unknown.
        published: Its date as the source writes it (ISO 8601 for web pages); "" where unknown.
        is_sentence: `text` is one sentence, not to be split.
        context: The sentence before it, where `is_sentence`.
        file: Where it was read.
        marked: Spans whose kind the page's markup gives, in the order of the text, not overlapping.
        extra: Further fields of its row, carried through; for sentences also ``id``, title, url and the like as given.
            ``encoding`` is the text encoding where it was detected rather than UTF-8.
        position: Where it stands in the input.
    """

    id: str
    text: str
    title: str = ""
    url: str = ""
    published: str = ""
    is_sentence: bool = False
    context: str = ""
    file: str = ""
    marked: tuple[MarkedSpan, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    position: Position = START


@dataclass(frozen=True, slots=True)
class Reject:
    """A file or row that could not be read.

    Attributes:
        file: The file, or "stdin".
        row: The row in it, from 1 (the line for JSONL, the spreadsheet row for CSV); None for the whole file.
        reason: What is wrong with it, in one line.
        position: Where it stands in the input.
    """

    file: str
    row: int | None
    reason: str
    position: Position = START

    def to_record(self) -> dict[str, Any]:
        """The JSON record of a rejects file."""
        return {"file": self.file, "row": self.row, "reason": self.reason}

    def to_error(self) -> InputError:
        """The error to raise where there is no other input to go on with."""
        return InputError.at(self.file, self.reason, row=self.row)


class UnreadableError(Exception):
    """Content that cannot be read: a file, a row or a page. Becomes a `Reject`."""
