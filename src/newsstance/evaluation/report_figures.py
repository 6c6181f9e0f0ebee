"""The figures of the report: small inline SVGs that take their colours from the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from newsstance.display import LABEL_STYLES
from newsstance.stances import LABELS, Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from newsstance.evaluation.result import Evaluation, SystemResult

MAX_POINTS = 150
"""Points of a curve in a figure; more cannot be seen and make the page large."""

# Stand-ins that `_to_svg` replaces: a page in dark mode recolours the figure by CSS.
_INK, _FAINT = "#010203", "#040506"
_COLOURS: dict[Label, str] = {label: f"#0708{index:02x}" for index, label in enumerate(LABELS, start=16)}


def system_figure(evaluation: Evaluation) -> str:
    """Macro-F1 of each system with its interval, best at the top."""
    from matplotlib.figure import Figure

    systems = sorted(evaluation.systems, key=lambda s: s.macro.f1.value if s.macro.f1.defined else -1)
    figure = Figure(figsize=(4.8, 0.36 * len(systems) + 0.8), layout="constrained", facecolor="none")
    axes = figure.subplots()
    for row, system in enumerate(systems):
        f1 = system.macro.f1
        is_model = system is evaluation.model
        if f1.has_interval:
            axes.plot([f1.low, f1.high], [row, row], color=_INK, linewidth=2.5 if is_model else 1.2)
        axes.plot([f1.value], [row], "o" if is_model else "D", color=_INK, markersize=8 if is_model else 5)
    axes.set_yticks(range(len(systems)), [system.name for system in systems])
    axes.set_ylim(-0.6, len(systems) - 0.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel("macro-F1 with 95% interval")
    axes.grid(axis="x", color=_FAINT, linewidth=0.6)
    return _to_svg(figure, "systems", "Macro-F1 of each system with its interval")


def precision_recall_figure(systems: Sequence[SystemResult], label: Label) -> str:
    """Precision against recall of one label: the model (first) in colour, other systems with scores beside it."""
    figure, axes = _square(label, "recall", "precision")
    for order, system in enumerate(systems):
        curve = system.curves.get(label)
        if curve is None:
            continue
        colour, style = (_COLOURS[label], "-") if order == 0 else (_INK, ("--", ":", "-.")[(order - 1) % 3])
        recall, precision = _thin(curve.recall), _thin(curve.precision)
        axes.plot(recall, precision, style, color=colour, linewidth=2 if order == 0 else 0.9, label=system.name)
    metrics = systems[0].labels[label]
    if metrics.recall.defined and metrics.precision.defined:
        axes.plot([metrics.recall.value], [metrics.precision.value], "o", color=_COLOURS[label], markersize=7)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=_INK, loc="lower left", fontsize=8)
    return _to_svg(figure, f"curve-{label}", f"Precision-recall curve of {LABEL_STYLES[label].name}")


def reliability_figure(model: SystemResult, label: Label) -> str:
    """Share of positives against mean score in each bin; marks grow with the number of sentences."""
    figure, axes = _square(label, "mean score", "share of positives")
    axes.plot([0, 1], [0, 1], "--", color=_INK, linewidth=0.8)
    calibration = model.calibration.get(label)
    if calibration is not None and calibration.bins:
        bins = calibration.bins
        most = max(b.count for b in bins)
        scores, shares = [b.mean_score for b in bins], [b.positive_share for b in bins]
        axes.plot(scores, shares, "-", color=_COLOURS[label], linewidth=1.2)
        sizes = [12 + 90 * (b.count / most) ** 0.5 for b in bins]
        axes.scatter(scores, shares, s=sizes, color=_COLOURS[label])
    return _to_svg(figure, f"reliability-{label}", f"Reliability diagram of {LABEL_STYLES[label].name}")


def threshold_figure(model: SystemResult, label: Label) -> str:
    """Precision, recall and F1 of one label by threshold, with the threshold in use."""
    figure, axes = _square(label, "threshold", "")
    sweep = model.sweeps.get(label)
    if sweep is not None:
        points, colour = _thin(sweep.points), _COLOURS[label]
        at = [point.threshold for point in points]
        axes.plot(at, [p.f1 for p in points], "-", color=colour, linewidth=2.2)
        axes.plot(at, [p.precision for p in points], "--", color=colour, linewidth=1)
        axes.plot(at, [p.recall for p in points], ":", color=colour, linewidth=1.2)
        axes.axvline(model.threshold[label], color=_INK, linewidth=0.9)
    return _to_svg(figure, f"threshold-{label}", f"Precision, recall and F1 of {LABEL_STYLES[label].name} by threshold")


def _square(label: Label, x: str, y: str) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6, 3.2), facecolor="none")
    # Fixed margins: every panel has the same marks, and a layout engine would take as long as the drawing.
    figure.subplots_adjust(left=0.16 if y else 0.1, right=0.97, bottom=0.16, top=0.9)
    axes = figure.subplots()
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), title=LABEL_STYLES[label].name, xlabel=x, ylabel=y)
    axes.grid(color=_FAINT, linewidth=0.6)
    return figure, axes


def _thin(points: Sequence[Any]) -> list[Any]:
    """At most `MAX_POINTS` of ``points``, evenly spread, with both ends."""
    if len(points) <= MAX_POINTS:
        return list(points)
    step = (len(points) - 1) / (MAX_POINTS - 1)
    return [points[round(index * step)] for index in range(MAX_POINTS)]


def _to_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an ``<svg>`` element whose lines follow the page's text colour and label colours."""
    from matplotlib import rc_context

    for axes in figure.axes:
        axes.set_facecolor("none")
        axes.tick_params(colors=_INK, labelsize=9)
        axes.title.set(color=_INK, fontsize=11)
        axes.xaxis.label.set_color(_INK)
        axes.yaxis.label.set_color(_INK)
        axes.spines[:].set_visible(False)
        axes.spines[["left", "bottom"]].set_visible(True)
        axes.spines[:].set_color(_INK)
        axes.set_axisbelow(True)
    buffer = StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the same in every figure; what is referred to has a salted name
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'font-family: [^;"]*', "font-family: inherit", svg)
    svg = svg.replace(_INK, "currentColor").replace(_FAINT, "var(--rule)")
    for label, colour in _COLOURS.items():
        svg = svg.replace(colour, f"var(--{label})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{description}" ', 1)
