"""Parquet, read in small batches."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.decoding import decode
from newsstance.articles.formats import NumberedRow, RowSettings
from newsstance.articles.inflating import Content

_BATCH_ROWS = 16


def read_parquet(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the rows of a Parquet file, numbered from 1.

    Parquet is read from its end, so that one on stdin or inside a gzip file is taken into memory, up to the size of one
    record.

    Raises:
        UnreadableError: Where the file is damaged or has no column that holds articles.
    """
    import pyarrow as pa
    from pyarrow import parquet

    seekable = content.stream.seekable() and not content.is_compressed
    source = content.stream if seekable else io.BytesIO(content.read_all(settings.limit))
    try:
        table = parquet.ParquetFile(source, pre_buffer=False, buffer_size=1 << 16)
        settings.check_columns(list(table.schema_arrow.names))
        number = 0
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
            for i in range(batch.num_rows):
                number += 1
                yield number, {name: _to_json(batch.column(name)[i].as_py()) for name in batch.schema.names}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"damaged Parquet: {' '.join(str(error).split())[:200]}") from error


def _to_json(value: Any) -> Any:
    """``value`` with dates, decimals and bytes as strings, so that it can be carried through to JSON."""
    match value:
        case bytes():
            result: Any = _bytes_to_text(value)
        case datetime() | date() | time():
            result = value.isoformat()
        case Decimal():
            result = str(value)
        case dict():
            result = {str(key): _to_json(item) for key, item in value.items()}
        case list():
            result = [_to_json(item) for item in value]
        case _:
            result = value
    return result


def _bytes_to_text(value: bytes) -> str:
    try:
        return decode(value)[0]
    except UnreadableError:
        return base64.b64encode(value).decode()
