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


class Gathering:
    """Whole articles gathered in order, until they make a portion: about `PORTION_SENTENCES`.

    Attributes:
        portion: What has been gathered since the last `take`.
    """

    def __init__(self) -> None:
        self.portion: Portion = []
        self._sentences = self._characters = 0

    @property
    def is_full(self) -> bool:
        """Whether the portion has `PORTION_SENTENCES` or `PORTION_CHARACTERS`."""
        return self._sentences >= PORTION_SENTENCES or self._characters >= PORTION_CHARACTERS

    def add(self, article: Article) -> list[Sentence]:
        """Cut ``article`` into sentences and add it; returns the sentences."""
        sentences = split_sentences(article)
        self.portion.append((article, sentences))
        self._sentences += len(sentences)
        self._characters += len(article.text)
        return sentences

    def take(self) -> Portion:
        """The portion; the next one starts empty."""
        portion, self.portion = self.portion, []
        self._sentences = self._characters = 0
        return portion


def in_portions(articles: Iterable[Article]) -> Iterator[Portion]:
    """Cut ``articles`` into sentences and gather whole articles of about `PORTION_SENTENCES`, in order."""
    gathering = Gathering()
    for article in articles:
        gathering.add(article)
        if gathering.is_full:
            yield gathering.take()
    if gathering.portion:
        yield gathering.take()


def contexts(article: Article, sentences: list[Sentence]) -> list[str]:
    """The sentence before each sentence; for a sentence that was given as such, the context given with it."""
    if article.is_sentence:
        return [article.context] * len(sentences)
    return [sentences[n - 1].text if n else "" for n in range(len(sentences))]
