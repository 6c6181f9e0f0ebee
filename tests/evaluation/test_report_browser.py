"""The pages in a real browser: no console error, no request, filters that filter, no sideways scrolling on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from newsstance.articles.article import Article
from newsstance.evaluation.error_analysis import analyse_errors
from newsstance.evaluation.report import write_report
from newsstance.evaluation.result import Evaluation
from newsstance.inference.article_view import write_article_view

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> was what it said."
FLAGS = (
    "no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update "
    "disable-sync"
)

PATIENCE_MS = 180_000
"""Playwright's own 30 seconds, and 5 for what is expected, may be too few for a start on a loaded machine."""

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra newsstance[browser]")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        flags = [f"--{flag}" for flag in FLAGS.split()]
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=flags, timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., tuple[Any, list[str]]]]:
    """Opens a file: ``open_page(path, width=, dark=)`` gives the page and the list that its complaints go to."""
    contexts = []

    def open_page(path: Path, width: int = 1280, dark: bool = False) -> tuple[Any, list[str]]:
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", offline=True
            )
        )
        contexts[-1].set_default_timeout(PATIENCE_MS)
        page = contexts[-1].new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
        page.goto(path.as_uri())
        return page, complaints

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def report(evaluation_of: Callable[..., Evaluation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    evaluation = evaluation_of(hostile=HOSTILE)
    first = replace(evaluation.predictions[0], labels=[], predicted=["denial"])
    predictions = [first, *evaluation.predictions[1:]]
    analysed = replace(evaluation, predictions=predictions, error_analysis=analyse_errors(predictions))
    return write_report(analysed, tmp_path_factory.mktemp("report"))["html"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_report_opens_without_complaint(open_page: Any, report: Path, width: int, dark: bool) -> None:
    page, complaints = open_page(report, width, dark)
    assert page.title().startswith("Evaluation of ")
    assert page.locator("svg").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert complaints == []


def test_hostile_sentence_is_text(open_page: Any, report: Path) -> None:
    page, _ = open_page(report)
    page.get_by_placeholder("in the sentence").fill("onerror")
    assert page.locator(".errors > li:visible p").first.inner_text() == HOSTILE
    assert page.title() != "owned"


def test_filters_by_label_kind_and_words(open_page: Any, report: Path) -> None:
    page, complaints = open_page(report)
    rows = page.locator(".errors > li")
    visible = page.locator(".errors > li:visible")
    everything = rows.count()
    assert visible.count() == everything > 20

    page.get_by_label("kind").select_option("missed")
    missed = visible.count()
    assert 0 < missed < everything
    assert missed == page.locator(".errors > li[data-kind=missed]").count()
    assert set(visible.locator(".kind").all_inner_texts()) == {"missed"}

    page.get_by_label("label").select_option("denial")
    both = visible.count()
    assert 0 < both < missed
    assert both == page.locator(".errors > li[data-kind=missed][data-labels~=denial]").count()
    assert page.locator("output").inner_text() == f"{both} of {everything} sentences"

    page.get_by_placeholder("in the sentence").fill("no such words")
    assert visible.count() == 0
    for name in ("kind", "label"):
        page.get_by_label(name).select_option("")
    page.get_by_placeholder("in the sentence").fill("PILOTS doubt")
    assert 0 < visible.count() < everything
    assert all("pilots doubt" in text.lower() for text in visible.all_inner_texts())
    assert complaints == []


def test_print_opens_what_is_folded_and_hides_the_filters(open_page: Any, report: Path) -> None:
    page, _ = open_page(report)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.emulate_media(media="print")
    assert not page.locator(".filters").is_visible()


def test_print_opens_what_is_folded_where_there_are_no_errors_to_filter(
    open_page: Any, evaluation_of: Callable[..., Evaluation], tmp_path: Path
) -> None:
    page, complaints = open_page(write_report(replace(evaluation_of(), error_analysis=None), tmp_path)["html"])
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() > 0
    assert page.locator("details:not([open])").count() == 0
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_article_shows_scores_on_hover_and_focus(open_page: Any, tmp_path: Path, width: int) -> None:
    text = f"{HOSTILE} The line denied it."
    scores = {"acknowledgement": 0.02, "denial": 0.91, "third_party_skepticism": 0.05}
    row = {"doc": "a", "i": 1, "start": len(HOSTILE) + 1, "end": len(text), "labels": ["denial"], "scores": scores}
    path = tmp_path / "article.html"
    write_article_view(Article("a", text, title="A ferry"), [row], path, "demo")
    page, complaints = open_page(path, width)
    tip = page.locator("mark .tip")
    tip_now = playwright.expect(tip)  # waits: the page may learn of a move of the mouse a frame later
    assert not tip.is_visible()
    page.locator("mark").hover()
    tip_now.to_be_visible(timeout=PATIENCE_MS)
    assert "denial 0.91" in tip.inner_text()
    page.mouse.move(0, 0)
    tip_now.to_be_hidden(timeout=PATIENCE_MS)
    page.locator("mark").focus()
    tip_now.to_be_visible(timeout=PATIENCE_MS)
    assert HOSTILE in page.locator("main").inner_text()
    assert page.title() == "A ferry · stances"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
