"""How far work has come, on the terminal; silent where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")


def counted(items: Iterable[Item], what: str) -> Iterator[Item]:
    """Pass ``items`` on and show how many have passed, and since when."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn(f"{{task.completed}} {what}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        for item in items:
            progress.advance(task)
            yield item


class Bar:
    """A bar with a line of text, whose total may not be known.

    It shows nothing where stderr is no terminal, or where rows go to the same terminal.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None

    @property
    def is_shown(self) -> bool:
        """Whether there is a terminal to show it on."""
        return self._progress is not None

    def start(self, *, rows_on_stdout: bool = False) -> None:
        """Show the bar."""
        if not sys.stderr.isatty() or (rows_on_stdout and sys.stdout.isatty()):
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        # Goes on in a second line where the terminal is narrow: by default its end is cut off, the time that is left.
        text = TextColumn("{task.description}", table_column=Column())
        columns = (SpinnerColumn(), BarColumn(20), text, TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.add_task("reading", total=None)
        self._progress.start()

    def show(self, text: str, share: float | None) -> None:
        """Set the text, and the share of the work that is done (0 to 1) where it is known."""
        if self._progress is not None:
            total = None if share is None else 1.0
            self._progress.update(self._progress.task_ids[0], description=text, total=total, completed=share or 0)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while a line is logged to the same terminal."""
        if self._progress is not None:
            self._progress.stop()
        yield
        if self._progress is not None:
            self._progress.start()

    def stop(self) -> None:
        """Remove the bar."""
        if self._progress is not None:
            self._progress.stop()
