"""The web pages of a job's first articles."""

from __future__ import annotations

import re
from pathlib import Path

from newsstance.inference.article_view import render_article_view
from newsstance.inference.prediction import ScoredArticle
from newsstance.writing import write_text

PAGES = "pages"


class Pages:
    """Writes the pages of the first ``limit`` articles into the folder ``below`` (``pages``) of ``folder``.

    Attributes:
        names: The pages so far as paths below ``folder``, in the order of the input; a job that goes on starts with
            those it has.
    """

    def __init__(self, folder: Path, limit: int, names: list[str] | None = None, *, below: str = PAGES) -> None:
        self.folder, self.limit = folder, limit
        self._below = below
        self.names = [] if names is None else names
        self._taken = set(self.names)

    @property
    def paths(self) -> list[Path]:
        """The pages so far."""
        return [self.folder / name for name in self.names]

    def add(self, scored: ScoredArticle, model_id: str) -> None:
        """Write the page of one more article, within the limit."""
        if len(self.names) >= self.limit:
            return
        name = self._new_name(scored.article.id)
        write_text(self.folder / name, render_article_view(scored.article, scored.rows, model_id))
        self.names.append(name)

    def remove_others(self) -> None:
        """Remove the pages that a former job has left."""
        for path in (self.folder / self._below).glob("*.html"):
            if f"{self._below}/{path.name}" not in self._taken:
                path.unlink()

    def _new_name(self, article_id: str) -> str:
        """A name that no page of the job has; what an earlier job left under it is replaced."""
        safe = re.sub(r"[^\w.-]+", "_", article_id)
        # By bytes: file systems allow 255, and a letter has up to four. A letter that is cut in two is dropped.
        stem = safe.encode("utf-8", "ignore")[-80:].decode("utf-8", "ignore").strip("._") or "article"
        name, number = f"{self._below}/{stem}.html", 2
        while name in self._taken:
            name, number = f"{self._below}/{stem}_{number}.html", number + 1
        self._taken.add(name)
        return name
