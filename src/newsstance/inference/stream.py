"""From files to portions of sentences that are scored together, read in a thread ahead of the model.

Where a portion and a shard end depends on the input alone, never on where an earlier run was killed: a model's scores
differ in the last digits with what they are batched with, and a resumed job must end with the bytes of an undisturbed
one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from newsstance.articles.article import Article, Position
from newsstance.articles.inputs import InputFile
from newsstance.articles.portions import Gathering
from newsstance.articles.reading import read_files
from newsstance.articles.rejects import RejectLog
from newsstance.configuration.groups import ReaderConfig
from newsstance.stances import Sentence

PORTIONS_AHEAD = 2
UNKNOWN_SIZE = 1_000_000


@dataclass(frozen=True)
class Cursor:
    """A point between two records of the input.

    Attributes:
        position: The record behind it; counted in all files of the input.
        rejects: Rejects before it.
        rejects_size: Bytes of the reject log that hold them.
    """

    position: Position = field(default_factory=Position)
    rejects: int = 0
    rejects_size: int = 0


@dataclass(frozen=True)
class Portion:
    """Whole articles that are scored together.

    Attributes:
        articles: The articles with their sentences.
        behind: Where the next portion starts.
        ends_shard: Whether a shard ends with it.
    """

    articles: list[tuple[Article, list[Sentence]]]
    behind: Cursor
    ends_shard: bool


class Portions:
    """The portions of an input, read ahead in a thread.

    Attributes:
        found: Whether an article has been read; settled once `wait_for_article` has returned.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        parts: Sequence[range],
        reader: ReaderConfig,
        rejects: RejectLog,
        *,
        start: Position,
        shard_sentences: int | None,
    ) -> None:
        self._files, self._parts, self._reader = files, parts, reader
        self._rejects, self._start, self._shard_sentences = rejects, start, shard_sentences
        self.found = False
        self._settled = threading.Event()
        self._ahead = Ahead(self._read(), PORTIONS_AHEAD, at_end=self._settled.set)

    def wait_for_article(self) -> bool:
        """Return when the first article has been read, or there is none: then False."""
        self._settled.wait()
        return self.found

    def __iter__(self) -> Iterator[Portion]:
        return iter(self._ahead)

    def close(self) -> None:
        """Stop reading."""
        self._ahead.close()

    def _read(self) -> Iterator[Portion]:
        for part in self._parts:
            if part.stop > self._start.file:
                yield from self._read_part(part)
        if not self.found:  # who waits for an article does not take portions, so that there must be but one
            yield Portion([], self._cursor(Position(len(self._files))), ends_shard=True)

    def _read_part(self, part: range) -> Iterator[Portion]:
        file, record = self._start
        start = Position(file - part.start, record) if file >= part.start else Position()
        gathering = Gathering()
        in_shard = 0
        files = list(self._files[part.start : part.stop])
        articles: Any = read_files(files, self._reader, self._rejects.add, start=start)
        with closing(articles):
            for article in articles:
                self.found = True
                self._settled.set()
                file, record = article.position
                article = replace(article, position=Position(part.start + file, record))  # noqa: PLW2901
                in_shard += len(gathering.add(article))
                ends_shard = self._shard_sentences is not None and in_shard >= self._shard_sentences
                if ends_shard or gathering.is_full:
                    yield Portion(gathering.take(), self._cursor(article.position.following), ends_shard)
                    in_shard = 0 if ends_shard else in_shard
        if self.found:
            yield Portion(gathering.take(), self._cursor(Position(part.stop)), ends_shard=True)

    def _cursor(self, position: Position) -> Cursor:
        return Cursor(position, self._rejects.count, self._rejects.size)


class Ahead:
    """Iterates over ``items`` in a thread of its own, up to ``depth`` ahead; errors come out where they belong."""

    def __init__(self, items: Iterator[Any], depth: int, at_end: Callable[[], None]) -> None:
        self._items, self._at_end = items, at_end
        self._queue: queue.Queue[tuple[Any, BaseException | None, bool]] = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        while True:
            item, error, is_end = self._queue.get()
            if error is not None:
                raise error
            if is_end:
                return
            yield item

    def close(self) -> None:
        """Stop the thread; what it has read ahead is dropped."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        try:
            for item in self._items:
                if not self._put((item, None, False)):
                    return
            self._put((None, None, True))
        except BaseException as error:
            self._put((None, error, True))
        finally:
            self._items.close()  # type: ignore[attr-defined]
            self._at_end()

    def _put(self, entry: tuple[Any, BaseException | None, bool]) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(entry, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


def plan_parts(files: Sequence[InputFile], sizes: Sequence[int | None], part_bytes: float) -> list[range]:
    """Cut the input into parts: ranges of neighbouring files of at least ``part_bytes`` together, or one larger file.

    Of unknown size (None), a WARC file counts as a whole part and any other file as `UNKNOWN_SIZE`.
    """
    parts: list[range] = []
    start, size = 0, 0.0
    for n, (file, known) in enumerate(zip(files, sizes, strict=True)):
        assumed = part_bytes if file.format_by_name == "warc" else UNKNOWN_SIZE
        size += assumed if known is None else known
        if size >= part_bytes:
            parts.append(range(start, n + 1))
            start, size = n + 1, 0.0
    if start < len(files):
        parts.append(range(start, len(files)))
    return parts
