"""Score the sentences of articles and make their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from newsstance.articles.article import Article
from newsstance.articles.portions import Portion, contexts
from newsstance.stances import LABELS, Sentence, from_scores
from newsstance.writing import to_line

if TYPE_CHECKING:
    import pyarrow


class Scorer(Protocol):
    """What scores sentences: `newsstance.StanceClassifier` or another backend with the same two members."""

    model_id: str

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Scores of shape (n, 3).

        Jobs that are resumed count on one thing more: the scores depend on the arguments of this call alone.
        """


@dataclass(frozen=True)
class ScoredArticle:
    """An article with the prediction rows of its sentences."""

    article: Article
    rows: list[dict[str, Any]]


def score(portion: Portion, scorer: Scorer) -> list[ScoredArticle]:
    """The articles of ``portion`` with their rows, in its order; all its sentences are scored in one call."""
    sentences = [sentence.text for _, found in portion for sentence in found]
    before = [context for article, found in portion for context in contexts(article, found)]
    scores = iter(scorer.predict_proba(sentences, before) if sentences else ())
    return [
        ScoredArticle(article, [to_row(article, s, next(scores), scorer.model_id) for s in found])
        for article, found in portion
    ]


def to_row(article: Article, sentence: Sentence, scores: np.ndarray, model_id: str) -> dict[str, Any]:
    """The prediction row of one sentence; a sentence that was given as such keeps the other fields of its record."""
    carried = dict(article.extra) if article.is_sentence else {}
    return {
        "doc": sentence.doc,
        "i": sentence.i,
        "start": sentence.start,
        "end": sentence.end,
        "kind": sentence.kind,
        "text": sentence.text,
        "labels": list(from_scores([float(score) for score in scores])),
        "scores": {label: round(float(score), 4) for label, score in zip(LABELS, scores, strict=True)},
        "model": model_id,
    } | {key: value for key, value in carried.items() if key not in _ROW_FIELDS}


_OWN_FIELDS = ("doc", "i", "start", "end", "kind", "text", "labels", "scores", "model")
_ROW_FIELDS = frozenset((*_OWN_FIELDS, "sentence", "context"))


def to_parquet_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """``row`` with the types of `parquet_schema`: the id as text, other carried fields as JSON in ``extra``."""
    own = {key: row[key] for key in _OWN_FIELDS}
    extra = {key: value for key, value in row.items() if key not in {*_OWN_FIELDS, "id"}}
    return own | {"id": str(row["id"]) if "id" in row else None, "extra": to_line(extra) if extra else None}


def parquet_schema() -> pyarrow.Schema:
    """Column types of prediction rows."""
    import pyarrow as pa

    return pa.schema(
        [
            ("doc", pa.string()),
            ("i", pa.int32()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("kind", pa.string()),
            ("text", pa.string()),
            ("labels", pa.list_(pa.string())),
            ("scores", pa.struct([(label, pa.float32()) for label in LABELS])),
            ("model", pa.string()),
            ("id", pa.string()),
            ("extra", pa.string()),
        ]
    )
