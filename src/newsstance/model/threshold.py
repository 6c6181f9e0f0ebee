"""The decision threshold: fixed on the validation split and folded into the head, so that 0.5 is right for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def macro_f1(gold: np.ndarray, scores: np.ndarray, threshold: float = 0.5) -> float:
    """Macro-averaged F1 of ``scores`` (n, 3) against the 0/1 matrix ``gold`` (n, 3)."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, scores >= threshold, average="macro", zero_division=0))


def best_threshold(gold: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest F1 for one label; 0.5 where the label never occurs.

    Averaged over the thresholds within 0.01 of the best F1: the single best one follows the noise of a small split.

    Args:
        gold: 0/1 vector of shape (n,).
        scores: Scores in [0, 1] of shape (n,).
    """
    from sklearn.metrics import precision_recall_curve

    if not gold.any():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(gold, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    near_best = thresholds[f1[:-1] >= f1[:-1].max() - 0.01]
    return float(np.clip(_sigmoid(_logit(near_best).mean()), 0.05, 0.95))


def fold_thresholds(model: PreTrainedModel, gold: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Shift the bias of the model's last layer so that 0.5 decides as each label's best threshold did.

    Args:
        model: Sequence classification model; its output layer is changed in place.
        gold: 0/1 matrix (n, 3) of the validation split.
        scores: The model's scores (n, 3) of the validation split.

    Returns:
        What was subtracted from the logit of each label, shape (3,).
    """
    import torch

    shift = _logit(np.array([best_threshold(gold[:, k], scores[:, k]) for k in range(gold.shape[1])]))
    with torch.no_grad():
        bias = output_layer(model).bias
        bias -= torch.as_tensor(shift, dtype=bias.dtype, device=bias.device)
    return shift


def output_layer(model: PreTrainedModel) -> torch.nn.Linear:  # noqa: F821
    """The linear layer that ends in the logits: the last one with as many outputs as there are labels."""
    from torch import nn

    linear = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == model.config.num_labels]
    return linear[-1]


def _logit(share: np.ndarray) -> np.ndarray:
    clipped = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
