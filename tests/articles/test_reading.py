"""The same articles come out of every format, packed or not, from files, folders, globs and stdin."""

import csv
import gzip
import io
import json
import sys
import tracemalloc
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from newsstance.articles.reading import read_articles
from newsstance.articles.segmentation import split_sentences
from newsstance.configuration.groups import InputFormat, ReaderConfig

ROWS = [
    {
        "id": "n-1",
        "title": "Leak at Dornau",
        "text": "The ministry denied it.",
        "url": "https://a.example",
        "desk": "x",
    },
    {"id": "n-2", "title": "", "text": "Zoë admitted “a lapse”.\nShe left.", "url": "", "desk": "y"},
]


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))


def write_csv(path: Path, delimiter: str = ",") -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)


def write_parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pa.Table.from_pylist(ROWS), path)


WRITERS = {
    "rows.jsonl": write_jsonl,
    "rows.csv": write_csv,
    "rows.tsv": lambda path: write_csv(path, "\t"),
    "semicolons.csv": lambda path: write_csv(path, ";"),
    "rows.parquet": write_parquet,
}


def pack(path: Path, how: str) -> Path:
    if how == "plain":
        return path
    data = path.read_bytes()
    packed = gzip.compress(data) if how == "gz" else pack_zstd(data)
    target = path.with_name(f"{path.name}.{how}")
    target.write_bytes(packed)
    path.unlink()
    return target


def pack_zstd(data: bytes) -> bytes:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(data)
    return target.getvalue().to_pybytes()


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
@pytest.mark.parametrize("name", list(WRITERS))
def test_rows_of_every_format_are_the_same_articles(tmp_path, read, name, how):
    WRITERS[name](tmp_path / name)
    articles, rejects = read(pack(tmp_path / name, how))
    assert rejects == []
    assert [(a.id, a.title, a.text, a.url, dict(a.extra)) for a in articles] == [
        (row["id"], row["title"], row["text"], row["url"], {"desk": row["desk"]}) for row in ROWS
    ]


@pytest.mark.parametrize("how", ["plain", "gz", "zst"])
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "page.html", "article.txt"])
def test_format_is_told_from_the_content_where_the_name_tells_none(tmp_path, read, page, name, how):
    text = "Leak Denied\n\nThe ministry denied it."
    writers = WRITERS | {
        "page.html": lambda path: path.write_text(page),
        "article.txt": lambda path: path.write_text(text),
    }
    writers[name](tmp_path / name)
    renamed = pack(tmp_path / name, how).rename(tmp_path / "unnamed")
    articles, rejects = read(renamed)
    assert rejects == []
    titles = {"page.html": ["Ministry denies hiding leak at Dornau plant"], "article.txt": ["Leak Denied"]}
    assert [a.title for a in articles] == titles.get(name, ["Leak at Dornau", ""])


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_stdin_is_read_like_a_file(tmp_path, read, monkeypatch, name):
    WRITERS[name](tmp_path / name)
    for data in ((tmp_path / name).read_bytes(), gzip.compress((tmp_path / name).read_bytes())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        articles, rejects = read("-")
        assert (rejects, [a.id for a in articles], articles[0].file) == ([], ["n-1", "n-2"], "stdin")


def test_text_on_stdin_is_one_article(read, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"The ministry denied it.\n")))
    (article,), _ = read("-")
    assert (article.id, article.text, article.title) == ("stdin", "The ministry denied it.\n", "")


def test_sentence_rows_are_taken_as_they_are_with_id_and_other_fields(tmp_path, read):
    rows = [
        {"id": 7, "sentence": "He denied it. Twice.", "context": "The judge asked.", "gold": ["denial"]},
        {"sentence": "She admits it."},
    ]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (first, second), rejects = read(tmp_path / "s.jsonl")
    assert rejects == []
    assert (first.id, first.is_sentence, first.text, first.context) == (
        "7",
        True,
        "He denied it. Twice.",
        "The judge asked.",
    )
    assert dict(first.extra) == {"gold": ["denial"], "id": 7}
    assert (second.id, second.extra) == ("s:2", {})
    given = {"headline": "Tides", "url": "https://a.example", "published": "2024-05-01", "text": "It denied it."}
    (tmp_path / "t.jsonl").write_text(json.dumps({"sentence": "She admits it.", "context": "Who?"} | given) + "\n")
    (article,), _ = read(tmp_path / "t.jsonl", columns={"title": "headline"})
    assert (article.title, article.published, dict(article.extra)) == ("Tides", "2024-05-01", given)
    assert [s.text for s in split_sentences(first)] == ["He denied it. Twice."]


def test_columns_of_other_names_are_read_where_they_are_named(tmp_path, read):
    (tmp_path / "a.csv").write_text("guid,body,when\n5,It denied it.,2024-03-07\n")
    columns = {"id": "guid", "text": "body", "published": "when"}
    (article,), _ = read(tmp_path / "a.csv", columns=columns)
    assert (article.id, article.text, article.published, article.extra) == ("5", "It denied it.", "2024-03-07", {})


def test_html_column_is_extracted(tmp_path, read, page):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "p", "html": page, "url": "https://given.example"}) + "\n")
    (article,), _ = read(tmp_path / "a.jsonl")
    assert article.title == "Ministry denies hiding leak at Dornau plant"
    assert article.url == "https://given.example"
    assert "two pages were missing" in article.text
    assert "html" not in article.extra


def test_title_column_is_scored_only_when_asked_for(tmp_path, read):
    write_jsonl(tmp_path / "rows.jsonl")
    as_given, _ = read(tmp_path / "rows.jsonl")
    with_title, _ = read(tmp_path / "rows.jsonl", score_title=True)
    assert as_given[0].text == "The ministry denied it."
    assert with_title[0].text == "Leak at Dornau\n\nThe ministry denied it."
    assert [s.kind for s in split_sentences(with_title[0])] == ["headline", "body"]
    assert with_title[1].text == as_given[1].text


def test_parquet_values_that_json_lacks_are_carried_as_text(tmp_path, read):
    table = pa.table(
        {
            "text": pa.array([b"It denied it."], pa.binary()),
            "published": [date(2024, 3, 7)],
            "price": [Decimal("1.50")],
            "raw": pa.array([b"\xff\x00\xfe"], pa.binary()),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (article,), _ = read(tmp_path / "a.parquet")
    assert (article.text, article.published) == ("It denied it.", "2024-03-07")
    assert json.loads(json.dumps(dict(article.extra))) == {"price": "1.50", "raw": "/wD+"}


def test_parquet_durations_and_maps_of_a_sentence_are_carried_as_json(tmp_path, read):
    table = pa.table(
        {
            "sentence": ["It denied it."],
            "length": pa.array([timedelta(minutes=90)], pa.duration("us")),
            "nanos": pa.array([1_500_000_001], pa.duration("ns")),
            "dates": pa.array([[("first", date(2024, 3, 7))]], pa.map_(pa.string(), pa.date32())),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (article,), rejects = read(tmp_path / "a.parquet")
    assert rejects == []
    extra = json.loads(json.dumps(dict(article.extra)))
    assert (extra["length"], extra["dates"]) == ("1:30:00", [["first", "2024-03-07"]])
    assert "00:00:01.500000001" in extra["nanos"]


@pytest.mark.parametrize(
    ("encoding", "recorded"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", "utf-16"), ("cp1252", "cp1252")],
)
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_encoding_is_found_and_recorded(tmp_path, read, name, encoding, recorded):
    text = "Zoë said “it’s false” – a café owner’s naïve claim about the €4m façade."
    contents = {
        "a.txt": text,
        "a.jsonl": json.dumps({"text": text}, ensure_ascii=False),
        "a.csv": f'id,text\n1,"{text}"',
    }
    (tmp_path / name).write_bytes(contents[name].encode(encoding))
    (article,), rejects = read(tmp_path / name)
    assert rejects == []
    assert article.text == text
    assert article.extra.get("encoding") == recorded


def test_page_that_declares_its_encoding_is_read_in_it(tmp_path, read, page):
    declared = page.replace("<head>", '<head><meta charset="windows-1251">').replace("Dornau Courier", "Вестник")
    (tmp_path / "a.html").write_bytes(declared.replace("“", '"').replace("”", '"').encode("cp1251"))
    (article,), _ = read(tmp_path / "a.html")
    assert article.extra["encoding"] == "cp1251"


def test_folder_is_read_sorted_below_and_without_hidden_files(tmp_path, read):
    for name in ("b.txt", "a/2.txt", "a/1.html.txt", ".hidden.txt", ".git/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("It denied it.")
    articles, rejects = read(tmp_path)
    assert rejects == []
    assert [a.id for a in articles] == ["a/1.html", "a/2", "b"]


def test_ids_of_files_that_differ_in_their_suffix_stay_apart(tmp_path, read, page):
    (tmp_path / "a.txt").write_text("It denied it.")
    (tmp_path / "a.html").write_text(page)
    write_jsonl(tmp_path / "b.jsonl")
    assert [a.id for a in read(tmp_path)[0]] == ["a.html", "a.txt", "n-1", "n-2"]
    (tmp_path / "a.txt.md").write_text("It denied it, too.")
    assert [a.id for a in read(tmp_path)[0]] == ["a.html", "a.txt", "a.txt.md", "n-1", "n-2"]


def test_folders_of_our_own_runs_are_left_out_below_a_folder(tmp_path, read, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "outputs" / "predict" / "1"
    run.mkdir(parents=True)
    for name in ("run.json", "config.yaml", "predictions.jsonl", "pages/a.html"):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text('{"text": "It denied it."}\n')
    (tmp_path / "a.txt").write_text("It denied it.")
    for typed in (".", "**/*", f"{tmp_path}/**"):
        assert [a.id for a in read(typed)[0]] == ["a"]
    assert len(read(run / "predictions.jsonl")[0]) == 1


def test_glob_and_a_file_whose_name_looks_like_one(tmp_path, read):
    for name in ("x/1.txt", "x/y/2.txt", "[1].txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("It denied it.")
    assert [a.id for a in read(f"{tmp_path}/x/**/*.txt")[0]] == ["1", "y/2"]
    assert [a.id for a in read(tmp_path / "[1].txt")[0]] == ["[1]"]


def test_home_is_spelled_out_unless_a_file_has_the_tilde_in_its_name(tmp_path, read, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("It denied it.")
    (tmp_path / "~draft.txt").write_text("It admits it.")
    for typed in ("~/a.txt", "~/*.txt", "~"):
        assert "It denied it." in [article.text for article in read(typed)[0]]
    assert [article.id for article in read("~draft.txt")[0]] == ["~draft"]


def test_format_given_goes_before_the_name(tmp_path, read, page):
    (tmp_path / "page.txt").write_text(page)
    assert "<article>" in read(tmp_path / "page.txt")[0][0].text
    assert "<article>" not in read(tmp_path / "page.txt", format=InputFormat.html)[0][0].text


def test_memory_holds_one_record_however_long_the_file(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    line = json.dumps({"text": "The ministry denied it. " * 400}).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(4000):  # 39 MB
            file.write(line)
    tracemalloc.start()
    count = sum(1 for _ in read_articles(str(path), ReaderConfig(), lambda reject: None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak < 2_000_000
