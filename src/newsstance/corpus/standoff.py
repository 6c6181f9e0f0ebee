"""Stand-off annotations: labels that point into texts which are published elsewhere, and their resolution.

A row is ``{doc, start, end, sha, picked, stances: [{label, source, cue}]}``: ``text[start:end]`` of the document with
its white space folded is the sentence, ``sha`` the first 12 hex digits of its SHA-1; a source or cue is
``[start, end]`` in the folded sentence, or "narrator" or "" as they stand. The rows in the folder ``unlabelled`` beside
them have no stances, for nobody has read their sentences.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from newsstance.corpus.tables import Row, read_rows
from newsstance.errors import InputError
from newsstance.stances import LABELS, NARRATOR, LabelledSentence, Stance

SOURCES_FILE = "sources.yaml"
UNLABELLED = "unlabelled"

TextOf = Callable[[str], str]
"""Document id → its text; raises `UnmatchedError` where there is none."""


class UnmatchedError(Exception):
    """Why the text of a row is not there."""


@dataclass(frozen=True)
class Source:
    """A public corpus that stand-off rows point into; an entry of ``sources.yaml``.

    Attributes:
        name: Short name, that of the file of its rows.
        repository: URL of the git repository.
        commit: Pinned commit.
        text: The rule that yields a document's text (``rule``, ``file``, more by rule), see `corpus.source_texts`.
        title: What it is.
        folder: Name of its folder where a local copy is used.
        bytes: Size of the files that are needed.
        licence: Its licence as stated.
        terms: Terms of use as known.
        files: File that is needed → its SHA-256.
    """

    name: str
    repository: str
    commit: str
    text: Mapping[str, str]
    title: str = ""
    folder: str = ""
    bytes: int = 0
    licence: str = "not stated"
    terms: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Annotation:
    """One stand-off row, with its place for messages."""

    doc: str
    start: int
    end: int
    sha: str
    stances: tuple[Mapping[str, Any], ...]
    picked: bool
    place: Row


def read_sources(folder: Path, only: list[str] | None = None) -> list[Source]:
    """The sources of a folder of stand-off annotations, or those of them that ``only`` names.

    Raises:
        InputError: On a file that is missing or says something else, or a name that it does not hold.
    """
    import yaml

    path = folder / SOURCES_FILE
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError.at(path, "no such file", remedy="annotations=FOLDER with sources.yaml") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError.at(path, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(entries, dict):
        raise InputError.at(path, "holds no sources: name: {repository, commit, text} was expected")
    unknown = [name for name in only or [] if name not in entries]
    if unknown:
        raise InputError(f"only={unknown[0]}: no such corpus in {path}; it has {', '.join(entries)}")
    return [_source(path, name, entry) for name, entry in entries.items() if not only or name in only]


def read_annotations(folder: Path, source: Source, *, labelled: bool = True) -> Iterator[Annotation]:
    """Stream the rows of ``source``, which have stances where they are ``labelled``.

    Raises:
        InputError: On a row that is no stand-off annotation.
    """

    def stop(error: InputError) -> None:
        raise error

    path = folder / f"{source.name}.jsonl"
    if not path.is_file():
        raise InputError.at(path, "no such file", remedy=f"the rows of {source.name} belong there")
    for row in read_rows(path, stop):
        yield _annotation(row, labelled=labelled)


def resolve(source: Source, annotations: Iterator[Annotation], text_of: TextOf) -> Iterator[LabelledSentence | Row]:
    """Turn each annotation into a labelled sentence, or into a row that says why that cannot be done.

    Args:
        source: The corpus that the annotations belong to; its name is put before each document id.
        annotations: Its rows.
        text_of: Yields the text of a document.

    Yields:
        A sentence with ``corpus``, ``picked`` and ``sha`` in its extra fields; or a `Row` with a ``reason``, where the
        text is missing or other than the one that was labelled.
    """
    positions: Counter[str] = Counter()
    for annotation in annotations:
        position = positions[annotation.doc]
        positions[annotation.doc] += 1  # also where it does not match, so that the others keep their place
        try:
            text = fold(text_of(annotation.doc)[annotation.start : annotation.end])
            if hash_text(text) != annotation.sha:
                raise UnmatchedError("the text at this place differs from the one that was labelled")
            spans = [(stance[name], name) for stance in annotation.stances for name in ("source", "cue")]
            if not all(_fits(span, name, text) for span, name in spans):
                raise UnmatchedError("a source or cue lies outside the sentence")
        except UnmatchedError as reason:
            place = annotation.place
            values = {"corpus": source.name, "reason": str(reason), **place.values}
            yield place._replace(values=values)
            continue
        stances = tuple(Stance(s["label"], _span(text, s["source"]), _span(text, s["cue"])) for s in annotation.stances)
        extra = {"corpus": source.name, "picked": annotation.picked, "sha": annotation.sha}
        yield LabelledSentence(f"{source.name}:{annotation.doc}", position, text, stances, extra=extra)


def fold(text: str) -> str:
    """``text`` with each run of white space as one blank."""
    return " ".join(text.split())


def hash_text(text: str) -> str:
    """First 12 hex digits of the SHA-1 of a folded sentence: tells whether it is the one that was labelled."""
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:12]


def _span(text: str, span: Any) -> str:
    return span if isinstance(span, str) else text[span[0] : span[1]]


def _fits(span: Any, name: str, text: str) -> bool:
    """Whether ``span`` lies in ``text``; a source may be the narrator, and either may be missing."""
    if isinstance(span, str):
        return not span or (name == "source" and span == NARRATOR)
    return 0 <= int(span[0]) <= int(span[1]) <= len(text)


def _source(path: Path, name: str, entry: Any) -> Source:
    required = {"repository", "commit", "text"}
    known = {"title", "folder", "bytes", "licence", "terms"}
    if not isinstance(entry, dict) or not required <= set(entry) <= required | known:
        raise InputError.at(
            path, f"{name}: the keys {', '.join(sorted(required))} are needed, {', '.join(sorted(known))} may be"
        )
    if not isinstance(entry["text"], dict) or not {"rule", "file"} <= set(entry["text"]):
        raise InputError.at(path, f"{name}.text: rule and file are needed")
    if not re.fullmatch(r"[0-9a-f]{40}", str(entry["commit"])):
        raise InputError.at(path, f"{name}.commit: the 40 hex digits of a commit were expected")
    if not isinstance(entry["repository"], str) or entry["repository"].startswith("-"):
        raise InputError.at(path, f"{name}.repository: the address of a git repository was expected")
    return Source(name, **entry, files=_checksums(path.parent / "checksums" / f"{name}.sha256"))


def _checksums(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise InputError.at(path, "no such file", remedy="list the files that are needed: sha256sum FILE ...")
    files = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if match is None:
            raise InputError.at(path, "is no line of sha256sum: 64 hex digits, two blanks, a path", row=number)
        if PurePosixPath(match[2]).is_absolute() or ".." in PurePosixPath(match[2]).parts:
            raise InputError.at(path, f"{match[2]!r} leads out of the repository", row=number)
        files[match[2]] = match[1]
    return files


def _annotation(row: Row, *, labelled: bool) -> Annotation:
    values = row.values
    try:
        annotation = Annotation(
            doc=str(values["doc"]),
            start=int(values["start"]),
            end=int(values["end"]),
            sha=str(values["sha"]),
            stances=tuple(values["stances"]) if labelled else (),
            picked=values.get("picked", False),
            place=row,
        )
        good = (
            isinstance(annotation.picked, bool)
            and 0 <= annotation.start <= annotation.end
            and all(_is_stance(stance) for stance in annotation.stances)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError.at(row.file, f"is no stand-off annotation: {error!r}", row=row.number) from error
    if not good:
        raise InputError.at(row.file, "is no stand-off annotation: a label or span is not valid", row=row.number)
    return annotation


def _is_stance(stance: Any) -> bool:
    spans = (stance["source"], stance["cue"])
    return stance["label"] in LABELS and all(
        isinstance(span, str) or (len(span) == 2 and 0 <= int(span[0]) <= int(span[1])) for span in spans
    )
