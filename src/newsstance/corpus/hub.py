"""Labelled sentences from data sets of the Hugging Face hub, as rows like those of files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.corpus.tables import Row
from newsstance.errors import InputError

if TYPE_CHECKING:
    from datasets import DatasetDict

PREFIX = "hf://datasets/"
"""How a path says that it is a data set of the hub; what follows is ``ORG/NAME`` or ``ORG/NAME@REVISION``."""


def is_hub_path(path: str) -> bool:
    """Whether ``path`` names a data set of the hub."""
    return path.startswith(PREFIX)


def read_hub_rows(path: str, config: str | None = None, split: str | None = None) -> Iterator[Row]:
    """Stream the rows of a data set of the hub; the names of its classes stand in for their numbers.

    Its files are downloaded into the user's Hugging Face cache on first use. Code that a data set brings is never run.

    Args:
        path: ``hf://datasets/NAME`` or ``hf://datasets/NAME@REVISION``.
        config: Which of its configurations; None for the default one.
        split: Which of its splits, in the notation of `datasets`; None for all, one after another.

    Raises:
        InputError: Where the data set cannot be loaded.
    """
    name, _, revision = path.removeprefix(PREFIX).partition("@")
    for split_name, dataset in _load(path, name, revision or None, config, split).items():
        place = Path(name) / str(split_name)
        named = _class_names(dataset.features)
        for number, values in enumerate(dataset, start=1):
            yield Row(
                place, number, {key: named[key](value) if key in named else value for key, value in values.items()}
            )


def _load(path: str, name: str, revision: str | None, config: str | None, split: str | None) -> DatasetDict:
    from datasets import DatasetDict, load_dataset
    from datasets.exceptions import DatasetsError

    try:
        loaded = load_dataset(name, config, split=split, revision=revision)
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError.at(path, f"cannot be loaded: {reason}", remedy=_remedy()) from error
    return loaded if isinstance(loaded, DatasetDict) else DatasetDict({split: loaded})


def _remedy() -> str:
    from datasets import config

    if config.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set: only data sets in the cache can be used"
    return "is there a network? corpus.hub_config and corpus.hub_split name a configuration and a split"


def _class_names(features: Mapping[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """Column → what turns its class numbers into names, for columns of classes and of lists of classes."""
    from datasets import ClassLabel

    found: dict[str, Callable[[Any], Any]] = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", None)
        if isinstance(feature, ClassLabel):
            found[column] = _namer(feature)
        elif isinstance(inner, ClassLabel):
            found[column] = _lister(_namer(inner))
    return found


def _namer(feature: Any) -> Callable[[Any], Any]:
    return lambda value: None if value is None or value < 0 else feature.int2str(value)


def _lister(name: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: None if values is None else [name(value) for value in values]
