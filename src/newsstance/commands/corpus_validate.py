"""``newsstance corpus validate``: every fault of a labelled corpus, with its file and row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from newsstance.configuration.commands import CorpusValidateConfig
from newsstance.corpus.validation import Validation, validate_corpus
from newsstance.errors import InputError
from newsstance.provenance import Run
from newsstance.writing import write_rows


def run(config: CorpusValidateConfig, run: Run) -> None:
    """Print each fault of the corpus and write them to ``faults.jsonl``.

    Raises:
        InputError: Where there is a fault.
    """
    if not 0 < config.near_duplicate <= 1:
        raise InputError(f"near_duplicate={config.near_duplicate}: a similarity above 0, up to 1 was expected")
    found = validate_corpus(config.corpus, as_list("forbid", config.forbid), config.near_duplicate)
    for fault in found.faults:
        print(fault)
    run.record(faults=len(found.faults), sentences=found.sentences, articles=found.articles, labels=found.labels)
    if found.faults:
        faults_file = run.folder / "faults.jsonl"
        write_rows(faults_file, [{"fault": str(fault)} for fault in found.faults])
        faults = "1 fault" if len(found.faults) == 1 else f"{len(found.faults):,} faults"
        raise InputError(f"{faults} in corpus {config.corpus.name} (also in {faults_file})")
    print(_clean(config, found))


def as_list(key: str, value: Any) -> Sequence[str]:
    """One word or a list of them as a list.

    Raises:
        InputError: Where ``value`` is neither.
    """
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise InputError(f"{key}={value}: a word or a list was expected: {key}=A or {key}=[A,B]")
    return items


def _clean(config: CorpusValidateConfig, found: Validation) -> str:
    labels = ", ".join(f"{count:,} {label}" for label, count in found.labels.items())
    files = "1 file" if found.files == 1 else f"{found.files} files"
    lines = [
        f"{config.corpus.name}: no faults in {found.sentences:,} sentences of {found.articles:,} articles ({files})",
        f"  {labels}",
        f"  near-duplicates ({config.near_duplicate:g} or more): {found.repeats:,} within splits, none across",
    ]
    if found.forbidden:
        lines.append(f"  none of the {found.forbidden:,} forbidden sentences stands in it")
    return "\n".join(lines)
