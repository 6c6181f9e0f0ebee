"""Soft labels: the scores that models which did not learn from a sentence give it, for a smaller model to learn from.

A file of soft labels holds no text: each row names its sentence by a hash, so that the scores of texts which may not be
passed on can be. ``newsstance cross-predict`` writes such files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from newsstance.corpus.standoff import fold, hash_text
from newsstance.errors import InputError
from newsstance.stances import LABELS, LabelledSentence

SOFT_LABELS = "_soft_labels"
"""The extra field of a sentence that holds its soft labels: a list of `LABELS`' scores."""

UNREAD = "_unread"
"""The extra field of a sentence that nobody has labelled: its soft labels are all that is known."""

_REMEDY = "newsstance cross-predict writes one; corpus.soft_labels=null does without"
_OTHER = "it was written for another corpus: give corpus.soft_labels=null, or a file of newsstance cross-predict"


def text_hash(text: str) -> str:
    """What names a sentence in a file of soft labels: 12 hex digits of its text with white space folded."""
    return hash_text(fold(text))


def write_soft_labels(path: Path, sentences: Sequence[LabelledSentence], scores: np.ndarray) -> None:
    """Write the scores of each distinct sentence as Parquet: sha, and a column of half precision for each label.

    Args:
        path: The file.
        sentences: The sentences.
        scores: Their scores, shape (n, 3), columns in the order of `LABELS`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    named: dict[str, np.ndarray] = {
        text_hash(sentence.text): row for sentence, row in zip(sentences, scores, strict=True)
    }
    order = sorted(named)
    values = np.array([named[name] for name in order], dtype=np.float16).reshape(-1, len(LABELS))
    columns = [pa.array(order), *(pa.array(column) for column in values.T)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    pq.write_table(pa.table(columns, names=["sha", *LABELS]), part, compression="zstd")
    part.replace(path)  # whole or not at all


def read_soft_labels(path: Path) -> dict[str, list[float]]:
    """Hash of a sentence → its scores in the order of `LABELS`.

    Raises:
        InputError: On a file that is missing or none of soft labels.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["sha", *LABELS])
    except FileNotFoundError as error:
        raise InputError.at(path, "no such file", remedy=_REMEDY) from error
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError.at(path, f"is no file of soft labels: {reason}", remedy=_REMEDY) from error
    try:
        scores = np.stack([table[label].to_numpy().astype(np.float64) for label in LABELS], axis=1)
    except (TypeError, ValueError) as error:
        raise InputError.at(path, f"is no file of soft labels: {error}", remedy=_REMEDY) from error
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)).all(axis=1))
    if len(wrong):
        raise InputError.at(path, "a score is not between 0 and 1", row=int(wrong[0]) + 1)
    names: list[str] = table["sha"].to_pylist()
    return dict(zip(names, scores.round(4).tolist(), strict=True))


def with_soft_labels(sentences: Sequence[LabelledSentence], path: Path) -> list[LabelledSentence]:
    """The sentences, those that the file knows with their scores in the field `SOFT_LABELS`.

    Raises:
        InputError: On a file that cannot be read, or knows none of the sentences.
    """
    known = read_soft_labels(path)
    found = [known.get(text_hash(sentence.text)) for sentence in sentences]
    if not any(scores is not None for scores in found):
        raise InputError.at(path, "knows none of the sentences", remedy=_OTHER)
    return [
        sentence if scores is None else replace(sentence, extra={**sentence.extra, SOFT_LABELS: scores})
        for sentence, scores in zip(sentences, found, strict=True)
    ]


def unread_sentences(sentences: Sequence[LabelledSentence]) -> list[LabelledSentence]:
    """Those of the sentences that have soft labels, marked as `UNREAD`."""
    return [
        replace(sentence, stances=(), extra={**sentence.extra, UNREAD: True})
        for sentence in sentences
        if SOFT_LABELS in sentence.extra
    ]
