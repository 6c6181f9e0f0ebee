"""Near neighbours of sentences in a corpus: what the model had to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Embed = Callable[[Sequence[str]], Any]
"""Embeds texts: an array or sparse matrix of shape (n, dimensions)."""


def nearest_neighbours(
    texts: Sequence[str], corpus: Sequence[str], count: int = 3, embed: Embed | None = None
) -> list[list[tuple[int, float]]]:
    """The sentences of ``corpus`` that are most alike to each of ``texts``.

    Args:
        texts: Sentences to find neighbours of.
        corpus: Where to look.
        count: Neighbours of each.
        embed: Embeds sentences; where it is None, TF-IDF of words and pairs of words fitted on ``corpus``.

    Returns:
        For each text its neighbours, nearest first: index in ``corpus`` and cosine similarity.
    """
    from sklearn.neighbors import NearestNeighbors

    if embed is None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        vectors, queries = vectorizer.fit_transform(corpus), vectorizer.transform(texts)
    else:
        vectors, queries = embed(corpus), embed(texts)
    index = NearestNeighbors(n_neighbors=min(count, len(corpus)), metric="cosine", algorithm="brute").fit(vectors)
    distances, indices = index.kneighbors(queries)
    return [
        [(int(i), 1 - float(distance)) for i, distance in zip(row, line, strict=True)]
        for row, line in zip(indices, distances, strict=True)
    ]
