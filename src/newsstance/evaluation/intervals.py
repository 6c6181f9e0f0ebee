"""Bootstrap over articles: resample whole articles, since sentences of one article are not independent.

Every figure of an evaluation is a function of sums over sentences, so a resample only changes how often each article
counts. One matrix of article weights therefore serves all metrics of all systems: 2,000 resamples of everything take
a second or two, and the difference of two systems is paired for free. `scipy.stats.bootstrap`, which would call each
statistic on index arrays, gives the same percentile intervals (a test compares them) at a multiple of time and memory.

Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 8 and 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from newsstance.evaluation.figures import Estimate

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_CHUNK = 100  # resamples at a time: bounds the memory of sentence weights


class ArticleBootstrap:
    """The resamples of the articles of one data set.

    Attributes:
        documents: Index of the article of each sentence. *Shape:* ``(sentences,)``.
        articles: Number of articles.
        resamples: Number of resamples.
    """

    def __init__(self, docs: Sequence[str], resamples: int = 2000, seed: int = 0) -> None:
        names, self.documents = np.unique(np.asarray(docs, dtype=object).astype(str), return_inverse=True)
        self.articles = len(names)
        self.resamples = resamples
        # One article, or none, has no spread to resample.
        self._weights = _draw(self.articles, resamples if self.articles > 1 else 0, np.random.default_rng(seed))

    def totals(self, per_sentence: npt.NDArray[np.generic]) -> Floats:
        """Column sums of ``per_sentence`` (``(sentences, k)``) in every resample. *Shape:* ``(resamples, k)``."""
        columns = np.asarray(per_sentence, dtype=float)
        per_article = np.zeros((self.articles, columns.shape[1]))
        np.add.at(per_article, self.documents, columns)
        chunks = [weights @ per_article for weights in self._chunks()]
        return np.concatenate(chunks) if chunks else np.zeros((0, columns.shape[1]))

    def sentence_weights(self, order: npt.NDArray[np.intp]) -> Iterator[Floats]:
        """How often each sentence, taken in ``order``, counts: chunks of *shape* ``(some resamples, sentences)``."""
        documents = self.documents[order]
        for weights in self._chunks():
            yield weights[:, documents]

    def _chunks(self) -> Iterator[Floats]:
        for start in range(0, len(self._weights), _CHUNK):
            yield self._weights[start : start + _CHUNK].astype(float)


def _draw(articles: int, resamples: int, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """How often each of ``articles`` is drawn, ``articles`` draws a resample. *Shape:* ``(resamples, articles)``."""
    weights = np.zeros((resamples, articles), dtype=np.uint8)
    for row in weights:
        row[:] = np.minimum(np.bincount(random.integers(articles, size=articles), minlength=articles), 255)
    return weights


def estimate(value: float, samples: Floats) -> Estimate:
    """``value`` with the percentile interval of ``samples`` (``(resamples,)``; undefined ones are left out)."""
    samples = samples[~np.isnan(samples)]
    if math.isnan(value) or len(samples) == 0:
        return Estimate(float(value))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def two_sided_p(differences: Floats) -> float:
    """Bootstrap p-value of "no difference": twice the smaller tail beyond 0 (never 0: one resample is added)."""
    differences = differences[~np.isnan(differences)]
    if len(differences) == 0:
        return math.nan
    tail = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return float(min(1.0, 2 * (tail + 1) / (len(differences) + 1)))
