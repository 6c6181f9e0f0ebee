"""Export a model for the other runtimes, and check each export against the model that it was made from."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
from tokenizers import Tokenizer

from newsstance.configuration.commands import ExportConfig
from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.errors import InputError
from newsstance.inference.backends import load_backend
from newsstance.model import export
from newsstance.model.batching import pack_by_length, padded
from newsstance.model.classifier import StanceClassifier
from newsstance.model.cpu import multiplies_bf16
from newsstance.model.export_record import ExportedFile, ExportRecord
from newsstance.provenance import library_versions

FORMATS = ("onnx", "openvino")
ALL = "all"
CALIBRATION_SENTENCES = 256


@dataclass(frozen=True)
class Checked:
    """A model, and the sentences and scores that its exports are held against.

    Attributes:
        classifier: The model on torch in fp32.
        folder: Where its exports go; holds the model itself too.
        sentences: What parity is checked on.
        scores: The model's own scores of them, shape (n, 3).
    """

    classifier: StanceClassifier
    folder: Path
    sentences: Sequence[str]
    scores: np.ndarray


def formats_of(config: ExportConfig) -> tuple[str, ...]:
    """The formats to write; ONNX among them in any case, since the others are made from it.

    Raises:
        InputError: On an unknown format.
    """
    if config.format == ALL:
        return FORMATS if importlib.util.find_spec("openvino") else FORMATS[:1]
    if config.format not in FORMATS:
        raise InputError(f"format={config.format}: unknown; the formats are {', '.join(FORMATS)}, or {ALL}")
    return FORMATS[: FORMATS.index(config.format) + 1]


def sample_sentences(sentences: Sequence[str], count: int, seed: int) -> list[str]:
    """``count`` of ``sentences`` drawn at random, behind those that every export is checked on."""
    drawn = Random(seed).sample(list(sentences), min(count, len(sentences)))
    return [*export.EXAMPLES, *drawn]


def export_model(checked: Checked, config: ExportConfig) -> ExportRecord:
    """Write and check the exports that ``config`` asks for, and record each in ``export.json``.

    An export in fp32 that disagrees is removed; one in bf16 or int8 stays, is recorded as not sound, and is used only
    where the user names it.

    Raises:
        InputError: Where a package is missing, or an export in fp32 gives other scores than the model.
    """
    metadata = checked.classifier.metadata
    assert metadata is not None
    earlier = ExportRecord.load(checked.folder)
    kept = earlier.files if earlier and earlier.key == metadata.key else ()
    record = ExportRecord(metadata.key, len(checked.sentences), kept, library_versions())
    for backend, precision in _steps(config):
        if precision != "bf16":  # computed from the file of fp32
            name = export.FILES[backend, precision]
            record = replace(record, files=tuple(file for file in record.files if file.file != name))
            record.save(checked.folder)  # what is being written anew is not sound yet
            _write(checked, backend, precision)
        record = _check(checked, record, config, ExportedFile(export.FILES[backend, precision], backend, precision))
    return record


def _steps(config: ExportConfig) -> list[tuple[str, str]]:
    formats = formats_of(config)
    steps = [("onnxruntime", "fp32")]
    if config.int8:
        steps.append(("onnxruntime", "int8"))
    if "openvino" in formats:
        steps.append(("openvino", "fp32"))
        if multiplies_bf16():
            steps.append(("openvino", "bf16"))
        if config.int8:
            steps.append(("openvino", "int8"))
    return steps


def _write(checked: Checked, backend: str, precision: str) -> None:
    folder = checked.folder
    match backend, precision:
        case "onnxruntime", "fp32":
            export.export_onnx(checked.classifier, folder)
        case "onnxruntime", "int8":
            export.quantize_onnx(folder)
        case "openvino", "fp32":
            export.export_openvino(folder)
        case "openvino", "int8":
            export.quantize_openvino(folder, _calibration(folder, checked.sentences[:CALIBRATION_SENTENCES]))


def _calibration(folder: Path, sentences: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Batches of ``sentences`` as a model reads them, cut at 128 tokens."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.no_padding()
    ids = [encoded.ids for encoded in tokenizer.encode_batch(list(sentences))]
    return [padded([ids[i] for i in batch]) for batch in pack_by_length([len(one) for one in ids], 512)]


def _check(checked: Checked, record: ExportRecord, config: ExportConfig, exported: ExportedFile) -> ExportRecord:
    """Load ``exported`` as a user would, compare its scores with the model's, and add it to the record on disk."""
    record = record.having(exported)
    record.save(checked.folder)
    backend = BackendConfig(name=exported.backend, precision=Precision(exported.precision))
    found = load_backend(str(checked.folder), backend).predict_proba(checked.sentences)
    difference, same = export.parity(checked.scores, found)
    is_exact = exported.precision == "fp32"
    sound = difference <= (config.tolerance if is_exact else config.tolerance_rounded) and same >= config.same_labels
    if is_exact and not sound:
        (checked.folder / exported.file).unlink()
        replace(record, files=tuple(f for f in record.files if f != exported)).save(checked.folder)
        raise InputError(
            f"{checked.folder / exported.file}: scores differ by {difference:.1e}, more than "
            f"tolerance={config.tolerance}; not kept"
        )
    record = record.having(replace(exported, largest_score_difference=difference, same_labels=same, sound=bool(sound)))
    record.save(checked.folder)
    return record
