"""Gold labels that are probably wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from newsstance.stances import LABELS


def suspect_labels(gold: Sequence[Sequence[str]], scores: Sequence[Sequence[float]]) -> list[int]:
    """Sentences whose gold labels the model contradicts so firmly that somebody should read them again.

    Confident learning for multi-label data (Northcutt et al. 2021, Thyagarajan et al. 2022) as cleanlab has it. The
    scores must come from a model that was not trained on these sentences.

    Args:
        gold: Gold labels of each sentence.
        scores: Scores of each sentence. *Shape:* ``(n, 3)``, in the order of `LABELS`.

    Returns:
        Indices, most suspect first.

    Raises:
        ModuleNotFoundError: Where cleanlab is not installed (extra ``explain``).
    """
    import numpy as np
    from cleanlab.multilabel_classification.filter import find_label_issues

    classes = [[LABELS.index(label) for label in LABELS if label in labels] for labels in gold]
    used = {index for labels in classes for index in labels}
    if len(used) < len(LABELS):  # cleanlab estimates noise of each label from its positives
        return []
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*too few examples", category=UserWarning
        )  # rare labels are normal here
        probabilities = np.asarray(scores, dtype=np.float64)
        ranked = find_label_issues(classes, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    return [int(index) for index in ranked]
