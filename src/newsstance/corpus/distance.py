"""How far apart two corpora are: how well a linear classifier can tell whose sentence it sees.

The figure is the area under the ROC curve, cross-validated with whole articles held out: 0.5 where the two cannot be
told apart, 1 where every sentence gives its corpus away (Ben-David et al. 2010 bound the loss under a change of domain
by such a classifier).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from newsstance.errors import InputError
from newsstance.stances import LabelledSentence

Embed = Callable[[Sequence[str]], Any]
"""Texts → array of shape (texts, dimensions)."""

_FOLDS = 5
_TOP = 20
_NGRAM_SAMPLE, _EMBEDDING_SAMPLE = 3000, 700  # a minute on one core; the AUC's standard error is below 0.01


@dataclass(frozen=True)
class Distance:
    """How well the sentences of two corpora can be told apart.

    Attributes:
        ngram_auc: By character 2- to 4-grams (TF-IDF).
        embedding_auc: By sentence embeddings; None where no encoder was given.
        ngrams: Character n-grams that speak for the first and for the second corpus, the strongest first.
        words: The same for words and pairs of words.
        sampled: Sentences compared of the first and of the second corpus, by n-grams.
    """

    ngram_auc: float
    embedding_auc: float | None
    ngrams: tuple[list[str], list[str]]
    words: tuple[list[str], list[str]]
    sampled: tuple[int, int]


def measure_distance(
    first: Sequence[LabelledSentence], second: Sequence[LabelledSentence], embed: Embed | None = None, seed: int = 0
) -> Distance:
    """Train classifiers to tell ``first`` from ``second`` on samples of their articles.

    Raises:
        InputError: Where one of them has too few articles to hold some out.
    """
    texts, sides, groups = _sample(first, second, _NGRAM_SAMPLE, seed)
    few, few_sides, few_groups = _sample(first, second, _EMBEDDING_SAMPLE, seed)
    # Fitted once for all folds: vocabulary and document frequencies know nothing of the side.
    grams, words = _ngram_vectorizer(), _word_vectorizer()
    gram_vectors, word_vectors = grams.fit_transform(texts), words.fit_transform(texts)
    return Distance(
        ngram_auc=_auc(gram_vectors, sides, groups, seed),
        embedding_auc=None if embed is None else _auc(embed(few), few_sides, few_groups, seed),
        ngrams=_telling(grams, gram_vectors, sides),
        words=_telling(words, word_vectors, sides),
        sampled=(sides.count(0), sides.count(1)),
    )


def _sample(
    first: Sequence[LabelledSentence], second: Sequence[LabelledSentence], size: int, seed: int
) -> tuple[list[str], list[int], list[str]]:
    texts: list[str] = []
    sides: list[int] = []
    groups: list[str] = []
    for side, sentences in enumerate((first, second)):
        by_doc: dict[str, list[str]] = defaultdict(list)
        for sentence in sentences:
            by_doc[sentence.doc].append(sentence.text)
        if len(by_doc) < _FOLDS:
            raise InputError(
                f"a corpus of {len(by_doc)} articles is too small to measure a distance: {_FOLDS} are needed"
            )
        docs = sorted(by_doc)
        random.Random(seed).shuffle(docs)
        taken = 0
        for number, doc in enumerate(docs):
            if taken >= size and number >= _FOLDS:
                break
            texts += by_doc[doc]
            sides += [side] * len(by_doc[doc])
            groups += [f"{side}:{doc}"] * len(by_doc[doc])
            taken += len(by_doc[doc])
    return texts, sides, groups


def _linear() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, max_iter=500, class_weight="balanced")


def _ngram_vectorizer() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=30_000, sublinear_tf=True, lowercase=False
    )


def _word_vectorizer() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=30_000, sublinear_tf=True)


def _auc(vectors: Any, sides: list[int], groups: list[str], seed: int) -> float:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(_linear(), vectors, sides, groups=groups, cv=folds, method="decision_function")
    return float(roc_auc_score(sides, scores))


def _telling(vectorizer: Any, vectors: Any, sides: list[int]) -> tuple[list[str], list[str]]:
    import numpy as np

    names = vectorizer.get_feature_names_out()
    order = np.argsort(_linear().fit(vectors, sides).coef_[0])
    return [str(names[k]) for k in order[:_TOP]], [str(names[k]) for k in order[::-1][:_TOP]]
