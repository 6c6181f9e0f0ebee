"""A cheap first pass: sentences whose words cannot make a stance are not shown to the model. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from newsstance.errors import InputError

WEIGHTS_FILE, FACTS_FILE = "first_pass.safetensors", "first_pass.json"
WIDTHS = (1, 3, 5)
"""Tokens that a filter sees at once."""
_SENTENCES_AT_ONCE = 256


@dataclass(frozen=True)
class FirstPass:
    """A small convolutional network (https://arxiv.org/abs/1408.5882) that tells the model's highest score in advance.

    Attributes:
        weights: ``embedding`` (vocabulary, width); for each of `WIDTHS` ``filters.N.weight`` (N x width, filters) and
            ``filters.N.bias``; ``hidden.weight``, ``hidden.bias``, ``output.weight``, ``output.bias``; all float32.
        threshold: Sentences that the network gives less are skipped.
        score: The score of every label of a skipped sentence.
        key: Training key of the model that it was made from.
        figures: What was measured on held-out sentences.
    """

    weights: Mapping[str, np.ndarray]
    threshold: float
    score: float
    key: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def skips(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Which sentences need no model, shape (n,), bool; never one without tokens.

        Args:
            ids: Token ids of each sentence.
        """
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        skipped = np.zeros(len(ids), dtype=bool)
        readable = np.flatnonzero(lengths)
        for start in range(0, len(readable), _SENTENCES_AT_ONCE):
            rows = readable[start : start + _SENTENCES_AT_ONCE]
            skipped[rows] = self.forecast([ids[row] for row in rows]) < self.threshold
        return skipped

    def forecast(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """About the logit of each sentence's highest score, shape (n,).

        Args:
            ids: Token ids of each sentence, at least one in each.
        """
        gap = WIDTHS[-1] // 2
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        starts = np.cumsum(np.concatenate([[gap], lengths[:-1] + gap]))
        places = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        # All sentences in one row, zeros between them, so that no filter sees two sentences.
        embedding = self.weights["embedding"]
        row = np.zeros((int(starts[-1] + lengths[-1] + gap), embedding.shape[1]), dtype=np.float32)
        row[places] = embedding[np.fromiter(chain.from_iterable(ids), dtype=np.int64, count=int(lengths.sum()))]
        ends = np.cumsum(lengths) - lengths
        pooled = [np.maximum.reduceat(self._convolve(row, places, width), ends) for width in WIDTHS]
        hidden = np.concatenate(pooled, axis=1) @ self.weights["hidden.weight"] + self.weights["hidden.bias"]
        forecast: np.ndarray = np.maximum(hidden, 0) @ self.weights["output.weight"] + self.weights["output.bias"]
        return forecast[:, 0]

    def _convolve(self, row: np.ndarray, places: np.ndarray, width: int) -> np.ndarray:
        seen = np.concatenate([row[places + n - width // 2] for n in range(width)], axis=1)
        values = seen @ self.weights[f"filters.{width}.weight"] + self.weights[f"filters.{width}.bias"]
        rectified: np.ndarray = np.maximum(values, 0, out=values)
        return rectified

    def save(self, folder: Path) -> None:
        """Write ``first_pass.safetensors`` and ``first_pass.json`` into a model folder, the latter last."""
        from safetensors.numpy import save_file

        save_file({name: np.ascontiguousarray(array) for name, array in self.weights.items()}, folder / WEIGHTS_FILE)
        facts = {"threshold": self.threshold, "score": self.score, "key": self.key, "figures": dict(self.figures)}
        partial = folder / (FACTS_FILE + ".part")
        partial.write_text(json.dumps(facts, indent=2) + "\n")
        partial.replace(folder / FACTS_FILE)

    @classmethod
    def load(cls, folder: Path, key: str) -> FirstPass:
        """Read the first pass of the model folder ``folder``, whose model has the training key ``key``.

        Raises:
            InputError: Where there is none, or it was made from other weights.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        remedy = f"run `newsstance export model={folder} first_pass=true`"
        try:
            facts = json.loads((folder / FACTS_FILE).read_text())
            first_pass = cls(weights=load_file(folder / WEIGHTS_FILE), **facts)
        except FileNotFoundError as error:
            raise InputError.at(folder, "holds no first pass", remedy=remedy) from error
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise InputError.at(folder / FACTS_FILE, f"cannot be read: {error}", remedy=remedy) from error
        if first_pass.key != key:
            raise InputError.at(folder, "its first pass was made from other weights", remedy=remedy)
        return first_pass
