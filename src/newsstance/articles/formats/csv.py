"""CSV and other separated values, with a header row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from newsstance.articles.article import UnreadableError
from newsstance.articles.decoding import UTF8, check_characters
from newsstance.articles.formats import NumberedRow, RowSettings
from newsstance.articles.formats.lines import bounded_lines, open_lines
from newsstance.articles.inflating import Content, too_large

_DELIMITERS = (",", "\t", ";", "|")


def read_csv(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the rows of a CSV file, numbered as a spreadsheet does: the header is row 1.

    The delimiter (comma, tab, semicolon, bar) is the one that gives the header most columns that hold articles, then
    most columns.

    Raises:
        UnreadableError: Where the file is binary or its header names no column that holds articles.
    """
    text, encoding = open_lines(content, settings.encoding, newline="")
    lines = _RecordLines(bounded_lines(text, content, settings.limit), settings.limit)
    csv.field_size_limit(max(csv.field_size_limit(), settings.limit))  # the csv module has it for the whole process
    first = next(lines, "")
    reader = csv.reader(lines.starting_with(first), delimiter=_delimiter(first, settings), strict=True)
    header: list[str] | None = None
    number = 0
    while True:
        number += 1
        lines.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, UnreadableError(f"broken CSV: {error}{lines.taken_in()}")
            continue
        except UnreadableError as error:
            yield number, error
            continue
        if not fields:
            continue
        if header is None:
            header = [name.strip() for name in fields]
            twice = next((name for name in header if name and header.count(name) > 1), None)
            if twice is not None:
                raise UnreadableError(f"columns of the same name: {twice}")
            settings.check_columns(header)
            continue
        yield number, _to_row(header, fields, encoding)


def _to_row(header: list[str], fields: list[str], encoding: str) -> dict[str, str] | UnreadableError:
    if len(fields) != len(header):
        return UnreadableError(f"{len(fields)} fields, the header has {len(header)}")
    try:
        check_characters("".join(fields))
    except UnreadableError as error:
        return error if "null" in str(error) else UnreadableError(f"not {encoding} text (set reader.encoding)")
    row = dict(zip(header, fields, strict=True))
    return row if encoding == UTF8 else {"encoding": encoding} | row


def _delimiter(header: str, settings: RowSettings) -> str:
    def fit(delimiter: str) -> tuple[int, int]:
        names = {name.strip().strip('"') for name in header.strip().split(delimiter)}
        return len(names & set(settings.content_columns)), len(names)

    return max(_DELIMITERS, key=fit)


class _RecordLines:
    """Lines for the csv module that stop one record, however many lines it takes, at ``limit`` characters."""

    def __init__(self, lines: Iterator[str | UnreadableError], limit: int) -> None:
        self._lines, self._limit, self._size, self._count = lines, limit, 0, 0
        self._pushed_back: list[str] = []

    def start_record(self) -> None:
        self._size = self._count = 0

    def taken_in(self) -> str:
        """Says of a broken record how many lines are lost with it."""
        behind = self._count - 1
        return f", and with it the {behind:,} lines behind it, which its open quote takes in" if behind > 0 else ""

    def starting_with(self, line: str) -> Iterable[str]:
        self._pushed_back = [line] if line else []
        return self

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._pushed_back.pop() if self._pushed_back else next(self._lines)
        if isinstance(line, UnreadableError):
            raise line
        self._size += len(line)
        self._count += 1
        if self._size > self._limit:
            raise UnreadableError(too_large(self._limit))
        return line
