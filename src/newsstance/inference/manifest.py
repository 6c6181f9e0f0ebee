"""``manifest.json``: what a folder of shards holds, what it was made from, and where a job that was killed goes on."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsstance.articles.article import Position
from newsstance.articles.rejects import REJECTS
from newsstance.errors import InputError
from newsstance.inference.findings import Findings
from newsstance.inference.pages import PAGES
from newsstance.inference.stream import Cursor
from newsstance.model.location import find_model
from newsstance.model.metadata import ModelMetadata
from newsstance.writing import put_on_disk, write_text

MANIFEST, STATUS, LOCK = "manifest.json", "status.json", ".lock"
FORMAT_VERSION = 1
_SHARD = re.compile(r"(predictions|articles)-\d{5,}\.(jsonl|jsonl\.gz|parquet)")
_PARTIAL = re.compile(rf"\.({_SHARD.pattern}|{MANIFEST}|{STATUS}|{REJECTS}|.+\.html)(\.[\w-]*-\d+)?\.part")
_MODEL_FILES = {".json", ".safetensors", ".onnx", ".data", ".xml", ".bin"}


@dataclass
class Manifest:
    """What is finished of a job. It holds no clock, so that it depends on config, code, model and input alone.

    Attributes:
        job: What decides the result: input, reader, output, backend, model.
        revisions: Revisions of newsstance that worked on it, one after the other.
        model_id: The model's name in predictions; "" until it was loaded.
        shards: The finished shards: files with rows, bytes and SHA-256, and the records they cover.
        cursor: Where the next shard starts.
        found: Counts over the finished shards.
        pages: Web pages that belong to them, as paths below the folder.
        complete: Whether all of the input is in the shards.
    """

    job: dict[str, Any]
    revisions: list[str] = field(default_factory=list)
    model_id: str = ""
    shards: list[dict[str, Any]] = field(default_factory=list)
    cursor: Cursor = field(default_factory=Cursor)
    found: Findings = field(default_factory=Findings)
    pages: list[str] = field(default_factory=list)
    complete: bool = False

    @property
    def files(self) -> list[str]:
        """Names of the shards' files."""
        return [str(file["name"]) for shard in self.shards for file in shard["files"]]

    def save(self, folder: Path) -> None:
        """Write the manifest into ``folder`` in one step, one line a shard."""
        cursor = self.cursor
        record = {
            "format": FORMAT_VERSION,
            "complete": self.complete,
            "model": self.model_id,
            "code_revisions": self.revisions,
            "job": self.job,
            "next": list(cursor.position),
            "rejects": {"file": REJECTS, "records": cursor.rejects, "bytes": cursor.rejects_size},
            "found": self.found.to_record(),
            "pages": self.pages,
        }
        lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n" for key, value in record.items()]
        shards = ",\n".join(f"    {json.dumps(shard, ensure_ascii=False)}" for shard in self.shards)
        if cursor.rejects_size:
            put_on_disk(folder / REJECTS)
        whole = "{\n" + "".join(lines) + f'  "shards": [\n{shards}\n  ]\n}}\n'
        write_text(folder / MANIFEST, whole, survives_power_cut=True)

    @classmethod
    def load(cls, folder: Path) -> Manifest | None:
        """The manifest of ``folder``; None where it has none.

        Raises:
            InputError: Where it is broken or of a newer format.
        """
        path = folder / MANIFEST
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["format"] > FORMAT_VERSION:
                raise InputError.at(path, f"has format {record['format']}", remedy="update newsstance")
            rejects = record["rejects"]
            return cls(
                job=record["job"],
                revisions=record["code_revisions"],
                model_id=record["model"],
                shards=record["shards"],
                cursor=Cursor(Position(*record["next"]), rejects["records"], rejects["bytes"]),
                found=Findings.from_record(record["found"]),
                pages=record["pages"],
                complete=record["complete"],
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            remedy = "give another output=, or remove the folder"
            raise InputError.at(path, f"is no manifest of predictions: {error!r}", remedy=remedy) from error


def open_manifest(folder: Path, job: dict[str, Any], revision: str, *, overwrite: bool) -> Manifest:
    """The manifest of ``folder`` where it is of the same job, else a new one.

    Raises:
        InputError: Where ``folder`` holds another job that must not be overwritten, or a finished shard is missing.
    """
    manifest = Manifest.load(folder)
    if manifest is not None:
        differs = _differences(manifest.job, job)
        if not job["input"]["fingerprint"]:
            differs.append("stdin cannot be read again")
        if not differs:
            _check_files(folder, manifest)
            if manifest.revisions[-1] != revision and not manifest.complete:
                manifest.revisions.append(revision)
            return manifest
        if not overwrite:
            raise InputError(
                f"{folder}: holds the predictions of another job ({', '.join(differs)}); give another output=, or "
                "output.overwrite=true to replace them"
            )
        _remove(folder, manifest)
    folder.mkdir(parents=True, exist_ok=True)
    return Manifest(job, [revision])


def _remove(folder: Path, manifest: Manifest) -> None:
    """Remove ``manifest`` and what it names, and the same of the parts below ``folder``."""
    (folder / MANIFEST).unlink()
    for path in (*manifest.files, *manifest.pages, REJECTS):
        if ".." not in Path(path).parts and not Path(path).is_absolute():  # the manifest may be anybody's
            (folder / path).unlink(missing_ok=True)
    for part in sorted(path.parent for path in folder.glob(f"part-*/{MANIFEST}")):
        below = Manifest.load(part)
        if below is not None:
            _remove(part, below)
    for unnamed in [path for part in folder.glob("part-*/") for path in _shards_in(part)]:
        unnamed.unlink()  # of a part that was killed before its manifest named it


def remove_unfinished(folder: Path, manifest: Manifest) -> None:
    """Remove what jobs that were killed have left in ``folder`` and ``manifest`` does not name; it must be locked."""
    for path in (*folder.glob(".*.part"), *(folder / PAGES).glob(".*.part")):
        if _PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)
    finished = set(manifest.files)
    for path in _shards_in(folder):
        if path.name not in finished:
            path.unlink()


def written_in(folder: Path) -> list[Path]:
    """Files of ``folder`` and the folders of its parts that a job with that output would replace or remove."""
    folders = [folder, *folder.glob("part-*/")]
    named = [place / name for place in folders for name in (MANIFEST, STATUS, REJECTS)]
    pages = [path for place in folders for path in (place / PAGES).glob("*.html")]
    return [*named, *pages, *(path for place in folders for path in _shards_in(place))]


def _shards_in(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*-*") if _SHARD.fullmatch(path.name)]


@contextmanager
def lock(folder: Path, patience: float = 0) -> Iterator[None]:
    """Keep other jobs out of ``folder``; the system lifts the lock of a process that is killed.

    Args:
        folder: The folder; it is made.
        patience: Seconds to wait for another job to end.

    Raises:
        InputError: Where another job works in it, it holds files of somebody else that are called like shards, or its
            file system has no locks.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    _check_shards_are_ours(folder)
    deadline = time.monotonic() + patience
    with (folder / LOCK).open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    remedy = "wait for it, or end it"
                    raise InputError.at(folder, "another job is writing here", remedy=remedy) from error
            except OSError as error:
                remedy = "give an output= on a file system that has locks, or one file"
                raise InputError.at(folder, f"cannot be locked: {error.strerror}", remedy=remedy) from error
            time.sleep(0.2)
        yield


def _check_shards_are_ours(folder: Path) -> None:
    """Raise `InputError` where files are called like shards in a folder that newsstance has not worked in.

    Where it has, there is a manifest, or at least the lock file: that comes before the first shard.
    """
    shards = _shards_in(folder)  # looked for first: a job that starts meanwhile makes its lock file before its shards
    if shards and not (folder / LOCK).exists() and Manifest.load(folder) is None:
        problem = f"was not written by newsstance, and holds {min(shards).name}, which would be replaced"
        raise InputError.at(folder, problem, remedy="give another output=")


def hash_file(path: Path) -> str:
    """SHA-256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_model(name: str) -> dict[str, Any]:
    """What tells a model from another: its id, and the hash of its files where it is a folder.

    Raises:
        InputError: Where there is no such model.
    """
    location = find_model(name)
    folder = Path(location)
    if not folder.is_dir():
        return {"id": location, "sha256": None}
    metadata = ModelMetadata.load(folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix in _MODEL_FILES and path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder)} {hash_file(path)}\n".encode())
    return {"id": metadata.model_id if metadata else folder.name, "sha256": digest.hexdigest()}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What of the job differs, in words such as ``reader.encoding: null → "utf-8"``."""
    found = []
    for group in dict.fromkeys((*old, *new)):
        before, after = old.get(group), new.get(group)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            keys = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
            keys = [key for key in keys if (group, key) != ("input", "typed")]
            found += [f"{group}.{key}: {_short(before.get(key))} → {_short(after.get(key))}" for key in keys]
        elif before != after:
            found.append(f"{group}: {_short(before)} → {_short(after)}")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:36]} …"


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Raise `InputError` where a finished shard or the reject log is not there as it was left."""
    expected = {str(file["name"]): int(file["bytes"]) for shard in manifest.shards for file in shard["files"]}
    if manifest.cursor.rejects_size:
        expected[REJECTS] = manifest.cursor.rejects_size
    for name, size in expected.items():
        path = folder / name
        found = path.stat().st_size if path.exists() else None
        if found is None or found < size or (found > size and name != REJECTS):
            state = "is missing" if found is None else f"has {found} bytes, not {size}"
            remedy = f"put it back, or remove {MANIFEST} to start anew"
            raise InputError.at(path, f"{state}, and the manifest names it", remedy=remedy)
