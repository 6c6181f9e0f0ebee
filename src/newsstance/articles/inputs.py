"""From what the user typed after ``input=`` to the files it names."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from newsstance.errors import InputError
from newsstance.writing import at_home

LOG = logging.getLogger(__name__)

STDIN = "-"
COMPRESSED_SUFFIXES = (".gz", ".zst", ".zstd")
FORMAT_SUFFIXES = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".warc": "warc",
}


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read articles from.

    Attributes:
        name: What messages call it.
        path: Where it lies; None for stdin and remote files.
        id: What the ids of its articles are derived from; unique among the files of one input.
        named: The user named this very file, so that pipes and devices are read too.
        url: Where a remote file lies; "" for others.
    """

    name: str
    path: Path | None
    id: str
    named: bool = True
    url: str = ""

    @property
    def format_by_name(self) -> str | None:
        """The format that its name tells; None where it tells none."""
        return FORMAT_SUFFIXES.get(Path(_without_compression(self.file_name)).suffix.lower())

    @property
    def file_name(self) -> str:
        """Its name without what may follow one in a web address, or in a chain of URLs."""
        if not self.url:
            return self.name
        link = next((link for link in self.url.split("::") if "://" in link), self.url)
        return link.partition("?")[0].partition("#")[0] if link.startswith(("http://", "https://")) else link

    @property
    def is_regular(self) -> bool:
        """Whether it is an ordinary file, not a pipe, socket or device."""
        return self.path is not None and stat.S_ISREG(self.path.stat().st_mode)

    @property
    def on_disk(self) -> Path | None:
        """Its place on this machine, also where it was named by a URL; None where it has none."""
        last_link = self.url.rpartition("::")[2]
        return Path(last_link.removeprefix("file://")) if last_link.startswith("file://") else self.path


def find_inputs(typed: str) -> list[InputFile]:
    """The files that ``typed`` names: a file, a folder (all below it, sorted), a glob (``**`` too) or ``-`` for stdin.

    A URL of any kind that fsspec knows names files likewise. Hidden files and folders below a folder are left out, as
    globs do; folders that cannot be listed, with a warning. An existing path is never taken as a glob.

    Raises:
        InputError: Where there is no such file, a folder holds none or a glob matches none.
    """
    if typed == STDIN:
        return [InputFile("stdin", None, "stdin")]
    if "://" in typed:
        from newsstance.articles.remote import find_remote

        found = find_remote(typed)
        ids = _ids([file.relative for file in found])
        return [InputFile(file.url, None, id, url=file.url) for file, id in zip(found, ids, strict=True)]
    if "\0" in typed or not typed:
        raise InputError(f"input={typed!r} is no path: give a file, a folder, a glob or - for stdin")
    typed = at_home(typed)
    path = Path(typed)
    if path.is_dir():
        _check_listable(path)
        below = _files_below(path)
        if not below:
            raise InputError.at(path, "the folder holds no file", remedy="check input=")
        return _name_files(below, root=path)
    if path.exists():
        return [InputFile(str(path), path, _stem(path.name))]
    if not glob.has_magic(typed):
        raise InputError.at(typed, "no such file or folder", remedy="check input=")
    matches = sorted(Path(match) for match in glob.iglob(typed, recursive=True))  # noqa: PTH207  Path.glob takes no absolute ones
    if "**" in typed:
        matches = _outside_runs(matches, root=_fixed_part(typed))
    files = [found for match in matches for found in (_files_below(match) if _is_folder(match) else [match])]
    if not files:
        raise InputError.at(typed, "the glob matches no file", remedy="check input=, and quote it for the shell")
    return _name_files(list(dict.fromkeys(files)), root=_fixed_part(typed))


def refuse_overwriting(files: Iterable[InputFile], written: Iterable[Path]) -> None:
    """Raise `InputError` where a job that reads ``files`` would replace one of them: where it is among ``written``."""
    existing = {place: path for path in written if (place := _inode(path)) is not None}
    if not existing:
        return
    for file in files:
        place = _inode(file.on_disk) if file.on_disk is not None else None
        if place is not None and place in existing:
            remedy = "give another output="
            raise InputError.at(existing[place], "is read as input and would be replaced", remedy=remedy)


def _inode(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever names and links lead to it; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def fingerprint(files: list[InputFile]) -> str:
    """A hash of the names, sizes and times of ``files``, to see whether an input is still the same; "" for stdin.

    The contents are not read. Of remote files it takes what their store tells, one request each.
    """
    if any(file.path is None and not file.url for file in files):
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{_state(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _state(file: InputFile) -> str:
    if file.path is None:
        from newsstance.articles.remote import remote_state

        return remote_state(file.url)
    try:
        found = file.path.stat()
    except OSError:
        return "missing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _files_below(folder: Path) -> list[Path]:
    """All files below ``folder`` that are not hidden, sorted by path. Links to folders are not followed.

    The folders of our own runs below it are left out: what they hold is no news.
    """
    found: list[Path] = []

    def pass_over(error: OSError) -> None:
        if not isinstance(error, PermissionError):  # a disk or network that fails: not what the folder is meant to hold
            raise error
        LOG.warning("%s: the folder cannot be listed and is left out (%s)", error.filename, error.strerror)

    for parent, folders, names in os.walk(folder, onerror=pass_over):
        if Path(parent) != folder and set(names) >= _RUN:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent) / name for name in names if not name.startswith(".")]
    return sorted(found)


_RUN = {"run.json", "config.yaml"}
"""Files of a run's folder."""


def _outside_runs(paths: list[Path], root: Path) -> list[Path]:
    """``paths`` without those in folders of our own runs below ``root``."""
    is_run: dict[Path, bool] = {}

    def in_run(path: Path) -> bool:
        if path == root or root not in path.parents:
            return False
        if path not in is_run:
            is_run[path] = all((path / name).is_file() for name in _RUN) or in_run(path.parent)
        return is_run[path]

    return [path for path in paths if not in_run(path.parent if path.is_file() else path)]


def _check_listable(folder: Path) -> None:
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise InputError.at(folder, "the folder cannot be listed", remedy="check its permissions") from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it may be listed, but not looked into: whoever reads it says so
        return False


def _fixed_part(pattern: str) -> Path:
    """The folder of a glob before its first wildcard."""
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _name_files(paths: Iterable[Path], root: Path) -> list[InputFile]:
    relative = {path: os.path.relpath(path, root).replace(os.sep, "/") for path in paths}
    ids = _ids(list(relative.values()))
    return [InputFile(str(path), path, id, named=False) for path, id in zip(relative, ids, strict=True)]


def _ids(names: list[str]) -> list[str]:
    """Ids are paths below the root without suffixes; files that differ only in their suffixes keep them."""
    ids = [_stem(name) for name in names]
    while len(set(ids)) < len(ids):  # again where a whole name is another's without suffix: a.txt, a.html, a.txt.md
        times = Counter(ids)
        ids = [id if times[id] == 1 else name for id, name in zip(ids, names, strict=True)]
    return ids


def _stem(name: str) -> str:
    inner = _without_compression(name)
    suffix = Path(inner).suffix
    return inner[: -len(suffix)] if suffix.lower() in FORMAT_SUFFIXES else inner


def _without_compression(name: str) -> str:
    suffix = Path(name).suffix
    return name[: -len(suffix)] if suffix.lower() in COMPRESSED_SUFFIXES else name
