"""The prediction job: articles in, prediction files, web pages and rejects out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsstance.articles.reading import read_articles
from newsstance.articles.rejects import RejectLog
from newsstance.configuration.schema import OutputConfig, OutputFormat, ReaderConfig
from newsstance.inference.prediction import ScoredArticle, Scorer, parquet_schema, predict_articles
from newsstance.progress import counted
from newsstance.writing import STDOUT, open_writer, output_file


@dataclass
class PredictionSummary:
    """What a job did.

    Attributes:
        articles: Articles read.
        sentences: Sentences scored.
        labels: Sentences with each label.
        rejects: Records that could not be read.
        predictions: The predictions file; "-" for stdout.
        pages: Web pages written, in the order of the input.
        rejects_file: The file of rejects; None where there are none.
    """

    predictions: str
    articles: int = 0
    sentences: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    pages: list[Path] = field(default_factory=list)
    rejects_file: Path | None = None

    def to_record(self) -> dict[str, Any]:
        """Plain values for ``run.json``."""
        return {
            "articles": self.articles,
            "sentences": self.sentences,
            "labels": dict(self.labels),
            "rejects": self.rejects,
            "predictions": self.predictions,
        }


def run_prediction(
    input: str, output: OutputConfig, reader: ReaderConfig, folder: Path, load_scorer: Callable[[], Scorer]
) -> PredictionSummary:
    """Read the articles of ``input``, score their sentences and write what ``output`` asks for.

    Args:
        input: File, folder, glob or ``-``.
        output: Where predictions go; the run's ``folder`` where it names none.
        reader: How articles are read.
        folder: The run's folder.
        load_scorer: Loads the model, after the input has been found to exist.

    Raises:
        InputError: Where the input is missing, or not one article of it can be read.
    """
    predictions = output_file(output.path, "predictions", output.format is OutputFormat.parquet, folder)
    beside = folder if predictions == STDOUT else Path(predictions).parent
    rejects = RejectLog(beside / "rejects.jsonl")
    articles = rejects.first_read(read_articles(input, reader, rejects.add), input)
    scorer = load_scorer()
    summary = PredictionSummary(predictions=predictions)
    schema = parquet_schema() if predictions.endswith(".parquet") else None
    with open_writer(predictions, schema) as writer:
        for portion in predict_articles(counted(articles, "articles"), scorer):
            for scored in portion:
                writer.write(scored.rows)
                _count(summary, scored)
                if output.html and len(summary.pages) < output.max_pages and predictions != STDOUT:
                    summary.pages.append(_write_page(scored, beside / "pages", scorer.model_id))
    rejects.close()
    summary.rejects, summary.rejects_file = rejects.count, rejects.path if rejects.count else None
    return summary


def _count(summary: PredictionSummary, scored: ScoredArticle) -> None:
    summary.articles += 1
    summary.sentences += len(scored.rows)
    summary.labels.update(label for row in scored.rows for label in row["labels"])


def _write_page(scored: ScoredArticle, folder: Path, model_id: str) -> Path:
    from newsstance.inference.article_view import write_article_view

    stem = re.sub(r"[^\w.-]+", "_", scored.article.id)[-80:].strip("._") or "article"
    path = folder / f"{stem}.html"
    number = 2
    while path.exists():
        path = folder / f"{stem}_{number}.html"
        number += 1
    folder.mkdir(parents=True, exist_ok=True)
    write_article_view(scored.article, scored.rows, path, model_id)
    return path
