"""The report holds the figures of the evaluation, lets no text out of its cage, and stays small."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from newsstance.display import LABEL_STYLES
from newsstance.errors import InputError
from newsstance.evaluation.error_analysis import analyse_errors
from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.report import (
    format_figure,
    render_html,
    render_markdown,
    threshold_rows,
    verdict,
    write_report,
)
from newsstance.evaluation.result import Evaluation, Prediction
from newsstance.evaluation.storage import load_evaluation, save_evaluation
from newsstance.stances import LABELS, to_indicators

HOSTILE = "<script>document.title='owned'</script> \"quoted\" & <img src=x onerror=alert(1)> {{ 7 * 7 }}"
EvaluationOf = Callable[..., Evaluation]


class Page(HTMLParser):
    """Tags with attributes, and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_figures_in_the_page_can_be_derived_from_the_predictions_file(
    evaluation_of: EvaluationOf, tmp_path: Path
) -> None:
    paths = write_report(evaluation_of(), tmp_path)
    rows = [json.loads(line) for line in paths["predictions"].read_text(encoding="utf-8").splitlines()]
    gold = np.array([to_indicators(row["labels"]) for row in rows])
    said = np.array([to_indicators(row["predicted"]) for row in rows])
    scores = np.array([[row["scores"][label] for label in LABELS] for row in rows])
    expected = {
        "macro-F1": f1_score(gold, said, average="macro"),
        "mean average precision": average_precision_score(gold, scores, average="macro"),
        "exact match": (gold == said).all(axis=1).mean(),
        "false alarms": said[~gold.any(axis=1)].any(axis=1).mean(),
    }
    html = paths["html"].read_text(encoding="utf-8")
    tiles = {name: figure for figure, name in re.findall(r'<div class="tile"><b>([\d.]+)</b>([^<]+)<', html)}
    assert tiles == {name: f"{value:.3f}" for name, value in expected.items()}
    for label, f1 in zip(LABELS, f1_score(gold, said, average=None), strict=True):
        row = re.search(rf"{LABEL_STYLES[label].name}</span></th><td>([\d.]+)", html)
        assert row is not None
        assert row[1] == f"{f1:.3f}"


def test_json_and_predictions_load_again(evaluation_of: EvaluationOf, tmp_path: Path) -> None:
    evaluation = evaluation_of()
    paths = write_report(evaluation, tmp_path)
    assert set(paths) == {"html", "markdown", "json", "predictions"}
    loaded = load_evaluation(tmp_path)
    assert loaded.model.macro.f1 == evaluation.model.macro.f1
    assert loaded.predictions == evaluation.predictions


def test_a_killed_evaluation_leaves_no_figures_beside_the_predictions_of_another(
    evaluation_of: EvaluationOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_evaluation(evaluation_of(), tmp_path)
    monkeypatch.setattr("newsstance.evaluation.storage.to_json", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_evaluation(evaluation_of(), tmp_path)
    with pytest.raises(InputError, match="no evaluation"):
        load_evaluation(tmp_path)


def test_thresholds_stand_with_what_they_cost(evaluation_of: EvaluationOf) -> None:
    evaluation = evaluation_of()
    text = Page(render_html(replace(evaluation, config={"evaluation": {"cost_of_miss": 3}}))).text
    assert "Cost: 1 for a false alarm, 3 for a miss" in text
    for label, sweep in evaluation.model.sweeps.items():
        row = next(row for row in threshold_rows(evaluation.model) if row["label"] == label)
        assert row["used"].threshold == 0.5
        assert row["cheapest"].cost == min(point.cost for point in sweep.points)
        assert row["best"].f1 == max(point.f1 for point in sweep.points)


@pytest.mark.parametrize("where", ["text", "neighbour", "behaviour", "slice", "note", "model", "config", "baseline"])
def test_hostile_text_shows_as_text(evaluation_of: EvaluationOf, where: str) -> None:
    page = Page(render_html(_with_hostile(evaluation_of, where)))
    assert HOSTILE in page.text.replace("\n", " ") or where == "config"
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in [tag for tag, _ in page.tags]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def _with_hostile(evaluation_of: EvaluationOf, where: str) -> Evaluation:
    evaluation = evaluation_of(hostile=HOSTILE if where == "text" else "")
    wrong = replace(evaluation.predictions[0], predicted=["denial"], labels=[])
    changes: dict[str, Callable[[], dict[str, Any]]] = {
        "text": lambda: _predicted([wrong, *evaluation.predictions[1:]]),
        "neighbour": lambda: {"error_analysis": _analysis_with_neighbour(evaluation)},
        "behaviour": lambda: {"behaviour": _behaviour()},
        "slice": lambda: {"slices": [replace(evaluation.slices[0], name=HOSTILE)]},
        "note": lambda: {"notes": [HOSTILE]},
        "model": lambda: {"model_id": HOSTILE},
        "config": lambda: {"config": {"corpus": {"name": HOSTILE}}},
        "baseline": lambda: {"systems": [evaluation.model, replace(evaluation.baselines[0], description=HOSTILE)]},
    }
    return replace(evaluation, **changes[where]())


def _predicted(predictions: list[Prediction]) -> dict[str, Any]:
    return {"predictions": predictions, "error_analysis": analyse_errors(predictions)}


def _analysis_with_neighbour(evaluation: Evaluation) -> dict[str, Any]:
    analysis = analyse_errors(evaluation.predictions)
    near = {"doc": "t", "i": 0, "text": HOSTILE, "labels": ["denial"], "similarity": 0.5}
    words = [{"start": 0, "end": 3, "value": 1.0}, {"start": 4, "end": 7, "value": -0.5}]
    analysis["confident_errors"][0] |= {"neighbours": [near], "attributions": {"denial": words}}
    return analysis


def _behaviour() -> dict[str, Any]:
    case = {"text": HOSTILE, "other": "b", "expected": [["denial"], []], "predicted": [[], []]}
    record = {
        "capability": "negation",
        "test": "minimum_functionality",
        "description": "",
        "support": 21,
        "passed": 20,
        "pass_rate": 20 / 21,
        "interval": [0.8, 0.99],
        "sentence_rate": 0.97,
        "too_small": "",
        "examples": [case],
    }
    return {"seed": 0, "pass_rates": {"minimum_functionality": 20 / 21}, "capabilities": [record]}


def test_page_is_self_contained_and_small(evaluation_of: EvaluationOf) -> None:
    html = render_html(evaluation_of(sentences=2000))
    page = Page(html)
    fetched = [value for _, attributes in page.tags for name in ("src", "href") if (value := attributes.get(name))]
    assert all(value.startswith(("#", "data:")) for value in fetched), fetched
    assert "url(" not in re.sub(r"url\(#\w+\)", "", html)
    assert len(html) < 1_000_000
    assert all(len(svg) < 60_000 for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    targets = {attributes.get("id") for _, attributes in page.tags}
    assert {v.removeprefix("#") for t, a in page.tags if t == "a" and (v := a.get("href"))} <= targets


def test_ids_of_figures_do_not_clash(evaluation_of: EvaluationOf) -> None:
    ids = [value for _, attributes in Page(render_html(evaluation_of())).tags if (value := attributes.get("id"))]
    assert len(ids) == len(set(ids))


def test_the_same_evaluation_gives_the_same_page(evaluation_of: EvaluationOf) -> None:
    assert render_html(evaluation_of()) == render_html(evaluation_of())


def test_markdown_names_every_system_label_and_capability(evaluation_of: EvaluationOf) -> None:
    evaluation = replace(evaluation_of(hostile=HOSTILE), behaviour=_behaviour(), model_id="a|b<c>")
    text = render_markdown(evaluation)
    assert f"| **model** | {evaluation.model.macro.f1} |" in text
    assert "the model is better" in text
    assert "| negation | minimum functionality | 95% | 21 |" in text
    assert "document.title" not in text, "the summary holds no text of articles"
    assert r"a\|b&lt;c>" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace(r"\|", "").count("|") for line in tables if "---" in line} == {5, 7}


def test_undefined_figures_and_no_scores_make_a_page(evaluation_of: EvaluationOf) -> None:
    evaluation = evaluation_of()
    nan = Estimate(math.nan)
    bare = replace(evaluation.model, curves={}, calibration={}, sweeps={}, exact_match=nan)
    part = replace(evaluation.slices[0], micro_f1=nan, exact_match=nan, too_small="4 gold labels, 10 needed")
    html = render_html(replace(evaluation, systems=[bare], slices=[part], notes=[]))
    assert "4 gold labels, 10 needed" in html
    assert "No slice is large enough to judge." in html
    assert 'id="calibration"' not in html


def test_an_evaluation_without_errors_says_so(evaluation_of: EvaluationOf) -> None:
    evaluation = evaluation_of()
    right = [replace(p, predicted=list(p.labels), labels=list(p.labels)) for p in evaluation.predictions]
    unlabelled = [replace(p, labels=[], predicted=[]) for p in right]
    assert "No errors." in render_html(replace(evaluation, **_predicted(unlabelled)))


def test_without_an_error_analysis_the_page_has_no_errors(evaluation_of: EvaluationOf) -> None:
    evaluation = evaluation_of()
    assert "errors" in _ids(render_html(evaluation))
    html = render_html(replace(evaluation, error_analysis=None))
    assert "errors" not in _ids(html)
    assert evaluation.predictions[0].text not in html
    assert {v.removeprefix("#") for t, a in Page(html).tags if t == "a" and (v := a.get("href"))} <= _ids(html)


def _ids(html: str) -> set[str | None]:
    return {attributes.get("id") for _, attributes in Page(html).tags}


def test_verdict_follows_the_interval() -> None:
    assert verdict(Estimate(0.1, 0.05, 0.2)) == "the model is better"
    assert verdict(Estimate(-0.1, -0.2, -0.05)) == "the model is worse"
    assert verdict(Estimate(0.1, -0.05, 0.2)) == "no real difference"
    assert verdict(Estimate(0.1)) == "not compared"


def test_undefined_is_a_dash() -> None:
    assert format_figure(math.nan) == format_figure(None) == "–"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("label", LABELS)
def test_label_colours_can_be_read(label: str) -> None:
    style = LABEL_STYLES[label]  # type: ignore[index]
    assert contrast(style.light, "#ffffff") >= 4.5
    assert contrast(style.dark, "#14171b") >= 4.5
    assert contrast("#1b1f24", style.light_mark) >= 7
    assert contrast("#e6e9ed", style.dark_mark) >= 7
    assert contrast(style.light, style.light_mark) >= 4.5
    assert contrast(style.dark, style.dark_mark) >= 4.5
