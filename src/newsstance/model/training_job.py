"""What is trained: the splits and the recipe, which of the sentences each epoch sees, and whether it can be done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from newsstance.configuration.groups import EncoderConfig, TrackerConfig, TrainerConfig
from newsstance.configuration.typed import to_plain
from newsstance.corpus.soft_labels import SOFT_LABELS, UNREAD
from newsstance.errors import InputError
from newsstance.model.location import SHIPPED
from newsstance.model.processes import processes
from newsstance.model.shipped import shipped_encoder, shipped_identity
from newsstance.provenance import hash_json
from newsstance.stances import LABELS, LabelledSentence

Splits = dict[str, list[LabelledSentence]]


@dataclass(frozen=True)
class TrainingJob:
    """All that decides a trained model.

    Attributes:
        splits: Sentences of the train, validation and test split.
        data_hash: Hash of the corpus.
        encoder: The encoder to fine-tune.
        trainer: The recipe.
        tracker: Where progress is reported; does not change the model.
        seed: Seed of head, order and dropout.
    """

    splits: Splits
    data_hash: str
    encoder: EncoderConfig
    trainer: TrainerConfig
    tracker: TrackerConfig
    seed: int

    @property
    def config(self) -> dict[str, Any]:
        """The part of the configuration that decides the model, as plain values."""
        encoder = to_plain(self.encoder)
        if self.encoder.name == SHIPPED:
            encoder["revision"] = shipped_identity()  # another version of the package ships another model
        return {"encoder": encoder, "trainer": to_plain(self.trainer), "seed": self.seed}

    @property
    def base_encoder(self) -> EncoderConfig:
        """The encoder that the result is a fine-tuning of: where it goes on from the shipped model, that one's own."""
        if self.encoder.name != SHIPPED:
            return self.encoder
        return replace(shipped_encoder(), max_tokens=self.encoder.max_tokens)

    @property
    def key(self) -> str:
        """Hash of config, seed, data, split and soft labels; equal keys mean the same model."""
        final = self.trainer.final_field if self.trainer.final_epochs else None
        members = {name: sorted({sentence.doc for sentence in part}) for name, part in self.splits.items()}
        decides = {"config": self.config, "data": self.data_hash, "splits": members}
        soft = [
            [sentence.text, sentence.extra[SOFT_LABELS], bool(sentence.extra.get(UNREAD))]
            + ([sentence.extra.get(final) is not None] if final else [])
            for sentence in self.splits["train"]
            if SOFT_LABELS in sentence.extra
        ]
        weights = _weights(self.encoder.name)
        return hash_json(decides | ({"soft_labels": soft} if soft else {}) | ({"encoder": weights} if weights else {}))


def _weights(encoder: str) -> dict[str, str]:
    """Files of an encoder that is a folder → SHA-256: what lies there may have changed since."""
    folder = Path(encoder).expanduser()
    names = ("config.json", "tokenizer.json")
    if encoder == SHIPPED or not folder.is_dir():
        return {}
    files = [*folder.glob("*.safetensors"), *(folder / name for name in names if (folder / name).is_file())]
    return {path.name: _hashed(path, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files)}


@cache
def _hashed(path: Path, *_state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_final_epochs(job: TrainingJob, split: str) -> np.ndarray:
    """Which sentences of a split the last epochs are about, as a mask; all, where the recipe has no such epochs."""
    field, sentences = job.trainer.final_field, job.splits[split]
    if not job.trainer.final_epochs:
        return np.ones(len(sentences), dtype=bool)
    return np.array([sentence.extra.get(field) is not None for sentence in sentences], dtype=bool)


def final_sentences(job: TrainingJob, split: str) -> list[LabelledSentence]:
    """Those sentences of a split; of the validation split, what checkpoints are chosen and calibrated on."""
    return [job.splits[split][index] for index in of_final_epochs(job, split).nonzero()[0]]


def seen_every_epoch(job: TrainingJob) -> list[bool]:
    """Which training sentences each epoch sees: those with a stance, and the hard ones of the others.

    Hard are those whose soft labels reach ``trainer.hard_negative_score``, and those that have none: nobody knows.
    """
    hard = job.trainer.hard_negative_score
    if hard is None:
        return [bool(sentence.stances) for sentence in job.splits["train"]]
    unknown = [1.0]
    return [
        bool(sentence.stances) or max(sentence.extra.get(SOFT_LABELS, unknown)) >= hard
        for sentence in job.splits["train"]
    ]


def check_job(job: TrainingJob) -> None:
    """Whether the job can be trained at all.

    Raises:
        InputError: On splits that cannot be trained on, or a recipe that cannot be followed.
    """
    _check_splits(job.splits)
    _check_recipe(job)


def _check_splits(splits: Splits) -> None:
    for name in ("train", "validation"):
        if not splits[name]:
            articles = len({sentence.doc for part in splits.values() for sentence in part})
            raise InputError(f"the {name} split is empty: the corpus has {articles} articles, training needs more")
    present = {label for sentence in splits["train"] for label in sentence.labels}
    missing = [label for label in LABELS if label not in present]
    if missing:
        raise InputError(
            f"the training split has no sentence labelled {', '.join(missing)}: a model needs some of each label"
        )


_AT_LEAST = {
    "batch_size": 1,
    "max_tokens_per_pass": 1,
    "patience": 1,
    "learning_rate": 0,
    "head_learning_rate": 0,
    "weight_decay": 0,
    "consistency_weight": 0,
    "freeze_layers": 0,
}
_ABOVE_0 = ("epochs", "evaluations_per_epoch", "positive_weight")
_SHARES = ("warmup_share", "negative_share", "soft_label_weight")
_SHORTEST_INPUT = 3
"""Tokens: two of them are special."""


def _check_bounds(job: TrainingJob) -> None:
    """What no recipe can have; written so that a value which is no number is caught, too."""
    values = vars(job.trainer)
    for name, least in _AT_LEAST.items():
        if not values[name] >= least:
            raise InputError(f"trainer.{name}={values[name]}: must be at least {least}")
    for name in _ABOVE_0:
        if not values[name] > 0:
            raise InputError(f"trainer.{name}={values[name]}: must be above 0")
    for name in _SHARES:
        if not 0 <= values[name] <= 1:
            raise InputError(f"trainer.{name}={values[name]}: must be between 0 and 1")
    if job.trainer.max_steps == 0 or job.trainer.max_steps < -1:
        raise InputError(f"trainer.max_steps={job.trainer.max_steps}: must be at least 1, or -1 for no limit")
    if job.encoder.max_tokens < _SHORTEST_INPUT:
        raise InputError(f"encoder.max_tokens={job.encoder.max_tokens}: must be at least {_SHORTEST_INPUT}")


def _check_recipe(job: TrainingJob) -> None:
    recipe = job.trainer
    _check_bounds(job)
    if recipe.batch_size % processes():
        raise InputError(
            f"trainer.batch_size={recipe.batch_size}: is shared by {processes()} processes, give a multiple of that"
        )
    _check_order(job)
    _check_dropout(recipe)
    if not 0 <= recipe.final_epochs < recipe.epochs:
        raise InputError(
            f"trainer.final_epochs={recipe.final_epochs}: must be at least 0 and below trainer.epochs={recipe.epochs}"
        )
    if recipe.final_epochs:
        for split in ("train", "validation"):
            missing = set(LABELS) - {label for sentence in final_sentences(job, split) for label in sentence.labels}
            if missing:
                raise InputError(
                    f"trainer.final_epochs={recipe.final_epochs}: no sentence of the {split} split with the field "
                    f"{recipe.final_field!r} is labelled {', '.join(sorted(missing))}; give another "
                    "trainer.final_field, or trainer.final_epochs=0"
                )
    if recipe.adapter_rank is None:
        return
    if recipe.adapter_rank < 1:
        raise InputError(f"trainer.adapter_rank={recipe.adapter_rank}: must be at least 1, or null for no adapter")
    if not (recipe.matrices_only and recipe.freeze_embeddings):
        raise InputError("trainer.adapter_rank: needs trainer.matrices_only=true and trainer.freeze_embeddings=true")


def _check_dropout(recipe: TrainerConfig) -> None:
    for name in ("attention_dropout", "hidden_dropout"):
        share = getattr(recipe, name)
        if share is not None and not 0 <= share < 1:
            raise InputError(f"trainer.{name}={share}: must be at least 0 and below 1")


def _check_order(job: TrainingJob) -> None:
    recipe = job.trainer
    if recipe.hard_negative_score is not None and not 0 <= recipe.hard_negative_score <= 1:
        raise InputError(
            f"trainer.hard_negative_score={recipe.hard_negative_score}: must be between 0 and 1, or null for none"
        )
    if recipe.hard_negative_score is not None and not any(SOFT_LABELS in s.extra for s in job.splits["train"]):
        raise InputError(
            f"trainer.hard_negative_score={recipe.hard_negative_score}: needs soft labels to tell hard sentences by: "
            "give corpus.soft_labels, or trainer.hard_negative_score=null"
        )
