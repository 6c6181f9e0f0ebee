"""Watch a job: a bar on the terminal, else a line in the log now and then, and a status file for schedulers."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from newsstance.articles.article import Position
from newsstance.articles.inputs import InputFile
from newsstance.inference.findings import Findings
from newsstance.inference.stream import Cursor
from newsstance.progress import Bar
from newsstance.writing import write_text

LOG = logging.getLogger(__name__)

STATUS_SECONDS, LOG_SECONDS = 2.0, 30.0


@dataclass
class Watch:
    """What is told of a job while it runs; a context manager.

    Attributes:
        file: The status file.
        output: What it says the output is.
        files: The input's files.
        sizes: Their sizes in bytes, None where unknown.
        found: Counts so far, with those of the runs that this one goes on from.
        rejects: Rejects so far, likewise.
        shards: Shards finished, likewise.
        place: Where the job is in the input.
        bytes_read: How much of the input is done, where ``place`` does not tell because several work on it.
    """

    file: Path
    output: str
    files: Sequence[InputFile] = ()
    sizes: Sequence[int | None] = ()
    found: Findings = field(default_factory=Findings)
    rejects: int = 0
    shards: int = 0
    place: Position = field(default_factory=Position)
    bytes_read: int | None = None

    def __post_init__(self) -> None:
        known = [size for size in self.sizes if size is not None]
        self._sizes_before = [0, *accumulate(known)] if len(known) == len(self.files) else [0]
        self._bar = Bar()
        self._began = self._logged = time.monotonic()
        self._written = 0.0
        self._started = _now()
        self._at_start = (0, 0)
        self._share: float | None = None
        self._share_at_start = 0.0

    def __enter__(self) -> Self:
        self._at_start = (self.found.articles, self.found.sentences)
        self._share = self._measure_share()
        self._share_at_start = self._share or 0.0
        self._write("running")
        self._bar.start(rows_on_stdout=self.output == "-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if error is None:
            self._write("finished")
        else:
            self._write("failed", error=" ".join(str(error).split()) or type(error).__name__)

    def update(self, behind: Cursor, shards: int) -> None:
        """Tell where the job is; what is shown and written is renewed where it is old enough."""
        self.place, self.rejects, self.shards = behind.position, behind.rejects, shards
        now = time.monotonic()
        if now - self._written >= STATUS_SECONDS:
            self._share = self._measure_share()
            self._write("running")
        if self._bar.is_shown:
            self._bar.show(self._line(), self._share)
        elif now - self._logged >= LOG_SECONDS:
            self._logged = now
            LOG.info(self._line())

    def count_earlier(self, articles: int, sentences: int, size: int) -> None:
        """Leave out of this run's pace what an earlier run has done, and the bytes of the input that it took."""
        self._at_start = (self._at_start[0] + articles, self._at_start[1] + sentences)
        if self._sizes_before[-1]:
            self._share_at_start += size / self._sizes_before[-1]

    def rates(self) -> tuple[float, float]:
        """Articles and sentences a second, of this run alone."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        articles, sentences = self._at_start
        return (self.found.articles - articles) / seconds, (self.found.sentences - sentences) / seconds

    def seconds_left(self) -> float | None:
        """Seconds to go at the pace of this run; None where the input's size is not known."""
        done = (self._share or 0.0) - self._share_at_start
        if self._share is None or done <= 0:
            return None
        return (time.monotonic() - self._began) * (1 - self._share) / done

    def _measure_share(self) -> float | None:
        """The share of the input's bytes that has been read."""
        if not self._sizes_before[-1]:
            return None
        done = self._sizes_before[self.place.file] if self.bytes_read is None else self.bytes_read
        if self.bytes_read is None and self.place.file < len(self.files) and self.place.record:
            done += _offset_in(self.files[self.place.file])
        return min(done / self._sizes_before[-1], 1.0)

    def _line(self) -> str:
        articles_a_second, sentences_a_second = self.rates()
        parts = [
            f"{self.found.articles:,} articles ({articles_a_second:,.1f}/s)",
            f"{self.found.sentences:,} sentences ({sentences_a_second:,.0f}/s)",
            f"{self.rejects:,} rejects",
        ]
        left = self.seconds_left()
        if self._share is not None and left is not None:
            parts += [f"{self._share:.0%} read", f"{_duration(left)} left"]
        return ", ".join(parts)

    def _write(self, state: str, **more: Any) -> None:
        self._written = time.monotonic()
        articles_a_second, sentences_a_second = self.rates()
        left = self.seconds_left()
        record = {
            "state": state,
            "output": self.output,
            "started": self._started,
            "updated": _now(),
            "articles": self.found.articles,
            "sentences": self.found.sentences,
            "stances": self.found.stances,
            "rejects": self.rejects,
            "shards": self.shards,
            "articles_per_second": round(articles_a_second, 2),
            "sentences_per_second": round(sentences_a_second, 1),
            "share_read": None if self._share is None else round(1.0 if state == "finished" else self._share, 4),
            "seconds_left": None if left is None or state != "running" else round(left),
            "pid": os.getpid(),
            "host": socket.gethostname(),
        }
        write_text(self.file, json.dumps(record | more, indent=1, ensure_ascii=False) + "\n")


def _offset_in(file: InputFile) -> int:
    """How far ``file``, which this process is reading, has been read, in bytes; 0 where that cannot be told."""
    import psutil

    if file.path is None:
        return 0
    path = os.path.realpath(file.path)
    opened = [each for each in psutil.Process().open_files() if each.path == path]
    return max((int(getattr(each, "position", 0)) for each in opened), default=0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
