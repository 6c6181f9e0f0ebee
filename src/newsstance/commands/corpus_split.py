"""``newsstance corpus split``: write the train, validation and test split."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console
from rich.table import Table

from newsstance.configuration.commands import CorpusSplitConfig
from newsstance.corpus.loading import data_hash, load_corpus
from newsstance.corpus.splitting import imbalance, split_by_article
from newsstance.provenance import Run
from newsstance.stances import LABELS, LabelledSentence
from newsstance.writing import write_rows

LOG = logging.getLogger(__name__)


def run(config: CorpusSplitConfig, run: Run) -> None:
    """Write ``train.jsonl``, ``validation.jsonl`` and ``test.jsonl``, and print what each holds."""
    sentences = load_corpus(config.corpus)
    splits = split_by_article(sentences, config.corpus.split)
    folder = Path(config.output).expanduser() if config.output else run.folder
    for name, part in splits.items():
        write_rows(folder / f"{name}.jsonl", [sentence.to_record() for sentence in part])
    uneven = imbalance(splits)
    run.record(
        data_hash=data_hash(sentences),
        imbalance=round(uneven, 4),
        splits={name: {"sentences": len(part), "hash": data_hash(part)} for name, part in splits.items()},
        output=str(folder),
    )
    Console().print(_table(splits))
    print(f"largest difference of a label's share in a split from its share in the corpus: {uneven:.1%}")
    LOG.info("written to %s", folder)


def _table(splits: dict[str, list[LabelledSentence]]) -> Table:
    table = Table("", *splits)
    for column in table.columns[1:]:
        column.justify = "right"
    parts = list(splits.values())
    table.add_row("articles", *(f"{len({sentence.doc for sentence in part}):,}" for part in parts))
    table.add_row("sentences", *(f"{len(part):,}" for part in parts))
    for label in LABELS:
        table.add_row(label, *(_share(sum(label in sentence.labels for sentence in part), len(part)) for part in parts))
    table.add_row("no stance", *(_share(sum(not sentence.stances for sentence in part), len(part)) for part in parts))
    return table


def _share(count: int, whole: int) -> str:
    return f"{count:,} ({count / max(whole, 1):.1%})"
