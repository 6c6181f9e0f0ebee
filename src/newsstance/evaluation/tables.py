"""Evaluations and comparisons as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.result import Evaluation
from newsstance.stances import LABELS

if TYPE_CHECKING:
    from newsstance.evaluation.comparison import Comparison


def print_systems(evaluation: Evaluation, console: Console | None = None) -> None:
    """The model and the baselines: quality with 95% intervals, time, memory."""
    table = Table("system", "macro-F1", *(f"F1 {label}" for label in LABELS), "AP", "exact", "sent./s", "+MB")
    for system in evaluation.systems:
        table.add_row(
            system.name,
            str(system.macro.f1),
            *(_short(system.labels[label].f1) for label in LABELS),
            _short(system.macro.average_precision),
            str(system.exact_match),
            f"{system.timing.sentences_per_second:,.0f}",
            f"{system.timing.added_mb:,.0f}",
        )
    table.title = f"{evaluation.model_id} on {evaluation.corpus or 'corpus'}, {evaluation.split}"
    table.caption = f"{evaluation.sentences} sentences, {evaluation.articles} articles; 95% intervals over articles"
    _console(console).print(table)
    for note in evaluation.notes:
        _console(console).print(f"note: {note}", markup=False)


def print_comparison(first: str, comparisons: Sequence[Comparison], console: Console | None = None) -> None:
    """Each system against the first: figures, paired difference, verdict."""
    for comparison in comparisons:
        table = Table("metric", first, comparison.name, "difference", "p", "verdict")
        for row in comparison.differences:
            table.add_row(
                row.metric, _short(row.first), _short(row.other), _signed(row.difference), f"{row.p:.4f}", row.verdict
            )
        test = comparison.mcnemar
        table.caption = (
            "difference with the 95% interval of a paired bootstrap over articles; McNemar on exact matches: "
            f"{test.only_other} sentences right only in {comparison.name}, {test.only_first} only in {first}, "
            f"p = {test.p:.4f}"
        )
        _console(console).print(table)
        real = [row for row in comparison.differences if row.verdict in {"better", "worse"}]
        says = "; ".join(f"{row.metric} {row.verdict} ({_signed(row.difference)})" for row in real)
        _console(console).print(f"real differences of {comparison.name}: {says or 'none'}", markup=False)


def _console(console: Console | None) -> Console:
    """A table that is piped into a file keeps its width instead of folding at 80 columns."""
    if console is not None:
        return console
    standard = Console()
    return standard if standard.is_terminal else Console(width=160)


def _short(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}" if estimate.defined else "–"


def _signed(estimate: Estimate) -> str:
    if not estimate.defined:
        return "–"
    interval = f" [{estimate.low:+.3f}, {estimate.high:+.3f}]" if estimate.has_interval else ""
    return f"{estimate.value:+.3f}{interval}"
