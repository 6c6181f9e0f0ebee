"""Rebuild labelled real news from stand-off annotations and the files that they point into."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsstance.corpus.source_texts import FindFile, open_texts
from newsstance.corpus.standoff import Source, read_annotations, resolve
from newsstance.corpus.tables import Row
from newsstance.writing import open_writer

_PORTION = 1000


@dataclass
class Rebuilt:
    """What became of the rows of one source.

    Attributes:
        file: The sentences.
        labelled: Whether they have labels.
        sentences: How many there are.
        unmatched: The rows that could not be matched, each with its ``reason``.
    """

    file: Path
    labelled: bool = True
    sentences: int = 0
    unmatched: list[dict[str, Any]] = field(default_factory=list)


def rebuild(source: Source, annotations: Path, find_file: FindFile, output: Path, *, labelled: bool = True) -> Rebuilt:
    """Write ``<output>/<source>.jsonl``: ordinary labelled records, in the order of the annotations.

    Args:
        source: The public corpus.
        annotations: Folder of the stand-off rows.
        find_file: Path in the repository → file on this machine.
        output: Folder of the result.
        labelled: Whether the rows have stances; sentences nobody has read get an empty list of them.
    """
    rebuilt = Rebuilt(output / f"{source.name}.jsonl", labelled)
    portion: list[dict[str, Any]] = []
    writer = open_writer(rebuilt.file)
    try:
        rows = read_annotations(annotations, source, labelled=labelled)
        for item in resolve(source, rows, open_texts(source, find_file)):
            if isinstance(item, Row):
                rebuilt.unmatched.append({"file": str(item.file), "row": item.number, **item.values})
                continue
            rebuilt.sentences += 1
            portion.append(item.to_record())
            if len(portion) == _PORTION:
                writer.write(portion)
                portion.clear()
        writer.write(portion)
    except BaseException:
        writer.discard()
        raise
    if rebuilt.sentences:
        writer.commit()
    else:
        writer.discard()  # what was rebuilt before stays
    return rebuilt
