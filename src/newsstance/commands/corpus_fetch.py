"""``newsstance corpus fetch``: rebuild labelled real news from public repositories, or from copies on this machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from newsstance.commands.corpus_validate import as_list
from newsstance.configuration.commands import CorpusFetchConfig, FetchMethod
from newsstance.corpus.fetching import Fetcher, fetch_by_git, find_in, hash_file
from newsstance.corpus.rebuilding import Rebuilt, rebuild
from newsstance.corpus.source_texts import FindFile
from newsstance.corpus.standoff import UNLABELLED, Source, read_sources
from newsstance.errors import InputError
from newsstance.provenance import Run
from newsstance.resources import data_dir, user_data_dir
from newsstance.writing import write_rows

LOG = logging.getLogger(__name__)

_MAX_WARNINGS = 5


def run(config: CorpusFetchConfig, run: Run) -> None:
    """Fetch what is needed (with ``confirm=true`` only), rebuild, and say what could not be matched.

    Raises:
        InputError: Where nothing at all could be rebuilt.
    """
    annotations = Path(config.annotations).expanduser() if config.annotations else data_dir() / "real_news"
    output = Path(config.output).expanduser() if config.output else user_data_dir() / "real_news"
    sources = read_sources(annotations, list(as_list("only", config.only)))
    if config.source is None:
        _print_plan(sources, output, confirmed=config.confirm)
        if not config.confirm:
            return
    rebuilt = {}
    for source in sources:
        find_file = _local(config.source, source) if config.source is not None else _fetched(config, source, output)
        rebuilt[source.name] = rebuild(source, annotations, find_file, output)
        if (annotations / UNLABELLED / f"{source.name}.jsonl").is_file():
            # The underscore keeps them out of the labelled corpus that ``output`` is.
            part = rebuild(source, annotations / UNLABELLED, find_file, output / f"_{UNLABELLED}", labelled=False)
            rebuilt[f"{source.name}, {UNLABELLED}"] = part
    _report(rebuilt, output, run)


def _print_plan(sources: Sequence[Source], output: Path, *, confirmed: bool) -> None:
    print("Fetching:\n" if confirmed else "Would fetch (nothing has been fetched yet):\n", flush=True)
    for source in sources:
        files = "1 file" if len(source.files) == 1 else f"{len(source.files):,} files"
        print(f"{source.name}: {source.title}")
        print(f"  from     {source.repository} at {source.commit[:12]}")
        print(f"  size     {decimal(source.bytes)} in {files}")
        print(f"  licence  {source.licence}")
        print(f"  terms    {source.terms or 'not stated'}\n")
    print(f"Together {decimal(sum(source.bytes for source in sources))}, into {output}.", flush=True)
    if confirmed:
        return
    print("To fetch:               newsstance corpus fetch confirm=true")
    print("Some of them only:      newsstance corpus fetch only=[NAME] confirm=true")
    print("From local copies:      newsstance corpus fetch from=FOLDER")


def _local(folder: str, source: Source) -> FindFile:
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise InputError.at(place, "no such folder", remedy="from=FOLDER with one folder a repository")
    find_file = find_in(place, source)
    problems = {}
    for path, sha256 in source.files.items():
        found = find_file(path)
        if found is None:
            problems[path] = f"{path} is missing in {place}"
        elif hash_file(found) != sha256:
            problems[path] = f"{found} differs from the file that was labelled"
    _warn(source, problems)
    return find_file


def _fetched(config: CorpusFetchConfig, source: Source, output: Path) -> FindFile:
    folder = output / "_sources" / source.name
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("files"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"fetching {source.name}", total=len(source.files))

        def advance(_: str) -> None:
            bar.advance(task)

        if config.method is FetchMethod.git:
            problems = fetch_by_git(source, folder, advance)
        else:
            problems = Fetcher(config.base_url).fetch(source, folder, advance)
    _warn(source, problems)
    return lambda path: folder / path if (folder / path).is_file() else None


def _warn(source: Source, problems: dict[str, str]) -> None:
    for problem in list(problems.values())[:_MAX_WARNINGS]:
        LOG.warning("%s: %s", source.name, problem)
    if len(problems) > _MAX_WARNINGS:
        LOG.warning("%s: %d more files are missing or differ", source.name, len(problems) - _MAX_WARNINGS)


def _report(rebuilt: dict[str, Rebuilt], output: Path, run: Run) -> None:
    unmatched = [row for part in rebuilt.values() for row in part.unmatched]
    sentences = sum(part.sentences for part in rebuilt.values() if part.labelled)
    unread = sum(part.sentences for part in rebuilt.values() if not part.labelled)
    run.record(output=str(output), sentences=sentences, unlabelled=unread, unmatched=len(unmatched))
    for name, part in rebuilt.items():
        print(f"{name}: {part.sentences:,} of {part.sentences + len(part.unmatched):,} rows rebuilt")
    if unmatched:
        path = run.folder / "unmatched.jsonl"
        write_rows(path, unmatched)
        print(f"{len(unmatched):,} rows could not be matched; each with its reason: {path}")
    if not sentences:
        raise InputError("no row could be rebuilt: the files are missing or differ from those that were labelled")
    print(f"{sentences:,} sentences in {output}")
    if unread:
        print(f"{unread:,} sentences without labels in {output / f'_{UNLABELLED}'}")
