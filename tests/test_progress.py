"""The bar of long jobs: all of it on a narrow terminal, nothing where there is none."""

import io
import re
import sys

import pytest

from newsstance.progress import Bar

LINE = "1,234,567 articles (32.5/s), 31,456,789 sentences (840/s), 12,345 rejects, 41% read, 3 h 12 min left"


class Stream(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, is_terminal):
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self):
        return self._is_terminal


@pytest.fixture
def show(monkeypatch):
    """Shows a bar with a long line and returns what stderr got."""

    def run(*, is_terminal, columns=80):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", Stream(is_terminal=is_terminal))
        bar = Bar()
        bar.start()
        bar.show(LINE, 0.41)
        bar.stop()
        return sys.stderr.getvalue()

    return run


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_terminal_is_too_narrow_for_the_time_that_is_left(show, columns):
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", show(is_terminal=True, columns=columns))
    words = re.sub(r"[^\w.,()/%]+", " ", shown)
    assert all(word in words for word in LINE.split())
    assert "…" not in shown


def test_without_a_terminal_nothing_is_shown(show):
    assert show(is_terminal=False) == ""
