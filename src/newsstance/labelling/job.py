"""The labelling job: articles in, labelled records and rejects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsstance.articles.article import Article
from newsstance.articles.inputs import find_inputs, refuse_overwriting
from newsstance.articles.reading import read_files
from newsstance.articles.rejects import RejectLog, rejects_file
from newsstance.configuration.groups import LabelOutputConfig, OutputFormat, ReaderConfig
from newsstance.labelling.labeller import Labeller
from newsstance.labelling.records import label_articles, parquet_schema
from newsstance.progress import counted
from newsstance.writing import STDOUT, open_writer, output_file


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
        InputError: Where the input is missing, not one article of it can be read, or the output cannot be or would
            replace a file of the input.
    """
    path = output_file(output.path, "labels", output.format is OutputFormat.parquet, folder)
    files = find_inputs(input)
    rejects_path = rejects_file(output.path, path, folder)
    refuse_overwriting(files, [rejects_path] if path == STDOUT else [Path(path), rejects_path])
    rejects = RejectLog(rejects_path)
    articles = rejects.first_read(read_files(files, reader, rejects.add), input)
    labeller = load_labeller()
    summary = LabellingSummary(path, labeller.name)
    with open_writer(path, parquet_schema() if path.endswith(".parquet") else None) as writer:
        for portion in label_articles(_tallied(counted(articles, "articles"), summary), labeller):
            writer.write([sentence.to_record() for sentence in portion])
            summary.sentences += len(portion)
            summary.labels.update(label for sentence in portion for label in sentence.labels)
    rejects.close()
    summary.rejects, summary.rejects_file = rejects.count, rejects.path if rejects.count else None
    return summary


def _tallied(articles: Iterable[Article], summary: LabellingSummary) -> Iterator[Article]:
    for article in articles:
        summary.articles += 1
        yield article
