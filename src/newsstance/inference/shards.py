"""Where rows go: one file, or shards that are finished one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from newsstance.articles.article import Article
from newsstance.errors import InputError
from newsstance.inference.findings import article_schema, to_article_row
from newsstance.inference.manifest import Manifest, hash_file
from newsstance.inference.prediction import ScoredArticle, parquet_schema, to_parquet_row
from newsstance.inference.stream import Cursor
from newsstance.writing import STDOUT, RowWriter, open_writer, put_on_disk

SHARD_SENTENCES = 50_000


class Sink(Protocol):
    """Takes the scored articles of a job in their order."""

    @property
    def finished(self) -> int:
        """Shards finished, those of earlier runs among them."""

    def write(self, scored: Sequence[ScoredArticle], model_id: str) -> None:
        """Write the rows of ``scored``."""

    def end_shard(self, behind: Cursor) -> None:
        """All articles before ``behind`` have been written."""

    def finish(self) -> None:
        """All articles have been written."""

    def discard(self) -> None:
        """The job failed: drop what is not finished."""


class RowFiles:
    """A file of predictions, and beside it one of article summaries where there are articles to summarise.

    Attributes:
        predictions: The file of predictions; "-" for stdout.
        summaries: The file of summaries.
        ends: The first and the last article; empty before there is one.
        articles: Articles written.
        sentences: Their sentences.
    """

    def __init__(self, predictions: str, summaries: Path, *, only_stances: bool) -> None:
        self.predictions, self.summaries = predictions, summaries
        self._only_stances = only_stances
        self._is_parquet = predictions.endswith(".parquet")
        self._rows = open_writer(predictions, parquet_schema() if self._is_parquet else None)
        self._article_rows: RowWriter | None = None
        self.ends: tuple[Article, ...] = ()
        self.articles = self.sentences = 0
        self._written = {self.predictions: 0}

    def write(self, scored: Sequence[ScoredArticle], model_id: str) -> None:
        """Append the rows of ``scored``."""
        if not scored:
            return
        self.ends = (self.ends[0] if self.ends else scored[0].article, scored[-1].article)
        self.articles += len(scored)
        self.sentences += sum(len(each.rows) for each in scored)
        rows = [row for each in scored for row in each.rows if row["labels"] or not self._only_stances]
        self._rows.write([to_parquet_row(row) for row in rows] if self._is_parquet else rows)
        self._written[self.predictions] += len(rows)
        summaries = [to_article_row(each, model_id) for each in scored if not each.article.is_sentence]
        if summaries:
            self._open_summaries().write(summaries)
            self._written[str(self.summaries)] += len(summaries)

    def _open_summaries(self) -> RowWriter:
        if self._article_rows is None:
            self._article_rows = open_writer(self.summaries, article_schema() if self._is_parquet else None)
            self._written[str(self.summaries)] = 0
        return self._article_rows

    def commit(self) -> list[tuple[Path, int]]:
        """Finish the files.

        Returns:
            Those on disk with their rows.
        """
        self._rows.commit()
        if self._article_rows is not None:
            self._article_rows.commit()
        elif self.predictions != STDOUT:
            self.summaries.unlink(missing_ok=True)  # of a former job
        return [(Path(path), rows) for path, rows in self._written.items() if path != STDOUT]

    def discard(self) -> None:
        """Remove the files."""
        try:
            self._rows.discard()
        finally:
            if self._article_rows is not None:
                self._article_rows.discard()


class SingleFile:
    """One file of predictions, there when all is written.

    Attributes:
        finished: 1 once it is.
    """

    def __init__(self, files: RowFiles) -> None:
        self.files = files
        self.finished = 0

    def write(self, scored: Sequence[ScoredArticle], model_id: str) -> None:
        """Write the rows of ``scored``."""
        self.files.write(scored, model_id)

    def end_shard(self, behind: Cursor) -> None:
        """There is one shard only."""

    def finish(self) -> None:
        """Give the file its name."""
        self.files.commit()
        self.finished = 1

    def discard(self) -> None:
        """Remove the file."""
        self.files.discard()


class Shards:
    """Numbered shards in a folder; each is named in the manifest once its files are on disk."""

    def __init__(self, folder: Path, manifest: Manifest, suffix: str, *, only_stances: bool) -> None:
        self._folder, self._manifest, self._suffix = folder, manifest, suffix
        self._only_stances = only_stances
        self._files: RowFiles | None = None

    @property
    def finished(self) -> int:
        """Shards finished, those of earlier runs among them."""
        return len(self._manifest.shards)

    def write(self, scored: Sequence[ScoredArticle], model_id: str) -> None:
        """Write the rows of ``scored`` into the shard at hand.

        Raises:
            InputError: Where another model made the shards before.
        """
        if not scored:
            return
        self._manifest.model_id = self._manifest.model_id or model_id
        if self._manifest.model_id != model_id:
            remedy = "give another output=, or output.overwrite=true to replace them"
            raise InputError.at(self._folder, f"its shards are of the model {self._manifest.model_id}", remedy=remedy)
        if self._files is None:
            name = f"{len(self._manifest.shards):05d}{self._suffix}"
            rows, summaries = (self._folder / f"{kind}-{name}" for kind in ("predictions", "articles"))
            self._files = RowFiles(str(rows), summaries, only_stances=self._only_stances)
        self._files.write(scored, model_id)

    def end_shard(self, behind: Cursor) -> None:
        """Finish the shard at hand, if there is one, and save the manifest."""
        manifest = self._manifest
        if self._files is not None:
            manifest.shards.append(self._commit(self._files, behind))
            self._files = None
        manifest.cursor = behind
        manifest.save(self._folder)

    def _commit(self, files: RowFiles, behind: Cursor) -> dict[str, Any]:
        entries = []
        for path, rows in files.commit():
            put_on_disk(path)
            size = path.stat().st_size
            entries.append({"name": path.name, "rows": rows, "bytes": size, "sha256": hash_file(path)})
        return {
            "number": len(self._manifest.shards),
            "first": list(files.ends[0].position),
            "next": list(behind.position),
            "docs": [article.id for article in files.ends],
            "articles": files.articles,
            "sentences": files.sentences,
            "files": entries,
        }

    def finish(self) -> None:
        """Mark the manifest as complete."""
        self._manifest.complete = True
        self._manifest.save(self._folder)

    def discard(self) -> None:
        """Drop the shard at hand."""
        if self._files is not None:
            self._files.discard()
