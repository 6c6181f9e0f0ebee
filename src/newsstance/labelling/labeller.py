"""What a labeller is, and how to get one: rules, or a trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from newsstance.configuration.groups import BackendConfig, LabellerConfig
from newsstance.errors import InputError
from newsstance.stances import Stance, from_scores

if TYPE_CHECKING:
    import numpy as np


class Labeller(Protocol):
    """Reads the stances of sentences."""

    @property
    def name(self) -> str:
        """Name and version, written into each record."""

    def label(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> list[tuple[Stance, ...]]:
        """The stances of each sentence.

        Args:
            sentences: The sentences, in any number.
            contexts: The sentence before each, "" where there is none; a labeller may leave them unread.

        Returns:
            One tuple a sentence, in the same order; empty for no stance.
        """


class Scorer(Protocol):
    """The part of `newsstance.model.classifier.StanceClassifier` that labels."""

    model_id: str

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Scores of shape (n, 3) in the order of `LABELS`."""


class ModelLabeller:
    """Labels sentences with a trained model; its stances name neither source nor cue, which the model does not tell.

    Args:
        scorer: The model, or anything that scores like it.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    @property
    def name(self) -> str:
        """``model-`` and the model's id."""
        return f"model-{self._scorer.model_id}"

    def label(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> list[tuple[Stance, ...]]:
        """The labels that score at least 0.5."""
        scores = self._scorer.predict_proba(sentences, contexts)
        return [tuple(Stance(label) for label in from_scores([float(score) for score in row])) for row in scores]


def make_labeller(
    config: LabellerConfig,
    backend: BackendConfig,
    load_scorer: Callable[[str, BackendConfig], Scorer] | None = None,
) -> Labeller:
    """The labeller that ``config`` names.

    Args:
        config: ``rules`` with its rule file, or ``model`` with its model.
        backend: What runs the model.
        load_scorer: Loads a model on a backend; None for `StanceClassifier`, which runs on torch.

    Raises:
        InputError: On an unknown labeller, a rule file with an error, a missing model or an unknown backend.
    """
    if config.name == "rules":
        from newsstance.labelling.rule_file import SHIPPED_RULES, load_rules
        from newsstance.labelling.rules import RuleLabeller

        return RuleLabeller(load_rules(Path(config.rules).expanduser() if config.rules else SHIPPED_RULES))
    if config.name == "model":
        return ModelLabeller((load_scorer or _load_classifier)(config.model, backend))
    raise InputError(f"labeller.name={config.name}: unknown; the labellers are rules, model")


def _load_classifier(model: str, backend: BackendConfig) -> Scorer:
    from newsstance.model.classifier import StanceClassifier

    if backend.name != "torch":
        raise InputError(f"backend.name={backend.name}: this labeller runs on torch")
    return StanceClassifier.from_pretrained(model, backend)
