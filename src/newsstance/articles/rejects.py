"""The file of records that could not be read, written as they turn up."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from newsstance.articles.article import Article, Reject
from newsstance.errors import InputError
from newsstance.writing import STDOUT, names_folder, stem_of_rows, to_line

LOG = logging.getLogger(__name__)

REJECTS = "rejects.jsonl"


def rejects_file(path: str | None, output: str, folder: Path) -> Path:
    """Where the rejects of a job go whose rows go to one file: beside them.

    Beside a file that the user named there may be other jobs', so that they go by its name.

    Args:
        path: What the user gave.
        output: The file of rows that `writing.output_file` made of it.
        folder: The run's folder, for rows that go to stdout.
    """
    if output == STDOUT:
        return folder / REJECTS
    rows = Path(output)
    is_named = path is not None and not names_folder(path)
    return rows.with_name(f"rejects-{stem_of_rows(rows.name)}.jsonl" if is_named else REJECTS)


class RejectLog:
    """Counts rejects and lists them in a file, which is there only when there are any.

    Attributes:
        path: The file, one record a line: file, row, reason.
        count: Rejects so far.
        size: Bytes of the file so far.
        first: The first reject that this run added.
    """

    def __init__(self, path: Path, count: int = 0, size: int = 0) -> None:
        """Start the file at ``path``, or go on in that of an earlier run.

        Args:
            path: The file.
            count: Rejects of the earlier run to keep; what it reported behind them is read again.
            size: Bytes of the file that hold them.
        """
        self.path = path
        self.count, self.size = count, size
        self.first: Reject | None = None
        if size:
            os.truncate(path, size)
        else:
            self.path.unlink(missing_ok=True)

    def add(self, reject: Reject) -> None:
        """Append ``reject``; it is on disk when this returns, so that a run that is killed has lost none."""
        self.count += 1
        self.first = self.first or reject
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            self.size += file.write(f"{to_line(reject.to_record())}\n".encode())

    def close(self) -> None:
        """Say where the rejects are, if there are any."""
        if self.count:
            LOG.warning("%d records could not be read: see %s", self.count, self.path)

    def first_read(self, articles: Iterator[Article], input: str) -> Iterator[Article]:
        """The same articles, the first of which has been read: bad input is an error before a model is loaded.

        Raises:
            InputError: Where not one article of ``input`` can be read.
        """
        first = list(islice(articles, 1))
        if not first:
            raise InputError(self.explain_nothing_read(input))
        return chain(first, articles)

    def explain_nothing_read(self, input: str) -> str:
        """Why not one article of ``input`` was read, in one line."""
        if self.first is None:
            return f"{input}: holds no article"
        place = self.first.file if self.first.row is None else f"{self.first.file}, row {self.first.row}"
        more = f" (and {self.count - 1} more records that cannot be read: {self.path})" if self.count > 1 else ""
        return f"{place}: {self.first.reason}{more}"
