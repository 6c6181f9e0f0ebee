"""The report of an evaluation: one web page for people, a summary for pull requests, JSON for machines."""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.display import LABEL_STYLES, label_css
from newsstance.evaluation import report_figures
from newsstance.evaluation.report_errors import MAX_ROWS, error_rows, explanation_rows
from newsstance.evaluation.storage import save_evaluation
from newsstance.stances import LABELS

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

    from newsstance.evaluation.figures import Estimate
    from newsstance.evaluation.result import Evaluation, SystemResult

HTML_FILE = "report.html"
MARKDOWN_FILE = "summary.md"

METRIC_NAMES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "average_precision": "average precision",
    "mcc": "MCC",
}
"""Field of `Metrics` → its name in tables."""


def write_report(evaluation: Evaluation, folder: Path) -> dict[str, Path]:
    """Write everything that an evaluation found into ``folder``.

    Returns:
        Paths by name: ``html`` (one self-contained page), ``markdown`` (summary), ``json`` (all figures),
        ``predictions`` (one row a sentence).
    """
    saved = save_evaluation(evaluation, folder)
    paths = {
        "html": folder / HTML_FILE,
        "markdown": folder / MARKDOWN_FILE,
        "json": saved["evaluation"],
        "predictions": saved["predictions"],
    }
    paths["html"].write_text(render_html(evaluation), encoding="utf-8")
    paths["markdown"].write_text(render_markdown(evaluation), encoding="utf-8")
    return paths


def render_html(evaluation: Evaluation) -> str:
    """The web page: no outside resource, no script but its own (a content security policy says so)."""
    from markupsafe import Markup

    environment = template_environment(autoescape=True)
    analysis = evaluation.error_analysis
    script = _read_template("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.jinja").render(
        _context(evaluation),
        style=Markup(label_css() + "\n" + _read_template("report.css")),
        script=Markup(script),
        script_digest=digest,
        figures=_figures(evaluation),
        analysis=analysis,
        errors=error_rows(analysis) if analysis else [],
        explanations=explanation_rows(evaluation.explanations),
        thresholds=threshold_rows(evaluation.model),
        costs=_costs(evaluation),
        suspects=analysis["suspected_label_errors"][:MAX_ROWS] if analysis else [],
    )


def render_markdown(evaluation: Evaluation) -> str:
    """The summary: figures only, no text of articles."""
    template = template_environment(autoescape=False).get_template("summary.md.jinja")
    return template.render(_context(evaluation))


def template_environment(*, autoescape: bool) -> jinja2.Environment:
    """Jinja with the filters of the report."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("newsstance.evaluation", "templates"),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"figure": format_figure, "percent": format_percent, "interval": format_interval}
    environment.filters |= {"cell": lambda text: str(text).replace("|", r"\|").replace("\n", " ").replace("<", "&lt;")}
    return environment


def format_figure(value: float | None) -> str:
    """``0.613``; a dash where it is undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def format_percent(value: float | None) -> str:
    """``61%``; a dash where it is undefined."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f}%"


def format_interval(estimate: Estimate) -> str:
    """``0.58–0.64``; empty where there is none."""
    return f"{estimate.low:.2f} to {estimate.high:.2f}" if estimate.has_interval else ""


def _context(evaluation: Evaluation) -> dict[str, Any]:
    import yaml

    rivals = [system for system in evaluation.baselines if system.macro.f1.defined]
    behaviour = (evaluation.behaviour or {}).get("capabilities", [])
    return {
        "evaluation": evaluation,
        "model": evaluation.model,
        "best_baseline": max(rivals, key=lambda system: system.macro.f1.value, default=None),
        "labels": LABELS,
        "styles": LABEL_STYLES,
        "metric_names": METRIC_NAMES,
        "behaviour": {test: [r for r in behaviour if r["test"] == test] for test in BEHAVIOUR_TESTS},
        "behaviour_tests": BEHAVIOUR_TESTS,
        "judged": [part for part in evaluation.slices if not part.too_small],
        "too_small": [part for part in evaluation.slices if part.too_small],
        "config": yaml.safe_dump(evaluation.config, sort_keys=False, allow_unicode=True),
        "verdict": verdict,
    }


BEHAVIOUR_TESTS = {
    "minimum_functionality": "Minimum functionality: both sentences of a minimal pair get exactly their labels",
    "directional": "Direction: a label scores higher in the sentence that carries it than in its counterpart",
    "invariance": "Invariance: the predicted labels stay the same when something that is no stance changes",
}
"""Kind of test → what it asks."""


def threshold_rows(model: SystemResult) -> list[dict[str, Any]]:
    """Each label: the threshold in use, the cheapest, that of the best F1, and what each costs."""
    return [
        {
            "label": label,
            "used": min(sweep.points, key=lambda point: abs(point.threshold - model.threshold[label])),
            "cheapest": next(point for point in sweep.points if point.threshold == sweep.cheapest),
            "best": next(point for point in sweep.points if point.threshold == sweep.best_f1),
        }
        for label, sweep in model.sweeps.items()
    ]


def _costs(evaluation: Evaluation) -> dict[str, float]:
    """Cost of a false alarm and of a miss, as the evaluation was configured."""
    config = evaluation.config.get("evaluation") or {}
    return {name: config.get(f"cost_of_{name}", 1.0) for name in ("false_alarm", "miss")}


def verdict(difference: Estimate) -> str:
    """What the interval of a paired difference (model - other) says."""
    if not difference.has_interval:
        return "not compared"
    if difference.low > 0:
        return "the model is better"
    return "the model is worse" if difference.high < 0 else "no real difference"


def _figures(evaluation: Evaluation) -> dict[str, list[Markup]]:
    """Name → inline SVGs; no figure where the model gives no scores."""
    from markupsafe import Markup

    model = evaluation.model
    figures = {
        "systems": [report_figures.system_figure(evaluation)],
        "curves": [report_figures.precision_recall_figure(evaluation.systems, label) for label in model.curves],
        "reliability": [report_figures.reliability_figure(model, label) for label in model.calibration],
        "thresholds": [report_figures.threshold_figure(model, label) for label in model.sweeps],
    }
    return {name: [Markup(svg) for svg in drawn] for name, drawn in figures.items()}


def _read_template(name: str) -> str:
    from importlib.resources import files

    return (files("newsstance.evaluation") / "templates" / name).read_text(encoding="utf-8")
