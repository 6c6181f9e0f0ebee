"""Every kind of broken input becomes a reject with file, row and reason, and the rest is read."""

import gzip
import json
import os
import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsstance.articles.article import Position, Reject
from newsstance.articles.reading import read_articles
from newsstance.configuration.groups import InputFormat, ReaderConfig
from newsstance.errors import InputError

GOOD = {"id": "good", "text": "The ministry denied it."}


def jsonl(*rows: object) -> bytes:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"text": "cut off', "broken JSON"),
        ("[1, 2]", "a JSON object was expected, found list"),
        ('"text"', "a JSON object was expected, found str"),
        ('{"headline": "no text here"}', "no field text, html or sentence"),
        ('{"text": ""}', "text is empty"),
        ('{"text": null}', "text is empty"),
        ('{"text": 7}', "text is a int, not text"),
        ('{"text": ["a"]}', "text is a list, not text"),
        ('{"id": {"a": 1}, "text": "It denied it."}', "id is a dict"),
        ('{"id": true, "text": "It denied it."}', "id is a bool"),
        ('{"title": ["a"], "text": "It denied it."}', "title is a list"),
        ('{"text": "null \\u0000 byte"}', "null bytes"),
        ('{"text": "half a character \\ud800"}', "lone surrogates"),
        ('{"text": "It denied it.", "note": "\\udfff"}', "lone surrogates"),
        ('{"text": "It denied it.", "n": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"text": "It denied it.", "n": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        ('{"html": "<html><body></body></html>"}', "no article text found"),
        ('{"text": "' + "a" * 3000 + '"}', "larger than 0.002 MB"),
    ],
)
def test_broken_row_is_rejected_with_its_number_and_the_others_are_read(tmp_path, read, row, reason):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl(GOOD, "", row, GOOD))
    limit = 0.002 if "larger" in reason else 64
    articles, rejects = read(path, max_record_mb=limit)
    assert [article.id for article in articles] == ["good", "good"]
    assert [(reject.file, reject.row) for reject in rejects] == [(str(path), 3)]
    assert reason in rejects[0].reason
    assert "\n" not in rejects[0].reason


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.txt", b"", "empty file"),
        ("blank.txt", b" \n\t\n", "text is empty"),
        ("null.txt", b"The ministry\0denied it.", "null bytes"),
        ("image.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "binary content"),
        ("noise.html", bytes(range(1, 256)) * 50, "binary content"),
        ("image.jsonl", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "binary content"),
        ("cut.txt.gz", gzip.compress(os.urandom(9000))[:4000], "cut off"),
        ("damaged.txt.gz", gzip.compress(b"It denied it." * 99)[:20] + b"\xff" * 60, "compressed file is"),
        ("cut.txt.zst", pa.Codec("zstd").compress(os.urandom(9000), asbytes=True)[:4000], "cut off"),
        ("no_text.html", b"<html><head><title>Empty</title></head><body></body></html>", "no article text found"),
        ("nested.html", b"<div>" * 30_000 + b"It denied it.", "no article text found"),
        ("blank.jsonl", b"\n\n\n", "no rows"),
        ("pretty.json", b'{\n  "text": "It denied it."\n}\n', "one JSON document, not JSON Lines"),
        ("array.json", b'[{"text": "It denied it."}]', "one JSON document, not JSON Lines"),
        ("header.csv", b"id,body\n1,It denied it.\n", "no column named text, html, sentence; it has id, body"),
        ("only_header.csv", b"id,text\n", "no rows"),
        ("broken.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "damaged Parquet"),
        ("large.txt", b"a" * 2_100_000, "larger than 2 MB"),
        ("bomb.txt.gz", gzip.compress(b"a" * 30_000_000), "larger than 2 MB"),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # content varies with the clock
)
def test_broken_file_is_rejected_and_the_next_one_is_read(tmp_path, read, name, content, reason):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "zz.txt").write_text("It denied it.")
    articles, rejects = read(tmp_path, max_record_mb=2)
    assert [article.id for article in articles] == ["zz"]
    assert [(reject.file, reject.row) for reject in rejects] == [(str(tmp_path / name), None)]
    assert reason in rejects[0].reason


def test_rows_before_the_cut_of_a_gzip_file_are_read(tmp_path, read):
    rows = [{"text": f"The ministry denied claim {i}."} for i in range(20_000)]
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl(*rows))[:-3000])
    articles, rejects = read(path)
    assert 0 < len(articles) < 20_000
    assert rejects[-1].reason == "the compressed file is cut off"


@pytest.mark.parametrize("packer", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_rows_before_damage_are_read_in_a_small_file_too(tmp_path, read, packer):
    rows = [{"text": f"The ministry denied claim {i}, {os.urandom(20).hex()}."} for i in range(300)]
    path = tmp_path / "rows.jsonl.packed"
    path.write_bytes(packer(jsonl(*rows)) + packer(jsonl(*rows))[:-500])
    articles, rejects = read(path)
    assert len(articles) >= 240  # of Zstandard, up to 4 KB before the damage are lost
    assert "the compressed file is" in rejects[-1].reason


def test_a_quote_left_open_says_how_many_lines_are_lost_with_it(tmp_path, read):
    lines = [f"{i},They denied {i}.\n" for i in range(9)]
    lines[5] = '5,"They denied 5.\n'
    (tmp_path / "rows.csv").write_text("id,text\n" + "".join(lines))
    articles, rejects = read(tmp_path / "rows.csv")
    assert [article.id for article in articles] == ["0", "1", "2", "3", "4"]
    assert [reject.row for reject in rejects] == [7]
    assert "the 3 lines behind it" in rejects[0].reason


def test_csv_with_columns_of_one_name_is_a_reject(tmp_path, read):
    (tmp_path / "rows.csv").write_text("id,text,text\n1,It denied it.,No.\n")
    articles, rejects = read(tmp_path / "rows.csv")
    assert not articles
    assert "columns of the same name: text" in rejects[0].reason
    (tmp_path / "rows.csv").write_text("id,text,,\n1,It denied it.,,\n")  # a spreadsheet's empty columns
    assert [article.id for article in read(tmp_path / "rows.csv")[0]] == ["1"]


def test_line_too_long_is_passed_over_but_ends_a_compressed_file(tmp_path, read):
    content = jsonl(GOOD, "x" * 3_000_000, GOOD)
    (tmp_path / "rows.jsonl").write_bytes(content)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(content))
    articles, rejects = read(tmp_path / "rows.jsonl", max_record_mb=1)
    assert (len(articles), [r.row for r in rejects]) == (2, [2])
    articles, rejects = read(tmp_path / "rows.jsonl.gz", max_record_mb=1)
    assert (len(articles), [r.row for r in rejects]) == (1, [2])
    assert "the rest of the compressed file was not read" in rejects[0].reason


def test_broken_csv_rows_are_rejected_and_the_others_are_read(tmp_path, read):
    path = tmp_path / "rows.csv"
    path.write_text(
        'id,text\n1,It denied it.\n2,too,many\n3\n4,"' + "a" * 3000 + '"\n5,"stray"quote\n6,It admits it.\n'
    )
    articles, rejects = read(path, max_record_mb=0.002)
    assert [article.id for article in articles] == ["1", "6"]
    assert [reject.row for reject in rejects] == [3, 4, 5, 6]


def test_one_row_in_another_encoding_does_not_decide_for_the_others(tmp_path, read):
    path = tmp_path / "rows.jsonl"
    rows = ['{"text": "Zoë denied it."}\n'.encode(), '{"text": "Zoë denied it."}\n'.encode("cp1252")]
    path.write_bytes(rows[0] + rows[1] + rows[0])
    articles, rejects = read(path)
    assert [article.text for article in articles] == ["Zoë denied it."] * 2
    assert [(reject.row, reject.reason) for reject in rejects] == [(2, "not utf-8 text (set reader.encoding)")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_a_byte_order_mark_is_no_text_where_the_encoding_is_given_either(tmp_path, read, encoding, name):
    text = "id,text\n1,It denied it.\n" if name.endswith("csv") else '{"id": "1", "text": "It denied it."}\n'
    mark = "" if encoding == "utf-16" else "\ufeff"  # that encoder writes its own
    (tmp_path / name).write_bytes((mark + text).encode(encoding))
    articles, rejects = read(tmp_path / name, encoding=encoding)
    assert [article.id for article in articles] == ["1"]
    assert not rejects


def test_wrong_encoding_given_is_a_reject(tmp_path, read):
    (tmp_path / "a.txt").write_bytes("Zoë denied it.".encode("cp1252"))
    articles, rejects = read(tmp_path / "a.txt", encoding="utf-8")
    assert articles == []
    assert rejects[0].reason.startswith("not utf-8 text")


def test_unreadable_file_is_a_reject(tmp_path, read):
    path = tmp_path / "a.txt"
    path.write_text("It denied it.")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the user may read everything")
    assert "cannot be read" in read(path)[1][0].reason


def test_pipe_in_a_folder_does_not_hang(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.txt")
    assert read(tmp_path)[1] == [Reject(str(tmp_path / "pipe.txt"), None, "not an ordinary file")]


@pytest.mark.parametrize(
    ("source", "config", "message"),
    [
        ("missing.txt", {}, "missing.txt: no such file or folder"),
        ("*.missing", {}, "the glob matches no file"),
        ("empty_folder", {}, "the folder holds no file"),
        ("memory://missing/a.html", {}, "memory://missing/a.html: no such file or folder"),
        ("memory://missing/*.html", {}, "the glob matches no file"),
        ("gopher://courier.example/a.html", {}, "no such kind of URL is known"),
        ("http://127.0.0.1:9/a.html", {}, "cannot be read: ClientConnectorError"),
        ("a.txt", {"workers": -1}, "reader.workers must be 0 or more"),
        ("a.txt", {"timeout": 0}, "reader.timeout must be above 0"),
        ("a.txt", {"encoding": "utf-99"}, "no text encoding 'utf-99'"),
        ("a.txt", {"encoding": "base64"}, "no text encoding 'base64'"),
        ("a.txt", {"encoding": "rot13"}, "no text encoding 'rot13'"),
        ("a.txt", {"encoding": "utf\0"}, "no text encoding 'utf\\x00'"),
        ("~nobody-here/a.txt", {}, "~nobody-here/a.txt: no such file or folder"),
        ("a.txt", {"columns": {"body": "text"}}, "reader.columns: no field body"),
        ("a.txt", {"max_record_mb": 0}, "must be above 0"),
    ],
)
def test_input_or_config_that_cannot_be_is_an_error_before_anything_is_read(
    tmp_path, monkeypatch, source, config, message
):
    monkeypatch.chdir(tmp_path)
    Path("empty_folder").mkdir()
    Path("a.txt").write_text("It denied it.")
    with pytest.raises(InputError, match=None) as caught:
        read_articles(source, ReaderConfig(**config), lambda reject: None)
    assert message in str(caught.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))),
    format=st.sampled_from(list(InputFormat)),
    packed=st.booleans(),
)
def test_no_bytes_make_reading_raise(tmp_path, read, content, format, packed):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    articles, rejects = read(path, format=format)
    assert articles or rejects
    for article in articles:
        article.text.encode("utf-8")
    for reject in rejects:
        assert json.dumps(reject.to_record())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["id", "text", "sentence", "html", "title", "url"]),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
                lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
                max_leaves=3,
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_json_row_is_an_article_or_a_reject(tmp_path, read, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    articles, rejects = read(path)
    assert len(articles) + len(rejects) == len(rows)


def test_parquet_row_of_the_wrong_type_is_rejected(tmp_path, read):
    table = pa.table({"text": ["It denied it.", None, ""], "n": [1, 2, 3]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    articles, rejects = read(tmp_path / "a.parquet")
    assert [article.id for article in articles] == ["a:1"]
    assert [reject.row for reject in rejects] == [2, 3]


def test_parquet_of_huge_values_is_not_unpacked(tmp_path, read):
    """A file of 2 KB that would be 40 MB."""
    path = tmp_path / "a.parquet"
    table = pa.table({"text": ["It denied it.", "It admits it.", "a" * 40_000_000, "It is late."]})
    pyarrow.parquet.write_table(table, path, row_group_size=2, compression="zstd", use_dictionary=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    articles, rejects = read(path, max_record_mb=1)
    assert [article.text for article in articles] == ["It denied it.", "It admits it."]
    reason = "larger than 1 MB (raise reader.max_record_mb to read it); the rest of the file was not read"
    assert rejects == [Reject(str(path), 3, reason, Position(0, 2))]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


def test_parquet_value_that_is_too_large_costs_its_row_only(tmp_path, read):
    path = tmp_path / "a.parquet"
    texts = ["It denied it.", "a" * 1_500_000, "It admits it."]
    pyarrow.parquet.write_table(pa.table({"text": texts}), path)
    articles, rejects = read(path, max_record_mb=1)
    assert [article.id for article in articles] == ["a:1", "a:3"]
    assert [(reject.row, reject.reason[:16]) for reject in rejects] == [(2, "larger than 1 MB")]


def test_parquet_with_columns_of_one_name_is_a_reject(tmp_path, read):
    table = pa.Table.from_arrays([pa.array(["It denied it."])] * 3, names=["text", "desk", "desk"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == (
        [],
        [Reject(str(tmp_path / "a.parquet"), None, "columns of the same name: desk (rename all but one)")],
    )


def test_parquet_value_that_python_cannot_hold_costs_its_row_only(tmp_path, read):
    days = pa.array([0, 2**31 - 1, 1], pa.int32()).cast(pa.date32())
    table = pa.table({"text": ["It denied it."] * 3, "published": days})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    articles, rejects = read(tmp_path / "a.parquet")
    assert [article.published for article in articles] == ["1970-01-01", "1970-01-02"]
    assert [(reject.row, reject.reason.partition(":")[0]) for reject in rejects] == [(2, "published cannot be read")]


@pytest.fixture
def half_open(tmp_path, monkeypatch):
    """A folder with a text, an empty folder and one that cannot be listed, whoever asks."""
    (tmp_path / "in" / "empty").mkdir(parents=True)
    (tmp_path / "in" / "locked").mkdir()
    (tmp_path / "in" / "a.txt").write_text("It denied it.")
    scandir = os.scandir

    def refuse(path="."):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return tmp_path / "in"


@pytest.mark.parametrize("typed", ["{}", "{}/*", "{}/**", "{}/../*"])
def test_folders_that_are_empty_or_cannot_be_listed_do_not_keep_others_from_being_read(half_open, read, typed, caplog):
    articles, rejects = read(typed.format(half_open))
    assert ([article.text for article in articles], rejects) == (["It denied it."], [])
    assert "locked: the folder cannot be listed and is left out (Permission denied)" in caplog.text


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("{}/locked", "locked: the folder cannot be listed"),
        ("{}/empty", "empty: the folder holds no file"),
        ("{}/lock*", "the glob matches no file"),
        ("{}/emp*", "the glob matches no file"),
    ],
)
def test_a_folder_that_was_named_must_hold_something(half_open, read, typed, message):
    with pytest.raises(InputError, match=message):
        read(typed.format(half_open))
