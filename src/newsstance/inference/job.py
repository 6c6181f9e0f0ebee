"""The prediction job: articles in, predictions, summaries, web pages and rejects out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from newsstance.articles.inputs import InputFile, find_inputs, fingerprint, refuse_overwriting
from newsstance.articles.rejects import REJECTS
from newsstance.configuration.groups import EngineConfig, OutputConfig, ReaderConfig
from newsstance.configuration.typed import to_plain
from newsstance.errors import InputError
from newsstance.inference.engine_local import Job, fill_folder, write_file
from newsstance.inference.findings import Findings
from newsstance.inference.manifest import Manifest, written_in
from newsstance.inference.places import Places, status_file
from newsstance.inference.prediction import Scorer
from newsstance.inference.shards import SHARD_SENTENCES
from newsstance.inference.status import Watch
from newsstance.inference.stream import plan_parts
from newsstance.provenance import code_revision
from newsstance.writing import names_folder, on_disk

ENGINES = ("local", "ray")
_DECIDING_OUTPUT = ("format", "html", "max_pages", "only_stances", "shard_sentences", "part_mb")
_UNDECIDING_READER = ("workers", "workers_after", "timeout")


@dataclass
class PredictionSummary:
    """What a job did, with the runs before it that it went on from.

    Attributes:
        predictions: The predictions file, or the folder of shards; "-" for stdout.
        found: What was found.
        shards: Shards in the folder; 0 for one file.
        rejects: Records that could not be read.
        rejects_file: The file of rejects; None where there are none.
        pages: Web pages, in the order of the input.
    """

    predictions: str
    found: Findings = field(default_factory=Findings)
    shards: int = 0
    rejects: int = 0
    rejects_file: Path | None = None
    pages: list[Path] = field(default_factory=list)

    @property
    def articles(self) -> int:
        """Articles read."""
        return self.found.articles

    @property
    def sentences(self) -> int:
        """Sentences scored."""
        return self.found.sentences

    @property
    def labels(self) -> Counter[str]:
        """Sentences with each label."""
        return self.found.labels

    def to_record(self) -> dict[str, Any]:
        """Plain values for ``run.json``."""
        places = {"predictions": self.predictions, "shards": self.shards}
        return self.found.to_record() | {"rejects": self.rejects} | places


def run_prediction(
    input: str,
    output: OutputConfig,
    reader: ReaderConfig,
    folder: Path,
    load_scorer: Callable[[], Scorer],
    *,
    model: Callable[[], Mapping[str, Any]] | None = None,
    engine: EngineConfig | None = None,
) -> PredictionSummary:
    """Read the articles of ``input``, score their sentences and write what ``output`` asks for.

    Args:
        input: File, folder, glob or ``-``.
        output: Where predictions go; the run's ``folder`` where it names none.
        reader: How articles are read.
        folder: The run's folder.
        load_scorer: Loads the model, after the input has been found to exist; can be pickled where ``engine`` is ray.
        model: Tells what sets the model and its backend apart from others; asked where a job may be gone on with.
        engine: Where the job runs; None for this process.

    Raises:
        InputError: Where the input is missing, or not one article of it can be read, or the output is another job's or
            would replace a file of the input.
    """
    engine = engine or EngineConfig()
    _check(output, engine)
    files = find_inputs(input)
    sizes = [_size(file) for file in files]
    parts = plan_parts(files, sizes, output.part_mb * 1e6)
    in_shards = names_folder(output.path) or output.shard_sentences is not None or engine.name == "ray"
    target = on_disk(output.path) if output.path else folder
    places = None if in_shards else Places.of(output, folder)
    refuse_overwriting(files, places.files if places else [*written_in(target), status_file(output, target)])
    if in_shards:
        output = replace(output, shard_sentences=output.shard_sentences or SHARD_SENTENCES)
    facts = _facts(input, files, sizes, reader, output) if in_shards else {}
    if in_shards and model is not None:
        facts["model"] = dict(model())
    revision = code_revision() if in_shards else ""
    job = Job(input, files, parts, reader, output, facts, revision, load_scorer)
    if places is not None:
        return _predict_into_file(job, sizes, places)
    watch = Watch(status_file(output, target), str(target), files, sizes)
    if engine.name == "ray":
        from newsstance.inference.engine_ray import run_on_ray

        return _summarise(run_on_ray(job, target, watch, engine), target)
    for manifest in fill_folder(job, target, watch):
        finished = manifest
    return _summarise(finished, target)


def _check(output: OutputConfig, engine: EngineConfig) -> None:
    if engine.name not in ENGINES:
        raise InputError(f"engine.name={engine.name}: unknown; the engines are {', '.join(ENGINES)}")
    is_file = output.path is not None and not names_folder(output.path)
    if is_file and output.shard_sentences is not None:
        raise InputError(f"output.shard_sentences: {output.path} is one file; give a folder for shards")
    if is_file and engine.name == "ray":
        raise InputError(f"engine=ray writes shards: give a folder, not output={output.path}")
    for name in ("shard_sentences", "part_mb"):
        value = getattr(output, name)
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"output.{name} must be above 0, not {value:g}")
    for name in ("max_pages", "max_rejects"):
        value = getattr(output, name)
        if value is not None and value < 0:
            raise InputError(f"output.{name} must be 0 or more, not {value}")


def _predict_into_file(job: Job, sizes: list[int | None], places: Places) -> PredictionSummary:
    watch = Watch(places.status, places.predictions, job.files, sizes)
    done = write_file(replace(job, parts=[range(len(job.files))]), places, watch)
    rejects = done.rejects
    rejects_file = rejects.path if rejects.count else None
    return PredictionSummary(places.predictions, done.found, 0, rejects.count, rejects_file, done.pages.paths)


def _summarise(manifest: Manifest, folder: Path) -> PredictionSummary:
    rejects = manifest.cursor.rejects
    pages = [folder / page for page in manifest.pages]
    rejects_file = folder / REJECTS if rejects else None
    return PredictionSummary(str(folder), manifest.found, len(manifest.shards), rejects, rejects_file, pages)


def _facts(
    input: str, files: list[InputFile], sizes: list[int | None], reader: ReaderConfig, output: OutputConfig
) -> dict[str, Any]:
    """What decides the result besides model and code: what of it differs keeps a job from being gone on with."""
    known = [size for size in sizes if size is not None]
    return {
        "layout": "shards",
        "input": {
            "typed": input,
            "files": len(files),
            "bytes": sum(known) if len(known) == len(sizes) else None,
            "fingerprint": fingerprint(files),
        },
        "reader": {key: value for key, value in to_plain(reader).items() if key not in _UNDECIDING_READER},
        "output": {key: to_plain(output)[key] for key in _DECIDING_OUTPUT},
    }


def _size(file: InputFile) -> int | None:
    """Bytes of ``file``; None where that is not known."""
    try:
        return file.path.stat().st_size if file.path is not None and file.is_regular else None
    except OSError:
        return None
