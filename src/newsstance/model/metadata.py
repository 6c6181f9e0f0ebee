"""``newsstance.json``: what a model folder says of itself beside the Hugging Face files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from newsstance.errors import InputError

FILE_NAME = "newsstance.json"
ONNX_FILE = "model.onnx"
FORMAT_VERSION = 3


@dataclass(frozen=True)
class ModelMetadata:
    """Facts of a trained model.

    Attributes:
        model_id: Short name of the model in predictions: encoder's last name and the training key.
        key: Hash of everything that decides the result: config, seed, data.
        encoder: Hub id or folder of the encoder it was fine-tuned from.
        max_tokens: Longest input in tokens; longer sentences are read in overlapping windows.
        calibration: ``scale`` and ``shift`` that were folded into each label's logit, so that 0.5 is the threshold.
        data_hash: Hash of the training, validation and test sentences.
        config: The training config.
        code_revision: Revision of newsstance that trained it.
        libraries: Versions of the libraries that trained it.
        figures: Scores on the validation split and counts of the splits.
        base_encoder: Config of the encoder that the model's adapter lies over; None where it was not saved as one.
        format_version: Version of this file's layout.
    """

    model_id: str
    key: str
    encoder: str
    max_tokens: int
    calibration: dict[str, list[float]] = field(default_factory=dict)
    data_hash: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    code_revision: str = ""
    libraries: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    base_encoder: dict[str, Any] | None = None
    format_version: int = FORMAT_VERSION

    def save(self, folder: Path) -> None:
        """Write the file in one step: a folder that holds it is a complete model."""
        partial = folder / (FILE_NAME + ".part")
        partial.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")
        partial.replace(folder / FILE_NAME)

    @classmethod
    def load(cls, folder: Path) -> ModelMetadata | None:
        """Read the file; None where the folder has none (a model that was not trained by newsstance).

        Raises:
            InputError: Where the file is broken or of a newer format.
        """
        path = folder / FILE_NAME
        try:
            record = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError.at(path, f"is not JSON: {error}", remedy="train or copy the model again") from error
        if record.get("format_version", 0) > FORMAT_VERSION:
            raise InputError.at(path, f"has format {record['format_version']}", remedy="update newsstance")
        record.pop("threshold_shift", None)  # format 1
        try:
            return cls(**record)
        except TypeError as error:
            raise InputError.at(path, f"has wrong fields: {error}", remedy="train or copy the model again") from error
