"""Export a model to the files that other runtimes read."""

from __future__ import annotations

import contextlib
import logging
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from newsstance.errors import InputError
from newsstance.model.classifier import StanceClassifier
from newsstance.model.first_token import last_layer_for_first_token
from newsstance.model.mixed_precision import keep_in_fp32, residual_path

FILES = {
    ("onnxruntime", "fp32"): "model.onnx",
    ("onnxruntime", "int8"): "model.int8.onnx",
    ("openvino", "fp32"): "openvino_model.xml",
    ("openvino", "bf16"): "openvino_model.xml",
    ("openvino", "int8"): "openvino_model.int8.xml",
}
"""The file of each runtime and precision in a model folder; bf16 is computed from the file of fp32."""

EXAMPLES = (
    "The ministry denied that its trucks had crossed the river.",
    "Yes.",
    "The company conceded on Monday that its meters had over-charged some 12,000 households for two years, "
    "although independent engineers doubted that the fault had been found by chance, as the firm had claimed.",
    "“We were wrong,” she said — and apologised.",
)
"""Sentences of one to many tokens: what a model is traced with, and part of every parity check."""


def export_onnx(classifier: StanceClassifier, folder: Path) -> Path:
    """Write ``model.onnx``: free batch and length, logits in the order of the stance labels.

    Args:
        classifier: The model.
        folder: Folder that receives it.

    Raises:
        InputError: Where the packages for exporting are not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError("export: needs onnx and onnxscript; pip install 'newsstance[onnx]'") from error
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    encoded = dict(classifier.tokenizer(list(EXAMPLES), padding=True, return_tensors="pt"))
    names = list(encoded)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    target = folder / FILES["onnxruntime", "fp32"]
    with _silence(), last_layer_for_first_token(classifier.model):
        program = torch.onnx.export(
            _logits_module(classifier, names),
            tuple(encoded.values()),
            input_names=names,
            output_names=["logits"],
            dynamic_shapes=(tuple(free for _ in names),),
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        with _in_one_step(target) as partial:
            program.save(str(partial))
    return target


def quantize_onnx(folder: Path) -> Path:
    """Write ``model.int8.onnx`` from ``model.onnx``: weights in 8 bits a channel, activations in 8 bits as they come.

    Weights get 7 of the 8 bits: without VNNI, x86 adds pairs of products in 16 bits, which 8 would overflow
    (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = folder / FILES["onnxruntime", "int8"]
    with _silence(), _in_one_step(target) as partial:
        quantize_dynamic(
            folder / FILES["onnxruntime", "fp32"],
            partial,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            extra_options={"MatMulConstBOnly": True},
        )
    return target


def export_openvino(folder: Path) -> Path:
    """Write ``openvino_model.xml`` and its ``.bin`` from ``model.onnx``, weights in fp32.

    In bf16, too, it is computed from this file: `mixed_precision` says what of it then stays in fp32.

    Raises:
        InputError: Where openvino is not installed.
    """
    openvino = _openvino()
    target = folder / FILES["openvino", "fp32"]
    with _silence():
        model = openvino.convert_model(folder / FILES["onnxruntime", "fp32"])
        openvino.save_model(model, target, compress_to_fp16=False)
    keep_in_fp32(target, residual_path(model))
    return target


def quantize_openvino(folder: Path, batches: Sequence[dict[str, np.ndarray]]) -> Path:
    """Write ``openvino_model.int8.xml`` from ``openvino_model.xml`` by nncf's post-training quantization.

    Args:
        folder: Model folder.
        batches: Inputs of the model that the ranges of its activations are measured on.

    Raises:
        InputError: Where openvino or nncf is not installed.
    """
    openvino = _openvino()
    try:
        import nncf
    except ImportError as error:
        raise InputError("int8=true: needs nncf for OpenVINO; pip install 'newsstance[openvino]'") from error
    target = folder / FILES["openvino", "int8"]
    with _silence():
        model = openvino.Core().read_model(folder / FILES["openvino", "fp32"])
        names = [node.get_any_name() for node in model.inputs]
        calibration = nncf.Dataset(batches, lambda batch: {name: batch[name] for name in names})
        quantized = nncf.quantize(
            model,
            calibration,
            subset_size=len(batches),
            model_type=nncf.ModelType.TRANSFORMER,
            fast_bias_correction=True,
        )
        openvino.save_model(quantized, target, compress_to_fp16=False)
    return target


def copy_model(source: Path, target: Path) -> None:
    """Copy the files of a model folder beside an export that goes elsewhere."""
    if source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))


def parity(expected: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """How two score matrices of shape (n, 3) agree.

    Returns:
        The largest difference of any score, and the share of rows with the same labels.
    """
    same = ((expected >= 0.5) == (found >= 0.5)).all(axis=1).mean()
    return float(np.abs(expected - found).max()), float(same)


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise InputError("format=openvino: not installed; pip install 'newsstance[openvino]'") from error
    return openvino


@contextlib.contextmanager
def _in_one_step(target: Path) -> Iterator[Path]:
    """A name of its own for a file until it is whole; it keeps the suffix, which exporters go by."""
    partial = target.with_name(f".part.{target.name}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Exporters print and log every pass over the graph."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _logits_module(classifier: StanceClassifier, names: list[str]) -> Any:
    from torch import nn

    class LogitsOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = classifier.model
            self.columns = classifier.label_columns

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits[:, self.columns]

    return LogitsOnly().eval()
