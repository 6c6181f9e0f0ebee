"""Tell the format of a file from its name, then from its first bytes."""

from __future__ import annotations

import json
import re

from newsstance.articles.decoding import encoding_by_mark
from newsstance.articles.formats import RowSettings
from newsstance.articles.inflating import Content
from newsstance.articles.inputs import InputFile

_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|article|main|div|p|h1|meta|title)\b",
    re.I | re.S,
)


def find_format(file: InputFile, content: Content, settings: RowSettings) -> str:
    """The format of ``file``: text, html, jsonl, csv, parquet or warc; text where nothing tells.

    ``content`` is only peeked at.
    """
    if file.format_by_name:
        return file.format_by_name
    return "warc" if content.starts_with(b"WARC/") else _format_by_content(content.peek(), settings)


def _format_by_content(start: bytes, settings: RowSettings) -> str:
    if start.startswith(b"PAR1"):
        return "parquet"
    text = start.decode(encoding_by_mark(start) or "utf-8", "replace").removeprefix("\ufeff")
    if _HTML.match(text):
        return "html"
    first = text.lstrip().partition("\n")[0]
    if first.startswith("{") and (_is_object(first) or "\n" not in text):
        return "jsonl"
    if any(set(settings.content_columns) & _names(first, delimiter) for delimiter in ",\t;|") and len(first) < 1000:
        return "csv"
    return "text"


def _names(header: str, delimiter: str) -> set[str]:
    names = {name.strip().strip('"') for name in header.split(delimiter)}
    return names if len(names) > 1 or '"' in header else set()


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
