"""Labelled sentences from files and hub data sets of any layout, as the configuration describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from newsstance.configuration.groups import CorpusConfig
from newsstance.configuration.overrides import group_options
from newsstance.corpus.hub import is_hub_path, read_hub_rows
from newsstance.corpus.records import RecordParser
from newsstance.corpus.tables import Fault, Row, find_files, read_rows
from newsstance.errors import InputError
from newsstance.provenance import hash_lines
from newsstance.resources import configs_dir
from newsstance.stances import LABELS, LabelledSentence


class Located(NamedTuple):
    """A sentence and where it was read: file (or hub data set and split) and row (from 1)."""

    sentence: LabelledSentence
    file: Path
    row: int


def load_corpus(config: CorpusConfig) -> list[LabelledSentence]:
    """Read the labelled sentences of a corpus, in the order of its files and rows.

    Args:
        config: Where the files are and how their columns and labels are called.

    Returns:
        At least one sentence.

    Raises:
        InputError: On the first file or row that cannot be used; names it.
    """

    def stop(error: InputError) -> None:
        raise error

    sentences = [located.sentence for located in iterate_corpus(config, stop)]
    if not sentences:
        raise InputError(f"{', '.join(config.paths)}: holds no labelled sentences")
    return sentences


def load_unlabelled(config: CorpusConfig) -> list[LabelledSentence]:
    """Read the sentences of ``config.unlabelled``, in records like the others' but without labels.

    Raises:
        InputError: On the first file or row that cannot be used; names it.
    """

    def stop(error: InputError) -> None:
        raise error

    remedy = (
        "corpus.unlabelled: give files of sentences; those of the shipped model: newsstance corpus fetch, then "
        "newsstance corpus variants experiment=shipped_variants"
    )
    files = replace(config, paths=config.unlabelled, if_missing=remedy)
    return [located.sentence for located in iterate_corpus(files, stop, labelled=False)]


def iterate_corpus(config: CorpusConfig, fault: Fault, *, labelled: bool = True) -> Iterator[Located]:
    """Stream a corpus with the place of each sentence.

    Args:
        config: Where the files are and how their columns and labels are called.
        fault: Called with each fault of a row; where it returns, the row is left out.
        labelled: Whether the rows have labels to be read.

    Raises:
        InputError: Where a path leads to no file at all.
    """
    _check_names(config)
    parser = RecordParser(config.columns, config.label_map, labelled=labelled)
    for row in _rows(config, fault):
        sentence, problems = parser.parse(row)
        for problem in problems:
            fault(InputError.at(row.file, problem, row=row.number))
        if sentence is not None:
            yield Located(sentence, row.file, row.number)


def _rows(config: CorpusConfig, fault: Fault) -> Iterator[Row]:
    for path in corpus_files(config):  # first, so that a path that leads nowhere is an error before anything is read
        yield from read_rows(path, fault)
    for name in dict.fromkeys(filter(is_hub_path, config.paths)):
        yield from read_hub_rows(name, config.hub_config, config.hub_split)


def corpus_files(config: CorpusConfig) -> list[Path]:
    """The files of a corpus, each once, sorted within each of its paths; hub data sets are left out.

    Raises:
        InputError: Where one of the paths leads to no file.
    """
    files: dict[Path, None] = {}
    for pattern in config.paths:
        if is_hub_path(pattern):
            continue
        found = find_files(pattern)
        if not found:
            raise _not_found(pattern, config)
        files |= dict.fromkeys(found)
    return list(files)


def data_hash(sentences: Iterable[LabelledSentence]) -> str:
    """First 16 hex digits of the SHA-256 of the sentences' records in their order: the name of a body of data."""
    return hash_lines(json.dumps(s.to_record(), sort_keys=True, ensure_ascii=False, default=str) for s in sentences)


def _check_names(config: CorpusConfig) -> None:
    fields = ("doc", "i", "text", "labels", "stances", "context", *LABELS)
    for name in config.columns:
        if name not in fields:
            raise InputError(f"corpus.columns: unknown field {name!r}; the fields are {', '.join(fields)}")
    for foreign, label in config.label_map.items():
        if label is not None and label not in LABELS:
            raise InputError(f"corpus.label_map.{foreign}: unknown label {label!r}; the labels are {', '.join(LABELS)}")


def _not_found(pattern: str, config: CorpusConfig) -> InputError:
    problem = "holds no labelled files" if Path(pattern).expanduser().is_dir() else "no such file or folder"
    if config.if_missing:
        return InputError.at(pattern, problem, remedy=config.if_missing)
    options = ", ".join(group_options("corpus", [configs_dir()]))
    choices = f"corpus=PATH, corpus=hf://datasets/ORG/NAME, or corpus={{{options}}}"
    return InputError.at(pattern, f"{problem}, and no config of that name: {choices}")
