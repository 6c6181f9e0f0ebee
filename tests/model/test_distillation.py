"""Soft labels and consistency in training, and the cross-prediction that yields soft labels."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from newsstance.commands.train import training_splits
from newsstance.configuration.groups import CorpusConfig, SplitConfig, TrainerConfig
from newsstance.corpus.loading import load_corpus, load_unlabelled
from newsstance.corpus.soft_labels import SOFT_LABELS, UNREAD, write_soft_labels
from newsstance.errors import InputError
from newsstance.model.cross_prediction import cross_predict
from newsstance.model.encoder import load_encoder
from newsstance.model.sampling import LengthGroupedBatches
from newsstance.model.targets import training_targets
from newsstance.model.trainer import StanceTrainer
from newsstance.model.training import train
from newsstance.model.training_job import TrainingJob, seen_every_epoch
from newsstance.stances import LabelledSentence, Stance

LEARNS = {"epochs": 8, "learning_rate": 3e-3, "head_learning_rate": 1e-2, "batch_size": 8, "freeze_embeddings": False}


def with_recipe(job: TrainingJob, **recipe: object) -> TrainingJob:
    return replace(job, trainer=replace(job.trainer, **(LEARNS | {"patience": 50} | recipe)))


def texts(job: TrainingJob) -> list[str]:
    return [row.text for row in job.splits["validation"]]


def every(job: TrainingJob) -> list[LabelledSentence]:
    return [row for part in job.splits.values() for row in part]


def softly(rows: list[LabelledSentence], scores: list[float]) -> list[LabelledSentence]:
    return [replace(row, extra={SOFT_LABELS: scores}) for row in rows]


def test_targets_mix_labels_and_soft_labels_by_their_weight():
    row = LabelledSentence("a", 0, "He denied it.", (Stance("denial"),))
    (scored,) = softly([row], [0.5, 0.2, 0.0])
    unread = replace(scored, stances=(), extra={**scored.extra, UNREAD: True})
    hard, mixed, soft = training_targets([row, scored, unread], 0.25)
    assert hard == pytest.approx([0, 1, 0])
    assert mixed == pytest.approx([0.125, 0.8, 0])
    assert soft == pytest.approx([0.5, 0.2, 0.0])


def test_every_epoch_sees_what_has_a_stance_or_may_have_one_by_other_models(small_job):
    stance = LabelledSentence("a", 0, "He denied it.", (Stance("denial"),), extra={SOFT_LABELS: [0.0, 0.05, 0.0]})
    unsure = LabelledSentence("a", 1, "He was denied entry.", (), extra={SOFT_LABELS: [0.0, 0.2, 0.1]})
    easy = LabelledSentence("a", 2, "It rained.", (), extra={SOFT_LABELS: [0.0, 0.1, 0.0]})
    unknown = LabelledSentence("a", 3, "It snowed.", ())
    job = replace(small_job, splits={"train": [stance, unsure, easy, unknown]})
    assert seen_every_epoch(with_recipe(job, hard_negative_score=0.2)) == [True, True, False, True]
    assert seen_every_epoch(with_recipe(job, hard_negative_score=None)) == [True, False, False, False]


def test_training_draws_the_sentences_that_every_epoch_sees(small_job, tmp_path, monkeypatch):
    given = []

    def spy(*arguments, **options):
        given.append(options)
        return LengthGroupedBatches(*arguments, **options)

    monkeypatch.setattr("newsstance.model.trainer.LengthGroupedBatches", spy)
    job = with_recipe(small_job, max_steps=1, negative_share=0.25)
    job.splits["train"] = [*job.splits["train"], LabelledSentence("plain", 0, "It rained.")]
    train(job, tmp_path / "model")
    assert given[0]["others_share"] == 0.25
    assert given[0]["always"] == seen_every_epoch(job)
    assert not all(given[0]["always"])


def test_a_model_learns_soft_labels_that_contradict_the_labels(small_job, tmp_path):
    """Every training sentence is scored as a denial: with all weight on the soft labels, denial is all there is."""
    learning = with_recipe(small_job, epochs=6, soft_label_weight=1.0)
    learning.splits["train"] = softly(learning.splits["train"], [0.0, 1.0, 0.0])
    # Stopped and calibrated on sentences of the same kind, or the calibration would undo it.
    learning.splits["validation"] = [replace(row, stances=(Stance("denial"),)) for row in learning.splits["validation"]]
    classifier = train(learning, tmp_path / "model")
    scores = classifier.predict_proba(texts(learning))
    assert (scores.argmax(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ({"soft_label_weight": 1.5}, "soft_label_weight=1.5: must be between 0 and 1"),
        ({"consistency_weight": -1}, "consistency_weight=-1"),
        ({"consistency_weight": 0.5, "hidden_dropout": 0.0}, "compares two dropout masks, and there is no dropout"),
        ({"hidden_dropout": 1.0}, "hidden_dropout=1.0: must be at least 0 and below 1"),
        ({"evaluations_per_epoch": 0}, "evaluations_per_epoch=0: must be above 0"),
        ({"batch_size": 0}, "batch_size=0: must be at least 1"),
        ({"max_tokens_per_pass": 0}, "max_tokens_per_pass=0: must be at least 1"),
        ({"freeze_layers": -1}, "freeze_layers=-1: must be at least 0"),
        ({"learning_rate": -1e-4}, "learning_rate=-0.0001: must be at least 0"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: must be at least 0"),
        ({"patience": 0}, "patience=0: must be at least 1"),
        ({"epochs": 0}, "trainer.epochs=0: must be above 0"),
        ({"positive_weight": 0.0}, "positive_weight=0.0: must be above 0"),
        ({"warmup_share": 2.0}, "warmup_share=2.0: must be between 0 and 1"),
        ({"max_steps": 0}, "max_steps=0: must be at least 1, or -1"),
        ({"hard_negative_score": 2.0}, "hard_negative_score=2.0: must be between 0 and 1"),
        ({"hard_negative_score": 0.1}, "hard_negative_score=0.1: needs soft labels"),
    ],
)
def test_recipes_that_cannot_be_followed(small_job, tmp_path, recipe, reason):
    with pytest.raises(InputError, match=reason):
        train(with_recipe(small_job, **recipe), tmp_path / "model")


class TwoAnswers(torch.nn.Module):
    """Answers the first half of a batch so, the second half otherwise, as two dropout masks would make it."""

    answers = torch.tensor([[2.0, -1.0, 0.0], [0.5, -3.0, 1.0]])

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.answers.repeat_interleave(len(input_ids) // 2, dim=0)}


def test_consistency_adds_the_divergence_of_two_answers_to_their_mean_loss():
    trainer = StanceTrainer.__new__(StanceTrainer)
    trainer.recipe = TrainerConfig(consistency_weight=0.7, positive_weight=2.0)
    labels = torch.tensor([[1.0, 0.0, 0.0]] * 4)
    batch = {"input_ids": torch.zeros(4, 5, dtype=torch.long), "labels": labels}
    loss = trainer.compute_loss(TwoAnswers().train(), batch)

    one, two = (Bernoulli(logits=answer) for answer in TwoAnswers.answers)
    divergence = (kl_divergence(one, two) + kl_divergence(two, one)) / 2
    weight = torch.tensor([2.0, 2.0, 2.0])
    losses = [bce(answer.expand(4, 3), labels, pos_weight=weight) for answer in TwoAnswers.answers]
    assert float(loss) == pytest.approx(float(sum(losses) / 2 + 0.7 * divergence.mean()), rel=1e-5)


def test_consistency_reaches_the_weights(small_job, tmp_path):
    def weights(weight: float) -> bytes:
        train(with_recipe(small_job, consistency_weight=weight, epochs=1), tmp_path / str(weight))
        return (tmp_path / str(weight) / "model.safetensors").read_bytes()

    assert weights(0.5) != weights(5.0)


def test_what_an_unlabelled_sentence_shares_with_the_held_out_ones_keeps_it_out(tmp_path):
    rows = [{"doc": f"d{n}", "text": f"The mayor denied bridge number {n}.", "labels": "denial"} for n in range(40)]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    others = [{"text": row["text"].upper()} for row in rows] + [{"text": "Something else was denied."}]
    (tmp_path / "u.jsonl").write_text("".join(json.dumps(row) + "\n" for row in others))
    config = CorpusConfig(
        paths=[str(tmp_path / "c.jsonl")],
        unlabelled=[str(tmp_path / "u.jsonl")],
        soft_labels=str(tmp_path / "soft.parquet"),
        split=SplitConfig(validation_share=0.3, test_share=0.2, near_duplicate=0),
    )
    unread = load_unlabelled(config)
    write_soft_labels(Path(config.soft_labels), unread, np.full((len(unread), 3), 0.5))
    splits = training_splits(config, load_corpus(config))
    held_out = {row.text.upper() for name in ("validation", "test") for row in splits[name]}
    assert held_out
    assert not held_out & {row.text for row in splits["train"]}
    assert "Something else was denied." in {row.text for row in splits["train"]}


def test_an_encoder_folder_that_changed_makes_another_job(small_job, tmp_path):
    folder = shutil.copytree(small_job.encoder.name, tmp_path / "encoder")
    job = replace(small_job, encoder=replace(small_job.encoder, name=str(folder)))
    before = job.key
    assert job.key == before
    model, _ = load_encoder(job.encoder)
    model.save_pretrained(folder)  # with a head that is drawn anew
    assert job.key != before


def test_unlabelled_sentences_that_the_final_epochs_are_about_make_another_job(small_job):
    soft = softly(small_job.splits["train"], [0.1, 0.5, 0.1])
    job = replace(small_job, splits={**small_job.splits, "train": soft})
    final = [replace(row, extra={**row.extra, "corpus": "x"}) for row in soft]
    other = replace(job, splits={**job.splits, "train": final})
    assert job.key == other.key
    assert with_recipe(job, final_epochs=1).key != with_recipe(other, final_epochs=1).key


def test_repeated_seeds_are_an_error(small_job, tmp_path):
    with pytest.raises(InputError, match="twice"):
        cross_predict(small_job, every(small_job), tmp_path, folds=2, seeds=[0, 0])


def test_cross_predict_keeps_its_models(small_job, tmp_path):
    learning = with_recipe(small_job, epochs=1)
    scores = cross_predict(learning, every(learning), tmp_path, folds=3, seeds=[1, 2])
    assert scores.shape == (len(every(learning)), 3)
    assert np.isfinite(scores).all()
    assert len(list(tmp_path.iterdir())) == 6, "a model for each fold and seed"
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.safetensors")}
    assert len(written) == 6
    again = cross_predict(learning, every(learning), tmp_path, folds=3, seeds=[1, 2])
    assert {path: path.stat().st_mtime_ns for path in written} == written, "the models are kept and used again"
    np.testing.assert_allclose(again, scores, rtol=0, atol=1e-6)  # loaded weights may add up in another order


def test_folds_learn_from_the_other_folds_only(small_job, tmp_path, monkeypatch):
    seen: list[tuple[set[str], set[str]]] = []

    class Remembering:
        def predict_proba(self, texts: list[str]) -> np.ndarray:
            seen[-1][1].update(texts)
            return np.full((len(texts), 3), 0.5)

    def remember(part, folder):
        seen.append(({row.text for split in part.splits.values() for row in split}, set()))
        return Remembering()

    monkeypatch.setattr("newsstance.model.cross_prediction.train", remember)
    learning = small_job
    cross_predict(learning, every(learning), tmp_path, folds=3, seeds=[0])
    assert all(not (learned & scored) for learned, scored in seen)
    assert set().union(*(scored for _, scored in seen)) == {row.text for row in every(learning)}


def test_one_fold_leaves_the_others_open(small_job, tmp_path):
    learning = with_recipe(small_job, epochs=1)
    scores = cross_predict(learning, every(learning), tmp_path, folds=3, seeds=[1], only=1)
    scored = np.isfinite(scores).all(axis=1)
    assert 0 < scored.sum() < len(every(learning))
    with pytest.raises(InputError, match="only=3"):
        cross_predict(learning, every(learning), tmp_path, folds=3, seeds=[1], only=3)
