"""The labelling job: articles in, labelled records and rejects out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from newsstance.articles.article import Article
from newsstance.articles.reading import read_articles
from newsstance.articles.rejects import RejectLog
from newsstance.configuration.schema import LabelOutputConfig, OutputFormat, ReaderConfig
from newsstance.errors import InputError
from newsstance.labelling.labeller import Labeller
from newsstance.labelling.records import label_articles, parquet_schema
from newsstance.writing import STDOUT, open_writer

_FILE_SUFFIXES = {".jsonl", ".parquet", ".gz"}


@dataclass
class LabellingSummary:
    """What a job did.

    Attributes:
        output: The file of labelled records; "-" for stdout.
        labeller: Name and version of the labeller.
        articles: Articles read.
        sentences: Sentences labelled.
        labels: Sentences with each label.
        rejects: Files and rows that could not be read.
        rejects_file: Where they are listed; None where there are none.
    """

    output: str
    labeller: str
    articles: int = 0
    sentences: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    rejects_file: Path | None = None

    def to_record(self) -> dict[str, Any]:
        """Plain values for ``run.json``."""
        return {
            "labeller": self.labeller,
            "articles": self.articles,
            "sentences": self.sentences,
            "labels": dict(self.labels),
            "rejects": self.rejects,
            "output": self.output,
        }


def run_labelling(
    input: str, output: LabelOutputConfig, reader: ReaderConfig, folder: Path, load_labeller: Callable[[], Labeller]
) -> LabellingSummary:
    """Label the articles of ``input``; memory holds a portion of them at a time.

    Args:
        input: File, folder, glob or ``-`` for stdin.
        output: Where the records go; the run's ``folder`` where it names nothing.
        reader: How articles are read.
        folder: The run's folder.
        load_labeller: Makes the labeller, after the input has been found to exist.

    Raises:
        InputError: Where the input is missing, not one article of it can be read, or the output cannot be.
    """
    path = labels_path(output, folder)
    rejects = RejectLog((folder if path == STDOUT else Path(path).parent) / "rejects.jsonl")
    articles = read_articles(input, reader, rejects.add)
    articles = chain(list(islice(articles, 1)), articles)  # a missing input is an error before a model is loaded
    labeller = load_labeller()
    summary = LabellingSummary(path, labeller.name)
    with open_writer(path, parquet_schema() if path.endswith(".parquet") else None) as writer:
        for portion in label_articles(_counted(articles, summary), labeller):
            writer.write([sentence.to_record() for sentence in portion])
            summary.sentences += len(portion)
            summary.labels.update(label for sentence in portion for label in sentence.labels)
        if summary.articles == 0:
            raise InputError(rejects.explain_nothing_read(input))
    rejects.close()
    summary.rejects, summary.rejects_file = rejects.count, rejects.path if rejects.count else None
    return summary


def labels_path(output: LabelOutputConfig, folder: Path) -> str:
    """The file that records go to: ``output.path`` where it names a file (or stdout), else a file in that folder.

    Raises:
        InputError: Where Parquet is asked for on stdout.
    """
    if output.path == STDOUT:
        if output.format is OutputFormat.parquet:
            raise InputError("output.format=parquet: stdout takes JSONL only (give output=FILE.parquet)")
        return STDOUT
    name = f"labels.{output.format.value}"
    if output.path is None:
        return str(folder / name)
    path = Path(output.path).expanduser()
    return str(path if path.suffix in _FILE_SUFFIXES and not path.is_dir() else path / name)


def _counted(articles: Iterable[Article], summary: LabellingSummary) -> Iterator[Article]:
    """Count the articles and show how many have been read; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} articles"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("articles", total=None)
        for article in articles:
            summary.articles += 1
            progress.advance(task)
            yield article
