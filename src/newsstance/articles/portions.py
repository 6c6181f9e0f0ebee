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

PORTION_CHARACTERS = 2_000_000
"""Characters that end a portion before: seven times those of as many sentences of news, but a sentence may be long."""


def in_portions(articles: Iterable[Article], sentences: int) -> Iterator[Portion]:
    """Cut ``articles`` into sentences and gather whole articles of about so many ``sentences``, in order.

    A portion ends before that at `PORTION_CHARACTERS`.
    """
    portion: Portion = []
    size = characters = 0
    for article in articles:
        found = split_sentences(article)
        portion.append((article, found))
        size += len(found)
        characters += len(article.text)
        if size >= sentences or characters >= PORTION_CHARACTERS:
            yield portion
            portion, size, characters = [], 0, 0
    if portion:
        yield portion


def contexts(article: Article, sentences: list[Sentence]) -> list[str]:
    """The sentence before each sentence; for a sentence that was given as such, the context given with it."""
    if article.is_sentence:
        return [article.context] * len(sentences)
    return [sentences[n - 1].text if n else "" for n in range(len(sentences))]
