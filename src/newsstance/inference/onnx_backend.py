"""Score sentences with ONNX Runtime; does not import torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newsstance.configuration.schema import BackendConfig
from newsstance.errors import InputError
from newsstance.model.batching import WINDOW_OVERLAP, pack_by_length
from newsstance.model.location import find_model
from newsstance.model.metadata import ONNX_FILE, ModelMetadata
from newsstance.stances import LABELS


class OnnxClassifier:
    """The classifier of a model folder that ``newsstance export`` wrote ``model.onnx`` into.

    Attributes:
        model_id: Short name for predictions.
    """

    def __init__(self, session: Any, tokenizer: Any, metadata: ModelMetadata, max_tokens_per_batch: int) -> None:
        self.session = session
        self.tokenizer = tokenizer
        self.model_id = metadata.model_id
        self.max_tokens_per_batch = max_tokens_per_batch
        self._inputs = [node.name for node in session.get_inputs()]
        longest = metadata.max_tokens
        tokenizer.enable_truncation(longest, stride=min(WINDOW_OVERLAP, longest // 4))
        tokenizer.no_padding()

    @classmethod
    def from_pretrained(cls, name: str, backend: BackendConfig) -> OnnxClassifier:
        """Load ``model.onnx`` and the tokenizer of a model folder.

        Raises:
            InputError: Where onnxruntime is not installed, or the folder holds no exported model.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError("backend=onnxruntime: not installed; pip install 'newsstance[onnx]'") from error
        from tokenizers import Tokenizer

        folder = Path(find_model(name))
        metadata = ModelMetadata.load(folder)
        if metadata is None or not (folder / ONNX_FILE).exists():
            raise InputError(f"{folder}: holds no {ONNX_FILE} (run `newsstance export model={folder}` first)")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        session = onnxruntime.InferenceSession(folder / ONNX_FILE, options, providers=["CPUExecutionProvider"])
        return cls(session, Tokenizer.from_file(str(folder / "tokenizer.json")), metadata, backend.max_tokens_per_batch)

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Scores of shape (n, 3), as `newsstance.StanceClassifier.predict_proba` gives them."""
        scores = np.zeros((len(sentences), len(LABELS)), dtype=np.float32)
        encoded = self.tokenizer.encode_batch([sentence if sentence.strip() else "." for sentence in sentences])
        windows = [(row, window) for row, first in enumerate(encoded) for window in (first, *first.overflowing)]
        lengths = [len(window.ids) for _, window in windows]
        for batch in pack_by_length(lengths, self.max_tokens_per_batch) if windows else ():
            logits = self.session.run(["logits"], self._padded([windows[i][1] for i in batch]))[0]
            rows = [windows[i][0] for i in batch]
            np.maximum.at(scores, rows, 1 / (1 + np.exp(-logits.astype(np.float32))))
        return scores

    def _padded(self, windows: list[Any]) -> dict[str, np.ndarray]:
        width = max(len(window.ids) for window in windows)
        columns = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
        inputs = {}
        for name in self._inputs:
            values = np.zeros((len(windows), width), dtype=np.int64)
            for row, window in enumerate(windows):
                values[row, : len(window.ids)] = getattr(window, columns[name])
            inputs[name] = values
        return inputs
