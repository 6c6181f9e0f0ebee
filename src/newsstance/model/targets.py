"""What the model is trained towards: the labels that a reader gave, mixed with the soft labels of other models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from newsstance.corpus.soft_labels import SOFT_LABELS, UNREAD
from newsstance.stances import LABELS, LabelledSentence, to_indicators


def indicators(sentences: Sequence[LabelledSentence]) -> np.ndarray:
    """Gold labels as a 0/1 matrix of shape (n, 3), columns in the order of `LABELS`."""
    return np.array([to_indicators(sentence.labels) for sentence in sentences], dtype=int).reshape(-1, len(LABELS))


def training_targets(sentences: Sequence[LabelledSentence], soft_label_weight: float) -> np.ndarray:
    """Targets of the loss in [0, 1], shape (n, 3): gold labels and soft labels as a weighted mean.

    Knowledge distillation (Hinton et al. 2015, https://arxiv.org/abs/1503.02531) in the form for independent labels.

    Args:
        sentences: Sentences; those without soft labels keep their gold labels, those that nobody has read have only
            their soft labels.
        soft_label_weight: Share of the soft labels in the mean, 0 to 1.
    """
    targets = indicators(sentences).astype(np.float32)
    for row, sentence in enumerate(sentences):
        soft = sentence.extra.get(SOFT_LABELS)
        if soft is not None:
            weight = 1.0 if sentence.extra.get(UNREAD) else soft_label_weight
            targets[row] += weight * (np.asarray(soft, dtype=np.float32) - targets[row])
    return targets
