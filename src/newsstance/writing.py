"""Write rows to JSONL or Parquet, in one step: a file is there whole or not at all."""

from __future__ import annotations

import glob
import gzip
import io
import json
import math
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from newsstance.errors import InputError

if TYPE_CHECKING:
    import pyarrow

STDOUT = "-"
_FILE_SUFFIXES = {".jsonl", ".parquet", ".gz"}
_GZIP_LEVEL = 6
"""Level 9 takes 1.7 times as long for 0.7% less, on the shipped corpus."""
_HOST = re.sub(r"[^\w-]", "_", platform.node())


def output_file(path: str | None, stem: str, parquet: bool, folder: Path) -> str:
    """The file that rows go to.

    Args:
        path: What the user gave: a file by its ending (.jsonl, .gz, .parquet), a folder, ``-`` for stdout, or None.
        stem: Name of the file where the user named none.
        parquet: Whether that file is Parquet.
        folder: The run's folder, for None.

    Raises:
        InputError: Where Parquet is asked for on stdout or in gzip, or the path is empty or a URL.
    """
    if path == STDOUT:
        if parquet:
            raise InputError("output.format=parquet: stdout takes JSONL only (give output=FILE.parquet)")
        return STDOUT
    name = f"{stem}.parquet" if parquet else f"{stem}.jsonl"
    if path is None:
        return str(folder / name)
    given = on_disk(path)
    if parquet and given.suffix == ".gz":
        raise InputError(f"output={path}: output.format=parquet packs by itself (give a name that ends in .parquet)")
    return str(given / name if names_folder(path) else given)


def names_folder(path: str | None) -> bool:
    """Whether the user's ``path`` is a folder: one that exists, or a name without the ending of a file of rows.

    Raises:
        InputError: Where the path is a URL.
    """
    if path is None or path == STDOUT:
        return False
    given = on_disk(path)
    return given.is_dir() or given.suffix not in _FILE_SUFFIXES


def on_disk(path: str) -> Path:
    """Where the user's ``output=path`` lies.

    Raises:
        InputError: Where it is empty or a URL.
    """
    if not path:
        raise InputError("output= is empty: give a file or folder")
    if "://" in path:
        raise InputError(f"output={path}: URLs cannot be written to (give a file or folder, and copy it there)")
    return Path(at_home(path))


def at_home(path: str) -> str:
    """``path`` with a leading ``~`` spelled out, unless that is how a file's own name starts."""
    if not path.startswith("~") or os.path.lexists(path):
        return path
    return os.path.expanduser(path)  # noqa: PTH111  pathlib raises where there is no such user


def stem_of_rows(name: str) -> str:
    """What goes by the name of a file of rows is called: ``x`` for ``x.jsonl``; the whole name where it ends otherwise.

    So ``x.jsonl`` and ``x.parquet`` can lie beside each other.
    """
    return name.removesuffix(".jsonl") or name


def write_text(path: Path, text: str, *, survives_power_cut: bool = False) -> None:
    """Write ``text`` in one step, so that whoever reads the file meanwhile sees the old or the new one whole.

    Half characters, which names of files may hold, are written as JSON spells them.

    Args:
        path: The file.
        text: What it is to hold.
        survives_power_cut: Whether that holds for who reads it after a power cut, too; costs milliseconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        if survives_power_cut:
            put_on_disk(partial)
        partial.replace(path)
        if survives_power_cut:
            put_on_disk(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def partial_name(target: Path) -> Path:
    """Where a file lies until it is whole: two processes that write the same file do not meet there."""
    return target.with_name(f".{target.name}.{_HOST}-{os.getpid()}.part")


def _remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine that were killed have left of ``target``."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.{_HOST}-*.part"):
        import psutil

        pid = path.name.removesuffix(".part").rpartition("-")[2]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            with suppress(OSError):  # another user's
                path.unlink()


def put_on_disk(path: Path) -> None:
    """Return when what ``path`` holds would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RowWriter(Protocol):
    """Takes rows in portions; a context manager that commits on a clean exit and discards on an error."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append ``rows``."""

    def commit(self) -> None:
        """Finish the file and give it its name."""

    def discard(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_writer(path: str | Path, schema: pyarrow.Schema | None = None) -> RowWriter:
    """A writer for ``path``: ``-`` is stdout (JSONL), ``.parquet`` Parquet, ``.gz`` gzipped JSONL, the rest JSONL.

    Args:
        path: Where the rows go; its folder is made.
        schema: Column types for Parquet; guessed from the first portion where it is None.
    """
    if str(path) == STDOUT:
        if sys.stdout is None:
            raise InputError("output=-: stdout is closed")
        return StdoutWriter()
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return ParquetWriter(target, schema) if target.suffix == ".parquet" else JsonlWriter(target)


def to_line(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON.

    NaN and infinity, which JSON lacks, become null; lone surrogates are escaped, since UTF-8 cannot hold them; dates
    and other values of Parquet become text.
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        row = _without_nan(row)
        text = json.dumps(row, ensure_ascii=False, default=str)
    return text if text.isascii() or _is_encodable(text) else json.dumps(row, default=str)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_rows(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write all ``rows`` at once."""
    with open_writer(path) as writer:
        writer.write(list(rows))


class StdoutWriter:
    """JSONL to standard output."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append ``rows``."""
        for row in rows:
            sys.stdout.write(to_line(row) + "\n")

    def commit(self) -> None:
        """Pass on what is buffered."""
        sys.stdout.flush()

    def discard(self) -> None:
        """Pass on what is buffered: rows on stdout cannot be taken back."""
        with suppress(OSError):  # its reader may have gone; what the work ended with is the error to tell
            sys.stdout.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.discard()


class _AtomicFile:
    """A file under a name of its own until it is whole."""

    def __init__(self, target: Path) -> None:
        _remove_leftovers(target)
        self.target = target
        self.partial = partial_name(target)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Close what is open."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.discard()

    def commit(self) -> None:
        """Finish the file and give it its name."""
        try:
            self.close()
            self.partial.replace(self.target)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove what was written."""
        try:
            with suppress(Exception):  # on a full disk closing fails as writing did, which is the error to tell
                self.close()
        finally:
            self.partial.unlink(missing_ok=True)


class JsonlWriter(_AtomicFile):
    """JSONL, gzipped where the name ends in ``.gz``: the same rows give the same bytes, without name and clock."""

    def __init__(self, target: Path) -> None:
        super().__init__(target)
        self._file = self.partial.open("wb")
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, self._file, mtime=0) if target.suffix == ".gz" else self._file
        self._text = io.TextIOWrapper(packed, encoding="utf-8", newline="\n")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append ``rows``."""
        self._text.writelines(to_line(row) + "\n" for row in rows)

    def close(self) -> None:
        """Close the file."""
        try:
            self._text.close()
        finally:
            self._file.close()


class ParquetWriter(_AtomicFile):
    """Parquet, one row group a portion."""

    def __init__(self, target: Path, schema: pyarrow.Schema | None) -> None:
        super().__init__(target)
        self._schema = schema
        self._writer: Any = None

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append ``rows``."""
        if rows:
            self._append([dict(row) for row in rows])

    def _append(self, rows: list[dict[str, Any]]) -> None:
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.Table.from_pylist(rows, schema=self._schema)
        if self._writer is None:
            self._schema = table.schema
            self._writer = pyarrow.parquet.ParquetWriter(self.partial, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        """Finish the file; one without rows is still a valid Parquet file."""
        import pyarrow

        if self._writer is None:
            self._schema = self._schema or pyarrow.schema([])
            self._append([])
        self._writer.close()
