"""Fixtures of the model tests."""

import pytest

from newsstance.configuration.groups import EncoderConfig, TrackerConfig, TrainerConfig
from newsstance.model.training_job import TrainingJob
from newsstance.stances import LabelledSentence, Stance


@pytest.fixture
def small_job(tiny_encoder) -> TrainingJob:
    """A job of a second or two."""
    verbs = {"acknowledgement": "admitted", "denial": "denied", "third_party_skepticism": "doubted"}

    def sentences(split: str, count: int) -> list[LabelledSentence]:
        return [
            LabelledSentence(f"{split}-{n}", k, f"The mayor {verb} bridge number {n}.", (Stance(label, "", verb),))
            for n in range(count)
            for k, (label, verb) in enumerate(verbs.items())
        ]

    splits = {"train": sentences("train", 16), "validation": sentences("validation", 8), "test": []}
    encoder = EncoderConfig(name=str(tiny_encoder), max_tokens=32)
    return TrainingJob(splits, "0123456789abcdef", encoder, TrainerConfig(), TrackerConfig(), seed=1)
