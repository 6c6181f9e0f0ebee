"""Articles and their sentences in portions that are worked on together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from newsstance.articles.article import Article
from newsstance.articles.segmentation import split_sentences
from newsstance.stances import Sentence

Portion = list[tuple[Article, list[Sentence]]]
"""Whole articles, each with its sentences."""

PORTION_SENTENCES = 2048
"""Sentences of a portion: enough to sort by length, few enough to keep memory flat."""


def in_portions(articles: Iterable[Article], sentences: int) -> Iterator[Portion]:
    """Cut ``articles`` into sentences and gather whole articles of about so many ``sentences``, in order."""
    portion: Portion = []
    size = 0
    for article in articles:
        found = split_sentences(article)
        portion.append((article, found))
        size += len(found)
        if size >= sentences:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def contexts(article: Article, sentences: list[Sentence]) -> list[str]:
    """The sentence before each sentence; for a sentence that was given as such, the context given with it."""
    if article.is_sentence:
        return [article.context] * len(sentences)
    return [sentences[n - 1].text if n else "" for n in range(len(sentences))]
