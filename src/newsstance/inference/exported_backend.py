"""What the backends of exported models share: everything but the runtime itself. Does not import torch."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.cores import cores
from newsstance.errors import InputError
from newsstance.model.batching import WINDOW_OVERLAP, in_pieces, pack_by_length, padded, unique_sentences
from newsstance.model.export_record import ExportRecord
from newsstance.model.location import find_model
from newsstance.model.metadata import ModelMetadata
from newsstance.stances import LABELS, Label, from_scores

if TYPE_CHECKING:
    from newsstance.inference.first_pass import FirstPass


TOKENS_PER_BATCH = {Precision.fp32: 512, Precision.bf16: 1024, Precision.int8: 1024}
"""Batches that stay in a core's cache: narrower numbers take less of it (figures: ``docs/inference.md``)."""


@contextlib.contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Inside, whatever a runtime raises is about ``file``: they have no common error for one that is damaged."""
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        remedy = "run `newsstance export` again, or take backend=torch"
        raise InputError.at(file, f"cannot be loaded: {reason}", remedy=remedy) from error


Windows = list[Sequence[int]]
"""Token ids of a sentence: in one piece where it is short enough for the model, else in several that overlap."""


class ExportedClassifier(ABC):
    """A classifier over an export in a model folder.

    Each distinct sentence is tokenized once (many in one go, in the tokenizer's own threads), read in
    overlapping windows where it is too long, packed with others of like length, and scored by as many single-threaded
    calls of the runtime at a time as there are cores: small batches that stay in a core's cache are faster than large
    ones that all cores share.

    Attributes:
        model_id: Short name for predictions.
        key: Training key of the model.
        classes_: The labels, in the order of the score columns.
    """

    runtime: str
    """The value of ``backend.name``."""
    length_step = 1
    """Batches are padded to a multiple of so many tokens."""

    def __init__(self, folder: Path, file: Path, metadata: ModelMetadata, backend: BackendConfig) -> None:
        from tokenizers import Tokenizer

        self.model_id = metadata.model_id
        self.key = metadata.key
        self.classes_ = LABELS
        with damage_named(folder / "tokenizer.json"):
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._longest = longest = metadata.max_tokens
        self._tokenizer.enable_truncation(longest, stride=min(WINDOW_OVERLAP, longest // 4))
        self._tokenizer.no_padding()
        self._budget = backend.max_tokens_per_batch or TOKENS_PER_BATCH[backend.precision]
        self._first_pass = _load_first_pass(folder, metadata.key) if backend.first_pass else None
        self._threads = ThreadPoolExecutor(cores())
        self._open(file, backend)

    @classmethod
    def from_pretrained(cls, name: str, backend: BackendConfig) -> Self:
        """Load an export of a model folder.

        Args:
            name: latest or a folder.
            backend: Precision, token budget, first pass.

        Raises:
            InputError: Where the runtime is not installed, or the folder holds no export for it, or one of other
                weights.
        """
        folder = Path(find_model(name))
        remedy = f"run `newsstance export model={folder}` first"
        metadata = ModelMetadata.load(folder)
        if metadata is None:
            raise InputError(f"{folder}: no folder with newsstance.json; backend={cls.runtime} reads exported models")
        record = ExportRecord.load(folder)
        precision = backend.precision.value
        exported = record and record.find(cls.runtime, precision)
        if not exported or not (folder / exported.file).exists():
            raise InputError(f"{folder}: holds no {precision} export for backend={cls.runtime} ({remedy})")
        if record and record.key != metadata.key:
            raise InputError(f"{folder}: {exported.file} was exported from other weights ({remedy})")
        return cls(folder, folder / exported.file, metadata, backend)

    @abstractmethod
    def _open(self, file: Path, backend: BackendConfig) -> None:
        """Load ``file`` on the runtime; each call of it must use one thread.

        Raises:
            InputError: Where the runtime is not installed.
        """

    @abstractmethod
    def _logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Logits of shape (batch, 3) in the order of `LABELS`; called from several threads at a time.

        Args:
            inputs: ``input_ids``, ``attention_mask``, ``token_type_ids``, each of shape (batch, length), int64; an
                export takes those it has.
        """

    def predict(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> list[tuple[Label, ...]]:
        """The labels of each sentence: those with a score of at least 0.5."""
        return [from_scores(scores) for scores in self.predict_proba(sentences, contexts)]

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Scores of shape (n, 3), as `newsstance.StanceClassifier.predict_proba` gives them."""
        if isinstance(sentences, str):
            raise TypeError("predict takes a list of sentences, not one string")
        if contexts is not None and len(contexts) != len(sentences):
            raise ValueError(f"{len(contexts)} contexts for {len(sentences)} sentences")
        distinct, index = unique_sentences(sentences)
        if not distinct:
            return np.zeros((0, len(LABELS)), dtype=np.float32)
        scores: np.ndarray = self._score(self._tokenize(distinct))[index]
        return scores

    def token_ids(self, sentences: Sequence[str]) -> list[Sequence[int]]:
        """Token ids of each sentence as the first pass reads them: none for one that takes several windows."""
        return [_if_alone(windows) for windows in self._tokenize(sentences)]

    def _tokenize(self, sentences: Sequence[str]) -> list[Windows]:
        tokenized: list[Windows] = [[] for _ in sentences]
        for pieces in in_pieces(sentences):
            encoded = self._tokenizer.encode_batch([text for _, text in pieces])
            for (row, _), first in zip(pieces, encoded, strict=True):
                tokenized[row] += [array("i", window.ids) for window in (first, *first.overflowing)]
        return tokenized

    def _score(self, tokenized: list[Windows]) -> np.ndarray:
        scores = np.zeros((len(tokenized), len(LABELS)), dtype=np.float32)
        rows: Sequence[int] | np.ndarray = range(len(tokenized))
        if self._first_pass is not None:
            skipped = self._first_pass.skips([_if_alone(windows) for windows in tokenized])
            scores[skipped] = self._first_pass.score
            rows = np.flatnonzero(~skipped)
        windows = [(row, ids) for row in rows for ids in tokenized[row]]
        lengths = [min(self._longest, math.ceil(len(ids) / self.length_step) * self.length_step) for _, ids in windows]
        batches = list(pack_by_length(lengths, self._budget))

        def logits_of(batch: np.ndarray) -> np.ndarray:
            return self._logits(padded([windows[i][1] for i in batch], max(lengths[i] for i in batch)))

        logits = self._threads.map(logits_of, batches)
        for batch, values in zip(batches, logits, strict=True):
            places = [windows[i][0] for i in batch]
            np.maximum.at(scores, places, 1 / (1 + np.exp(-values.astype(np.float32))))
        return scores


def _if_alone(windows: Windows) -> Sequence[int]:
    return windows[0] if len(windows) == 1 else ()


def _load_first_pass(folder: Path, key: str) -> FirstPass:
    from newsstance.inference.first_pass import FirstPass

    return FirstPass.load(folder, key)
