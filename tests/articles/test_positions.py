"""Reading goes on behind any record: nothing is lost, nothing comes twice, rejects included."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from newsstance.articles import records
from newsstance.articles.article import START, Position, Reject
from newsstance.articles.inputs import find_inputs
from newsstance.articles.reading import read_articles, read_files
from newsstance.configuration.groups import ReaderConfig


@pytest.fixture
def folder(tmp_path, page):
    """Files of every format, with rejects at the start, in the middle and at the end."""
    rows = [{"text": f"Claim {n} was denied."} for n in range(4)]
    lines = ["", "{broken", *(json.dumps(row) for row in rows), '{"text": ""}', json.dumps({"html": page})]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.csv").write_text("id,text\n1,It denied it.\n2,too,many\n3,It admits it.\n")
    (tmp_path / "c.html").write_text(page)
    (tmp_path / "d.txt").write_text("")
    pyarrow.parquet.write_table(pa.table({"text": [f"Claim {n}." for n in range(20)] + [None]}), tmp_path / "e.parquet")
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(("\n".join(lines) * 40).encode())[:-30])
    record = (
        b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nWARC-Target-URI: x\r\nContent-Length: %d"
    )
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page.encode()
    good = record % len(block) + b"\r\n\r\n" + block + b"\r\n\r\n"
    (tmp_path / "g.warc").write_bytes(good + b"garbage\r\n" + good + good[:-300])
    (tmp_path / "h.txt").write_text("It denied it.")
    return tmp_path


def read_all(source, start=START, **config):
    results = []
    for article in read_articles(str(source), ReaderConfig(**config), results.append, start=start):
        results.append(article)
    return results


@pytest.mark.parametrize("workers", [0, 2])
def test_reading_goes_on_behind_every_record(folder, workers):
    whole = read_all(folder, workers=0)
    positions = [result.position for result in whole]
    assert positions == sorted(set(positions))
    assert sum(isinstance(result, Reject) for result in whole) >= 8
    for done in range(len(whole)) if not workers else (3, 20):
        assert read_all(folder, whole[done].position.following, workers=workers) == whole[done + 1 :]


def test_positions_are_whole_and_count_rejects(folder):
    whole = read_all(folder, workers=0)
    for index in range(len(find_inputs(str(folder)))):
        numbers = [result.position.record for result in whole if result.position.file == index]
        assert numbers == list(range(len(numbers)))


def test_what_is_passed_over_is_neither_opened_nor_extracted(folder, monkeypatch):
    whole = read_all(folder, workers=0)
    extracted = []
    extract = records.extract_page
    monkeypatch.setattr(records, "extract_page", lambda html: extracted.append(html) or extract(html))
    (folder / "a.jsonl").chmod(0)
    last_of_warc = max(result.position for result in whole if result.position.file == 6)
    rest = read_all(folder, last_of_warc, workers=0)
    assert [result.position for result in rest] == [last_of_warc, Position(7)]
    assert extracted == []


def test_some_of_the_files_give_the_same_articles(folder):
    files = find_inputs(str(folder))
    whole = [result for result in read_all(folder, workers=0) if not isinstance(result, Reject)]
    parts = [
        (article.id, article.text)
        for k in range(len(files))
        for article in read_files(files[k : k + 1], ReaderConfig(workers=0), lambda reject: None)
    ]
    assert parts == [(article.id, article.text) for article in whole]


def test_position_survives_json():
    position = Position(3, 17)
    assert Position(*json.loads(json.dumps(position))) == position
    assert Position(0, 9) < Position(1) < position
    assert position.following == Position(3, 18)
