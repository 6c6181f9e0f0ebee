"""Run a job on a Ray cluster: its actors hold the model, and each fills the folder of one part after the other.

Ray Data hands out the parts and hands out again those of a node that is lost; whoever gets such a part goes on behind
the last shard that is finished, as `engine_local.fill_folder` does after any kill. Input, model and output lie where
all machines of the cluster see them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from newsstance.articles.article import Position
from newsstance.articles.rejects import REJECTS
from newsstance.configuration.groups import EngineConfig
from newsstance.errors import InputError
from newsstance.inference.engine_local import Job, fill_folder
from newsstance.inference.findings import Findings
from newsstance.inference.manifest import Manifest, lock, open_manifest, remove_unfinished
from newsstance.inference.prediction import Scorer
from newsstance.inference.status import Watch
from newsstance.inference.stream import Cursor
from newsstance.writing import partial_name

LOG = logging.getLogger(__name__)

PATIENCE = 600.0
"""Seconds that a worker waits for the one before it to leave the folder of a part: one on a lost node may linger."""

Batch = Mapping[str, Any]


class PartWorker:
    """An actor of Ray Data: holds the model and fills the folders of the parts that it is given."""

    def __init__(self, job: Job, folder: str) -> None:
        self._job, self._folder = job, Path(folder)
        self._scorer: Scorer | None = None

    def __call__(self, batch: Batch) -> Iterator[dict[str, list[Any]]]:
        """Fill the folder of each part in ``batch["part"]``; yields how far it is behind each shard."""
        for part in map(int, batch["part"]):
            job = part_job(self._job, part)
            folder = self._folder / part_name(part)
            for manifest in fill_folder(replace(job, load=self._load), folder, patience=PATIENCE, may_be_empty=True):
                found = manifest.found
                counts = [found.articles, found.sentences, found.stances, manifest.cursor.rejects, len(manifest.shards)]
                yield {"part": [part], "counts": [counts], "complete": [manifest.complete]}

    def _load(self) -> Scorer:
        if self._scorer is None:
            self._scorer = self._job.load()
        return self._scorer


def part_name(part: int) -> str:
    """Name of the folder of a part."""
    return f"part-{part:05d}"


def part_job(job: Job, part: int) -> Job:
    """The job of one part alone; the first part alone has web pages."""
    files = job.parts[part]
    output = replace(job.output, html=job.output.html and part == 0)
    return replace(
        job,
        files=job.files[files.start : files.stop],
        parts=[range(len(files))],
        output=output,
        facts=job.facts | {"part": part},
    )


def run_on_ray(job: Job, folder: Path, watch: Watch, engine: EngineConfig) -> Manifest:
    """Write the predictions of ``job`` below ``folder``, a folder a part, and a manifest of them all.

    Args:
        job: The job.
        folder: Where the folders of the parts go.
        watch: Is told how far the job is.
        engine: The cluster, and how many actors of it to use.

    Returns:
        The manifest of the whole.

    Raises:
        InputError: Where Ray is not installed or its cluster cannot be reached, or as `engine_local.fill_folder`.
    """
    if any(file.path is None and not file.url for file in job.files):
        raise InputError("engine=ray: stdin cannot be shared out; give files")
    ray = _connect(engine)
    folder = folder.absolute()
    with lock(folder):
        facts = job.facts | {"layout": "parts"}
        manifest = open_manifest(folder, facts, job.revision, overwrite=job.output.overwrite)
        if manifest.complete:
            LOG.info("%s is complete already: nothing to do", folder)
            return manifest
        remove_unfinished(folder, manifest)
        manifest.save(folder)
        with watch:
            _tell(watch, job, _results(ray, _for_workers(job, engine), folder, engine))
            _gather(manifest, job, folder)
        return manifest


def _connect(engine: EngineConfig) -> Any:
    """Ray, connected to the cluster of ``engine``, else to a new one of this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError("engine=ray: not installed; pip install 'newsstance[ray]'") from error
    if not ray.is_initialized():
        address = engine.address or os.environ.get("RAY_ADDRESS") or "local"
        dashboard = False if address == "local" else None
        try:
            ray.init(address=address, logging_level=logging.WARNING, include_dashboard=dashboard)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(f"engine=ray: no cluster at {address}: {' '.join(str(error).split())}") from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    return ray


def _for_workers(job: Job, engine: EngineConfig) -> Job:
    """``job`` with paths that hold in every folder, and with no more processes than a worker has CPUs."""
    files = [file if file.path is None else replace(file, path=file.path.absolute()) for file in job.files]
    share = engine.cpus_per_worker if engine.cpus_per_worker > 1 else 0
    reader = replace(job.reader, workers=share if job.reader.workers is None else job.reader.workers)
    return replace(job, files=files, reader=reader)


def _results(ray: Any, job: Job, folder: Path, engine: EngineConfig) -> Iterator[dict[str, Any]]:
    """What the workers say of their parts, as it comes."""
    cpus = int(ray.cluster_resources().get("CPU", 1))
    workers = min(engine.workers or max(cpus // engine.cpus_per_worker, 1), len(job.parts))
    LOG.info("%d parts on %d workers of a Ray cluster with %d CPUs", len(job.parts), workers, cpus)
    parts = ray.data.from_items([{"part": n} for n in range(len(job.parts))], override_num_blocks=len(job.parts))
    results = parts.map_batches(
        PartWorker,
        fn_constructor_args=(job, str(folder)),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=engine.cpus_per_worker,
    )
    try:
        yield from results.iter_rows()
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        raise cause if isinstance(cause, (InputError, OSError)) else error from None


def _tell(watch: Watch, job: Job, results: Iterator[dict[str, Any]]) -> None:
    """Pass on what the workers say to ``watch``; what a worker says again counts once."""
    counts: dict[int, list[int]] = {}
    complete: set[int] = set()
    totals = [0] * 5
    watch.bytes_read = 0
    for result in results:
        part, now = int(result["part"]), [int(count) for count in result["counts"]]
        size = sum(watch.sizes[n] or 0 for n in job.parts[part]) if result["complete"] else 0
        if part not in counts:  # how the worker found it
            watch.count_earlier(now[0], now[1], size)
        before = counts.get(part, [0] * 5)
        counts[part] = now
        totals = [total + new - old for total, new, old in zip(totals, now, before, strict=True)]
        watch.found.articles, watch.found.sentences, watch.found.stances, rejects, shards = totals
        if result["complete"] and part not in complete:
            complete.add(part)
            watch.bytes_read += size
        watch.update(Cursor(rejects=rejects), shards)


def _gather(manifest: Manifest, job: Job, folder: Path) -> None:
    """Make ``manifest`` that of all parts, and ``rejects.jsonl`` that of all parts."""
    found = Findings()
    shards: list[dict[str, Any]] = []
    pages: list[str] = []
    rejects = size = 0
    partial = partial_name(folder / REJECTS)
    with partial.open("wb") as all_rejects:
        for number in range(len(job.parts)):
            part = Manifest.load(folder / part_name(number))
            if part is None or not part.complete:
                raise InputError.at(folder / part_name(number), "is not complete", remedy="run the command again")
            offset = job.parts[number].start
            found.merge(part.found)
            manifest.model_id = manifest.model_id or part.model_id
            shards += [_lifted(shard, number, offset, len(shards) + n) for n, shard in enumerate(part.shards)]
            pages += [f"{part_name(number)}/{page}" for page in part.pages]
            if part.cursor.rejects:
                size += all_rejects.write((folder / part_name(number) / REJECTS).read_bytes())
            rejects += part.cursor.rejects
    if rejects:
        partial.replace(folder / REJECTS)
    else:
        partial.unlink()
    if not found.articles:
        raise InputError(f"{job.input}: not one article can be read (see {folder / REJECTS})")
    manifest.found, manifest.shards, manifest.pages = found, shards, pages
    manifest.cursor = Cursor(Position(len(job.files)), rejects, size)
    manifest.complete = True
    manifest.save(folder)


def _lifted(shard: Mapping[str, Any], part: int, offset: int, number: int) -> dict[str, Any]:
    """A part's entry of a shard as one of the whole: paths below the whole's folder, positions in all files."""

    def place(position: list[int]) -> list[int]:
        return [position[0] + offset, position[1]]

    files = [file | {"name": f"{part_name(part)}/{file['name']}"} for file in shard["files"]]
    places = {"first": place(shard["first"]), "next": place(shard["next"])}
    return dict(shard) | {"number": number, "files": files} | places
