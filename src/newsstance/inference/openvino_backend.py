"""Score sentences with OpenVINO; does not import torch."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.cores import cores
from newsstance.errors import InputError
from newsstance.inference.exported_backend import ExportedClassifier, damage_named
from newsstance.model.batching import padded
from newsstance.model.cpu import primitives_kept

KEPT_KERNELS, KEPT_PRIMITIVES = 128, 512
"""Of OpenVINO and of oneDNN below it. Twice as many kernels are a few percent faster, but memory then keeps growing."""


class OpenVinoClassifier(ExportedClassifier):
    """The classifier of a model folder that ``newsstance export`` wrote an OpenVINO IR into."""

    runtime = "openvino"
    length_step = 4  # it makes kernels for each shape of a batch, which takes time

    def _open(self, file: Path, backend: BackendConfig) -> None:
        try:
            import openvino
        except ImportError as error:
            raise InputError("backend=openvino: not installed; pip install 'newsstance[openvino]'") from error
        options = {
            "INFERENCE_NUM_THREADS": cores(),
            "NUM_STREAMS": cores(),  # one thread a request
            "CPU_RUNTIME_CACHE_CAPACITY": KEPT_KERNELS,  # a store of its own beside oneDNN's
            "INFERENCE_PRECISION_HINT": "bf16" if backend.precision is Precision.bf16 else "f32",
        }
        self._local = threading.local()
        with primitives_kept(KEPT_PRIMITIVES), damage_named(file):
            self._compiled = openvino.Core().compile_model(file, "CPU", options)
            self._names = [node.get_any_name() for node in self._compiled.inputs]
            # Its first call sets up what all share. Two threads that do so at once wait for each other for ever: one
            # holds Python's lock, the other that of the set-up (seen with OpenVINO 2026.4).
            self._logits(padded([[0, 0, 0]]))

    def _logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        answer = self._local.request.infer({name: inputs[name] for name in self._names})
        return np.array(answer[0])  # the request writes its next answer to the same memory
