"""Make articles of records in worker processes: finding the text of web pages takes as long as scoring it.

Results come in the order of the records and are those of `records.convert` in this process. Memory is bounded by a
window of records in work. A page that kills its worker or takes too long is rejected, and the rest goes on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING

from newsstance.articles.article import Article, Reject
from newsstance.articles.records import Record, convert, record_reject

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

LOG = logging.getLogger(__name__)

Result = Article | Reject

FEW_PAGES = 16
"""Web pages that are worth starting processes for: about a second of work."""

_WINDOW_RECORDS, _WINDOW_BYTES = 128, 64_000_000
_TASKS_PER_PROCESS = 2000
"""Pages after which a worker makes way for a fresh one, so that what libraries leak or cache stays small."""
_MAX_BREAKS = 2


def convert_all(records: Iterator[Record], workers: int | None, timeout: float) -> Generator[Result, None, None]:
    """Make articles of ``records``, in order.

    Args:
        records: What was read; rows without a web page are never sent to another process.
        workers: Processes; 0 for none but this one, None for as many as cores once there are `FEW_PAGES`.
        timeout: Seconds that a worker may take for one page. This process knows no limit.

    Yields:
        An article or a reject for each record.
    """
    if workers is None:
        pages = 0
        for record in records:
            yield convert(record)
            pages += record.page_size > 0
            if pages == FEW_PAGES:
                break
        cores = available_cores()
        workers = cores if cores > 1 else 0
    if not workers:
        yield from map(convert, records)
        return
    with closing(_Window(workers, timeout)) as window:
        for record in records:
            window.add(record)
            while window.is_full or window.is_first_done:
                yield window.take()
        while window:
            yield window.take()


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Work:
    """A record and its result, or the promise of one."""

    record: Record
    result: Result | None = None
    future: ProcessFuture[Result] | None = None


class _Window:
    """Records in work, first in, first out.

    The processes are started with the first web page. Where they cannot run at all (a script without
    ``if __name__ == "__main__":`` is started over in each), the work is done in this process.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        self._workers, self._timeout = workers, timeout
        self._works: deque[_Work] = deque()
        self._size = 0
        self._pool: ProcessPool | None = None
        self._breaks = 0

    def __bool__(self) -> bool:
        return bool(self._works)

    @property
    def is_full(self) -> bool:
        return len(self._works) > 1 and (len(self._works) > _WINDOW_RECORDS or self._size > _WINDOW_BYTES)

    @property
    def is_first_done(self) -> bool:
        if not self._works:
            return False
        future = self._works[0].future
        return future is None or future.done()

    def add(self, record: Record) -> None:
        """Set to work on ``record``."""
        work = _Work(record)
        self._works.append(work)
        self._size += record.page_size
        if record.page_size:
            self._send(work)
        else:
            work.result = convert(record)

    def take(self) -> Result:
        """The result of the first record; waits for it."""
        work = self._works[0]
        while (result := work.result or self._wait(work)) is None:
            self._restart()
        self._works.popleft()
        self._size -= work.record.page_size
        return result

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()
            self._pool = None

    def _send(self, work: _Work) -> None:
        if self._breaks > _MAX_BREAKS:
            return
        if self._pool is None:
            self._pool = _start_pool(self._workers)
        # A pool that has just broken takes nothing any more; `_wait` starts another one.
        with suppress(RuntimeError):
            work.future = self._pool.schedule(convert, args=[work.record], timeout=self._timeout)

    def _wait(self, work: _Work) -> Result | None:
        """The result of ``work``; None where the pool is broken."""
        if self._breaks > _MAX_BREAKS:
            return convert(work.record)
        if work.future is None:
            return None
        # The pool keeps the time limit. Twice that is over only when it has lost the record.
        wait([work.future], timeout=2 * self._timeout + 60)
        if not work.future.done() or _is_broken(work):
            return None
        self._breaks = 0
        return self._explain(work.record, work.future)

    def _explain(self, record: Record, future: ProcessFuture[Result]) -> Result:
        from pebble import ProcessExpired

        try:
            return future.result()
        except TimeoutError:
            return record_reject(record, f"took longer than {self._timeout:g} seconds (reader.timeout)")
        except ProcessExpired as error:
            return record_reject(record, f"the worker process died of it (exit code {error.exitcode})")

    def _restart(self) -> None:
        """Replace the pool and send what it had not done."""
        self._breaks += 1
        self.close()
        if self._breaks > _MAX_BREAKS:
            LOG.warning(
                "worker processes cannot run here: web pages are read in this process"
                " (a script needs `if __name__ == '__main__':`; reader.workers=0 says so from the start)"
            )
        for work in self._works:
            is_done = work.future is not None and work.future.done()
            if work.result is None and not (is_done and not _is_broken(work)):
                work.future = None
                self._send(work)


def _is_broken(work: _Work) -> bool:
    return work.future is not None and (
        work.future.cancelled() or isinstance(work.future.exception(), BrokenProcessPool)
    )


def _start_pool(workers: int) -> ProcessPool:
    from pebble import ProcessPool

    # fork would copy the threads' locks of torch and arrow; a fork server starts as fast and is clean.
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["newsstance.articles.records", "newsstance.articles.extraction", "trafilatura"])
    else:
        context = multiprocessing.get_context("spawn")  # type: ignore[assignment]
    return ProcessPool(workers, max_tasks=_TASKS_PER_PROCESS, initializer=_prepare_worker, context=context)


def _prepare_worker() -> None:
    """Let a worker be silent, and end when its parent is killed: it would wait for work for ever."""
    logging.disable(logging.CRITICAL)  # what is wrong with a page stands in its reject
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
