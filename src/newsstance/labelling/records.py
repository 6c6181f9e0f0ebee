"""From articles to labelled records, in portions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from newsstance.articles.article import Article
from newsstance.articles.segmentation import split_sentences
from newsstance.labelling.labeller import Labeller
from newsstance.stances import LabelledSentence, Sentence

if TYPE_CHECKING:
    import pyarrow

PORTION_SENTENCES = 2048
"""Sentences that are labelled together."""


def label_articles(articles: Iterable[Article], labeller: Labeller) -> Iterator[list[LabelledSentence]]:
    """Label the sentences of ``articles``.

    Yields:
        The labelled sentences of whole articles, about `PORTION_SENTENCES` at a time, in the order of the input.
        Besides doc, i, text and stances each has start, end and kind (see `Sentence`) and the labeller's name.
    """
    portion: list[tuple[Article, list[Sentence]]] = []
    size = 0
    for article in articles:
        found = split_sentences(article)
        portion.append((article, found))
        size += len(found)
        if size >= PORTION_SENTENCES:
            yield _label(portion, labeller)
            portion, size = [], 0
    if portion:
        yield _label(portion, labeller)


def parquet_schema() -> pyarrow.Schema:
    """Column types of labelled records."""
    import pyarrow as pa

    stance = pa.struct([("label", pa.string()), ("source", pa.string()), ("cue", pa.string())])
    return pa.schema(
        [
            ("doc", pa.string()),
            ("i", pa.int64()),
            ("text", pa.string()),
            ("stances", pa.list_(stance)),
            ("context", pa.string()),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("kind", pa.string()),
            ("labeller", pa.string()),
        ]
    )


def _label(portion: list[tuple[Article, list[Sentence]]], labeller: Labeller) -> list[LabelledSentence]:
    sentences = [sentence for _, found in portion for sentence in found]
    contexts = [context for article, found in portion for context in _contexts(article, found)]
    given = [article.context if article.is_sentence else "" for article, found in portion for _ in found]
    stances = labeller.label([sentence.text for sentence in sentences], contexts)
    labelled = []
    for sentence, context, of_sentence in zip(sentences, given, stances, strict=True):
        extra = {"start": sentence.start, "end": sentence.end, "kind": sentence.kind, "labeller": labeller.name}
        labelled.append(LabelledSentence(sentence.doc, sentence.i, sentence.text, of_sentence, context, extra))
    return labelled


def _contexts(article: Article, sentences: list[Sentence]) -> list[str]:
    """The sentence before each sentence; for a sentence that was given as such, the context given with it."""
    if article.is_sentence:
        return [article.context] * len(sentences)
    return ["", *(sentence.text for sentence in sentences[:-1])] if sentences else []
