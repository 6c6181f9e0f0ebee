"""Baselines that learn from the training split: logistic regression on TF-IDF n-grams, and on frozen embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from newsstance.errors import InputError
from newsstance.evaluation.baselines import gold_matrix
from newsstance.evaluation.calibration import best_thresholds
from newsstance.evaluation.embedder import Embedder
from newsstance.evaluation.metrics import Output
from newsstance.stances import LABELS, LabelledSentence

FOLDS = 3
"""Folds of the cross-validation that sets the thresholds."""


class _LogisticBaseline:
    """One logistic regression a label over some features, each with the threshold of the best F1.

    The thresholds are set by cross-validation over the articles of the training split: 0.5 would punish these
    baselines for the rarity of the labels, and the model's thresholds are tuned as well.
    """

    name: str
    description: str

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Learn one classifier a label.

        Raises:
            InputError: Where there is nothing to learn from.
        """
        gold = gold_matrix(sentences)
        if not gold.any():
            raise InputError(f"baseline {self.name}: the training split holds no labelled stance")
        features = self._fit_features([sentence.text for sentence in sentences])
        self._classifiers = _fit_each(features, gold, seed)
        self._thresholds = _cross_validated_thresholds(features, gold, [s.doc for s in sentences], seed)

    def predict(self, texts: Sequence[str], contexts: Sequence[str]) -> Output:
        """Scores, and the labels whose score reaches their threshold."""
        scores = _score(self._classifiers, self._features(texts))
        return Output.from_scores(scores, self._thresholds)

    def _fit_features(self, texts: Sequence[str]) -> Any:
        return self._features(texts)

    def _features(self, texts: Sequence[str]) -> Any:
        raise NotImplementedError


class TfidfBaseline(_LogisticBaseline):
    """TF-IDF of words (1-2) and characters (2-4 within words), logistic regression a label."""

    name = "tfidf"
    description = "TF-IDF of word and character n-grams, logistic regression"

    def _fit_features(self, texts: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import FeatureUnion

        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=3, sublinear_tf=True)
        self._vectorizer = FeatureUnion([("words", words), ("characters", characters)])
        try:
            return self._vectorizer.fit_transform(texts).tocsr()
        except ValueError as error:
            raise InputError(f"baseline tfidf: the training split is too small for n-grams ({error})") from error

    def _features(self, texts: Sequence[str]) -> Any:
        return self._vectorizer.transform(texts).tocsr()


class EmbeddingsBaseline(_LogisticBaseline):
    """Mean-pooled states of a frozen encoder, logistic regression a label.

    Args:
        embedder: Embeds the sentences.
        most: Training sentences that it learns from; whole articles, drawn at random.
    """

    name = "embeddings"

    def __init__(self, embedder: Embedder, most: int = 4000) -> None:
        self.embedder = embedder
        self.most = most
        self.description = f"frozen mean-pooled embeddings of {embedder.encoder.name}, logistic regression"

    def fit(self, sentences: Sequence[LabelledSentence], seed: int) -> None:
        """Learn from a sample of the articles: encoding a sentence costs as much as scoring one with the model."""
        sample = draw_articles(sentences, self.most, seed)
        if len(sample) < len(sentences):
            self.description += f", {len(sample)} training sentences"
        super().fit(sample, seed)

    def _features(self, texts: Sequence[str]) -> Any:
        return self.embedder(texts)


def draw_articles(sentences: Sequence[LabelledSentence], most: int, seed: int) -> list[LabelledSentence]:
    """Whole articles in a random order, as long as they hold no more than ``most`` sentences together."""
    if len(sentences) <= most:
        return list(sentences)
    sizes = Counter(sentence.doc for sentence in sentences)
    docs = sorted(sizes)
    drawn: set[str] = set()
    for index in np.random.default_rng(seed).permutation(len(docs)):
        if most >= sizes[docs[index]]:
            most -= sizes[docs[index]]
            drawn.add(docs[index])
    return [sentence for sentence in sentences if sentence.doc in drawn]


def _fit_each(features: Any, gold: np.ndarray, seed: int) -> list[Any]:
    """One classifier a label; a constant one for a label that all sentences carry, or none.

    On one thread: L-BFGS takes thousands of short steps, and BLAS threads that wait for one another at each of them
    make a fit forty times slower as soon as anything else uses a core.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    classifiers = []
    for k in range(gold.shape[1]):
        constant = gold[:, k].all() or not gold[:, k].any()
        model = DummyClassifier() if constant else LogisticRegression(C=10.0, max_iter=300, random_state=seed)
        with threadpool_limits(limits=1):
            classifiers.append(model.fit(features, gold[:, k]))
    return classifiers


def _score(classifiers: Sequence[Any], features: Any) -> np.ndarray:
    """The probability of each label. *Shape:* ``(rows, 3)``."""
    scores = np.zeros((features.shape[0], len(LABELS)))
    for k, classifier in enumerate(classifiers):
        for column, value in enumerate(classifier.classes_):
            if value:
                scores[:, k] = classifier.predict_proba(features)[:, column]
    return scores


def _cross_validated_thresholds(features: Any, gold: np.ndarray, docs: Sequence[str], seed: int) -> np.ndarray:
    """The threshold of the best F1 of each label on sentences of articles not trained on. *Shape:* ``(3,)``."""
    from sklearn.model_selection import GroupKFold

    if len(set(docs)) < FOLDS:
        return np.full(len(LABELS), 0.5)
    held_out = np.zeros(gold.shape)
    for train, test in GroupKFold(FOLDS).split(features, groups=docs):
        held_out[test] = _score(_fit_each(features[train], gold[train], seed), features[test])
    return best_thresholds(gold, held_out)
