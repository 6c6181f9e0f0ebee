"""Rows of tabular files: JSONL, JSON, CSV, TSV (also gzipped) and Parquet, each row with its number."""

from __future__ import annotations

import csv
import glob
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from newsstance.errors import InputError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
MAX_RECORD_BYTES = 16 * 1024 * 1024
"""A record longer than this is no labelled sentence; it is refused before it fills the memory."""

Fault = Callable[[InputError], None]
"""Called with what is wrong with a row; raises to stop there, returns to skip the row and go on."""


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        file: The file.
        number: Number of the row, from 1; a line number in JSONL, CSV rows count without their header.
        values: Column → value.
    """

    file: Path
    number: int
    values: dict[str, Any]


def find_files(pattern: str) -> list[Path]:
    """The table files that a path, folder or glob means, sorted; empty where there are none.

    A folder is searched through; what is named ``.something`` or ``_something`` in it is left out.
    """
    path = Path(pattern).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file() and _suffix(file) in SUFFIXES)
        return sorted(file for file in found if not _is_hidden(file.relative_to(path)))
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob knows no absolute patterns)
    return sorted(Path(match) for match in matches if Path(match).is_file())


def read_rows(path: Path, fault: Fault) -> Iterator[Row]:
    """Stream the rows of one file.

    Args:
        path: JSONL, JSON, CSV or TSV (each also ``.gz``) or Parquet, told by its suffix.
        fault: Takes the error of each row that cannot be read; the row is left out where it returns.

    Raises:
        InputError: On a suffix that is not known, or where ``fault`` raises it.
    """
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet, ".json": _read_json}
    suffix = _suffix(path)
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise InputError.at(path, f"no labelled sentences can be read from a file of this kind: {known} (.gz) can be")
    try:
        yield from readers.get(suffix, _read_jsonl)(path, fault)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        fault(InputError.at(path, f"the compressed file is broken: {error}", remedy="fetch or write it again"))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def _read_jsonl(path: Path, fault: Fault) -> Iterator[Row]:
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_RECORD_BYTES + 1):
            number += 1
            if len(line) > MAX_RECORD_BYTES:
                fault(InputError.at(path, f"the line is longer than {MAX_RECORD_BYTES:,} bytes", row=number))
                _skip_line(file)
            elif line.strip():
                yield from _parse_line(path, number, line, fault)


def _skip_line(file: IO[bytes]) -> None:
    while (piece := file.readline(MAX_RECORD_BYTES)) and not piece.endswith(b"\n"):
        continue


def _parse_line(path: Path, number: int, line: bytes, fault: Fault) -> Iterator[Row]:
    try:
        values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        fault(InputError.at(path, f"is not UTF-8 text (byte {error.start} of the row)", row=number))
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits, too
        fault(InputError.at(path, f"is not JSON: {error}", row=number, remedy="one JSON object a line"))
    else:
        yield from _as_row(path, number, values, fault)


def _as_row(path: Path, number: int, values: Any, fault: Fault) -> Iterator[Row]:
    if isinstance(values, dict):
        yield Row(path, number, values)
    else:
        fault(InputError.at(path, f"is a JSON {type(values).__name__}, an object was expected", row=number))


def _read_json(path: Path, fault: Fault) -> Iterator[Row]:
    with _open(path) as file:
        is_array = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    if not is_array:
        yield from _read_jsonl(path, fault)
        return
    with _open(path) as file:
        try:
            records = json.loads(file.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            fault(InputError.at(path, f"is not JSON: {error}"))
            return
    for number, values in enumerate(records, 1):
        yield from _as_row(path, number, values, fault)


class _LineTooLongError(Exception):
    """A line that would fill the memory."""


def _bounded(file: IO[str]) -> Iterator[str]:
    while line := file.readline(MAX_RECORD_BYTES + 1):
        if len(line) > MAX_RECORD_BYTES:
            raise _LineTooLongError(f"the line is longer than {MAX_RECORD_BYTES:,} characters")
        yield line


def _read_csv(path: Path, fault: Fault) -> Iterator[Row]:
    delimiter = "\t" if _suffix(path) == ".tsv" else ","
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    csv.field_size_limit(MAX_RECORD_BYTES)
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(_bounded(file), delimiter=delimiter, strict=True)
        number = 0
        while True:
            number += 1
            try:
                header = rows.fieldnames or []
                twice = next((name for name in header if name and list(header).count(name) > 1), None)
                if twice is not None:
                    fault(InputError.at(path, f"has two columns called {twice!r}"))
                    return
                values = next(rows, None)
            except UnicodeDecodeError as error:
                fault(InputError.at(path, f"is not UTF-8 text: {error.reason}", row=number))
                return  # the decoder has lost its place
            except _LineTooLongError as error:
                fault(InputError.at(path, f"{error}; nothing behind it was read", row=number))
                return
            except csv.Error as error:
                fault(InputError.at(path, f"is not CSV: {error}", row=number))
                continue
            if values is None:
                return
            if None in values or None in values.values():
                have = f"{len(values) - (None in values)} columns in the header"
                fault(InputError.at(path, f"has more or fewer cells than the {have}", row=number))
                continue
            yield Row(path, number, dict(values))


def _read_parquet(path: Path, fault: Fault) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(path, number, values)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        fault(InputError.at(path, f"is not a Parquet file: {str(error).splitlines()[0]}"))
