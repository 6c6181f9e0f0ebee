"""Output in shards: names, manifest, parts of the input, what a folder may hold."""

import errno
import fcntl
import hashlib
import json
import os

import numpy as np
import pyarrow.parquet
import pytest

from newsstance.articles.inputs import find_inputs
from newsstance.configuration.groups import OutputConfig, OutputFormat, ReaderConfig
from newsstance.errors import InputError
from newsstance.inference.job import run_prediction
from newsstance.inference.stream import plan_parts


class WordScorer:
    model_id = "words"

    def predict_proba(self, sentences, contexts=None):
        words = ("admit", "never", "doubt")
        return np.array([[0.9 if word in s else 0.1 for word in words] for s in sentences], dtype=np.float32)


def run(input, tmp_path, scorer=WordScorer, **options):
    return run_prediction(str(input), OutputConfig(**options), ReaderConfig(), tmp_path / "run", scorer)


def rows_of(path):
    import gzip

    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def articles(tmp_path):
    """A file of 25 articles of 4 sentences, the third record broken."""
    path = tmp_path / "articles.jsonl"
    rows = [{"id": f"d{n}", "text": "The firm admits it. It rained. He left. Experts doubt it."} for n in range(25)]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines[:2], "{broken", *lines[2:]]) + "\n")
    return path


def test_a_folder_gets_shards_of_whole_articles_in_the_order_of_the_input(articles, tmp_path):
    out = tmp_path / "out"
    summary = run(articles, tmp_path, path=str(out), shard_sentences=30, html=False)
    names = sorted(path.name for path in out.glob("predictions-*"))
    assert names == [f"predictions-{n:05d}.jsonl.gz" for n in range(4)]
    shards = [rows_of(out / name) for name in names]
    assert [len(shard) for shard in shards] == [32, 32, 32, 4]
    assert [row["doc"] for shard in shards for row in shard] == [f"d{n}" for n in range(25) for _ in range(4)]
    assert [len(rows_of(out / f"articles-{n:05d}.jsonl.gz")) for n in range(4)] == [8, 8, 8, 1]
    assert (summary.shards, summary.articles, summary.rejects, summary.predictions) == (4, 25, 1, str(out))
    assert not list(out.glob(".*.part"))


def test_the_manifest_says_what_is_in_the_shards_and_where_they_come_from(articles, tmp_path):
    out = tmp_path / "out"
    run(articles, tmp_path, path=str(out), shard_sentences=30, html=False)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["complete"]
    assert (manifest["model"], manifest["next"]) == ("words", [1, 0])
    assert manifest["rejects"]["records"] == 1
    assert manifest["rejects"]["bytes"] == (out / "rejects.jsonl").stat().st_size
    assert manifest["job"]["input"]["bytes"] == articles.stat().st_size
    assert manifest["job"]["output"]["shard_sentences"] == 30
    assert manifest["code_revisions"]
    for shard in manifest["shards"]:
        for entry in shard["files"]:
            content = (out / entry["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
            assert len(content) == entry["bytes"]
            assert len(rows_of(out / entry["name"])) == entry["rows"]
    assert [shard["docs"] for shard in manifest["shards"]] == [
        ["d0", "d7"],
        ["d8", "d15"],
        ["d16", "d23"],
        ["d24", "d24"],
    ]
    assert [shard["first"] for shard in manifest["shards"]] == [[0, 0], [0, 9], [0, 17], [0, 25]]
    assert sum(shard["sentences"] for shard in manifest["shards"]) == manifest["found"]["sentences"] == 100


def test_parquet_shards(articles, tmp_path):
    out = tmp_path / "out"
    run(articles, tmp_path, path=str(out), shard_sentences=60, format=OutputFormat.parquet, only_stances=True)
    assert pyarrow.parquet.read_table(out / "predictions-00000.parquet").num_rows == 30
    table = pyarrow.parquet.read_table(out / "articles-00001.parquet").to_pylist()
    assert (table[0]["doc"], table[0]["sentences"]) == ("d15", 4)


def test_the_runs_folder_gets_one_file_or_shards_where_asked(articles, tmp_path):
    assert run(articles, tmp_path).predictions == str(tmp_path / "run" / "predictions.jsonl")
    assert run(articles, tmp_path, shard_sentences=50).shards == 2
    assert (tmp_path / "run" / "predictions-00001.jsonl.gz").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "x.jsonl", "shard_sentences": 10}, "x.jsonl is one file"),
        ({"path": "x", "shard_sentences": 0}, "output.shard_sentences must be above 0"),
        ({"path": "x", "part_mb": -1.0}, "output.part_mb must be above 0"),
    ],
)
def test_options_that_cannot_be_are_errors(articles, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        run(articles, tmp_path, **options)


def test_a_shard_ends_with_a_part_of_the_input(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(4):
        rows = [{"id": f"{n}-{k}", "text": "Experts doubt it. " * 3, "pad": "x" * 5000} for k in range(5)]
        (folder / f"{n}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = run(folder, tmp_path, path=str(tmp_path / "out"), shard_sentences=1000, part_mb=0.04, html=False)
    shards = json.loads((tmp_path / "out" / "manifest.json").read_text())["shards"]
    assert summary.shards == 2
    assert [shard["docs"] for shard in shards] == [["0-0", "1-4"], ["2-0", "3-4"]]
    assert [shard["next"] for shard in shards] == [[2, 0], [4, 0]]


def test_parts_are_neighbouring_files_of_a_size(tmp_path):
    for name in "abcde":
        (tmp_path / f"{name}.txt").write_text("x")
    files = find_inputs(str(tmp_path))
    assert plan_parts(files, [10, 10, 50, 5, 5], 20) == [range(2), range(2, 3), range(3, 5)]
    assert plan_parts(files, [None, 10, 50, 5, 5], 2_000_000) == [range(5)]
    assert plan_parts(files, [20] * 5, 20) == [range(n, n + 1) for n in range(5)]


def test_sentences_given_as_such_have_no_summaries(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "sentence": "Experts doubt it."}) + "\n" for n in range(9)))
    run(path, tmp_path, path=str(tmp_path / "out"), shard_sentences=5)
    assert sorted(p.name for p in (tmp_path / "out").glob("*-*")) == [
        "predictions-00000.jsonl.gz",
        "predictions-00001.jsonl.gz",
    ]


def test_one_file_leaves_no_summaries_and_pages_of_a_former_job(articles, tmp_path):
    out = tmp_path / "out.jsonl"
    run(articles, tmp_path, path=str(out), max_pages=3)
    assert (tmp_path / "articles-out.jsonl").exists()
    sentences = tmp_path / "sentences.jsonl"
    sentences.write_text('{"id": "s", "sentence": "The firm admits it."}\n')
    run(sentences, tmp_path, path=str(out), max_pages=1)
    assert not (tmp_path / "articles-out.jsonl").exists()
    assert len(list((tmp_path / "pages-out").glob("*.html"))) == 1


def test_overwriting_leaves_alone_what_a_manifest_names_outside_the_folder(articles, tmp_path):
    out, thesis = tmp_path / "out", tmp_path / "thesis.tex"
    run(articles, tmp_path, path=str(out), html=False)
    thesis.write_text("mine")
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["shards"][0]["files"] += [{"name": str(thesis)}, {"name": "../thesis.tex"}]
    (out / "manifest.json").write_text(json.dumps(manifest))
    run(articles, tmp_path, path=str(out), html=False, only_stances=True, overwrite=True)
    assert thesis.read_text() == "mine"


def test_an_input_of_which_nothing_can_be_read_is_an_error_and_leaves_no_manifest(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("{broken\n{broken\n")
    with pytest.raises(InputError, match=r"rows\.jsonl, row 1.*1 more"):
        run(path, tmp_path, path=str(tmp_path / "out"))
    assert len((tmp_path / "out" / "rejects.jsonl").read_text().splitlines()) == 2


def test_a_folder_with_somebody_elses_manifest_is_left_alone(articles, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(InputError, match=r"manifest\.json: is no manifest of predictions"):
        run(articles, tmp_path, path=str(tmp_path / "out"), overwrite=True)
    assert (tmp_path / "out" / "manifest.json").read_text() == '{"name": "a web app"}'


def test_files_of_somebody_else_that_are_called_like_shards_are_left_alone(articles, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "articles-00000.jsonl").write_text("mine")
    for _ in range(2):  # what is refused leaves nothing by which the folder would count as ours
        with pytest.raises(InputError, match=r"out: was not written by newsstance, and holds articles-00000\.jsonl"):
            run(articles, tmp_path, path=str(out), overwrite=True)
    assert {path.name: path.read_text() for path in out.iterdir()} == {"articles-00000.jsonl": "mine"}


def test_a_job_killed_before_its_first_manifest_goes_on(articles, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".lock").touch()
    (out / "predictions-00000.jsonl.gz").write_bytes(b"of a shard that no manifest names")
    (out / "articles-00007.jsonl.gz").write_bytes(b"likewise")
    run(articles, tmp_path, path=str(out), shard_sentences=60)
    assert len(rows_of(out / "predictions-00000.jsonl.gz")) == 60
    assert not (out / "articles-00007.jsonl.gz").exists()


@pytest.mark.parametrize("below", ["", "part-00000"])
def test_input_that_lies_where_a_shard_would_is_refused(articles, tmp_path, below):
    place = tmp_path / "out" / below
    run(articles, tmp_path, path=str(place))
    kept = (place / "predictions-00000.jsonl.gz").read_bytes()
    with pytest.raises(InputError, match=r"predictions-00000\.jsonl\.gz: is read as input and would be replaced"):
        run(place / "predictions-00000.jsonl.gz", tmp_path, path=str(tmp_path / "out"), overwrite=True)
    assert (place / "predictions-00000.jsonl.gz").read_bytes() == kept


def test_what_a_killed_job_left_half_written_is_removed_and_nothing_else(articles, tmp_path):
    out = tmp_path / "out"
    (out / "pages").mkdir(parents=True)
    left = [".predictions-00003.jsonl.gz.n1-7.part", ".manifest.json.n1-7.part", "pages/.d1.html.n1-7.part"]
    other = [".mine.jsonl.n1-7.part", ".predictions.jsonl.n1-7.part"]
    for name in left + other:
        (out / name).touch()
    run(articles, tmp_path, path=str(out))
    assert [(out / name).exists() for name in left + other] == [False] * 3 + [True] * 2


def test_a_file_system_without_locks_is_an_error_that_says_what_to_do(articles, tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(InputError, match=r"out: cannot be locked: No locks available \(give an output="):
        run(articles, tmp_path, path=str(tmp_path / "out"))
