"""Extraction in processes gives the same articles in the same order, whatever happens to a process."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from omegaconf import OmegaConf

from newsstance.articles import workers
from newsstance.articles.article import Position, Reject
from newsstance.articles.inputs import InputFile
from newsstance.articles.reading import read_articles
from newsstance.articles.records import Record, RecordSettings
from newsstance.configuration.groups import ReaderConfig
from newsstance.resources import configs_dir

FILE = InputFile("pages.jsonl", Path("pages.jsonl"), "pages")


def record(number: int, html: str) -> Record:
    return Record(FILE, Position(0, number), number + 1, {"html": html}, RecordSettings({}, 1_000_000))


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """On a busy machine a process may take long to start, which is not what these tests are about."""
    monkeypatch.setattr(workers, "_START_SECONDS", 600)


@pytest.fixture
def pages(tmp_path, page) -> Path:
    """A folder of web pages and texts, two of them broken."""
    for number in range(24):
        (tmp_path / f"{number:02}.html").write_text(page.replace("Dornau", f"Dornau-{number}"))
    (tmp_path / "05.html").write_text("<html></html>")
    (tmp_path / "07.html").write_text("")
    for number in (3, 11, 30):
        (tmp_path / f"{number:02}.txt").write_text("It denied it.")
    return tmp_path


def read_all(source: Path, **config: object) -> list[object]:
    """Articles and rejects in the order in which they come."""
    results: list[object] = []
    for article in read_articles(str(source), ReaderConfig(**config), results.append):
        results.append(article)
    return results


def test_same_results_in_the_same_order_for_every_number_of_workers(pages):
    inline = read_all(pages, workers=0)
    assert sum(isinstance(result, Reject) for result in inline) == 2
    assert [result.position for result in inline] == [Position(n) for n in range(27)]
    assert read_all(pages, workers=1) == inline
    assert read_all(pages, workers=3) == inline


@pytest.fixture
def started(monkeypatch) -> list[int]:
    """How many processes are started, each time that some are; there are two cores."""
    counts: list[int] = []
    window = workers._Window
    monkeypatch.setattr(workers, "_Window", lambda count, timeout: counts.append(count) or window(count, timeout))
    monkeypatch.setattr(workers, "cores", lambda: 2)
    return counts


def test_processes_are_started_by_themselves_for_many_pages_only(pages, started, monkeypatch):
    inline = read_all(pages, workers=0)
    assert read_all(pages) == inline
    assert started == [2]
    assert read_all(pages, workers_after=100) == inline
    assert started == [2]
    monkeypatch.setattr(workers, "cores", lambda: 1)
    assert read_all(pages) == inline
    assert started == [2]


def test_the_commands_protect_the_first_page_too(page, started):
    reader = OmegaConf.load(configs_dir() / "reader" / "auto.yaml")
    list(workers.convert_all(iter([record(0, page)]), reader.workers, reader.timeout, reader.workers_after))
    assert started == [2]


def test_a_large_page_has_a_time_limit_though_it_is_the_first(page, started, monkeypatch):
    monkeypatch.setattr(workers, "LARGE_PAGE", len(page) + 500)
    small = [record(n, page) for n in range(3)]
    alone = list(workers.convert_all(iter(small), None, timeout=60, workers_after=16))
    assert started == []
    large = record(3, page.replace("</p>", " It did not." * 100 + "</p>", 1))
    results = list(workers.convert_all(iter([*small, large, record(4, page)]), None, timeout=60, workers_after=16))
    assert started == [2]
    assert results[:3] == alone
    assert [result.position.record for result in results] == list(range(5))


class Endless(str):
    """A page that a worker is never done with, however fast it is: it sleeps over taking the page from its queue."""

    def __reduce__(self):
        return time.sleep, (3600,)


class Deadly(str):
    """A page that ends each worker that takes it."""

    def __reduce__(self):
        return os._exit, (1,)


def test_page_that_takes_too_long_costs_only_itself(page):
    records = [record(n, Endless(page) if n == 3 else page) for n in range(8)]
    results = list(workers.convert_all(iter(records), 2, timeout=10))  # other pages take milliseconds
    assert [result.position.record for result in results] == list(range(8))
    rejects = [result for result in results if isinstance(result, Reject)]
    assert rejects == [
        Reject("pages.jsonl", 4, "took longer than 10 seconds (reader.timeout)", Position(0, 3)),
    ]


def test_page_that_kills_its_worker_costs_only_itself(page, monkeypatch):
    started: list[int] = []

    class Counted(ProcessPoolExecutor):
        def __init__(self, *given, **options):
            started.append(1)
            super().__init__(*given, **options)

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Counted)
    records = [record(0, Deadly(page)), record(1, page)]
    reject, article = workers.convert_all(iter(records), 1, timeout=60)
    assert reject == Reject("pages.jsonl", 1, "the process that read the page died, twice", Position(0, 0))
    assert "denied on Monday" in article.text
    assert len(started) == 3


def test_workers_killed_from_outside_lose_nothing(page, monkeypatch):
    records = [record(n, page.replace("Dornau", f"Dornau-{n}") + "<p>It denied it.</p>" * 800) for n in range(60)]
    windows: list[workers._Window] = []
    window_class = workers._Window
    monkeypatch.setattr(workers, "_ATTEMPTS", 100)  # by chance the same page may be hit more than once
    monkeypatch.setattr(workers, "_WINDOW_RECORDS", 4)  # else all may have been read before the second kill
    monkeypatch.setattr(workers, "_Window", lambda *given: windows.append(window_class(*given)) or windows[-1])
    results = []
    kills = 0
    for result in workers.convert_all(iter(records), 2, timeout=60):
        results.append(result)
        if len(results) % 10 == 1:
            for pid in _pool_workers(windows[0]):
                with suppress(ProcessLookupError):  # the last kill's, whose lane has not noticed yet
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
    assert kills >= 6
    assert [result.position.record for result in results] == list(range(60))
    assert [result for result in results if isinstance(result, Reject)] == []


def _pool_workers(window: workers._Window) -> list[int]:
    """Processes that have been started and are known to run."""
    return [lane._pid for lane in window._lanes if lane._pid]


def test_processes_end_with_the_reading(pages):
    before = multiprocessing.active_children()
    articles = read_articles(str(pages), ReaderConfig(workers=2), lambda reject: None)
    next(articles)
    deadline = time.monotonic() + 60
    while len(mine := set(multiprocessing.active_children()) - set(before)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)  # the first article may come before the second process has been started
    assert len(mine) == 2
    articles.close()
    for process in mine:
        process.join(60)
    assert [process.is_alive() for process in mine] == [False, False]


SCRIPT = """
import sys
from newsstance.articles.reading import read_articles
from newsstance.configuration.groups import ReaderConfig
from newsstance.resources import configs_dir
{guard}
{indent}articles = read_articles(sys.argv[1], ReaderConfig(workers=2), lambda reject: None)
{indent}print(next(articles).id, flush=True)
{indent}{then}
"""


def script(guarded: bool, then: str) -> str:
    guard, indent = ("if __name__ == '__main__':", "    ") if guarded else ("", "")
    return SCRIPT.format(guard=guard, indent=indent, then=then)


def has_ended(process: psutil.Process) -> bool:
    """Also of one that nobody has reaped: the first process of a container may never do it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_workers_do_not_outlive_a_parent_that_is_killed(pages, tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "hold.py"
    path.write_text(script(True, "import time; time.sleep(60)"))
    process = subprocess.Popen([sys.executable, str(path), str(pages)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "00"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while (alive := [child for child in children if not has_ended(child)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive == []


def test_script_without_a_guard_is_read_in_its_own_process(pages, tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "unguarded.py"
    path.write_text(script(False, "print(len(list(articles)))"))
    done = subprocess.run(
        [sys.executable, str(path), str(pages)], capture_output=True, text=True, timeout=600, check=True
    )
    assert done.stdout.split()[-1] == "24"
    assert "worker processes cannot run here" in done.stderr


@pytest.mark.parametrize(("have_run", "starts"), [(True, 2), (False, 1)])
def test_start_that_fails_is_tried_again_where_a_process_has_run_before(page, monkeypatch, caplog, have_run, starts):
    started: list[int] = []

    class Failing(ProcessPoolExecutor):
        """Breaks at its first start."""

        def submit(self, *given):
            started.append(1)
            if len(started) == 1:
                raise BrokenProcessPool
            return super().submit(*given)

    monkeypatch.setattr(workers, "ProcessPoolExecutor", Failing)
    monkeypatch.setattr(workers._Lane, "_have_run", have_run)
    monkeypatch.setattr(workers._Lane, "_cannot_run", False)
    lane = workers._Lane(timeout=60)
    assert lane._start() is have_run
    lane.close()
    assert len(started) == starts
    assert workers._Lane._cannot_run is not have_run
    assert ("worker processes cannot run here" in caplog.text) is not have_run


def test_reading_that_is_ended_while_processes_start_does_not_rule_them_out(page, monkeypatch, caplog):
    monkeypatch.setattr(workers._Lane, "_have_run", False)
    monkeypatch.setattr(workers._Lane, "_cannot_run", False)
    window = workers._Window(2, timeout=60)
    window.add(record(0, page))
    window.close()
    assert not workers._Lane._cannot_run
    assert caplog.text == ""


def test_a_process_that_hangs_at_its_start_is_ended():
    hanging = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    lane = workers._Lane(timeout=60)
    starting = SimpleNamespace(_processes={0: hanging}, shutdown=lambda **_: None)
    lane._executor = starting  # type: ignore[assignment]
    lane.close()
    assert hanging.wait(10) == -signal.SIGKILL


def test_starts_that_fail_are_not_tried_again_for_each_page(page, monkeypatch):
    class Broken(ProcessPoolExecutor):
        def submit(self, *given):
            started.append(1)
            raise BrokenProcessPool

    started: list[int] = []
    monkeypatch.setattr(workers, "ProcessPoolExecutor", Broken)
    monkeypatch.setattr(workers._Lane, "_have_run", True)
    monkeypatch.setattr(workers._Lane, "_cannot_run", False)
    lane = workers._Lane(timeout=60)
    assert [lane._start() for _ in range(5)] == [False] * 5
    assert len(started) == 2


def test_workers_do_not_import_torch():
    code = f"import sys, {', '.join(workers.PRELOADED)}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_window_bounds_what_is_read_ahead(page):
    read = 0

    def endless() -> Iterator[Record]:
        nonlocal read
        while True:
            read += 1
            yield record(read, page)

    results = workers.convert_all(endless(), 2, timeout=60)
    next(results)
    assert read <= workers._WINDOW_RECORDS + 1
    results.close()
