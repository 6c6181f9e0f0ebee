"""``engine=ray`` gives the rows of ``engine=local``, also where a node of the cluster is lost."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from newsstance.articles.inputs import InputFile
from newsstance.configuration.groups import EngineConfig, OutputConfig, ReaderConfig
from newsstance.errors import InputError
from newsstance.inference import status
from newsstance.inference.engine_ray import _tell
from newsstance.inference.job import run_prediction
from newsstance.inference.status import Watch

RAY_JOB = Path(__file__).with_name("ray_job.py")


@pytest.fixture(scope="module")
def input(tmp_path_factory):
    """Six JSONL files of short articles with broken rows among them."""
    folder = tmp_path_factory.mktemp("in")
    for number in range(6):
        rows = [
            {"id": f"d{number}-{n}", "title": f"Title {n}", "text": "The mayor admits it. " + "It rained. " * (n % 5)}
            for n in range(240)
        ]
        lines = [json.dumps(row) if n % 17 else "{broken" for n, row in enumerate(rows)]
        (folder / f"{number}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def rows_below(folder, kind):
    """The rows of all shards that the manifest names, in its order, each checked against its hash."""
    rows = []
    for shard in json.loads((folder / "manifest.json").read_text())["shards"]:
        for entry in shard["files"]:
            if kind in entry["name"]:
                content = (folder / entry["name"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry["sha256"]
                rows += [json.loads(line) for line in gzip.decompress(content).splitlines()]
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("case", ["one-node", "lose-a-node"])
def test_ray_gives_the_rows_of_the_local_engine_nothing_lost_nothing_twice(input, tmp_path, case):
    pytest.importorskip("ray", reason="needs the extra ray: pip install 'newsstance[ray]'")
    out, local = tmp_path / "out", tmp_path / "local"
    command = [sys.executable, str(RAY_JOB), str(input), str(out), case]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert answer.returncode == 0, answer.stderr[-5000:]
    report = json.loads((tmp_path / "report.json").read_text())
    if case == "lose-a-node":
        assert report["workers_left"] == 2
        assert report["half_done_when_killed"] == 3
        assert 6 <= report["shards_when_killed"] < report["ray"]["shards"]
    for kind in ("predictions-", "articles-"):
        rows = rows_below(out, kind)
        assert rows == rows_below(local, kind)
        assert len(rows) > 1000
    assert (out / "rejects.jsonl").read_bytes() == (local / "rejects.jsonl").read_bytes()
    assert {**report["ray"], "predictions": ""} == {**report["local"], "predictions": ""}
    assert json.loads((out / "status.json").read_text())["state"] == "finished"
    assert not list(out.rglob("*.part"))


def test_ray_that_is_not_installed_is_an_error_that_names_the_extra(input, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'newsstance\[ray\]'"):
        run_prediction(
            str(input), OutputConfig(str(tmp_path / "out")), ReaderConfig(), tmp_path, str, engine=EngineConfig("ray")
        )


@pytest.mark.parametrize(
    ("path", "typed", "message"), [("x.jsonl", "input", "engine=ray writes shards"), ("x", "-", "stdin")]
)
def test_what_ray_cannot_do_is_an_error(input, tmp_path, path, typed, message):
    typed = str(input) if typed == "input" else typed
    with pytest.raises(InputError, match=message):
        run_prediction(
            typed, OutputConfig(str(tmp_path / path)), ReaderConfig(), tmp_path, str, engine=EngineConfig("ray")
        )


def test_an_unknown_engine_is_an_error(input, tmp_path):
    with pytest.raises(InputError, match="the engines are local, ray"):
        run_prediction(str(input), OutputConfig(), ReaderConfig(), tmp_path, str, engine=EngineConfig("spark"))


def test_the_pace_of_a_job_that_goes_on_is_that_of_this_run(tmp_path, monkeypatch):
    """A worker first says how it found its part; one that took over a part says again what is known."""
    monkeypatch.setattr(status, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    files = [InputFile(name, tmp_path / name, name) for name in "abc"]
    watch = Watch(tmp_path / "status.json", "out", files, [100, 100, 200])
    job = SimpleNamespace(parts=[range(1), range(1, 2), range(2, 3)])

    def said(part, articles, complete=False):
        return {"part": part, "counts": [articles, 10 * articles, articles, 1, 1], "complete": complete}

    with watch:
        watch._began -= 10
        results = [said(0, 50, True), said(1, 20), said(2, 0), said(1, 40), said(1, 40), said(1, 60, True)]
        _tell(watch, job, iter([*results, said(1, 60, True), said(2, 30)]))
        articles, sentences = watch.rates()
        watch._share = watch._measure_share()
        assert (watch.found.articles, watch.found.sentences) == (140, 1400)
        assert (articles, sentences) == (7, 70)
        assert (watch._share, watch._share_at_start) == (0.5, 0.25)
        assert watch.seconds_left() == 20
