"""``newsstance label``: label articles by rules or by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsstance.configuration.commands import LabelConfig
from newsstance.provenance import Run

if TYPE_CHECKING:
    from newsstance.labelling.job import LabellingSummary
    from newsstance.labelling.labeller import Labeller


def run(config: LabelConfig, run: Run) -> None:
    """Label the articles of ``config.input`` and say what was found and where it is."""
    from newsstance.inference.backends import load_backend
    from newsstance.labelling.job import run_labelling
    from newsstance.labelling.labeller import make_labeller

    def load() -> Labeller:
        return make_labeller(config.labeller, config.backend, load_backend)

    summary = run_labelling(config.input, config.output, config.reader, run.folder, load)
    run.record(**summary.to_record())
    if summary.output != "-":
        print_summary(summary)


def print_summary(summary: LabellingSummary) -> None:
    """What was found, as a table, and the paths of the files."""
    from rich.console import Console
    from rich.table import Table

    from newsstance.stances import LABELS

    table = Table("sentences with", *LABELS, title=f"{summary.labeller}: {summary.articles} articles", min_width=72)
    table.add_row(f"of {summary.sentences}", *(str(summary.labels[label]) for label in LABELS))
    Console().print(table)
    print(f"labels: {summary.output}")
    if summary.rejects_file:
        print(f"rejects: {summary.rejects_file} ({summary.rejects} records)")
