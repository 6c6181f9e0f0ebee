"""From articles to labelled records, in portions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from newsstance.articles.article import Article
from newsstance.articles.portions import Portion, contexts, in_portions
from newsstance.labelling.labeller import Labeller
from newsstance.stances import LabelledSentence

if TYPE_CHECKING:
    import pyarrow


def label_articles(articles: Iterable[Article], labeller: Labeller) -> Iterator[list[LabelledSentence]]:
    """Label the sentences of ``articles``.

    Yields:
        The labelled sentences of whole articles, a portion at a time, in the order of the input.
        Besides doc, i, text and stances each has start, end and kind (see `Sentence`) and the labeller's name.
    """
    for portion in in_portions(articles):
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


def _label(portion: Portion, labeller: Labeller) -> list[LabelledSentence]:
    sentences = [sentence for _, found in portion for sentence in found]
    before = [context for article, found in portion for context in contexts(article, found)]
    given = [article.context if article.is_sentence else "" for article, found in portion for _ in found]
    stances = labeller.label([sentence.text for sentence in sentences], before)
    labelled = []
    for sentence, context, of_sentence in zip(sentences, given, stances, strict=True):
        extra = {"start": sentence.start, "end": sentence.end, "kind": sentence.kind, "labeller": labeller.name}
        labelled.append(LabelledSentence(sentence.doc, sentence.i, sentence.text, of_sentence, context, extra))
    return labelled
