"""``newsstance predict``: find the stances in articles."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from newsstance.configuration.schema import BackendConfig, PredictConfig
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.inference.job import PredictionSummary
    from newsstance.inference.prediction import Scorer

LOG = logging.getLogger(__name__)

_DAYS_SHOWN, _ARTICLES_SHOWN = 10, 5


def run(config: PredictConfig, run: Run) -> None:
    """Score the articles of ``config.input`` and say what was found and where it is."""
    from newsstance.configuration.typed import to_plain
    from newsstance.inference.job import run_prediction
    from newsstance.inference.manifest import describe_model
    from newsstance.model.location import find_model

    model = find_model(config.model)
    backend = config.backend
    facts = describe_model(model)
    run.record(model=facts["id"])
    facts |= {"backend": to_plain(backend)}
    load = partial(load_scorer, model, backend)
    summary = run_prediction(
        config.input, config.output, config.reader, run.folder, load, model=facts, engine=config.engine
    )
    run.record(**summary.to_record())
    if summary.predictions == "-":
        LOG.info("%d articles, %d sentences, %d rejects", summary.articles, summary.sentences, summary.rejects)
    else:
        print_summary(summary)


def load_scorer(model: str, backend: BackendConfig) -> Scorer:
    """The model ``model`` on the backend that ``backend`` names.

    Raises:
        InputError: Where there is no such model or backend, or the model was not exported for the backend.
    """
    from newsstance.inference.backends import load_backend

    return load_backend(model, backend)


def print_summary(summary: PredictionSummary) -> None:
    """What was found, as tables, and the paths of the files; the last line says how many records were rejected."""
    from rich.console import Console
    from rich.table import Table

    from newsstance.stances import LABELS

    console = Console()
    table = Table("articles", "sentences", *LABELS, "rejects")
    counts = (str(summary.labels[label]) for label in LABELS)
    table.add_row(str(summary.articles), str(summary.sentences), *counts, str(summary.rejects))
    console.print(table)
    days = summary.found.days
    if len(days) > 1:
        busiest = sorted(sorted(days, key=lambda day: -days[day].total())[:_DAYS_SHOWN])
        table = Table("day", *LABELS, title=f"busiest of {len(days)} days" if len(days) > _DAYS_SHOWN else None)
        for day in busiest:
            table.add_row(day, *(str(days[day][label]) for label in LABELS))
        console.print(table)
    if summary.articles > 1 and summary.found.top:
        table = Table("stances", "article")
        for top in summary.found.top[:_ARTICLES_SHOWN]:
            table.add_row(str(top["stances"]), f"{top['title'] or top['doc']}".replace("[", "\\["))
        console.print(table)
    shards = f" ({summary.shards} shards)" if summary.shards else ""
    print(f"predictions: {summary.predictions}{shards}")
    if summary.pages:
        print(f"pages: {summary.pages[0] if len(summary.pages) == 1 else summary.pages[0].parent}")
    print(f"rejects: {summary.rejects_file} ({summary.rejects} records)" if summary.rejects_file else "rejects: none")
