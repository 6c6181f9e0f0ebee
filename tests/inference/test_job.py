"""The prediction job: rows, formats, pages, rejects."""

import gzip
import json
import os

import numpy as np
import pyarrow.parquet
import pytest

from newsstance.configuration.groups import InputFormat, OutputConfig, ReaderConfig
from newsstance.errors import InputError
from newsstance.inference.job import run_prediction
from newsstance.stances import LABELS

ARTICLE = """Ferry firm admits fault in pier collision

The Brisk Line ferry company admitted on Monday that its pilot had misread the tide table.

“We never told him to hurry,” said chief executive Ana Molk. Engineers doubt her account.
"""


class WordScorer:
    """A stand-in model: a label is certain where its word stands in the sentence."""

    model_id = "words"

    def predict_proba(self, sentences, contexts=None):
        words = ("admit", "never", "doubt")
        return np.array(
            [[0.9 if word in sentence else 0.1 for word in words] for sentence in sentences], dtype=np.float32
        )


def run(input, tmp_path, output=None, reader=None, **options):
    return run_prediction(
        str(input),
        OutputConfig(path=output and str(output), **options),
        reader or ReaderConfig(),
        tmp_path / "run",
        WordScorer,
    )


def rows_of(path):
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def article(tmp_path):
    path = tmp_path / "ferry.txt"
    path.write_text(ARTICLE)
    return path


def test_each_row_points_at_its_sentence_and_names_the_model(article, tmp_path):
    summary = run(article, tmp_path)
    rows = rows_of(summary.predictions)
    assert [ARTICLE[row["start"] : row["end"]] for row in rows] == [row["text"] for row in rows]
    assert [row["labels"] for row in rows] == [
        ["acknowledgement"],
        ["acknowledgement"],
        ["denial"],
        ["third_party_skepticism"],
    ]
    assert [row["i"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["kind"] == "headline"
    assert rows[1].keys() == {"doc", "i", "start", "end", "kind", "text", "labels", "scores", "model"}
    assert rows[1]["scores"] == {"acknowledgement": 0.9, "denial": 0.1, "third_party_skepticism": 0.1}
    assert {row["model"] for row in rows} == {"words"}
    assert (summary.articles, summary.sentences, summary.labels["acknowledgement"]) == (1, 4, 2)


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_the_name_of_the_output_decides_its_format(article, tmp_path, name):
    summary = run(article, tmp_path, tmp_path / name)
    assert summary.predictions == str(tmp_path / name)
    if name.endswith(".parquet"):
        rows = pyarrow.parquet.read_table(tmp_path / name).to_pylist()
    else:
        rows = rows_of(tmp_path / name)
    assert [row["labels"] for row in rows][2] == ["denial"]
    assert set(rows[0]["scores"]) == set(LABELS)
    assert not list(tmp_path.glob(".*.part"))


def test_stdout_gets_rows_only(article, tmp_path, capsys):
    run(article, tmp_path, "-")
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 4


def test_sentences_are_scored_as_given_and_keep_their_id(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "q-7", "sentence": "Dr. Ott admits it. He left.", "topic": "tides"}\n')
    (row,) = rows_of(run(path, tmp_path).predictions)
    assert (row["doc"], row["id"], row["topic"]) == ("q-7", "q-7", "tides")
    assert row["text"] == "Dr. Ott admits it. He left."
    assert row["labels"] == ["acknowledgement"]


def test_broken_rows_are_listed_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "The mayor admits it."}\n{broken\n{"text": ""}\n{"text": "Experts doubt it."}\n')
    summary = run(path, tmp_path)
    assert summary.articles == 2
    assert summary.rejects == 2
    assert [reject["row"] for reject in rows_of(summary.rejects_file)] == [2, 3]


def test_one_unreadable_file_among_others_is_listed(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text(ARTICLE)
    (folder / "b.txt").write_bytes(b"\x00\x01\x02\xff" * 100)
    (folder / "c.txt").write_text("")
    summary = run(folder, tmp_path)
    assert summary.articles == 1
    assert sorted(str(r["file"]).rsplit("/", 1)[-1] for r in rows_of(summary.rejects_file)) == ["b.txt", "c.txt"]


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out"])
def test_a_file_whose_name_is_no_utf8_is_read_like_any_other(tmp_path, output):
    folder = tmp_path / "in"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"caf\xe9.txt")).write_text(ARTICLE)
    except OSError:
        pytest.skip("the file system takes UTF-8 only")
    (folder / os.fsdecode(b"empty\xe9.txt")).touch()
    summary = run(folder, tmp_path, tmp_path / output)
    assert [top["doc"] for top in summary.found.top] == ["caf\\xe9"]
    assert summary.pages[0].name == "caf_xe9.html"
    (reject,) = rows_of(summary.rejects_file)
    assert os.fsencode(reject["file"]) == os.fsencode(folder) + b"/empty\xe9.txt"
    json.dumps(summary.to_record(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("binary.txt", bytes(range(256)) * 20),
        ("cut.txt.gz", gzip.compress(ARTICLE.encode() * 50, mtime=0)[:-30]),
        ("empty.html", b"<html><body><script>1</script></body></html>"),
        ("broken.jsonl", b"{\n{\n"),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # content varies with the clock
)
def test_a_single_input_that_cannot_be_read_is_an_error_that_names_it(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        run(tmp_path / name, tmp_path)


def test_a_wrong_encoding_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "latin.txt").write_bytes("Die Fähre räumte den Fehler ein.".encode("utf-16"))
    with pytest.raises(InputError, match=r"latin\.txt"):
        run(tmp_path / "latin.txt", tmp_path, reader=ReaderConfig(encoding="utf-8"))


def test_a_line_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"text": "word " * 400_000}) + "\n")
    with pytest.raises(InputError, match=r"long\.jsonl"):
        run(path, tmp_path, reader=ReaderConfig(max_record_mb=1))


def test_a_missing_input_is_an_error_before_the_model_is_loaded(tmp_path):
    def must_not_load():
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match="nowhere"):
        run_prediction(str(tmp_path / "nowhere.txt"), OutputConfig(), ReaderConfig(), tmp_path, must_not_load)


def test_a_failed_run_leaves_no_half_written_output(article, tmp_path):
    class Failing(WordScorer):
        def predict_proba(self, sentences, contexts=None):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        run_prediction(
            str(article), OutputConfig(str(tmp_path / "out.jsonl")), ReaderConfig(), tmp_path / "run", Failing
        )
    assert not list(tmp_path.glob("*out.jsonl*"))


def test_the_order_of_the_input_is_kept_over_portions(tmp_path, monkeypatch):
    monkeypatch.setattr("newsstance.articles.portions.PORTION_SENTENCES", 3)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "sentence": f"Sentence {n}."}) + "\n" for n in range(20)))
    rows = rows_of(run(path, tmp_path, reader=ReaderConfig(format=InputFormat.jsonl)).predictions)
    assert [row["doc"] for row in rows] == [f"d{n}" for n in range(20)]


def test_long_sentences_are_scored_a_few_at_a_time(tmp_path, monkeypatch):
    """2,048 of 100,000 characters would be 200 MB, of which tokenizers make a hundred times as much."""
    monkeypatch.setattr("newsstance.articles.portions.PORTION_CHARACTERS", 300)
    calls = []
    monkeypatch.setattr(
        WordScorer, "predict_proba", lambda _, given, before: calls.append(given) or np.zeros((len(given), 3))
    )
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "sentence": "a" * 100}) + "\n" for n in range(10)))
    rows = rows_of(run(path, tmp_path).predictions)
    assert [row["doc"] for row in rows] == [f"d{n}" for n in range(10)]
    assert [len(given) for given in calls] == [3, 3, 3, 1]


def test_pages_have_names_of_their_own_and_escape_the_text(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        json.dumps({"id": "../../etc/x", "text": "<script>alert(1)</script> The firm admits it."})
        + "\n"
        + json.dumps({"id": ".. .. etc x", "text": "Experts doubt it."})
        + "\n"
    )
    summary = run(path, tmp_path)
    assert len(summary.pages) == len(set(summary.pages)) == 2
    assert all(page.resolve().is_relative_to(tmp_path) for page in summary.pages)
    assert "<script>alert(1)" not in summary.pages[0].read_text()


def test_a_page_of_an_id_in_letters_of_four_bytes_has_a_name_that_file_systems_take(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"id": "𝔄" * 200, "text": "The firm admits it."}) + "\n")
    (page,) = run(path, tmp_path).pages
    assert len(page.name.encode()) < 255
    assert page.exists()


def test_pages_stop_at_their_limit(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "text": "The firm admits it."}) + "\n" for n in range(5)))
    assert len(run(path, tmp_path, max_pages=2).pages) == 2
    assert run(path, tmp_path / "second", html=False).pages == []


def test_a_second_run_replaces_the_pages_of_the_first(article, tmp_path):
    assert run(article, tmp_path).pages == run(article, tmp_path).pages == [tmp_path / "run" / "pages" / "ferry.html"]


def test_a_parquet_file_keeps_the_other_fields_of_a_sentence_as_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 7, "sentence": "Dr. Ott admits it.", "topic": "tides"}\n{"sentence": "He left."}\n')
    first, second = pyarrow.parquet.read_table(run(path, tmp_path, tmp_path / "o.parquet").predictions).to_pylist()
    assert (first["id"], json.loads(first["extra"])) == ("7", {"topic": "tides"})
    assert (second["id"], second["extra"]) == (None, None)


def test_a_sentence_keeps_title_address_and_date_but_not_fields_called_like_ours(tmp_path):
    path = tmp_path / "rows.jsonl"
    given = {"title": "Tides", "url": "https://a.example", "published": "2024-05-01", "html": "<p>It.</p>"}
    ours = dict.fromkeys(("doc", "i", "start", "end", "kind", "text", "labels", "scores", "model"), "mine")
    path.write_text(json.dumps({"sentence": "Dr. Ott admits it.", "context": "Who?", **given, **ours}) + "\n")
    (row,) = rows_of(run(path, tmp_path, reader=ReaderConfig(columns={"url": "link"})).predictions)
    assert {key: row[key] for key in given} == given
    assert [key for key in ours if row[key] == "mine"] == []
    assert not {"sentence", "context"} & row.keys()


def test_nan_is_null_in_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"sentence": "Dr. Ott admits it.", "a": NaN, "b": [{"c": -Infinity}, 1.5]}\n')
    (row,) = rows_of(run(path, tmp_path).predictions)
    assert (row["a"], row["b"]) == (None, [{"c": None}, 1.5])


def test_what_lies_beside_a_file_that_the_user_named_goes_by_its_name(tmp_path):
    """Also where it is called as ours would be: `articles.jsonl` beside `predictions.jsonl` may be the user's."""
    path = tmp_path / "articles.jsonl"
    path.write_text('{"id": "a", "text": "The mayor admits it."}\n{broken\n')
    before = path.read_bytes()
    run(path, tmp_path, tmp_path / "predictions.jsonl")
    first = (tmp_path / "rejects-predictions.jsonl").read_bytes()
    run(path, tmp_path, tmp_path / "predictions-00001.jsonl.gz")
    assert path.read_bytes() == before
    assert (tmp_path / "rejects-predictions.jsonl").read_bytes() == first
    assert {found.name for found in tmp_path.iterdir()} == {
        "articles.jsonl",
        "predictions.jsonl",
        "articles-predictions.jsonl",
        "rejects-predictions.jsonl",
        "pages-predictions",
        "predictions-00001.jsonl.gz",
        "articles-predictions-00001.jsonl.gz",
        "rejects-predictions-00001.jsonl.gz.jsonl",
        "pages-predictions-00001.jsonl.gz",
        "run",
    }
    run(path, tmp_path)
    assert {found.name for found in (tmp_path / "run").iterdir()} == {
        "predictions.jsonl",
        "articles.jsonl",
        "rejects.jsonl",
        "pages",
        "status.json",
    }


@pytest.mark.parametrize("output", ["out", "out.jsonl"])
def test_a_page_that_is_read_is_not_replaced(tmp_path, output):
    pages = tmp_path / ("out/pages" if output == "out" else "pages-out")
    pages.mkdir(parents=True)
    page = pages / "a.html"
    page.write_text(f"<p>{ARTICLE}</p>")
    with pytest.raises(InputError, match=r"a\.html: is read as input and would be replaced"):
        run(pages, tmp_path, tmp_path / output)
    assert page.read_text() == f"<p>{ARTICLE}</p>"


@pytest.mark.parametrize("name", ["out.jsonl", "articles-out.jsonl", "rejects-out.jsonl", "watched.json"])
@pytest.mark.parametrize("how", ["file", "folder", "link", "url"])
def test_a_file_that_is_read_is_not_replaced(tmp_path, name, how):
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / name
    path.write_text('{"id": "a", "text": "The mayor admits it."}\n')
    (tmp_path / "link").symlink_to(path)
    typed = {"file": path, "folder": folder, "link": tmp_path / "link", "url": f"file://{path}"}[how]
    with pytest.raises(InputError, match=rf"{name}: is read as input and would be replaced \(give another output=\)"):
        run(typed, tmp_path, folder / "out.jsonl", status=str(folder / "watched.json"))
    assert path.read_text() == '{"id": "a", "text": "The mayor admits it."}\n'
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_each_article_has_a_summary_beside_the_predictions(tmp_path, name):
    path = tmp_path / "rows.jsonl"
    rows = [
        {"id": "a", "title": "T", "url": "https://x.example", "published": "2024-05-01", "text": ARTICLE},
        {"id": "b", "text": "Rain fell."},
        {"id": "c", "sentence": "The firm admits it."},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(path, tmp_path, tmp_path / name)
    beside = tmp_path / f"articles-{name}"
    found = pyarrow.parquet.read_table(beside).to_pylist() if name.endswith(".parquet") else rows_of(beside)
    first, second = found
    assert (first["doc"], first["title"], first["url"], first["date"]) == ("a", "T", "https://x.example", "2024-05-01")
    assert first["counts"] == {"acknowledgement": 2, "denial": 1, "third_party_skepticism": 1}
    assert first["strongest"]["denial"]["text"].startswith("“We never told him")
    assert (first["strongest"]["denial"]["i"], first["model"], first["sentences"]) == (2, "words", 4)
    assert set(second["strongest"].values()) == {None}


def test_only_stances_leaves_the_summaries_complete(article, tmp_path):
    article.write_text(ARTICLE + "\nRain fell.\n")
    summary = run(article, tmp_path, tmp_path / "out.jsonl", only_stances=True)
    assert len(rows_of(tmp_path / "out.jsonl")) == 4
    assert summary.sentences == rows_of(tmp_path / "articles-out.jsonl")[0]["sentences"] == 5


def test_what_was_found_is_counted_by_day_and_by_article(tmp_path):
    path = tmp_path / "rows.jsonl"
    texts = ["Rain fell.", "The firm admits it.", "The firm admits it. Experts doubt it.", "Experts doubt it."]
    days = ["2024-05-02", "2024-05-01T08:00:00Z", "2024-05-01", "May 3"]
    rows = [
        {"id": str(n), "text": text, "published": day} for n, (text, day) in enumerate(zip(texts, days, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    record = run(path, tmp_path).to_record()
    assert record["stances"] == 4
    assert record["labels"] == {"acknowledgement": 2, "denial": 0, "third_party_skepticism": 2}
    assert {day: sum(labels.values()) for day, labels in record["days"].items()} == {"2024-05-01": 3, "2024-05-02": 0}
    assert [(top["doc"], top["stances"]) for top in record["top"]] == [("2", 2), ("1", 1), ("3", 1)]


def test_the_status_file_says_how_the_job_went(article, tmp_path):
    run(article, tmp_path, status=str(tmp_path / "watched" / "status.json"))
    status = json.loads((tmp_path / "watched" / "status.json").read_text())
    assert (status["state"], status["articles"], status["sentences"], status["rejects"]) == ("finished", 1, 4, 0)
    assert status["share_read"] == 1.0
    assert status["started"] <= status["updated"]

    class Failing(WordScorer):
        def predict_proba(self, sentences, contexts=None):
            running = json.loads((tmp_path / "run" / "status.json").read_text())
            assert running["state"] == "running"
            raise RuntimeError("no memory\nleft")

    with pytest.raises(RuntimeError):
        run_prediction(str(article), OutputConfig(), ReaderConfig(), tmp_path / "run", Failing)
    failed = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (failed["state"], failed["error"]) == ("failed", "no memory left")
    assert not list(tmp_path.rglob("*.part"))


def test_the_log_tells_now_and_then_how_far_a_long_job_is(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("newsstance.articles.portions.PORTION_SENTENCES", 3)
    monkeypatch.setattr("newsstance.inference.status.LOG_SECONDS", 0.0)
    monkeypatch.setattr("newsstance.inference.status.STATUS_SECONDS", 0.0)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "text": "Experts doubt it. " * 5}) + "\n" for n in range(9)))
    caplog.set_level("INFO")
    run(path, tmp_path)
    lines = [
        record.message
        for record in caplog.records
        if "sentences/s" in record.message or "sentences (" in record.message
    ]
    assert len(lines) >= 9
    assert "9 articles" in lines[-1]
    assert "read" in lines[-1]


def test_gzipped_rows_hold_no_clock(article, tmp_path, monkeypatch):
    run(article, tmp_path, tmp_path / "a" / "out.jsonl.gz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    run(article, tmp_path, tmp_path / "b" / "out.jsonl.gz")
    assert (tmp_path / "a" / "out.jsonl.gz").read_bytes() == (tmp_path / "b" / "out.jsonl.gz").read_bytes()
