"""Export a model to ONNX, and check that it gives the same scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from newsstance.errors import InputError
from newsstance.model.classifier import StanceClassifier
from newsstance.model.metadata import ONNX_FILE

REPORT_FILE = "export.json"

PARITY_SENTENCES = (
    "The ministry denied that its trucks had crossed the river.",
    "Yes.",
    "The company conceded on Monday that its meters had over-charged some 12,000 households for two years, "
    "although independent engineers doubted that the fault had been found by chance, as the firm had claimed.",
    "“We were wrong,” she said — and apologised.",
)
"""Sentences of one to many tokens that torch and the exported model must agree on."""


def export_onnx(classifier: StanceClassifier, folder: Path) -> Path:
    """Write ``model.onnx`` with free batch and length dimensions.

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
    encoded = dict(classifier.tokenizer(list(PARITY_SENTENCES), padding=True, return_tensors="pt"))
    names = list(encoded)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    partial = folder / f".{ONNX_FILE}.part"
    program = torch.onnx.export(
        _logits_module(classifier.model, names),
        tuple(encoded.values()),
        input_names=names,
        output_names=["logits"],
        dynamic_shapes=(tuple(free for _ in names),),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.save(str(partial))
    partial.replace(folder / ONNX_FILE)
    return folder / ONNX_FILE


def _logits_module(model: Any, names: list[str]) -> Any:
    from torch import nn

    class LogitsOnly(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits

    return LogitsOnly().eval()


def copy_model(source: Path, target: Path) -> None:
    """Copy the files of a model folder beside an export that goes elsewhere."""
    if source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))


def parity(first: Any, second: Any) -> float:
    """Largest difference of any score of two classifiers on `PARITY_SENTENCES`, one by one and as one batch."""
    alone = [abs(first.predict_proba([s]) - second.predict_proba([s])).max() for s in PARITY_SENTENCES]
    together = abs(first.predict_proba(list(PARITY_SENTENCES)) - second.predict_proba(list(PARITY_SENTENCES))).max()
    return float(np.max([*alone, together]))


def record_export(folder: Path, facts: dict[str, Any]) -> None:
    """Write ``export.json``: format, file, parity, versions."""
    (folder / REPORT_FILE).write_text(json.dumps(facts, indent=2) + "\n")
