"""The file of records that could not be read, written as they turn up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from newsstance.articles.article import Article, Reject
from newsstance.errors import InputError
from newsstance.writing import to_line

LOG = logging.getLogger(__name__)


class RejectLog:
    """Counts rejects and lists them in a file, which is there only when there are any.

    Attributes:
        path: The file, one record a line: file, row, reason.
        count: Rejects so far.
        first: The first of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first: Reject | None = None
        self.path.unlink(missing_ok=True)

    def add(self, reject: Reject) -> None:
        """Append ``reject``; it is on disk when this returns, so that a run that is killed has lost none."""
        self.count += 1
        self.first = self.first or reject
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(to_line(reject.to_record()) + "\n")

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
            raise InputError(self._explain_nothing_read(input))
        return chain(first, articles)

    def _explain_nothing_read(self, input: str) -> str:
        if self.first is None:
            return f"{input}: holds no article"
        place = self.first.file if self.first.row is None else f"{self.first.file}, row {self.first.row}"
        more = f" (and {self.count - 1} more records that cannot be read: {self.path})" if self.count > 1 else ""
        return f"{place}: {self.first.reason}{more}"
