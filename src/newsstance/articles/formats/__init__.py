"""One reader a format: each turns the content of a file into numbered rows, or into the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.inflating import Content

Row = Mapping[str, Any]
"""The fields of one article under the user's column names: at least text, html or sentence."""

NumberedRow = tuple[int | None, Row | UnreadableError]
"""The row's number (None where the file is the row), and the row or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RowSettings:
    """What a format needs to know.

    Attributes:
        limit: Largest record in bytes.
        encoding: Text encoding; None to detect it.
        content_columns: Columns of which a table must have one: the user's names of text, html and sentence.
        skip: The first so many rows will be thrown away, so that they may be empty.
        name: What messages call the file.
    """

    limit: int
    encoding: str | None
    content_columns: tuple[str, ...]
    skip: int = 0
    name: str = ""

    def check_columns(self, columns: list[str]) -> None:
        """Raise `UnreadableError` where a table with ``columns`` cannot hold articles."""
        if not set(self.content_columns) & set(columns):
            wanted = ", ".join(self.content_columns)
            raise UnreadableError(
                f"no column named {wanted}; it has {', '.join(columns)[:200] or 'none'} "
                "(name yours: 'reader.columns={text: COLUMN}')"
            )


Format = Callable[[Content, RowSettings], Iterator[NumberedRow]]
