"""Baselines that start from pretrained transformers: SetFit (few examples) and zero-shot NLI (none)."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from newsstance.configuration.groups import EncoderConfig
from newsstance.errors import InputError
from newsstance.evaluation.baselines import gold_matrix
from newsstance.evaluation.metrics import Output
from newsstance.stances import LABELS, Label, LabelledSentence, to_indicators

HYPOTHESES: dict[Label, str] = {
    "acknowledgement": "Someone admits, confirms or concedes something that was held against them.",
    "denial": "Someone who is accused of something denies or rejects it.",
    "third_party_skepticism": "Someone who is not involved doubts or disputes what somebody else claims.",
}
"""What an NLI model is asked whether the sentence entails, after the codebook."""


class SetFitBaseline:
    """SetFit: contrastive tuning of sentence embeddings on few examples.

    Tunstall et al. (2022), https://arxiv.org/abs/2209.11055.

    Args:
        encoder: The sentence encoder.
        per_label: Training sentences of each label, and of none.

    Raises:
        InputError: Where the package setfit is missing.
    """

    name = "setfit"

    def __init__(self, encoder: EncoderConfig, per_label: int) -> None:
        from importlib.util import find_spec

        if find_spec("setfit") is None:
            raise InputError("the baseline setfit needs a package: pip install 'newsstance[setfit]'")
        self.encoder = encoder
        self.per_label = per_label
        self.description = f"SetFit on {encoder.name}, {per_label} sentences a label"

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Tune on a sample of the sentences."""
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments

        from newsstance.model.encoder import locate_encoder

        chosen = sample_per_label(sentences, self.per_label, seed)
        rows = {"text": [s.text for s in chosen], "label": [to_indicators(s.labels) for s in chosen]}
        self._model = SetFitModel.from_pretrained(locate_encoder(self.encoder), multi_target_strategy="one-vs-rest")
        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(output_dir=folder, num_epochs=1, batch_size=16, seed=seed, report_to="none")
            arguments.eval_strategy = arguments.save_strategy = arguments.logging_strategy = "no"
            Trainer(model=self._model, args=arguments, train_dataset=Dataset.from_dict(rows)).train()

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """Scores, and the labels from 0.5 on."""
        scores = np.asarray(self._model.predict_proba(list(texts), as_numpy=True), dtype=float).reshape(-1, len(LABELS))
        return Output.from_scores(scores, [0.5] * len(LABELS))


class NliBaseline:
    """Zero-shot classification: does the sentence entail the hypothesis of a label?

    Yin et al. (2019), https://arxiv.org/abs/1909.00161.

    Args:
        model: Folder or hub id of a model for natural language inference.
    """

    name = "nli"

    def __init__(self, model: str) -> None:
        self.model = model
        self.description = f"zero-shot NLI with {model}"

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Load the model; it learns nothing.

        Raises:
            InputError: Where there is no such model, or it knows no entailment.
        """
        from transformers import pipeline

        try:
            self._pipeline = pipeline("zero-shot-classification", model=self.model, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"evaluation.nli_model={self.model}: cannot be loaded: {reason}") from error
        names = [str(name).lower() for name in self._pipeline.model.config.label2id or {}]
        if not any(name.startswith("entail") for name in names):
            raise InputError(f"evaluation.nli_model={self.model}: no NLI model, its labels are {', '.join(names)[:80]}")

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """Probability of entailment (against contradiction), and the labels from 0.5 on."""
        hypotheses = list(HYPOTHESES.values())
        answers: Any = self._pipeline(
            list(texts), hypotheses, hypothesis_template="{}", multi_label=True, batch_size=16
        )
        scores = np.zeros((len(texts), len(LABELS)))
        for row, answer in enumerate(answers):
            by_hypothesis = dict(zip(answer["labels"], answer["scores"], strict=True))
            scores[row] = [by_hypothesis[HYPOTHESES[label]] for label in LABELS]
        return Output.from_scores(scores, [0.5] * len(LABELS))


def sample_per_label(sentences: Sequence[LabelledSentence], per_label: int, seed: int) -> list[LabelledSentence]:
    """Up to ``per_label`` sentences of each label and as many of none, drawn at random, each once."""
    gold = gold_matrix(sentences)
    random = np.random.default_rng(seed)
    groups = [np.flatnonzero(gold[:, k]) for k in range(len(LABELS))] + [np.flatnonzero(~gold.any(axis=1))]
    chosen = {int(row) for group in groups for row in random.permutation(group)[:per_label]}
    return [sentences[row] for row in sorted(chosen)]
