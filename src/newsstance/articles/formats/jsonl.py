"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.decoding import UTF8, check_characters
from newsstance.articles.formats import NumberedRow, Row, RowSettings
from newsstance.articles.formats.lines import bounded_lines, open_lines
from newsstance.articles.inflating import Content

_DEEPEST = 100
"""Levels of a row: what is read must be written again, where fewer may be left on Python's stack."""


def read_jsonl(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the objects of a JSON Lines file with their line numbers; blank lines are passed over.

    Raises:
        UnreadableError: Where the file is binary, or one JSON document spread over lines.
    """
    lines, encoding = open_lines(content, settings.encoding, newline="\n")
    is_first = True
    for number, line in enumerate(bounded_lines(lines, content, settings.limit), start=1):
        if isinstance(line, str) and not line.strip():
            continue
        if is_first and isinstance(line, str) and (line.strip() == "{" or line.lstrip().startswith("[")):
            raise UnreadableError("one JSON document, not JSON Lines (write one object a line)")
        is_first = False
        yield number, line if isinstance(line, UnreadableError) else _parse(line, encoding)


def _parse(line: str, encoding: str) -> Row | UnreadableError:
    try:
        check_characters(line)
    except UnreadableError as error:
        return error if "null" in str(error) else UnreadableError(f"not {encoding} text (set reader.encoding)")
    try:
        row: Any = json.loads(line)
        if line.count("{") + line.count("[") > _DEEPEST and _depth(row) > _DEEPEST:
            raise RecursionError
        if "\\ud" in line.lower():  # an escape may stand for half a character, which no output file can hold
            check_characters(json.dumps(row, ensure_ascii=False))
    except UnreadableError as error:
        return error
    except RecursionError:
        return UnreadableError("broken JSON: nested too deeply")
    except ValueError as error:
        return UnreadableError(f"broken JSON: {error}")
    if not isinstance(row, dict):
        return UnreadableError(f"a JSON object was expected, found {type(row).__name__}")
    return row if encoding == UTF8 else {"encoding": encoding, **row}


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth
