"""Make articles of records in worker processes: finding the text of web pages takes as long as scoring it.

Results come in the order of the records and are those of `records.convert` in this process. Memory is bounded by a
window of records in work. A page that kills its worker or takes too long is rejected, and the rest goes on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from itertools import chain
from multiprocessing import connection
from multiprocessing.context import BaseContext

from newsstance.articles.article import Article, Reject
from newsstance.articles.records import Record, convert, record_reject
from newsstance.cores import cores

LOG = logging.getLogger(__name__)

Result = Article | Reject

LARGE_PAGE = 2_000_000
"""Bytes of a page that is worth starting processes for: this process knows no time limit."""

PRELOADED = ["newsstance.articles.records", "newsstance.articles.extraction", "trafilatura"]
"""What every worker needs; nothing of it imports torch."""

_WINDOW_RECORDS, _WINDOW_BYTES = 128, 64_000_000
_TASKS_PER_PROCESS = 2000
"""Pages after which a worker makes way for a fresh one, so that what libraries leak or cache stays small."""
_START_SECONDS = 60
_REST_SECONDS = 600
"""After starts that failed, until the next is tried: it can take minutes to see that a process does not start."""
_ATTEMPTS = 2
"""Processes that one page may kill, or wait for in vain: the first may have ended by something else, such as a lack of
memory."""


def convert_all(
    records: Iterator[Record], workers: int | None, timeout: float, workers_after: int = 0
) -> Generator[Result, None, None]:
    """Make articles of ``records``, in order.

    Args:
        records: What was read; rows without a web page are never sent to another process.
        workers: Processes; 0 for none but this one, None for as many as cores, where there are several.
        timeout: Seconds that a worker may take for one page. This process knows no limit.
        workers_after: Pages that this process reads itself before it starts processes where ``workers`` is None,
            unless there is a `LARGE_PAGE` among them.

    Yields:
        An article or a reject for each record.
    """
    if workers is None:
        workers = cores() if cores() > 1 else 0
        pages = 0
        for record in records:
            pages += record.page_size > 0
            if workers and (pages > workers_after or record.page_size > LARGE_PAGE):
                records = chain([record], records)
                break
            yield convert(record)
        else:
            return
    if not workers:
        yield from map(convert, records)
        return
    with closing(_Window(workers, timeout)) as window:
        for record in records:
            window.add(record)
            while window.is_full or window.is_first_done:
                yield window.take()
        while window.works:
            yield window.take()


class _Window:
    """Records in work, first in, first out: each thread of a pool looks after one worker process."""

    def __init__(self, workers: int, timeout: float) -> None:
        self.works: deque[tuple[Record, Result | Future[Result]]] = deque()
        self._size = 0
        self._lanes = [_Lane(timeout) for _ in range(workers)]
        self._free = deque(self._lanes)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="extraction")

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be read ahead."""
        return len(self.works) > 1 and (len(self.works) > _WINDOW_RECORDS or self._size > _WINDOW_BYTES)

    @property
    def is_first_done(self) -> bool:
        """Whether the first result is there."""
        first = self.works[0][1] if self.works else None
        return first is not None and (not isinstance(first, Future) or first.done())

    def add(self, record: Record) -> None:
        """Set to work on ``record``."""
        self._size += record.page_size
        in_process = self._threads.submit(self._run, record) if record.page_size else convert(record)
        self.works.append((record, in_process))

    def take(self) -> Result:
        """The result of the first record; waits for it."""
        record, result = self.works.popleft()
        self._size -= record.page_size
        return result.result() if isinstance(result, Future) else result

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for lane in self._lanes:
            lane.close()
        self._threads.shutdown()

    def _run(self, record: Record) -> Result:
        lane = self._free.popleft()  # there are as many lanes as threads
        try:
            return lane.convert(record)
        finally:
            self._free.append(lane)


class _Lane:
    """One worker process at a time, so that it is known what a process died of.

    Where processes cannot run at all (a script without ``if __name__ == "__main__":`` is started over in each), the
    work is done in this process. Once one has run, a start that fails says nothing about the next.
    """

    _have_run = _cannot_run = False

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._executor: ProcessPoolExecutor | None = None
        self._pid = 0
        self._tasks = 0
        self._next_start = 0.0
        self._closed = threading.Event()

    def convert(self, record: Record) -> Result:
        """What `records.convert` gives, or a reject where that takes too long or kills the process."""
        for _ in range(_ATTEMPTS):
            if self._executor is None and not self._start():
                if self._closed.is_set():  # nobody waits for the result
                    break
                return convert(record)
            assert self._executor is not None
            self._tasks += 1
            try:
                result = self._executor.submit(convert, record).result(self._timeout)
            except TimeoutError:
                self._stop()
                return record_reject(record, f"took longer than {self._timeout:g} seconds (reader.timeout)")
            except (BrokenProcessPool, RuntimeError):  # RuntimeError: it broke or was closed before it was given this
                self._stop()
                if self._closed.is_set():
                    break
                continue
            if self._tasks >= _TASKS_PER_PROCESS:
                self._stop()
            return result
        return record_reject(record, "the process that read the page died, twice")

    def close(self) -> None:
        """End the process; what it was doing is lost."""
        self._closed.set()
        self._stop()

    def _start(self) -> bool:
        """Whether there is a process now."""
        for _ in range(_ATTEMPTS):
            if _Lane._cannot_run or time.monotonic() < self._next_start or self._closed.is_set():
                return False
            executor = self._executor = ProcessPoolExecutor(1, mp_context=_context(), initializer=_prepare_worker)
            try:
                self._pid = executor.submit(os.getpid).result(_START_SECONDS)
            except (BrokenProcessPool, CancelledError, TimeoutError, OSError):
                self._stop()
                if not _Lane._have_run and not self._closed.is_set():
                    self._give_up()
                continue
            _Lane._have_run, _Lane._cannot_run = True, False
            self._tasks = 0
            if self._closed.is_set():  # meanwhile, by a thread that found no process to end
                self._stop()
            return not self._closed.is_set()
        self._next_start = time.monotonic() + _REST_SECONDS
        LOG.warning("a worker process could not be started: web pages are read in this process, without a time limit")
        return False

    def _give_up(self) -> None:
        _Lane._cannot_run = True
        LOG.warning(
            "worker processes cannot run here, so that web pages are read in this process"
            " (a script needs `if __name__ == '__main__':`; reader.workers=0 asks for this)"
        )

    def _stop(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            # One that hangs while it starts has not told its pid yet.
            starting = {process.pid or 0 for process in (executor._processes or {}).values()}
            for pid in {self._pid, *starting} - {0}:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            self._pid = 0
            executor.shutdown(wait=False, cancel_futures=True)


def _context() -> BaseContext:
    # fork would copy the locks of the threads of torch and arrow; a fork server starts as fast and is clean.
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        return context
    return multiprocessing.get_context("spawn")


def _prepare_worker() -> None:
    """Let a worker be silent, and end when its parent is killed: it would wait for work for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, too, and ends it
    logging.disable(logging.CRITICAL)  # what is wrong with a page stands in its reject
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
