"""Read the articles of files in any supported format, one after the other."""

from __future__ import annotations

import codecs
import importlib
import logging
from collections.abc import Callable, Iterator

from newsstance.articles.article import Article, Reject, UnreadableError
from newsstance.articles.formats import Format, RowSettings
from newsstance.articles.formats.sniffing import find_format
from newsstance.articles.inflating import Content, open_content
from newsstance.articles.inputs import InputFile, find_inputs
from newsstance.articles.records import FIELDS, RecordSettings, to_article
from newsstance.configuration.schema import InputFormat, ReaderConfig
from newsstance.errors import InputError

LOG = logging.getLogger(__name__)


def read_articles(input: str, config: ReaderConfig, reject: Callable[[Reject], None]) -> Iterator[Article]:
    """Read the articles that ``input`` names, in order; memory holds one record at a time.

    Args:
        input: A file, a folder, a glob or ``-`` for stdin.
        config: How to read them.
        reject: Called with each file or row that cannot be read; reading goes on behind it.

    Returns:
        The articles, as they are read. No content whatever makes it raise.

    Raises:
        InputError: At once, where ``input`` names no file or ``config`` cannot be.
    """
    files = find_inputs(input)
    _check(config)
    return _read_files(files, config, reject)


def _check(config: ReaderConfig) -> None:
    unknown = sorted(set(config.columns) - set(FIELDS))
    if unknown:
        raise InputError(f"reader.columns: no field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
    if config.max_record_mb <= 0:
        raise InputError(f"reader.max_record_mb must be above 0, not {config.max_record_mb:g}")
    if config.encoding is not None:
        try:
            codecs.lookup(config.encoding)
        except LookupError as error:
            raise InputError(
                f"reader.encoding: no text encoding {config.encoding!r} (such as utf-8, cp1252)"
            ) from error


def _read_files(files: list[InputFile], config: ReaderConfig, reject: Callable[[Reject], None]) -> Iterator[Article]:
    for file in files:
        row: int | None = None
        try:
            with open_content(file) as content:
                for row, article in _read_file(file, content, config):
                    if isinstance(article, UnreadableError):
                        reject(Reject(file.name, row, _one_line(article)))
                    else:
                        yield article
        except UnreadableError as error:
            reject(Reject(file.name, None, _one_line(error)))
        except OSError as error:
            reject(Reject(file.name, None, f"cannot be read: {error.strerror or error}"))
        except (RecursionError, MemoryError, UnicodeError) as error:
            LOG.debug("reading %s failed", file.name, exc_info=True)
            reject(Reject(file.name, None, f"cannot be read behind row {row or 0}: {type(error).__name__}"))


def _read_file(
    file: InputFile, content: Content, config: ReaderConfig
) -> Iterator[tuple[int | None, Article | UnreadableError]]:
    columns = dict(config.columns)
    limit = int(config.max_record_mb * 1e6)
    names = tuple(columns.get(field, field) for field in ("text", "html", "sentence"))
    rows = RowSettings(limit=limit, encoding=config.encoding, content_columns=names)
    if not content.peek():
        raise UnreadableError("empty file")
    name = find_format(file, content, rows) if config.format is InputFormat.auto else config.format.value
    is_table = name not in {"text", "html"}
    records = RecordSettings(columns if is_table else {}, limit, score_title=config.score_title)
    is_empty = True
    for number, row in _format(name)(content, rows):
        is_empty = False
        if isinstance(row, UnreadableError):
            yield number, row
            continue
        try:
            article = to_article(row, number, file, records)
        except UnreadableError as error:
            yield number, error
        else:
            yield number, article
    if is_empty:
        raise UnreadableError("no rows in the file")


def _format(name: str) -> Format:
    module = importlib.import_module(f"newsstance.articles.formats.{name}")
    reader: Format = getattr(module, f"read_{name}")
    return reader


def _one_line(error: UnreadableError) -> str:
    return " ".join(str(error).split())
