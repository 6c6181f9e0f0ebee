"""``newsstance predict``: find the stances in articles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsstance.configuration.schema import BackendConfig, PredictConfig
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.inference.job import PredictionSummary
    from newsstance.inference.prediction import Scorer


def run(config: PredictConfig, run: Run) -> None:
    """Score the articles of ``config.input`` and say what was found and where it is."""
    from newsstance.inference.job import run_prediction

    def load() -> Scorer:
        scorer = load_scorer(config.model, config.backend)
        run.record(model=scorer.model_id)
        return scorer

    summary = run_prediction(config.input, config.output, config.reader, run.folder, load)
    run.record(**summary.to_record())
    if summary.predictions != "-":
        print_summary(summary)


def load_scorer(model: str, backend: BackendConfig) -> Scorer:
    """The model ``model`` on the backend that ``backend`` names.

    Raises:
        InputError: Where there is no such model or backend, or the model was not exported for the backend.
    """
    from newsstance.inference.backends import load_backend

    return load_backend(model, backend)


def print_summary(summary: PredictionSummary) -> None:
    """What was found, as a table, and the paths of the files."""
    from rich.console import Console
    from rich.table import Table

    from newsstance.stances import LABELS

    table = Table("articles", "sentences", *LABELS, "rejects")
    counts = (str(summary.labels[label]) for label in LABELS)
    table.add_row(str(summary.articles), str(summary.sentences), *counts, str(summary.rejects))
    Console().print(table)
    print(f"predictions: {summary.predictions}")
    if summary.pages:
        print(f"pages: {summary.pages[0] if len(summary.pages) == 1 else summary.pages[0].parent}")
    if summary.rejects_file:
        print(f"rejects: {summary.rejects_file} ({summary.rejects} records)")
