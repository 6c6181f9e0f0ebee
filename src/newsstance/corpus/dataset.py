"""A corpus as a Hugging Face dataset with typed features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from newsstance.stances import LABELS, LabelledSentence, to_indicators

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features


def features() -> Features:
    """Columns doc, i, text, context, and labels: 0.0 or 1.0 for each of `LABELS` in their order."""
    from datasets import Features, List, Value

    return Features(
        {
            "doc": Value("string"),
            "i": Value("int64"),
            "text": Value("string"),
            "context": Value("string"),
            "labels": List(Value("float32"), length=len(LABELS)),
        }
    )


def to_dataset(sentences: Sequence[LabelledSentence]) -> Dataset:
    """One row a sentence, in their order; stances beyond the labels (source, cue) and extra fields stay behind."""
    from datasets import Dataset

    columns: dict[str, list[Any]] = {
        "doc": [sentence.doc for sentence in sentences],
        "i": [sentence.i for sentence in sentences],
        "text": [sentence.text for sentence in sentences],
        "context": [sentence.context for sentence in sentences],
        "labels": [[float(value) for value in to_indicators(sentence.labels)] for sentence in sentences],
    }
    return Dataset.from_dict(columns, features=features())


def to_dataset_dict(splits: Mapping[str, Sequence[LabelledSentence]]) -> DatasetDict:
    """The splits (train, validation, test) as a `DatasetDict`, each as `to_dataset` makes it."""
    from datasets import DatasetDict

    return DatasetDict({name: to_dataset(sentences) for name, sentences in splits.items()})
