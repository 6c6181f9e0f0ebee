"""``newsstance predict``: find the stances in articles."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.commands import PredictConfig
from newsstance.configuration.groups import BackendConfig
from newsstance.errors import RejectsError
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.inference.job import PredictionSummary
    from newsstance.inference.prediction import Scorer

LOG = logging.getLogger(__name__)

_DAYS_SHOWN, _ARTICLES_SHOWN, _CHARACTERS_SHOWN = 10, 5, 200


def run(config: PredictConfig, run: Run) -> None:
    """Score the articles of ``config.input`` and say what was found and where it is."""
    from newsstance.inference.job import run_prediction

    loader = ModelLoader(config.model, config.backend)
    summary = run_prediction(
        config.input, config.output, config.reader, run.folder, loader, model=loader.describe, engine=config.engine
    )
    run.record(model=loader.model_id, **summary.to_record())
    if summary.predictions == "-":
        LOG.info("%d articles, %d sentences, %d rejects", summary.articles, summary.sentences, summary.rejects)
    else:
        print_summary(summary)
    check_rejects(summary, config.output.max_rejects)


def check_rejects(summary: PredictionSummary, allowed: int | None) -> None:
    """Say in the last line, and by the exit code, that more than ``allowed`` records could not be read.

    Raises:
        RejectsError: Where they are more.
    """
    if allowed is not None and summary.rejects > allowed:
        raise RejectsError(
            f"{summary.rejects} records could not be read, more than output.max_rejects={allowed}"
            f" (see {summary.rejects_file}; the rest is written)"
        )


class ModelLoader:
    """Finds, describes and loads a model, each only when asked: bad input is told before a model is looked for.

    Attributes:
        model: shipped, latest, a folder or a hub id; an absolute path once it was found.
        backend: The backend; the one that ``auto`` stands for once the model was found.
        model_id: The model's name, once it was described or loaded.
    """

    def __init__(self, model: str, backend: BackendConfig) -> None:
        self.model, self.backend = model, backend
        self.model_id = ""

    def __call__(self) -> Scorer:
        """The loaded model, as `load_scorer`."""
        self._find()
        scorer = load_scorer(self.model, self.backend)
        self.model_id = scorer.model_id
        return scorer

    def describe(self) -> dict[str, Any]:
        """What tells the model and its backend from others."""
        from newsstance.configuration.typed import to_plain
        from newsstance.inference.manifest import describe_model

        self._find()
        facts = describe_model(self.model) | {"backend": to_plain(self.backend)}
        self.model_id = str(facts["id"])
        return facts

    def _find(self) -> None:
        from newsstance.inference.backends import resolve
        from newsstance.model.location import find_model

        found = find_model(self.model)
        self.model = str(Path(found).absolute()) if Path(found).is_dir() else found
        self.backend = resolve(self.model, self.backend)


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

    from newsstance.display import LABEL_STYLES
    from newsstance.stances import LABELS

    console = Console()
    names = [LABEL_STYLES[label].name for label in LABELS]  # of words, so that a narrow terminal breaks them
    table = Table("articles", "sentences", *names, "rejects")
    counts = (str(summary.labels[label]) for label in LABELS)
    table.add_row(str(summary.articles), str(summary.sentences), *counts, str(summary.rejects))
    console.print(table)
    days = summary.found.days
    if len(days) > 1:
        busiest = sorted(sorted(days, key=lambda day: -days[day].total())[:_DAYS_SHOWN])
        table = Table("day", *names, title=f"busiest of {len(days)} days" if len(days) > _DAYS_SHOWN else None)
        for day in busiest:
            table.add_row(day, *(str(days[day][label]) for label in LABELS))
        console.print(table)
    if summary.articles > 1 and summary.found.top:
        table = Table("stances", "doc", "title")
        for column in table.columns:
            column.overflow = "fold"
        for top in summary.found.top[:_ARTICLES_SHOWN]:
            table.add_row(str(top["stances"]), _in_a_cell(top["doc"]), _in_a_cell(top["title"]))
        console.print(table)
    shards = f" ({summary.shards} shards)" if summary.shards else ""
    print(f"predictions: {summary.predictions}{shards}")
    if summary.pages:
        print(f"pages: {summary.pages[0] if len(summary.pages) == 1 else summary.pages[0].parent}")
    print(f"rejects: {summary.rejects_file} ({summary.rejects} records)" if summary.rejects_file else "rejects: none")


def _in_a_cell(text: str) -> str:
    """What a table shows of ``text``, whoever wrote it: neither a megabyte nor codes that a terminal would obey."""
    shown = text if len(text) <= _CHARACTERS_SHOWN else f"{text[:_CHARACTERS_SHOWN]}…"
    return "".join(letter if letter.isprintable() else " " for letter in shown).replace("[", "\\[")
