"""The model that the package ships: an adapter, merged with its encoder at first use and kept in the user's cache."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

from newsstance.configuration.groups import EncoderConfig
from newsstance.errors import InputError
from newsstance.model.adapter import WEIGHTS_FILE
from newsstance.model.metadata import FILE_NAME, ModelMetadata
from newsstance.resources import data_dir, user_cache_dir

LOG = logging.getLogger(__name__)


def shipped_model() -> Path:
    """The folder of the shipped model, merged and ready to load; made at the first call on a machine.

    Raises:
        InputError: Where the package carries no model, its encoder cannot be loaded or the cache cannot be written.
    """
    adapter, metadata = _find_adapter()
    folder = user_cache_dir() / "models" / _identify(adapter, metadata)
    if not (folder / FILE_NAME).is_file():
        _merge_into(folder, adapter, metadata)
    return folder


def shipped_identity() -> str:
    """What tells the shipped model from that of another version of the package: its name and a hash of its weights.

    Raises:
        InputError: Where the package carries no model.
    """
    return _identify(*_find_adapter())


def shipped_encoder() -> EncoderConfig:
    """The encoder that the shipped adapter lies over.

    Raises:
        InputError: Where the package carries no model.
    """
    return _base_encoder(_find_adapter()[1])


def _base_encoder(metadata: ModelMetadata) -> EncoderConfig:
    return EncoderConfig(**(metadata.base_encoder or metadata.config["encoder"]))


def _find_adapter() -> tuple[Path, ModelMetadata]:
    adapter = data_dir() / "model"
    metadata = ModelMetadata.load(adapter) if adapter.is_dir() else None
    if metadata is None:
        raise InputError("model=shipped: this installation carries no model; train one with `newsstance pipeline`")
    return adapter, metadata


def _identify(adapter: Path, metadata: ModelMetadata) -> str:
    return f"{metadata.model_id}-{hashlib.sha256((adapter / WEIGHTS_FILE).read_bytes()).hexdigest()[:12]}"


def _merge_into(folder: Path, adapter: Path, metadata: ModelMetadata) -> None:
    """Write the merged model to ``folder`` in one step, so that a killed or parallel first use leaves no half of it."""
    from newsstance.model.adapter import merge_adapter
    from newsstance.model.classifier import StanceClassifier

    LOG.info("first use of the shipped model: merging it with its encoder into %s", folder)
    model, tokenizer = merge_adapter(adapter, _base_encoder(metadata))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "model"
            StanceClassifier(model, tokenizer, metadata=metadata).save_pretrained(made)
            _move(made, folder)
    except OSError as error:
        remedy = "set NEWSSTANCE_CACHE to a folder that can be written"
        raise InputError.at(folder, f"cannot be written: {error.strerror or error}", remedy=remedy) from error


def _move(made: Path, folder: Path) -> None:
    if folder.is_dir() and not (folder / FILE_NAME).is_file():  # left by a file system without atomic renames
        shutil.rmtree(folder)
    try:
        os.rename(made, folder)  # noqa: PTH104  fails, and does not overwrite, where another process was faster
    except OSError:
        if not (folder / FILE_NAME).is_file():
            raise
