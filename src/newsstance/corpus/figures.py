"""Figures of one or more corpora side by side, as SVG files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from newsstance.corpus.statistics import SOURCE_KINDS, CorpusStatistics
from newsstance.stances import LABELS

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # Okabe and Ito 2008: told apart by the colour-blind


def draw_figures(corpora: Sequence[CorpusStatistics], folder: Path) -> list[Path]:
    """Write ``labels.svg``, ``lengths.svg``, ``surface.svg`` and ``sources.svg`` into ``folder``.

    Returns:
        The files.
    """
    figures: dict[str, Callable[[Any, Sequence[CorpusStatistics]], None]] = {
        "labels": _draw_labels,
        "lengths": _draw_lengths,
        "surface": _draw_surface,
        "sources": _draw_sources,
    }
    return [_save(folder / f"{name}.svg", draw, corpora) for name, draw in figures.items()]


def _save(
    path: Path, draw: Callable[[Any, Sequence[CorpusStatistics]], None], corpora: Sequence[CorpusStatistics]
) -> Path:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "newsstance", "svg.fonttype": "none"}):  # the same file for the same figures
        figure = Figure(figsize=(7.5, 3.6), layout="constrained")
        axes = figure.add_subplot()
        draw(axes, corpora)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
    return path


def _draw_labels(axes: Any, corpora: Sequence[CorpusStatistics]) -> None:
    shares = {c.name: [100 * c.label_counts[label] / c.sentences for label in LABELS] for c in corpora}
    _bars(axes, [label.replace("_", " ") for label in LABELS], shares)
    axes.set_ylabel("% of sentences")


def _draw_surface(axes: Any, corpora: Sequence[CorpusStatistics]) -> None:
    names = [name.replace(" ", "\n", 1).replace(" inside", "\ninside") for name in corpora[0].surface]
    _bars(axes, names, {c.name: [100 * value for value in c.surface.values()] for c in corpora})
    axes.set_ylabel("%")
    axes.tick_params(axis="x", labelsize=7)


def _draw_sources(axes: Any, corpora: Sequence[CorpusStatistics]) -> None:
    shares = {}
    for corpus in corpora:
        stances = max(sum(corpus.label_counts.values()), 1)
        weights = {label: corpus.label_counts[label] / stances for label in LABELS}
        shares[corpus.name] = [
            100 * sum(weights[label] * corpus.sources[label][kind] for label in LABELS) for kind in SOURCE_KINDS
        ]
    _bars(axes, list(SOURCE_KINDS), shares)
    axes.set_ylabel("% of stances")


def _draw_lengths(axes: Any, corpora: Sequence[CorpusStatistics]) -> None:
    longest = 60
    for corpus, colour in zip(corpora, COLOURS, strict=False):
        cut = [min(length, longest) for length in corpus.lengths]
        weights = [100 / len(cut)] * len(cut)
        axes.hist(
            cut,
            bins=range(0, longest + 3, 3),
            weights=weights,
            histtype="step",
            color=colour,
            label=corpus.name,
            lw=1.5,
        )
    axes.set_xlabel(f"words in a sentence ({longest} or more in the last bar)")
    axes.set_ylabel("% of sentences")


def _bars(axes: Any, names: Sequence[str], shares: dict[str, list[float]]) -> None:
    width = 0.8 / len(shares)
    for number, ((corpus, values), colour) in enumerate(zip(shares.items(), COLOURS, strict=False)):
        places = [position + (number - (len(shares) - 1) / 2) * width for position in range(len(names))]
        axes.bar(places, values, width, label=corpus, color=colour)
    axes.set_xticks(range(len(names)), names)
