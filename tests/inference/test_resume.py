"""A job that is killed and started again ends with the bytes of an undisturbed one; another job's output is safe."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from newsstance.configuration.groups import OutputConfig, ReaderConfig
from newsstance.errors import InputError
from newsstance.inference.job import run_prediction

KILL_REPEATEDLY = Path(__file__).with_name("kill_repeatedly.py")


@pytest.fixture(autouse=True)
def _one_revision(monkeypatch):
    """The manifest names it, and a commit beside the tests, or a git that is slow to answer, would change it."""
    monkeypatch.setattr("newsstance.inference.job.code_revision", lambda: "test")


class WordScorer:
    model_id = "words"

    def predict_proba(self, sentences, contexts=None):
        words = ("admit", "never", "doubt")
        return np.array([[0.9 if word in s else 0.1 for word in words] for s in sentences], dtype=np.float32)


class FailsAt:
    """Scores so many calls, then fails, as a machine that is switched off does."""

    model_id = "words"

    def __init__(self, calls):
        self.calls = calls

    def predict_proba(self, sentences, contexts=None):
        self.calls -= 1
        if self.calls < 0:
            raise MemoryError("out of memory")
        return WordScorer().predict_proba(sentences)


def write_input(folder, files=4, rows=120):
    """JSONL files of short articles, every 17th row broken, one file broken as a whole, one with rejects at its end."""
    folder.mkdir()
    for number in range(files):
        lines = [
            json.dumps(
                {
                    "id": f"d{number}-{n}",
                    "title": f"Title {n}",
                    "published": f"2024-05-{1 + n % 28:02d}",
                    "text": "The mayor admits it. " + "Rain fell on it. " * (n % 5) + "Experts doubt it.",
                }
            )
            if n % 17
            else "{broken"
            for n in range(rows)
        ]
        lines += ["{broken"] * (number == 1) * 3
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "5.jsonl").write_bytes(b"\x00\x01\xff" * 100)
    return folder


def files_of(folder):
    """Name → bytes of all that must not depend on kills: shards, manifest, rejects, pages."""
    names = (p for p in folder.rglob("*") if p.is_file() and p.name not in {"status.json", ".lock"})
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def run(input, folder, scorer=WordScorer, model="words", reader=None, **options):
    output = OutputConfig(path=str(folder), **({"shard_sentences": 100, "max_pages": 3} | options))
    reader = reader or ReaderConfig()
    return run_prediction(str(input), output, reader, folder / "run", scorer, model=lambda: {"id": model})


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_job_killed_ten_times_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, format):
    input = write_input(tmp_path / "in")
    folders = [tmp_path / "undisturbed", tmp_path / "disturbed"]
    command = [sys.executable, str(KILL_REPEATEDLY), str(input), *map(str, folders), "--format", format]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["kills"] >= 10
    undisturbed, disturbed = map(files_of, folders)
    assert sorted(disturbed) == sorted(undisturbed)
    assert [name for name in undisturbed if disturbed[name] != undisturbed[name]] == []
    assert len([name for name in undisturbed if name.startswith("predictions-")]) > 10
    rejects = [json.loads(line) for line in undisturbed["rejects.jsonl"].splitlines()]
    assert len(rejects) == 4 * 8 + 3 + 1
    assert len({(r["file"], r["row"]) for r in rejects}) == len(rejects)


@pytest.mark.parametrize("calls", [0, 1, 3, 4, 9])
def test_a_job_that_failed_goes_on_behind_its_last_shard(tmp_path, calls, monkeypatch):
    monkeypatch.setattr("newsstance.articles.portions.PORTION_SENTENCES", 30)
    input = write_input(tmp_path / "in")
    run(input, tmp_path / "whole")
    with pytest.raises(MemoryError):
        run(input, tmp_path / "failed", lambda: FailsAt(calls))
    status = json.loads((tmp_path / "failed" / "status.json").read_text())
    assert (status["state"], status["error"]) == ("failed", "out of memory")
    again = FailsAt(1000)
    summary = run(input, tmp_path / "failed", lambda: again)
    assert files_of(tmp_path / "failed") == files_of(tmp_path / "whole")
    all_calls = FailsAt(1000)
    run(input, tmp_path / "third", lambda: all_calls)
    assert (1000 - again.calls) < (1000 - all_calls.calls) or calls < 4, "what was finished was scored again"
    assert summary.articles == 4 * 112


def test_a_complete_job_is_left_alone(tmp_path, caplog):
    def must_not_load():
        raise AssertionError("the model was loaded")

    input = write_input(tmp_path / "in")
    first = run(input, tmp_path / "out")
    before = files_of(tmp_path / "out")
    caplog.set_level("INFO")
    second = run(input, tmp_path / "out", must_not_load)
    assert "complete already" in caplog.text
    assert second.to_record() == first.to_record()
    assert files_of(tmp_path / "out") == before


def test_another_job_is_not_overwritten_unless_asked(tmp_path):
    input = write_input(tmp_path / "in")
    run(input, tmp_path / "out")
    before = files_of(tmp_path / "out")
    with pytest.raises(InputError, match=r'model\.id: "words" → "other".*output\.overwrite=true'):
        run(input, tmp_path / "out", model="other")
    with pytest.raises(InputError, match=r"reader\.score_title: false → true"):
        run(input, tmp_path / "out", reader=ReaderConfig(score_title=True))
    with pytest.raises(InputError, match=r"output\.only_stances: false → true"):
        run(input, tmp_path / "out", only_stances=True)
    (input / "0.jsonl").write_text('{"text": "The mayor admits it."}\n')
    with pytest.raises(InputError, match=r"input\.fingerprint"):
        run(input, tmp_path / "out")
    assert files_of(tmp_path / "out") == before
    summary = run(input, tmp_path / "out", overwrite=True)
    run(input, tmp_path / "new")
    assert summary.articles == 3 * 112 + 1
    assert files_of(tmp_path / "out").keys() == files_of(tmp_path / "new").keys()


def test_stdin_cannot_be_gone_on_with(tmp_path, monkeypatch):
    import io

    def pipe_in():
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "The mayor admits it."}\n')))

    pipe_in()
    run("-", tmp_path / "out")
    pipe_in()
    with pytest.raises(InputError, match="stdin"):
        run("-", tmp_path / "out")
    pipe_in()
    assert run("-", tmp_path / "out", overwrite=True).articles == 1


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_finished_shard_that_is_gone_is_an_error(tmp_path, damage):
    input = write_input(tmp_path / "in")
    run(input, tmp_path / "out")
    shard = tmp_path / "out" / "predictions-00001.jsonl.gz"
    shard.write_bytes(shard.read_bytes()[:-5]) if damage == "cut" else shard.unlink()
    with pytest.raises(InputError, match=r"predictions-00001\.jsonl\.gz"):
        run(input, tmp_path / "out")


def test_two_jobs_do_not_write_into_one_folder(tmp_path):
    class Second(WordScorer):
        def predict_proba(self, sentences, contexts=None):
            with pytest.raises(InputError, match="another job is writing here"):
                run(input, tmp_path / "out")
            return super().predict_proba(sentences)

    input = write_input(tmp_path / "in", files=1, rows=5)
    assert run(input, tmp_path / "out", Second).articles == 4


def test_a_change_of_the_code_is_told_and_the_job_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("newsstance.inference.job.code_revision", lambda: "one")
    input = write_input(tmp_path / "in")
    with pytest.raises(MemoryError):
        run(input, tmp_path / "out", lambda: FailsAt(2))
    monkeypatch.setattr("newsstance.inference.job.code_revision", lambda: "two")
    run(input, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["code_revisions"] == ["one", "two"]
