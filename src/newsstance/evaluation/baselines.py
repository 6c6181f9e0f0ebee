"""What a model must beat: systems that are cheap, simple or ready-made, measured on the same sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from newsstance.configuration.groups import EvaluationConfig
from newsstance.errors import InputError
from newsstance.evaluation.embedder import Embedder
from newsstance.evaluation.metrics import Output, indicators
from newsstance.stances import LABELS, LabelledSentence

if TYPE_CHECKING:
    from newsstance.labelling.rules import RuleLabeller


class Baseline(Protocol):
    """A system to compare the model with.

    Attributes:
        name: Its name in tables.
        description: One line on what it is.
    """

    name: str
    description: str

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Learn from labelled sentences; nothing to do for systems that come trained."""
        ...

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """The labels of each sentence, with scores where the system has them."""
        ...


class MajorityBaseline:
    """Gives every sentence the set of labels that most training sentences have."""

    name = "majority"
    description = "the most frequent set of labels, for every sentence"

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Count the label sets; ties go to the smaller set."""
        counts = Counter(sentence.labels for sentence in sentences)
        self._labels = max(counts, key=lambda labels: (counts[labels], -len(labels))) if counts else ()
        self.description = f"every sentence: {', '.join(self._labels) or 'no stance'}"

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """The same labels for each text."""
        return Output(indicators([self._labels] * len(texts)))


class RulesBaseline:
    """The cue and negation rules of ``newsstance label``."""

    name = "rules"
    description = "cue and negation rules (newsstance label labeller=rules)"

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Load the rules; they learn nothing."""
        from newsstance.labelling.rules import RuleLabeller

        self._labeller: RuleLabeller = RuleLabeller()

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """The labels of the stances that the rules find."""
        found = self._labeller.label(texts, contexts)
        return Output(indicators([[stance.label for stance in stances] for stances in found]))


def make_baselines(config: EvaluationConfig, embedder: Embedder | None = None) -> list[Baseline]:
    """The baselines that ``config`` names, and those that its NLI model and LLM endpoint add.

    Args:
        config: Which ones.
        embedder: Embeds sentences for ``embeddings``; one of ``config.embedder`` where it is None.

    Raises:
        InputError: On an unknown name, or where a package of an optional baseline is missing.
    """
    from newsstance.evaluation.llm_baseline import LlmBaseline
    from newsstance.evaluation.pretrained_baselines import NliBaseline, SetFitBaseline
    from newsstance.evaluation.trained_baselines import EmbeddingsBaseline, TfidfBaseline

    makers: dict[str, Callable[[], Baseline]] = {
        "majority": MajorityBaseline,
        "rules": RulesBaseline,
        "tfidf": TfidfBaseline,
        "embeddings": lambda: EmbeddingsBaseline(embedder or Embedder(config.embedder), config.embeddings_sentences),
        "setfit": lambda: SetFitBaseline(config.embedder, config.setfit_per_label),
    }
    unknown = [name for name in config.baselines if name not in makers]
    if unknown:
        remedy = "nli and llm are added by evaluation.nli_model and evaluation.llm_base_url"
        raise InputError(f"evaluation.baselines: unknown {unknown[0]!r}; there are {', '.join(makers)} ({remedy})")
    baselines = [makers[name]() for name in dict.fromkeys(config.baselines)]
    if config.nli_model is not None:
        baselines.append(NliBaseline(config.nli_model))
    if config.llm_base_url is not None:
        if config.llm_model is None:
            raise InputError("evaluation.llm_base_url: also name the model: evaluation.llm_model=NAME")
        baselines.append(LlmBaseline(config.llm_base_url, config.llm_model))
    return baselines


def gold_matrix(sentences: Sequence[LabelledSentence]) -> np.ndarray:
    """The gold labels. *Shape:* ``(sentences, 3)``, columns as in `LABELS`."""
    return indicators([sentence.labels for sentence in sentences])


def constant_columns(gold: np.ndarray) -> list[int]:
    """The labels that all training sentences carry, or none: nothing can be learned of them."""
    return [k for k in range(len(LABELS)) if gold[:, k].all() or not gold[:, k].any()]
