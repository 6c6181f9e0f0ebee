"""A model that scores no sentence twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from newsstance.evaluation.systems import Scorer


class RememberingScorer:
    """Scores with ``scorer`` and remembers: the behaviour suite asks for many sentences that were measured already.

    Args:
        scorer: The model.
        texts: Sentences whose scores are known.
        contexts: The sentence before each.
        scores: Their scores. *Shape:* ``(texts, 3)``.
    """

    def __init__(
        self, scorer: Scorer, texts: Sequence[str], contexts: Sequence[str], scores: npt.NDArray[np.floating]
    ) -> None:
        self.scorer = scorer
        self._known = dict(zip(zip(texts, contexts, strict=True), np.asarray(scores), strict=True))

    def predict_proba(
        self, sentences: Sequence[str], contexts: Sequence[str] | None = None
    ) -> npt.NDArray[np.floating]:
        """Scores in [0, 1]. *Shape:* ``(n, 3)``, in the order of `LABELS`."""
        wanted = list(zip(sentences, contexts or [""] * len(sentences), strict=True))
        unknown = [item for item in dict.fromkeys(wanted) if item not in self._known]
        if unknown:
            scores = self.scorer.predict_proba([text for text, _ in unknown], [context for _, context in unknown])
            self._known |= zip(unknown, scores, strict=True)
        return np.array([self._known[item] for item in wanted], dtype=float).reshape(-1, 3)
