"""The runtimes that score sentences, and which of them ``backend=auto`` takes."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.errors import InputError
from newsstance.model.cpu import cpu_flags, multiplies_bf16
from newsstance.model.export_record import ExportRecord
from newsstance.model.location import find_model
from newsstance.model.metadata import ModelMetadata

if TYPE_CHECKING:
    from newsstance.inference.prediction import Scorer

LOG = logging.getLogger(__name__)

AUTO = "auto"


def load_backend(model: str, config: BackendConfig) -> Scorer:
    """Load ``model`` on the runtime ``config.name``; `choose` says which one that is for ``auto``.

    Args:
        model: shipped, latest, a folder or a hub id.
        config: Runtime, precision and batch size.

    Raises:
        InputError: On an unknown runtime, a missing model, or one that was not exported for the runtime.
    """
    if config.max_tokens_per_batch is not None and config.max_tokens_per_batch < 1:
        raise InputError(f"backend.max_tokens_per_batch must be 1 or more, or null, not {config.max_tokens_per_batch}")
    chosen = resolve(model, config)
    if chosen.name not in _LOADERS:
        raise InputError(f"backend.name={config.name}: unknown; the backends are {', '.join([AUTO, *_LOADERS])}")
    return _LOADERS[chosen.name](model, chosen)


def resolve(model: str, config: BackendConfig) -> BackendConfig:
    """``config`` with a runtime in place of ``auto``, and with a precision in place of ``auto`` where it has exports.

    Raises:
        InputError: Where the model is missing, or the first pass is asked for and no export can take it.
    """
    if config.name == AUTO:
        chosen = choose(model, config)
        LOG.info("backend=auto: %s, %s", chosen.name, chosen.precision.value)
        return chosen
    if config.precision is Precision.auto and config.name in _EXPORTED:
        ranked = [precision for name, precision in _by_speed() if name == config.name]
        sound = _sound_exports(model)
        best = next((p for p in ranked if (config.name, p.value) in sound), Precision.fp32)
        return replace(config, precision=best)
    return config


def choose(model: str, config: BackendConfig) -> BackendConfig:
    """The fastest runtime for ``model`` that is installed, that the model was exported for, and that is sound.

    Sound means that the parity check of the export found the scores and labels of torch fp32. Where there is none:
    torch in fp32.

    Args:
        model: shipped, latest, a folder or a hub id.
        config: Its precision, unless ``auto``, limits the choice.

    Raises:
        InputError: Where the model is missing.
    """
    sound = _sound_exports(model)
    for name, precision in _by_speed():
        wanted = config.precision in {Precision.auto, precision}
        if wanted and (name, precision.value) in sound and importlib.util.find_spec(name):
            return replace(config, name=name, precision=precision)
    if config.first_pass:
        raise InputError(f"{model}: backend.first_pass needs an exported model (`newsstance export first_pass=true`)")
    return replace(config, name="torch", precision=_torch_precision(config.precision))


def _torch_precision(asked: Precision) -> Precision:
    return Precision.fp32 if asked in {Precision.auto, Precision.int8} else asked


def _sound_exports(model: str) -> set[tuple[str, str]]:
    """Runtime and precision of each export of ``model`` that agrees with its torch model and is of its weights."""
    folder = Path(find_model(model))
    if not folder.is_dir():
        return set()
    record, metadata = ExportRecord.load(folder), ModelMetadata.load(folder)
    if record is None or metadata is None or record.key != metadata.key:
        return set()
    return {(f.backend, f.precision) for f in record.files if f.sound and (folder / f.file).exists()}


def _by_speed() -> list[tuple[str, Precision]]:
    """Runtimes and precisions, fastest first on this CPU; ``docs/inference.md`` has the figures."""
    bf16 = [("openvino", Precision.bf16)] if multiplies_bf16() else []
    # With AVX2 alone the two are equally fast, and ONNX Runtime starts faster and takes less memory.
    runtimes = ("openvino", "onnxruntime") if "avx512f" in cpu_flags() else ("onnxruntime", "openvino")
    fp32 = [(runtime, Precision.fp32) for runtime in runtimes]
    # Without dot product instructions for it, 8-bit arithmetic gains little and rounds coarser (saturation).
    if not cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8"}:
        return [*bf16, *fp32, ("onnxruntime", Precision.int8), ("openvino", Precision.int8)]
    return [("openvino", Precision.int8), *bf16, ("onnxruntime", Precision.int8), *fp32]


def _load_torch(model: str, config: BackendConfig) -> Scorer:
    from newsstance.model.classifier import StanceClassifier

    if config.precision is Precision.int8:
        raise InputError("backend=torch has no precision int8; use backend=onnxruntime (`newsstance export int8=true`)")
    if config.first_pass:
        raise InputError("backend=torch has no first pass; use backend=onnxruntime (`newsstance export`)")
    return StanceClassifier.from_pretrained(model, config)


def _load_onnxruntime(model: str, config: BackendConfig) -> Scorer:
    from newsstance.inference.onnx_backend import OnnxClassifier

    return OnnxClassifier.from_pretrained(model, config)


def _load_openvino(model: str, config: BackendConfig) -> Scorer:
    from newsstance.inference.openvino_backend import OpenVinoClassifier

    return OpenVinoClassifier.from_pretrained(model, config)


_LOADERS: dict[str, Callable[[str, BackendConfig], Scorer]] = {
    "torch": _load_torch,
    "onnxruntime": _load_onnxruntime,
    "openvino": _load_openvino,
}
_EXPORTED = ("onnxruntime", "openvino")
