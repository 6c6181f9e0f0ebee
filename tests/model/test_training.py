"""Training on a tiny random encoder: what it learns, that it repeats, that it survives being killed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, GPT2Config, GPT2Model

from newsstance.configuration.groups import EncoderConfig, Precision, TrackerConfig, TrainerConfig
from newsstance.errors import InputError
from newsstance.model.adapter import merge_adapter
from newsstance.model.calibration import Calibration, calibrate, macro_f1
from newsstance.model.checkpoints import CHECKPOINTS
from newsstance.model.classifier import StanceClassifier
from newsstance.model.encoder import encoder_layers, load_encoder
from newsstance.model.targets import indicators
from newsstance.model.trainer import StanceTrainer
from newsstance.model.training import is_trained, train
from newsstance.model.training_job import TrainingJob
from newsstance.stances import LABELS, LabelledSentence, Stance

WORDS = {"acknowledgement": "admitted", "denial": "denied", "third_party_skepticism": "doubted"}


def sentences(count: int, split: str) -> list[LabelledSentence]:
    """Sentences in which one word decides; every fourth carries no stance."""
    kinds = [*WORDS, None]
    rows = []
    for n in range(count):
        label = kinds[n % 4]
        verb = WORDS[label] if label else "painted"
        stances = (Stance(label, "The mayor", verb),) if label else ()
        rows.append(LabelledSentence(f"{split}-{n // 4}", n % 4, f"The mayor {verb} bridge number {n}.", stances))
    return rows


def job(encoder: Path, seed: int = 1, **recipe: object) -> TrainingJob:
    settings = {
        "epochs": 8,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "batch_size": 8,
        "freeze_embeddings": False,
    }
    return TrainingJob(
        splits={
            "train": sentences(96, "train"),
            "validation": sentences(32, "validation"),
            "test": sentences(16, "test"),
        },
        data_hash="0123456789abcdef",
        encoder=EncoderConfig(name=str(encoder), max_tokens=32),
        trainer=TrainerConfig(**(settings | recipe)),
        tracker=TrackerConfig(),
        seed=seed,
    )


def test_training_learns_what_a_word_decides(tiny_encoder, tmp_path):
    """Giving every sentence every label would reach 0.4; the tiny random encoder gets to 0.75 and more."""
    learning = job(tiny_encoder, epochs=30, patience=50, learning_rate=1e-3, evaluations_per_epoch=1)
    classifier = train(learning, tmp_path / "model")
    test = sentences(16, "test")
    scores = classifier.predict_proba([sentence.text for sentence in test])
    assert macro_f1(indicators(test), scores) > 0.6


def test_same_seed_same_weights_other_seed_others(tiny_encoder, tmp_path):
    def weights(name: str, seed: int) -> bytes:
        train(job(tiny_encoder, seed=seed, epochs=1), tmp_path / name)
        return (tmp_path / name / "model.safetensors").read_bytes()

    assert weights("first", 1) == weights("second", 1)
    assert weights("first", 1) != weights("third", 2)


def test_trained_in_bf16_the_model_scores_as_it_does_when_it_is_loaded(tiny_encoder, tmp_path):
    """It would go on rounding, and be calibrated so."""
    texts = [sentence.text for sentence in sentences(16, "test")]
    trained = train(job(tiny_encoder, epochs=1, precision=Precision.bf16), tmp_path / "model")
    loaded = StanceClassifier.from_pretrained(tmp_path / "model")
    np.testing.assert_allclose(trained.predict_proba(texts), loaded.predict_proba(texts), rtol=0, atol=1e-6)


@pytest.mark.parametrize("consistency_weight", [0.0, 0.5])
def test_a_step_in_several_passes_is_the_same_step(tiny_encoder, tmp_path, monkeypatch, consistency_weight):
    """Memory is bounded by the tokens of a pass; without dropout the model is the same but for rounding."""
    monkeypatch.setattr("newsstance.model.training.drops_out", lambda model: True)
    shown: list[int] = []
    losses: list[float] = []
    step = StanceTrainer.training_step

    def watched_step(self, *inputs):
        loss = step(self, *inputs)
        losses.append(float(loss))
        return loss

    monkeypatch.setattr(StanceTrainer, "training_step", watched_step)

    def scores(name: str, most: int) -> np.ndarray:
        recipe = {"hidden_dropout": 0.0, "consistency_weight": consistency_weight, "max_tokens_per_pass": most}
        recipe["precision"] = Precision.fp32  # bf16 rounds more than four steps change
        watched = StanceTrainer.weighted_loss

        def watch(self, outputs, labels, num_items_in_batch=None):
            shown.extend([len(labels)] * self.model.training)
            return watched(self, outputs, labels)

        with monkeypatch.context() as patched:
            patched.setattr(StanceTrainer, "weighted_loss", watch)
            classifier = train(job(tiny_encoder, max_steps=4, **recipe), tmp_path / name)
        return classifier.predict_proba([sentence.text for sentence in sentences(16, "test")])

    whole, sizes_in_one = scores("whole", 8192), set(shown)
    shown.clear()
    parts = scores("parts", 48)
    twice = 2 if consistency_weight else 1
    assert sizes_in_one == {8 * twice}
    assert max(shown) < 8 * twice
    np.testing.assert_allclose(losses[4:], losses[:4], rtol=1e-3)
    np.testing.assert_allclose(parts, whole, atol=1e-3)


def test_a_trained_folder_is_reused_for_the_same_job_only(tiny_encoder, tmp_path):
    first = job(tiny_encoder, epochs=1)
    train(first, tmp_path / "model")
    written = (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns
    train(first, tmp_path / "model")
    assert (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns == written
    assert not is_trained(job(tiny_encoder, epochs=2), tmp_path / "model")
    assert not (tmp_path / "model" / CHECKPOINTS).exists()


def test_the_model_says_what_it_was_trained_on(tiny_encoder, tmp_path):
    the_job = job(tiny_encoder, epochs=1)
    train(the_job, tmp_path / "model")
    said = json.loads((tmp_path / "model" / "newsstance.json").read_text())
    assert said["key"] == the_job.key
    assert said["data_hash"] == the_job.data_hash
    assert said["config"]["trainer"]["epochs"] == 1
    assert said["figures"]["sentences"] == {"train": 96, "validation": 32, "test": 16}


# Patience for the whole training: the model is then that of a late checkpoint, behind all kills. A training that stops
# early would deliver its first one, which no kill touches, and the last kill would fall into its end.
TRAIN_SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import importlib.util
spec = importlib.util.spec_from_file_location("training_job", {this!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
from pathlib import Path
module.train(module.job(Path({encoder!r}), epochs=6, evaluations_per_epoch=3, patience=50), Path({folder!r}))
"""


@pytest.mark.slow
def test_training_killed_at_random_points_reaches_the_same_result(tiny_encoder, tmp_path):
    """Three kills, each a random time behind another checkpoint: between two, or while the next one is written."""

    def start(folder: Path) -> subprocess.Popen[bytes]:
        script = TRAIN_SCRIPT.format(
            tests=str(Path(__file__).parent), this=__file__, encoder=str(tiny_encoder), folder=str(folder)
        )
        return subprocess.Popen(
            [sys.executable, "-c", script], env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL
        )

    undisturbed = tmp_path / "undisturbed"
    assert start(undisturbed).wait() == 0
    disturbed = tmp_path / "disturbed"
    seen: set[str] = set()
    kills = 0
    delays = random.Random(5)
    for _ in range(3):
        process = start(disturbed)
        while process.poll() is None:
            fresh = {p.parent.name for p in (disturbed / CHECKPOINTS).glob("checkpoint-*/trainer_state.json")} - seen
            if fresh:
                time.sleep(delays.uniform(0, 0.3))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        kills += process.wait() == -signal.SIGKILL
        seen |= {path.name for path in (disturbed / CHECKPOINTS).glob("checkpoint-*")}
    assert kills, "each run ended before it could be killed"
    assert start(disturbed).wait() == 0
    assert (disturbed / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()


@pytest.mark.parametrize("state", [None, "", '{"global_step": 99'])
def test_a_checkpoint_that_was_half_written_is_not_continued(tiny_encoder, tmp_path, state):
    folder = tmp_path / "model"
    the_job = job(tiny_encoder, epochs=1)
    broken = folder / CHECKPOINTS / "checkpoint-99"
    broken.mkdir(parents=True)
    (folder / CHECKPOINTS / "job.key").write_text(the_job.key)
    (broken / "model.safetensors").write_bytes(b"half")
    if state is not None:
        (broken / "trainer_state.json").write_text(state)
    train(the_job, folder)
    assert (folder / "newsstance.json").exists()


def test_checkpoints_of_another_job_are_not_continued(tiny_encoder, tmp_path):
    folder = tmp_path / "model"
    stale = folder / CHECKPOINTS / "checkpoint-1"
    stale.mkdir(parents=True)
    (folder / CHECKPOINTS / "job.key").write_text("another job")
    train(job(tiny_encoder, epochs=1), folder)
    assert (folder / "newsstance.json").exists()


def test_a_split_without_a_label_is_named(tiny_encoder, tmp_path):
    poor = job(tiny_encoder)
    poor.splits["train"][:] = [s for s in poor.splits["train"] if "denial" not in s.labels]
    with pytest.raises(InputError, match="no sentence labelled denial"):
        train(poor, tmp_path / "model")


def test_too_few_articles_are_named(tiny_encoder, tmp_path):
    poor = job(tiny_encoder)
    poor.splits["validation"].clear()
    with pytest.raises(InputError, match="validation split is empty"):
        train(poor, tmp_path / "model")


def test_an_encoder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match=r"encoder=.*nowhere.*cannot be loaded"):
        train(job(tmp_path / "nowhere"), tmp_path / "model")


def test_freezing_more_layers_than_there_are_is_named(tiny_encoder, tmp_path):
    with pytest.raises(InputError, match="the encoder has 2 layers"):
        train(job(tiny_encoder, freeze_layers=9), tmp_path / "model")


def test_frozen_layers_keep_their_weights(tiny_encoder, tmp_path):
    from safetensors.numpy import load_file

    train(job(tiny_encoder, epochs=1, freeze_layers=1, freeze_embeddings=True), tmp_path / "model")
    before = load_file(tiny_encoder / "model.safetensors")
    after = {
        name.removeprefix("bert."): values
        for name, values in load_file(tmp_path / "model" / "model.safetensors").items()
    }
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed
    assert not [name for name in changed if "layer.0." in name or "embeddings" in name]


@pytest.mark.parametrize(("count", "calibrated_on"), [(160, 80), (32, 32)])
def test_calibration_leaves_out_picked_sentences_where_enough_others_are_left(
    tiny_encoder, tmp_path, monkeypatch, count, calibrated_on
):
    """Twenty of each label are enough."""
    seen = []

    def calibrate_and_note(gold, scores):
        seen.append(len(gold))
        return calibrate(gold, scores)

    monkeypatch.setattr("newsstance.model.training.calibrate", calibrate_and_note)
    learning = job(tiny_encoder, epochs=1)
    said = [True, "true", False, "false"]  # in words: of a table without types
    validation = [
        replace(sentence, extra={"picked": said[n // 4 % 4]})
        for n, sentence in enumerate(sentences(count, "validation"))
    ]
    train(replace(learning, splits=learning.splits | {"validation": validation}), tmp_path / "model")
    assert seen == [calibrated_on]


def test_calibration_is_in_the_weights_whatever_way_they_are_loaded(tiny_encoder, tmp_path, monkeypatch):
    from transformers import pipeline

    texts = ["The mayor denied it.", "The mayor admitted that bridge 7 had been closed.", "The mayor painted a boat."]
    calibrations = {
        "plain": Calibration(np.ones(3), np.zeros(3)),
        "moved": Calibration(np.array([2.0, 0.5, 1.0]), np.array([1.0, -1.0, 0.5])),
    }
    for name, calibration in calibrations.items():
        monkeypatch.setattr("newsstance.model.training.calibrate", Mock(return_value=calibration))
        recipe = {"epochs": 1, "adapter_rank": 32, "matrices_only": True, "freeze_embeddings": True}
        train(job(tiny_encoder, **recipe), tmp_path / name)
    moved = tmp_path / "moved"
    raw = StanceClassifier.from_pretrained(tmp_path / "plain").predict_proba(texts)
    wanted = calibrations["moved"].apply(raw)
    assert np.abs(wanted - raw).max() > 0.05
    classifier = StanceClassifier.from_pretrained(moved)
    np.testing.assert_allclose(classifier.predict_proba(texts), wanted, atol=1e-5)
    answers = pipeline("text-classification", model=str(moved), top_k=None)(texts)
    by_label = [{answer["label"]: answer["score"] for answer in each} for each in answers]
    np.testing.assert_allclose([[each[label] for label in LABELS] for each in by_label], wanted, atol=1e-5)
    merged = StanceClassifier(*merge_adapter(moved / "adapter", EncoderConfig(str(tiny_encoder), max_tokens=32)))
    np.testing.assert_allclose(merged.predict_proba(texts), wanted, atol=5e-3)  # half precision


def test_hidden_dropout_holds_for_the_training_and_is_not_saved(tiny_encoder, tmp_path):
    model, _ = load_encoder(EncoderConfig(str(tiny_encoder)), attention_dropout=0.2, hidden_dropout=0.0)
    attention = {block.attention.self.dropout.p for block in encoder_layers(model)}
    hidden = {block.output.dropout.p for block in encoder_layers(model)} | {model.dropout.p}
    assert (attention, hidden) == ({0.2}, {0.0})
    assert model.config.hidden_dropout_prob == pytest.approx(0.1)
    own, _ = load_encoder(EncoderConfig(str(tiny_encoder)))
    assert encoder_layers(own)[0].output.dropout.p == pytest.approx(0.1)


def test_an_encoder_in_half_precision_is_trained_in_full(tiny_encoder, tmp_path):
    half = tmp_path / "half"
    AutoModel.from_pretrained(tiny_encoder).half().save_pretrained(half)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(half)
    model, _ = load_encoder(EncoderConfig(str(half)))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_an_encoder_file_that_is_cut_short_is_named(tiny_encoder, tmp_path):
    broken = shutil.copytree(tiny_encoder, tmp_path / "broken")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"encoder={broken}: cannot be loaded"):
        load_encoder(EncoderConfig(str(broken)))


def test_a_new_model_in_the_folder_of_an_old_one_leaves_nothing_of_that(tiny_encoder, tmp_path):
    adapter = {"adapter_rank": 4, "matrices_only": True, "freeze_embeddings": True}
    train(job(tiny_encoder, epochs=1, **adapter), tmp_path / "model")
    assert (tmp_path / "model" / "adapter").is_dir()
    train(job(tiny_encoder, seed=2, epochs=1), tmp_path / "model")
    assert not (tmp_path / "model" / "adapter").exists()


def test_a_loss_that_is_no_number_ends_the_training(tiny_encoder, tmp_path):
    with pytest.raises(InputError, match="training diverged"):
        train(job(tiny_encoder, learning_rate=1e30, head_learning_rate=1e30), tmp_path / "model")


def test_weights_that_only_the_last_step_breaks_end_the_training(tiny_encoder, tmp_path):
    """No loss is computed behind it."""
    with pytest.raises(InputError, match="training diverged in its last steps"):
        train(job(tiny_encoder, learning_rate=1e30, head_learning_rate=1e30, max_steps=1), tmp_path / "model")


def test_an_input_of_special_tokens_alone_is_refused(tiny_encoder, tmp_path):
    short = replace(job(tiny_encoder), encoder=EncoderConfig(str(tiny_encoder), max_tokens=2))
    with pytest.raises(InputError, match="max_tokens=2: must be at least 3"):
        train(short, tmp_path / "model")


def test_patience_goes_on_counting_in_a_run_that_was_resumed(tiny_encoder, tmp_path):
    """With nothing learned the first evaluation stays the best, so the fourth is the third in vain."""
    idle = {"learning_rate": 0.0, "head_learning_rate": 0.0, "epochs": 9, "patience": 3, "evaluations_per_epoch": 1}
    stubborn = replace(job(tiny_encoder), trainer=TrainerConfig(**idle))
    heard = []

    def kill_at_the_third(evaluation: int, _: float) -> None:
        heard.append(evaluation)
        if heard == [1, 2, 3]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(stubborn, tmp_path / "model", kill_at_the_third)
    train(stubborn, tmp_path / "model", kill_at_the_third)
    assert heard == [1, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("recipe", "evaluations"),
    [({"epochs": 9, "patience": 2}, [0.5, 0.4, 0.3]), ({"epochs": 2.5, "patience": 9}, [0.3, 0.5, 0.4])],
    ids=["out of patience", "last step"],
)
def test_a_training_killed_behind_its_end_is_not_trained_further(
    tiny_encoder, tmp_path, monkeypatch, recipe, evaluations
):
    """One more evaluation would find a better model, if there were one."""
    given = iter([*evaluations, *evaluations, 0.9, 0.9])
    monkeypatch.setattr("newsstance.model.trainer.validation_metrics", lambda _: {"macro_f1": next(given)})
    the_job = job(tiny_encoder, evaluations_per_epoch=1, **recipe)
    train(the_job, tmp_path / "undisturbed")

    with monkeypatch.context() as killed:
        killed.setattr("newsstance.model.training.finish", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(the_job, tmp_path / "model")
    train(the_job, tmp_path / "model")
    assert list(given) == [0.9, 0.9]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("undisturbed", "model")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("name", ["checkpoints/checkpoint-500/model.safetensors", "adapter/notes.txt"])
def test_what_is_somebody_elses_in_the_folder_is_left_alone(tiny_encoder, tmp_path, name):
    mine = tmp_path / "model" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(InputError, match="is not of newsstance and would be replaced"):
        train(job(tiny_encoder, epochs=1), tmp_path / "model")
    assert mine.read_text() == "mine"


def test_the_card_of_a_former_model_goes_and_a_users_own_stays(tiny_encoder, tmp_path):
    card = tmp_path / "model" / "README.md"
    card.parent.mkdir()
    card.write_text("My notes.")
    train(job(tiny_encoder, epochs=1), tmp_path / "model")
    assert card.read_text() == "My notes."
    card.write_text("---\n---\n| training key | 0123 |")
    train(job(tiny_encoder, epochs=1, seed=2), tmp_path / "model")
    assert not card.exists()


def test_an_encoder_without_a_tokenizer_is_an_error(tiny_encoder, tmp_path):
    folder = tmp_path / "encoder"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(Path(tiny_encoder) / name, folder)
    with pytest.raises(InputError, match="has no tokenizer"):
        train(job(folder, epochs=1), tmp_path / "model")


def test_an_encoder_whose_head_has_no_bias_is_an_error_before_the_training(tiny_encoder, tmp_path):
    folder = tmp_path / "gpt2"
    config = GPT2Config(vocab_size=2000, n_positions=64, n_embd=16, n_layer=1, n_head=2, pad_token_id=0)
    GPT2Model(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(folder)
    with pytest.raises(InputError, match=r"head has no bias|cannot be loaded"):
        train(job(folder, epochs=1), tmp_path / "model")


def test_who_watches_hears_of_each_evaluation_and_may_end_the_training(tiny_encoder, tmp_path):
    heard: list[tuple[int, float]] = []

    def watch(evaluation: int, macro_f1: float) -> None:
        heard.append((evaluation, macro_f1))
        if evaluation == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        train(job(tiny_encoder), tmp_path / "model", watch)
    assert [evaluation for evaluation, _ in heard] == [1, 2, 3]
    assert all(0 <= macro_f1 <= 1 for _, macro_f1 in heard)


def test_very_short_and_very_long_sentences_can_be_trained_on(tiny_encoder, tmp_path):
    odd = job(tiny_encoder, epochs=1)
    odd.splits["train"] += [LabelledSentence("odd", 0, "No."), LabelledSentence("odd", 1, "word " * 5000)]
    train(odd, tmp_path / "model")


def test_tensorboard_keeps_the_curve_beside_the_model(tiny_encoder, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    tracked = replace(job(tiny_encoder, epochs=1), tracker=TrackerConfig("tensorboard"))
    train(tracked, tmp_path / "model")
    assert list((tmp_path / "model" / "tensorboard").glob("events.out.tfevents*"))


@pytest.fixture
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_"))]:
        monkeypatch.delenv(name)
    environment = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.usefixtures("_in_empty_folder")
def test_mlflow_keeps_a_run_a_training_in_a_local_store(tiny_encoder, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    tracked = replace(job(tiny_encoder, epochs=1), tracker=TrackerConfig("mlflow", project="ours"))
    train(tracked, tmp_path / "one")
    train(replace(tracked, seed=2), tmp_path / "two")
    with pytest.raises(InputError, match="diverged"):
        train(replace(tracked, trainer=replace(tracked.trainer, learning_rate=1e30)), tmp_path / "three")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'outputs' / 'mlflow.db'}")
    runs = mlflow.search_runs(experiment_names=["ours"], output_format="list")
    assert [run.info.status for run in runs] == ["FAILED", "FINISHED", "FINISHED"]
    assert all(0 <= run.data.metrics["eval_macro_f1"] <= 1 for run in runs[1:])
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


@pytest.mark.usefixtures("_in_empty_folder")
def test_wandb_keeps_a_run_a_training_offline(tiny_encoder, tmp_path):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    for seed in (1, 2):
        tracked = replace(job(tiny_encoder, seed=seed, epochs=1), tracker=TrackerConfig("wandb"))
        train(tracked, tmp_path / f"model-{seed}")
        assert len(list((tmp_path / f"model-{seed}" / "wandb").glob("offline-run-*/*.wandb"))) == 1


def test_a_tracker_that_is_unknown_is_named(tiny_encoder, tmp_path):
    with pytest.raises(InputError, match="the trackers are none, tensorboard, mlflow, wandb"):
        train(replace(job(tiny_encoder), tracker=TrackerConfig("excel")), tmp_path / "model")
