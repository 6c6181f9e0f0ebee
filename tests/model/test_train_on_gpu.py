"""scripts/train_on_gpu.py, on the processor: the steps that a GPU replays, and what it writes."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from newsstance.configuration.groups import TrainerConfig
from newsstance.errors import InputError
from newsstance.model.adapter import merge_adapter
from newsstance.model.calibration import macro_f1
from newsstance.model.classifier import StanceClassifier
from newsstance.model.encoder import load_encoder
from newsstance.model.metadata import ModelMetadata
from newsstance.model.targets import indicators

_SPEC = importlib.util.spec_from_file_location(
    "train_on_gpu", Path(__file__).parents[2] / "scripts" / "train_on_gpu.py"
)
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)

TEXTS = ["The mayor denied it.", "The mayor admitted that bridge number 3 had been closed."]
RECIPE = TrainerConfig(
    matrices_only=True, adapter_rank=4, batch_size=8, learning_rate=3e-3, head_learning_rate=1e-2, max_steps=200
)


def test_its_logits_are_those_of_the_model(small_job):
    model, tokenizer = load_encoder(small_job.encoder)
    inputs = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model.eval()(**inputs).logits
        given = script.classify(model, inputs["input_ids"], dropout=0.5)
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-4)


def test_it_learns_and_writes_a_model_with_its_adapter(small_job, tmp_path):
    job = replace(small_job, trainer=RECIPE)
    script.train(job, tmp_path)
    model = StanceClassifier.from_pretrained(tmp_path)
    validation = job.splits["validation"]
    scores = model.predict_proba([sentence.text for sentence in validation])
    assert macro_f1(indicators(validation), scores) > 0.9
    merged, tokenizer = merge_adapter(tmp_path / "adapter", job.encoder)
    np.testing.assert_allclose(
        StanceClassifier(merged, tokenizer).predict_proba(TEXTS), model.predict_proba(TEXTS), atol=5e-3
    )


def test_the_model_names_the_script_and_is_not_taken_for_the_commands(small_job, tmp_path):
    job = replace(small_job, trainer=replace(RECIPE, max_steps=2))
    script.train(job, tmp_path)
    metadata = ModelMetadata.load(tmp_path)
    assert metadata.config["script"] == "scripts/train_on_gpu.py"
    assert metadata.key != job.key


def test_batches_larger_than_an_epoch_are_an_error(small_job, tmp_path):
    with pytest.raises(InputError, match="an epoch has 48 sentences"):
        script.train(replace(small_job, trainer=replace(RECIPE, batch_size=64)), tmp_path)
