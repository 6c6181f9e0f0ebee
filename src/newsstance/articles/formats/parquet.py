"""Parquet, read in small batches."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from newsstance.articles.article import UnreadableError
from newsstance.articles.decoding import decode
from newsstance.articles.formats import NumberedRow, Row, RowSettings
from newsstance.articles.inflating import Content, too_large

_SLACK = 1 << 20
"""What a column takes besides its values."""


def read_parquet(content: Content, settings: RowSettings) -> Iterator[NumberedRow]:
    """Yield the rows of a Parquet file, numbered from 1.

    Parquet is read from its end, so that one on stdin or inside a gzip file is taken into memory, up to the size of one
    record. A value is unpacked before its size is known, 2 GB at most. Where the rows of a group are too large on
    average, which the file's index tells, the file ends there.

    Raises:
        UnreadableError: Where the file is damaged, has no column that holds articles or two of the same name.
    """
    import pyarrow as pa
    from pyarrow import parquet

    seekable = content.stream.seekable() and not content.is_compressed
    source = content.stream if seekable else io.BytesIO(content.read_all(settings.limit))
    try:
        table = parquet.ParquetFile(source, pre_buffer=False, buffer_size=1 << 16)
        _check_names(table.schema_arrow.names)
        settings.check_columns(list(table.schema_arrow.names))
        number = 0
        for group in range(table.num_row_groups):
            if _has_large_rows(table.metadata.row_group(group), settings.limit):
                yield number + 1, UnreadableError(f"{too_large(settings.limit)}; the rest of the file was not read")
                return
            # One row a batch costs some 20 µs a row; of a dictionary, more would repeat the same large value.
            for batch in table.iter_batches(batch_size=1, row_groups=[group], use_threads=False):
                for i in range(batch.num_rows):
                    number += 1
                    yield number, _to_row(batch, i)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UnreadableError(f"damaged Parquet: {' '.join(str(error).split())[:200]}") from error


def _check_names(columns: list[str]) -> None:
    several = [name for name, times in Counter(columns).items() if times > 1]
    if several:
        raise UnreadableError(f"columns of the same name: {', '.join(several)[:200]} (rename all but one)")


def _has_large_rows(group: Any, limit: int) -> bool:
    """Whether a column of the row group ``group`` has more than ``limit`` bytes a row."""
    sizes = (group.column(n).total_uncompressed_size for n in range(group.num_columns))
    return any(size - _SLACK > limit * group.num_rows for size in sizes)


def _to_row(batch: Any, i: int) -> Row | UnreadableError:
    """Row ``i`` of ``batch``, or the value in it that Python cannot hold, such as a date of the year 20,000."""
    row: dict[str, Any] = {}
    for name in batch.schema.names:
        try:
            row[name] = _to_json(batch.column(name)[i].as_py())
        except (ValueError, ArithmeticError, LookupError) as error:  # LookupError: an unknown time zone
            return UnreadableError(f"{name} cannot be read: {' '.join(str(error).split())[:200]}")
    return row


def _to_json(value: Any) -> Any:
    """``value`` as JSON has it: bytes are decoded, dates in ISO 8601, what else JSON lacks is written out."""
    match value:
        case None | bool() | int() | float() | str():
            result: Any = value
        case bytes():
            result = _bytes_to_text(value)
        case datetime() | date() | time():
            result = value.isoformat()
        case dict():
            result = {str(key): _to_json(item) for key, item in value.items()}
        case list() | tuple():
            result = [_to_json(item) for item in value]
        case _:  # decimals, durations, UUIDs
            result = str(value)
    return result


def _bytes_to_text(value: bytes) -> str:
    try:
        return decode(value)[0]
    except UnreadableError:
        return base64.b64encode(value).decode()
