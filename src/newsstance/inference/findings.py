"""What was found: the summary row of an article, and the counts of a whole job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from newsstance.inference.prediction import ScoredArticle
from newsstance.stances import LABELS

if TYPE_CHECKING:
    import pyarrow

TOP_ARTICLES = 10


def to_article_row(scored: ScoredArticle, model_id: str) -> dict[str, Any]:
    """The summary row of an article.

    ``counts`` and ``strongest`` have a field a label; the strongest sentence of a label is the one with the highest
    score among those that carry it, null where none does.
    """
    article, rows = scored.article, scored.rows
    strongest: dict[str, Any] = {}
    for label in LABELS:
        best = max((r for r in rows if label in r["labels"]), key=lambda row: row["scores"][label], default=None)
        strongest[label] = best and {"i": best["i"], "score": best["scores"][label], "text": best["text"]}
    return {
        "doc": article.id,
        "title": article.title,
        "url": article.url,
        "date": article.published,
        "sentences": len(rows),
        "counts": {label: sum(label in row["labels"] for row in rows) for label in LABELS},
        "strongest": strongest,
        "model": model_id,
    }


def article_schema() -> pyarrow.Schema:
    """Column types of article rows."""
    import pyarrow as pa

    sentence = pa.struct([("i", pa.int32()), ("score", pa.float32()), ("text", pa.string())])
    return pa.schema(
        [
            *((name, pa.string()) for name in ("doc", "title", "url", "date")),
            ("sentences", pa.int32()),
            ("counts", pa.struct([(label, pa.int32()) for label in LABELS])),
            ("strongest", pa.struct([(label, sentence) for label in LABELS])),
            ("model", pa.string()),
        ]
    )


@dataclass
class Findings:
    """Counts over all articles of a job; they add up over shards and parts.

    Attributes:
        articles: Articles read, sentences that were given as such among them.
        sentences: Sentences scored.
        stances: Sentences with a label.
        labels: Sentences with each label.
        days: Day (ISO 8601) → sentences with each label, of the articles that have a date.
        top: The articles with most labelled sentences, most first: doc, title, stances.
    """

    articles: int = 0
    sentences: int = 0
    stances: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    days: dict[str, Counter[str]] = field(default_factory=dict)
    top: list[dict[str, Any]] = field(default_factory=list)

    def add(self, scored: ScoredArticle) -> None:
        """Count one more article."""
        article = scored.article
        labels = Counter(label for row in scored.rows for label in row["labels"])
        stances = sum(bool(row["labels"]) for row in scored.rows)
        self.articles += 1
        self.sentences += len(scored.rows)
        self.stances += stances
        self.labels.update(labels)
        if (day := day_of(article.published)) is not None:
            self.days.setdefault(day, Counter()).update(labels)
        if stances and not article.is_sentence:
            self._rank([{"doc": article.id, "title": article.title, "stances": stances}])

    def merge(self, later: Findings) -> None:
        """Add the counts of articles that come behind these."""
        self.articles += later.articles
        self.sentences += later.sentences
        self.stances += later.stances
        self.labels.update(later.labels)
        for day, labels in later.days.items():
            self.days.setdefault(day, Counter()).update(labels)
        self._rank(later.top)

    def _rank(self, articles: list[dict[str, Any]]) -> None:
        if len(self.top) < TOP_ARTICLES or any(a["stances"] > self.top[-1]["stances"] for a in articles):
            self.top = sorted([*self.top, *articles], key=lambda article: -article["stances"])[:TOP_ARTICLES]

    def to_record(self) -> dict[str, Any]:
        """Plain values in an order that depends on them alone."""
        return {
            "articles": self.articles,
            "sentences": self.sentences,
            "stances": self.stances,
            "labels": _in_order(self.labels),
            "days": {day: _in_order(labels) for day, labels in sorted(self.days.items())},
            "top": self.top,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Findings:
        """The findings that `to_record` gave."""
        days = {day: Counter(labels) for day, labels in record["days"].items()}
        articles, sentences, stances = (int(record[name]) for name in ("articles", "sentences", "stances"))
        return cls(articles, sentences, stances, Counter(record["labels"]), days, list(record["top"]))


def day_of(published: str) -> str | None:
    """The day of a date in ISO 8601; None for anything else."""
    try:
        return date.fromisoformat(published[:10]).isoformat() if len(published) >= 10 else None
    except ValueError:
        return None


def _in_order(labels: Mapping[str, int]) -> dict[str, int]:
    return {label: labels.get(label, 0) for label in LABELS}
