"""Score sentences with ONNX Runtime; does not import torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from newsstance.configuration.groups import BackendConfig
from newsstance.errors import InputError
from newsstance.inference.exported_backend import ExportedClassifier, damage_named


class OnnxClassifier(ExportedClassifier):
    """The classifier of a model folder that ``newsstance export`` wrote an ONNX file into."""

    runtime = "onnxruntime"

    def _open(self, file: Path, backend: BackendConfig) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise InputError("backend=onnxruntime: not installed; pip install 'newsstance[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # Both keep memory for each shape that they have seen, and lengths differ from batch to batch.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        with damage_named(file):
            self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._names = [node.name for node in self._session.get_inputs()]

    def _logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        logits: np.ndarray = self._session.run(["logits"], {name: inputs[name] for name in self._names})[0]
        return logits
