"""Every fault of a labelled corpus, with its file and row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.duplicates import find_repeats, find_shared, normalise
from newsstance.corpus.loading import Located, iterate_corpus
from newsstance.corpus.splitting import split_by_article
from newsstance.corpus.tables import find_files, read_rows
from newsstance.errors import InputError
from newsstance.stances import LABELS, Label


@dataclass
class Validation:
    """What a corpus holds and what is wrong with it.

    Attributes:
        sentences: Rows that could be read.
        articles: Distinct articles among them.
        files: Files among them.
        labels: Sentences with each label.
        forbidden: Sentences of the forbidden files.
        repeats: Pairs of near-duplicates within the corpus; no fault as long as a split holds both.
        faults: One line each, naming file and row.
    """

    sentences: int = 0
    articles: int = 0
    files: int = 0
    labels: dict[Label, int] = field(default_factory=dict)
    forbidden: int = 0
    repeats: int = 0
    faults: list[InputError] = field(default_factory=list)


def validate_corpus(config: CorpusConfig, forbid: Sequence[str] = (), near_duplicate: float = 0.8) -> Validation:
    """Check a corpus: schema, label names, spans, duplicates, near-duplicates across splits, forbidden sentences.

    Args:
        config: The corpus.
        forbid: Files, folders or globs whose sentences (field ``text`` or ``sentence``) must not stand in the corpus.
        near_duplicate: Jaccard similarity of word 3-grams from which two sentences count as near-duplicates.

    Raises:
        InputError: Where there is nothing to check: no file, no readable row, a split that cannot be made.
    """
    found = Validation()
    rows = list(iterate_corpus(config, found.faults.append))
    if not rows and not found.faults:
        raise InputError(f"{', '.join(config.paths)}: holds no labelled sentences")
    found.sentences = len(rows)
    found.articles = len({row.sentence.doc for row in rows})
    found.files = len({row.file for row in rows})
    found.labels = {label: sum(label in row.sentence.labels for row in rows) for label in LABELS}
    found.faults += repeated_keys(rows)
    found.faults += contradictions(rows)
    across, found.repeats = _across_splits(rows, config, near_duplicate)
    found.faults += across
    if forbid:
        forbidden = list(_forbidden(forbid, found.faults.append))
        found.forbidden = len(forbidden)
        found.faults += shared_sentences(rows, forbidden, near_duplicate)
    return found


def repeated_keys(rows: Sequence[Located]) -> Iterator[InputError]:
    """Rows with the (doc, i) of an earlier row."""
    seen: dict[tuple[str, int], Located] = {}
    for row in rows:
        first = seen.setdefault((row.sentence.doc, row.sentence.i), row)
        if first is not row:
            key = f"doc {row.sentence.doc!r}, i {row.sentence.i}"
            yield _fault(row, f"has the same {key} as {_place(first)}")


def contradictions(rows: Sequence[Located]) -> Iterator[InputError]:
    """Rows with the words (and context) of an earlier row and other labels."""
    seen: dict[tuple[str, str], Located] = {}
    for row in rows:
        sentence = row.sentence
        first = seen.setdefault((normalise(sentence.text), sentence.context), row)
        if first.sentence.labels != sentence.labels:
            here, there = (", ".join(labels) or "none" for labels in (sentence.labels, first.sentence.labels))
            yield _fault(row, f"is labelled {here}, the same text in {_place(first)} is labelled {there}")


def shared_sentences(
    rows: Sequence[Located], forbidden: Sequence[tuple[str, str]], near_duplicate: float
) -> Iterator[InputError]:
    """Rows that stand, word for word or nearly so, among ``forbidden`` (text, place)."""
    for shared in find_shared([row.sentence.text for row in rows], [text for text, _ in forbidden], near_duplicate):
        kind = "the same words as" if shared.similarity == 1 else f"a near-duplicate ({shared.similarity:.2f}) of"
        yield _fault(rows[shared.first], f"is {kind} the forbidden sentence in {forbidden[shared.second][1]}")


def _across_splits(rows: Sequence[Located], config: CorpusConfig, threshold: float) -> tuple[list[InputError], int]:
    splits = split_by_article([row.sentence for row in rows], config.split)
    split_of = {sentence.doc: name for name, sentences in splits.items() for sentence in sentences}
    repeats = list(find_repeats([row.sentence.text for row in rows], threshold))
    faults = []
    for repeat in repeats:
        first, second = rows[repeat.first], rows[repeat.second]
        one, other = split_of[first.sentence.doc], split_of[second.sentence.doc]
        if one != other:
            kind = f"a near-duplicate ({repeat.similarity:.2f}) of" if repeat.similarity < 1 else "the same words as"
            faults.append(_fault(second, f"stands in split {other} and is {kind} {_place(first)} in split {one}"))
    return faults, len(repeats)


def _forbidden(patterns: Sequence[str], fault: Callable[[InputError], None]) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        files = find_files(pattern)
        if not files:
            raise InputError.at(pattern, "no such file or folder", remedy="forbid=[FILE, ...]")
        for path in files:
            for row in read_rows(path, fault):
                text: Any = row.values.get("text") or row.values.get("sentence")
                if isinstance(text, str):
                    yield text, f"{path}, row {row.number}"
                else:
                    fault(InputError.at(path, "has no field text or sentence to compare with", row=row.number))


def _place(row: Located) -> str:
    return f"{row.file}, row {row.row}"


def _fault(row: Located, problem: str) -> InputError:
    return InputError.at(row.file, problem, row=row.row)
