"""Time and memory of a step."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import psutil

_MB = 2**20
_EVERY = 0.02  # seconds between two looks at the memory


class Meter:
    """Measures the block that it wraps.

    Memory is sampled every 20 ms rather than read from the operating system's high-water mark, which never falls and
    would charge each step for those before it.

    Attributes:
        seconds: Wall-clock seconds.
        peak_mb: Highest resident memory of the process seen, in MB.
        added_mb: How far that lies above the memory at the start, in MB.
    """

    def __enter__(self) -> Meter:
        self.seconds = 0.0
        self._process = psutil.Process()
        self._at_start = self._peak = self._process.memory_info().rss
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._started
        self._look()
        self._done.set()
        self._watcher.join()

    @property
    def peak_mb(self) -> float:
        """Highest resident memory of the process seen, in MB."""
        return float(self._peak / _MB)

    @property
    def added_mb(self) -> float:
        """How far the peak lies above the memory at the start, in MB."""
        return float((self._peak - self._at_start) / _MB)

    def _watch(self) -> None:
        while not self._done.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        self._peak = max(self._peak, self._process.memory_info().rss)
