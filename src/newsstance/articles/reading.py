"""Read the articles of files in any supported format, one after the other."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from newsstance.articles.article import START, Article, Position, Reject, UnreadableError
from newsstance.articles.decoding import text_encoding
from newsstance.articles.formats import Format, RowSettings
from newsstance.articles.formats.sniffing import find_format
from newsstance.articles.inflating import open_content
from newsstance.articles.inputs import InputFile, find_inputs
from newsstance.articles.records import FIELDS, Record, RecordSettings
from newsstance.articles.workers import convert_all
from newsstance.configuration.groups import InputFormat, ReaderConfig
from newsstance.errors import InputError

LOG = logging.getLogger(__name__)
TABLES = frozenset({"jsonl", "csv", "parquet"})
"""Formats whose rows have columns that the user names."""


def read_articles(
    input: str, config: ReaderConfig, reject: Callable[[Reject], None], *, start: Position = START
) -> Iterator[Article]:
    """Read the articles that ``input`` names, in order; memory holds one record, or a window of those in work.

    Args:
        input: A file, a folder, a glob, a URL or ``-`` for stdin.
        config: How to read them.
        reject: Called with each file or row that cannot be read; reading goes on behind it. When an article has come,
            all rejects before it have been reported and none behind it.
        start: Pass over what stands before this position, without opening its files or looking for its articles.
            ``article.position.following`` goes on behind an article.

    Returns:
        The articles, as they are read. No content whatever makes it raise.

    Raises:
        InputError: At once, where ``input`` names no file or ``config`` cannot be.
    """
    _check(config)
    return _read_files(find_inputs(input), config, reject, start)


def read_files(
    files: list[InputFile], config: ReaderConfig, reject: Callable[[Reject], None], *, start: Position = START
) -> Iterator[Article]:
    """The same for ``files`` that `find_inputs` has found; positions count in this list.

    Raises:
        InputError: At once, where ``config`` cannot be.
    """
    _check(config)
    return _read_files(files, config, reject, start)


_MOST = 1_000_000
"""Megabytes of a record, or seconds for one."""


def _check(config: ReaderConfig) -> None:
    unknown = sorted(set(config.columns) - set(FIELDS))
    if unknown:
        raise InputError(f"reader.columns: no field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
    for name in ("max_record_mb", "timeout"):
        value = getattr(config, name)
        if not 0 < value <= _MOST:  # also where it is no number
            raise InputError(f"reader.{name} must be above 0 and at most {_MOST:,}, not {value:g}")
    if config.workers is not None and config.workers < 0:
        raise InputError(f"reader.workers must be 0 or more, or null, not {config.workers}")
    if config.workers_after < 0:
        raise InputError(f"reader.workers_after must be 0 or more, not {config.workers_after}")
    if config.encoding is not None and text_encoding(config.encoding) is None:
        raise InputError(f"reader.encoding: no text encoding {config.encoding!r} (such as utf-8, cp1252)")


def _read_files(
    files: list[InputFile], config: ReaderConfig, reject: Callable[[Reject], None], start: Position
) -> Iterator[Article]:
    records = _records(files, config, start)
    with closing(convert_all(records, config.workers, config.timeout, config.workers_after)) as results:
        for result in results:
            if isinstance(result, Reject):
                reject(result)
            else:
                yield result


def _records(files: list[InputFile], config: ReaderConfig, start: Position) -> Iterator[Record]:
    """The records of ``files`` from ``start`` on, those that cannot be read among them."""
    for index, file in enumerate(files[start.file :], start=start.file):
        skip = start.record if index == start.file else 0
        yield from (record for record in _records_of_file(file, index, config, skip) if record.position.record >= skip)


def _records_of_file(file: InputFile, index: int, config: ReaderConfig, skip: int) -> Iterator[Record]:
    settings = RecordSettings({}, int(config.max_record_mb * 1e6), score_title=config.score_title)
    position, number = Position(index), None
    try:
        with open_content(file) as content:
            names = tuple(config.columns.get(field, field) for field in ("text", "html", "sentence"))
            rows = RowSettings(settings.limit, config.encoding, names, skip, file.name)
            name = find_format(file, content, rows) if config.format is InputFormat.auto else config.format.value
            if not (content.packed.peek(1) if name == "warc" else content.peek()):
                raise UnreadableError("empty file")
            if name in TABLES:
                settings = replace(settings, columns=dict(config.columns))
            for number, row in _format(name)(content, rows):
                yield Record(file, position, number, row, settings)
                position = position.following
            if position.record:
                return
            fault = UnreadableError("no rows in the file")
    except UnreadableError as error:
        fault = error
    except OSError as error:
        fault = UnreadableError(f"cannot be read: {error.strerror or error}")
    except (RecursionError, MemoryError, UnicodeError) as error:
        LOG.debug("reading %s failed", file.name, exc_info=True)
        fault = UnreadableError(f"cannot be read behind row {number or 0}: {type(error).__name__}")
    yield Record(file, position, None, fault, settings)


def _format(name: str) -> Format:
    module = importlib.import_module(f"newsstance.articles.formats.{name}")
    reader: Format = getattr(module, f"read_{name}")
    return reader
