"""The runtimes that score sentences: torch, ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsstance.configuration.schema import BackendConfig
from newsstance.errors import InputError

if TYPE_CHECKING:
    from newsstance.inference.prediction import Scorer

BACKENDS = ("torch", "onnxruntime")


def load_backend(model: str, config: BackendConfig) -> Scorer:
    """Load ``model`` on the runtime ``config.name``.

    Args:
        model: latest, a folder or a hub id.
        config: Runtime, precision and batch size.

    Raises:
        InputError: On an unknown runtime, a missing model, or one that was not exported for the runtime.
    """
    if config.name == "torch":
        from newsstance.model.classifier import StanceClassifier

        return StanceClassifier.from_pretrained(model, config)
    if config.name == "onnxruntime":
        from newsstance.inference.onnx_backend import OnnxClassifier

        return OnnxClassifier.from_pretrained(model, config)
    raise InputError(f"backend.name={config.name}: unknown; the backends are {', '.join(BACKENDS)}")
