"""An article as a web page, with each stance highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from newsstance.display import LABEL_STYLES, label_css
from newsstance.stances import LABELS, Label, in_label_order

if TYPE_CHECKING:
    import jinja2

    from newsstance.articles.article import Article

STRIPE = 10
"""Width of the stripes behind a sentence with several labels, in CSS pixels."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the article's text, a sentence or what lies between two.

    Attributes:
        text: The text.
        row: The prediction row of the sentence; None between sentences.
        labels: The labels of the sentence.
    """

    text: str
    row: dict[str, Any] | None = None
    labels: tuple[Label, ...] = ()

    @property
    def background(self) -> str:
        """CSS of the highlighting: one colour, or diagonal stripes of all its labels' colours."""
        marks = [f"var(--{label}-mark)" for label in self.labels]
        if len(marks) == 1:
            return marks[0]
        stops = [f"{mark} {n * STRIPE}px {(n + 1) * STRIPE}px" for n, mark in enumerate(marks)]
        return f"repeating-linear-gradient(135deg, {', '.join(stops)})"


def write_article_view(article: Article, rows: list[dict[str, Any]], path: Path, model: str) -> None:
    """Write ``article`` as one self-contained web page with its stances marked.

    Args:
        article: The article.
        rows: Its prediction rows; each needs ``start``, ``end``, ``i``, ``labels`` and ``scores``.
        path: File to write.
        model: Name of the model, for the page's foot.

    Raises:
        ValueError: Where a row lies outside the text or overlaps the one before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_article_view(article, rows, model), encoding="utf-8")


def render_article_view(article: Article, rows: Sequence[dict[str, Any]], model: str) -> str:
    """The page of `write_article_view`."""
    from markupsafe import Markup

    pieces = cut_into_pieces(article.text, rows)
    stances = [piece for piece in pieces if piece.labels]
    counts = {label: sum(label in piece.labels for piece in stances) for label in LABELS}
    return (
        _environment()
        .get_template("article.html.jinja")
        .render(
            article=article,
            link=article.url if is_web_address(article.url) else "",
            headline=article.title or article.id,
            headline_in_text=bool(article.title) and article.text.lstrip().startswith(article.title),
            pieces=pieces,
            stances=stances,
            counts=counts,
            sentences=len(rows),
            labels=LABELS,
            styles=LABEL_STYLES,
            label_css=Markup(label_css()),
            model=model,
        )
    )


def cut_into_pieces(text: str, rows: Sequence[dict[str, Any]]) -> list[Piece]:
    """Cut ``text`` at its sentences; the pieces put together are ``text`` again.

    Raises:
        ValueError: Where a row lies outside the text or overlaps the one before.
    """
    pieces: list[Piece] = []
    at = 0
    for row in sorted(rows, key=lambda row: int(row["start"])):
        start, end = int(row["start"]), int(row["end"])
        if not at <= start <= end <= len(text):
            raise ValueError(
                f"sentence {row.get('doc')}:{row.get('i')} at {start}-{end} overlaps or lies outside the text"
            )
        pieces += [Piece(text[at:start]), Piece(text[start:end], row, in_label_order(row["labels"]))]
        at = end
    return [piece for piece in [*pieces, Piece(text[at:])] if piece.text]


def is_web_address(url: str) -> bool:
    """Whether ``url`` may be a link: http or https, nothing that a browser would run."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("newsstance.inference", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
