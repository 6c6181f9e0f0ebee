"""The rules by which a public corpus' files yield the texts that stand-off annotations point into."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from newsstance.corpus.standoff import Source, TextOf, UnmatchedError
from newsstance.errors import InputError

FindFile = Callable[[str], Path | None]
"""Path inside the repository → the file on this machine, None where it is not there."""

_MAX_CELL = 64 * 1024 * 1024


def open_texts(source: Source, find_file: FindFile) -> TextOf:
    """A function from document id to text, by the rule that ``source`` names.

    The rules: ``csv_column`` (column ``column`` of the row whose column ``key`` is the id), ``csv_rows`` (the row of
    that number, from 0, without header: label, title, description with blanks for backslashes), ``text_file`` (one file
    a document) and ``basil_json`` (one file a document: title and paragraphs of sentences).

    Raises:
        InputError: On a rule that does not exist.
    """
    rules: dict[str, Callable[[Source, FindFile], TextOf]] = {
        "csv_column": _csv_column,
        "csv_rows": _csv_rows,
        "text_file": lambda source, find: _file_per_document(source, find, _plain_text),
        "basil_json": lambda source, find: _file_per_document(source, find, _basil_text),
    }
    rule = source.text["rule"]
    if rule not in rules:
        raise InputError(f"sources.yaml: {source.name}.text.rule: unknown rule {rule!r}; there are {', '.join(rules)}")
    return rules[rule](source, find_file)


def _csv_column(source: Source, find_file: FindFile) -> TextOf:
    key, column = source.text["key"], source.text["column"]

    def texts() -> dict[str, str]:
        with _open_csv(source, find_file) as file:
            rows = csv.DictReader(file)
            if not {key, column} <= set(rows.fieldnames or []):
                raise UnmatchedError(f"{source.text['file']} has no columns {key!r} and {column!r}")
            return {row[key]: row[column] or "" for row in rows}

    return _lookup(source, texts)


def _csv_rows(source: Source, find_file: FindFile) -> TextOf:
    def texts() -> dict[str, str]:
        with _open_csv(source, find_file) as file:
            rows = enumerate(csv.reader(file))
            return {str(number): row[1] + "\n" + row[2].replace("\\", " ") for number, row in rows if len(row) > 2}

    return _lookup(source, texts)


def _lookup(source: Source, texts: Callable[[], Mapping[str, str]]) -> TextOf:
    """Reads all texts at the first question; what goes wrong there is the answer to every question."""

    @lru_cache(maxsize=1)
    def read() -> Mapping[str, str] | UnmatchedError:
        try:
            return texts()
        except UnmatchedError as reason:
            return reason
        except (csv.Error, UnicodeDecodeError) as error:
            return UnmatchedError(f"{source.text['file']} is not CSV: {error}")

    def text_of(doc: str) -> str:
        found = read()
        if isinstance(found, UnmatchedError):
            raise found
        if doc not in found:
            raise UnmatchedError(f"{source.text['file']} has no document {doc}")
        return found[doc]

    return text_of


def _open_csv(source: Source, find_file: FindFile) -> Any:
    csv.field_size_limit(_MAX_CELL)
    return _existing(source.text["file"], find_file).open(encoding="utf-8", newline="")


def _file_per_document(source: Source, find_file: FindFile, read: Callable[[Path], str]) -> TextOf:
    @lru_cache(maxsize=64)
    def text_of(doc: str) -> str:
        path = source.text["file"].replace("{doc}", doc)
        if ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
            raise UnmatchedError(f"{doc} leads out of the repository")
        return read(_existing(path, find_file))

    return text_of


def _existing(path: str, find_file: FindFile) -> Path:
    found = find_file(path)
    if found is None:
        raise UnmatchedError(f"{path} is missing")
    return found


def _plain_text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _basil_text(path: Path) -> str:
    try:
        article = json.loads(path.read_text(encoding="utf-8"))
        paragraphs = [" ".join(paragraph) for paragraph in article["body-paragraphs"]]
        return "\n".join([article["title"], *paragraphs])
    except (ValueError, KeyError, TypeError) as error:
        raise UnmatchedError(f"{path.name} is not an article of BASIL: {error!r}") from error
