"""Minimal pairs: the same sentence with the least edit that changes its labels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsstance.errors import InputError
from newsstance.resources import data_dir
from newsstance.stances import LabelledSentence, Stance


@dataclass(frozen=True, slots=True)
class MinimalPair:
    """Two sentences that differ as little as their labels allow.

    Attributes:
        id: Name of the pair.
        capability: What a model must be able to do to get both right, e.g. ``negation``.
        context: The sentence before either; "" where there is none.
        a: The first sentence.
        b: The second sentence.
    """

    id: str
    capability: str
    context: str
    a: LabelledSentence
    b: LabelledSentence

    def __post_init__(self) -> None:
        if set(self.a.labels) == set(self.b.labels):
            raise ValueError(f"both sentences of pair {self.id} have the same labels")


def load_minimal_pairs(path: Path | None = None) -> list[MinimalPair]:
    """Read minimal pairs; by default those that ship.

    Raises:
        InputError: Where a row is not a pair; names file and row.
    """
    path = path or data_dir() / "behaviour" / "minimal_pairs.jsonl"
    pairs = []
    with path.open(encoding="utf-8") as file:
        for row, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                pairs.append(_pair(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                remedy = 'a row is {"pair", "capability", "context", "a": {"text", "stances"}, "b": {...}}'
                raise InputError.at(path, f"not a minimal pair: {error}", row=row, remedy=remedy) from error
    return pairs


def _pair(record: dict[str, Any]) -> MinimalPair:
    context = record.get("context", "")

    def sentence(side: str) -> LabelledSentence:
        stances = tuple(Stance(**stance) for stance in record[side]["stances"])
        return LabelledSentence(f"{record['pair']}-{side}", 0, record[side]["text"], stances, context)

    return MinimalPair(record["pair"], record["capability"], context, sentence("a"), sentence("b"))
