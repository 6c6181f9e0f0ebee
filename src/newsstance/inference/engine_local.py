"""Run a job in this process: read, score, write, portion by portion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsstance.articles.inputs import InputFile
from newsstance.articles.rejects import REJECTS, RejectLog
from newsstance.configuration.groups import OutputConfig, OutputFormat, ReaderConfig
from newsstance.errors import InputError
from newsstance.inference.findings import Findings
from newsstance.inference.manifest import Manifest, lock, open_manifest, remove_unfinished
from newsstance.inference.pages import Pages
from newsstance.inference.places import Places
from newsstance.inference.prediction import Scorer, score
from newsstance.inference.shards import RowFiles, Shards, SingleFile, Sink
from newsstance.inference.status import Watch
from newsstance.inference.stream import Cursor, Portions
from newsstance.writing import STDOUT

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What is to be done, wherever it runs.

    Attributes:
        input: What the user typed.
        files: The files to read.
        parts: The parts of the input, as ranges of ``files``.
        reader: How articles are read.
        output: What is written.
        facts: What decides the result, for the manifest.
        revision: Revision of the code.
        load: Loads the model.
    """

    input: str
    files: Sequence[InputFile]
    parts: Sequence[range]
    reader: ReaderConfig
    output: OutputConfig
    facts: dict[str, Any]
    revision: str
    load: Callable[[], Scorer]


@dataclass(frozen=True)
class Desk:
    """What a job works with while it runs.

    Attributes:
        sink: Takes the rows.
        rejects: Takes the rejects.
        pages: Takes web pages.
        found: Counts what is found.
        watch: Is told how far the job is; None where nobody looks.
    """

    sink: Sink
    rejects: RejectLog
    pages: Pages
    found: Findings
    watch: Watch | None = None


def write_file(job: Job, places: Places, watch: Watch) -> Desk:
    """Write all predictions of ``job`` to one file.

    Args:
        job: The job.
        places: Where it goes, and everything beside it.
        watch: Is told how far the job is.

    Returns:
        What came of it.

    Raises:
        InputError: Where not one article can be read.
    """
    limit = job.output.max_pages if job.output.html and places.predictions != STDOUT else 0
    pages = Pages(places.pages.parent, limit, below=places.pages.name)
    rejects = RejectLog(places.rejects)
    with watch:
        sink = SingleFile(RowFiles(places.predictions, places.summaries, only_stances=job.output.only_stances))
        desk = Desk(sink, rejects, pages, watch.found, watch)
        for _ in _work(job, desk, Cursor(), shard_sentences=None):
            pass
    if places.predictions != STDOUT:
        pages.remove_others()
    return desk


def fill_folder(
    job: Job, folder: Path, watch: Watch | None = None, *, patience: float = 0, may_be_empty: bool = False
) -> Iterator[Manifest]:
    """Write the predictions of ``job`` into ``folder`` in shards, going on where an earlier run of it was killed.

    Args:
        job: The job.
        folder: Where the shards, the manifest, rejects and pages go.
        watch: Is told how far the job is; None where nobody looks.
        patience: Seconds to wait for another job to leave the folder.
        may_be_empty: Whether an input without one article that can be read is no error.

    Yields:
        The manifest: as it is found, and as it is behind each shard that is finished.

    Raises:
        InputError: Where ``folder`` holds another job or files of somebody else, one is at work in it, or not one
            article can be read.
    """
    output = job.output
    with lock(folder, patience):
        manifest = open_manifest(folder, job.facts, job.revision, overwrite=output.overwrite)
        remove_unfinished(folder, manifest)
        if watch is not None:
            watch.found, watch.rejects = manifest.found, manifest.cursor.rejects
            watch.shards, watch.place = len(manifest.shards), manifest.cursor.position
        with watch or nullcontext():
            yield manifest
            if manifest.complete:
                LOG.info("%s is complete already: nothing to do", folder)
                return
            if manifest.shards:
                LOG.info("going on in %s behind %d finished shards", folder, len(manifest.shards))
            suffix = ".parquet" if output.format is OutputFormat.parquet else ".jsonl.gz"
            desk = Desk(
                Shards(folder, manifest, suffix, only_stances=output.only_stances),
                RejectLog(folder / REJECTS, manifest.cursor.rejects, manifest.cursor.rejects_size),
                Pages(folder, output.max_pages if output.html else 0, manifest.pages),
                manifest.found,
                watch,
            )
            for _ in _work(job, desk, manifest.cursor, output.shard_sentences, may_be_empty=may_be_empty):
                yield manifest
            yield manifest


def _work(
    job: Job, desk: Desk, start: Cursor, shard_sentences: int | None, *, may_be_empty: bool = False
) -> Iterator[None]:
    """Read, score and write from ``start`` on; yields behind each shard."""
    try:
        portions = Portions(
            job.files, job.parts, job.reader, desk.rejects, start=start.position, shard_sentences=shard_sentences
        )
        with closing(portions):
            scorer = job.load() if portions.wait_for_article() else None
            for portion in portions:
                if scorer is not None:
                    scored = score(portion.articles, scorer)
                    desk.sink.write(scored, scorer.model_id)
                    for each in scored:
                        desk.found.add(each)
                        desk.pages.add(each, scorer.model_id)
                if portion.ends_shard:
                    desk.sink.end_shard(portion.behind)
                if desk.watch is not None:
                    desk.watch.update(portion.behind, desk.sink.finished)
                if portion.ends_shard:
                    yield
        if not desk.found.articles and not may_be_empty:
            raise InputError(desk.rejects.explain_nothing_read(job.input))
        desk.sink.finish()
    except BaseException:
        desk.sink.discard()
        raise
    desk.rejects.close()
