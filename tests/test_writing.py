"""Files are there whole or not at all, also on a full disk and beside other processes."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from datetime import date

import pytest

from newsstance.writing import open_writer, stem_of_rows, to_line, write_text

ROWS = [{"n": n, "noise": os.urandom(200).hex()} for n in range(1000)]


@contextmanager
def full_disk(size=1000):
    """No file may grow beyond ``size``: writing then fails as on a full disk, again and again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
@pytest.mark.parametrize("rows", [ROWS, ROWS[:10]], ids=["while writing", "while closing"])
def test_a_full_disk_leaves_nothing_behind_and_is_the_error_that_is_told(tmp_path, name, rows):
    with pytest.raises(OSError, match="File too large") as caught, full_disk(), open_writer(tmp_path / name) as writer:
        writer.write(rows)
    assert caught.value.errno == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "status.json"
    write_text(path, "old")
    with pytest.raises(OSError, match="File too large"), full_disk():
        write_text(path, "x" * 100_000)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("status.json", "old")]


def of_another_process(path, monkeypatch):
    """A writer of a process that is alive."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", os.getppid)
        return open_writer(path)


def test_two_processes_that_write_the_same_file_do_not_meet(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    with open_writer(path) as one:
        one.write([{"n": 1}])
        two = of_another_process(path, monkeypatch)
        two.write([{"n": 2}])
        two.discard()
    assert path.read_text() == '{"n": 1}\n'


def test_what_a_killed_process_left_goes_when_the_file_is_written_again(tmp_path, monkeypatch):
    path = tmp_path / "rows.jsonl"
    script = (
        "import os, sys; from newsstance.writing import open_writer; from pathlib import Path;"
        "writer = open_writer(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    (left,) = tmp_path.iterdir()
    other = of_another_process(path, monkeypatch)
    assert not left.exists()
    with open_writer(path) as writer:
        writer.write([{"n": 1}])
    assert sorted(tmp_path.iterdir()) == sorted([path, other.partial])
    assert (left.name.startswith(".rows.jsonl."), left.suffix) == (True, ".part")
    other.discard()


def test_stdout_whose_reader_has_gone_does_not_hide_the_error(monkeypatch):
    class Gone:
        def flush(self):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(ZeroDivisionError), open_writer("-"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"a": float("nan"), "b": ["é", (float("inf"), 1.5)]}, '{"a": null, "b": ["é", [null, 1.5]]}'),
        ({"a": float("-inf"), "b": "\ud800"}, '{"a": null, "b": "\\ud800"}'),
        ({"day": date(2026, 11, 27)}, '{"day": "2026-11-27"}'),
    ],
)
def test_a_line_is_json_and_utf8(row, line):
    assert to_line(row) == line


def test_the_stem_of_a_file_of_rows():
    names = ["x.jsonl", "x.jsonl.gz", "x.parquet", "x.gz", "x.1.jsonl", ".jsonl", "x.csv"]
    assert [stem_of_rows(name) for name in names] == [
        "x",
        "x.jsonl.gz",
        "x.parquet",
        "x.gz",
        "x.1",
        ".jsonl",
        "x.csv",
    ]
