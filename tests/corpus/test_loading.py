"""Reading labelled sentences: formats, layouts, label forms, and errors that name file and row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.loading import data_hash, load_corpus
from newsstance.corpus.tables import MAX_RECORD_BYTES
from newsstance.errors import InputError
from newsstance.stances import Stance

DENIAL = {"label": "denial", "source": "Mayor Ilsa Brandt", "cue": "denied"}
RECORD = {"doc": "a", "i": 3, "text": "Mayor Ilsa Brandt denied the claim.", "stances": [DENIAL], "desk": "local"}


def write(path: Path, *records: object) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def load(*paths: str | Path, **options: object):
    return load_corpus(CorpusConfig(paths=[str(path) for path in paths], **options))


def test_record_is_read_whole_and_written_back_as_it_was(tmp_path):
    (sentence,) = load(write(tmp_path / "c.jsonl", RECORD))
    assert (sentence.doc, sentence.i, sentence.labels) == ("a", 3, ("denial",))
    assert sentence.stances == (Stance("denial", "Mayor Ilsa Brandt", "denied"),)
    assert sentence.extra == {"desk": "local"}
    assert sentence.to_record() == RECORD


def test_same_corpus_in_every_format(tmp_path):
    import pandas

    rows = [
        {"doc": "a", "i": 0, "text": 'He said "no, never".', "labels": "denial"},
        {"doc": "a", "i": 1, "text": "Rain fell.", "labels": ""},
    ]
    frame = pandas.DataFrame(rows)
    plain = write(tmp_path / "c.jsonl", *rows)
    (tmp_path / "c.json").write_text(json.dumps(rows))
    (tmp_path / "z.jsonl.gz").write_bytes(gzip.compress(Path(plain).read_bytes()))
    frame.to_csv(tmp_path / "c.csv", index=False)
    frame.to_csv(tmp_path / "c.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "c.parquet")
    expected = load(plain)
    for name in ("c.json", "z.jsonl.gz", "c.csv", "c.tsv", "c.parquet"):
        assert load(tmp_path / name) == expected, name


def test_parquet_with_stances_as_structs(tmp_path):
    import pandas

    pandas.DataFrame([RECORD]).to_parquet(tmp_path / "c.parquet")
    assert load(tmp_path / "c.parquet")[0].stances == (Stance("denial", "Mayor Ilsa Brandt", "denied"),)


def test_folder_and_glob_leave_hidden_files_out(tmp_path):
    for name in ("b.jsonl", "sub/a.jsonl", "_sources/x.jsonl", ".hidden.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, RECORD | {"doc": name})
    assert [sentence.doc for sentence in load(tmp_path)] == ["b.jsonl", "sub/a.jsonl"]
    assert [sentence.doc for sentence in load(f"{tmp_path}/*.jsonl", f"{tmp_path}/b.jsonl")] == ["b.jsonl"]


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"labels": ["denial", "acknowledgement"]}, ("acknowledgement", "denial")),
        ({"labels": "denial, acknowledgement"}, ("acknowledgement", "denial")),
        ({"labels": '["denial"]'}, ("denial",)),
        ({"labels": [0.0, 1.0, 0.0]}, ("denial",)),
        ({"labels": []}, ()),
        ({"acknowledgement": 0, "denial": "true", "third_party_skepticism": None}, ("denial",)),
        ({"stances": [], "labels": []}, ()),
        ({"labels": "", "denial": 1}, ("denial",)),
    ],
)
def test_forms_of_labels(tmp_path, fields, labels):
    assert load(write(tmp_path / "c.jsonl", {"text": "It rained."} | fields))[0].labels == labels


def test_foreign_columns_and_labels(tmp_path):
    path = write(tmp_path / "c.jsonl", {"sent": "No, she said.", "url": "u", "tag": ["DEN", "OPINION"]})
    names = {"text": "sent", "doc": "url", "labels": "tag"}
    (sentence,) = load(path, columns=names, label_map={"DEN": "denial", "OPINION": None})
    assert (sentence.doc, sentence.text, sentence.labels) == ("u", "No, she said.", ("denial",))


def test_foreign_labels_that_are_numbers(tmp_path):
    path = write(tmp_path / "c.jsonl", {"text": "No, she said.", "labels": [1]}, {"text": "Rain.", "labels": [0]})
    found = load(path, label_map={"0": None, "1": "denial"})
    assert [sentence.labels for sentence in found] == [("denial",), ()]


def test_foreign_yes_no_columns(tmp_path):
    path = write(tmp_path / "c.jsonl", {"text": "No, she said.", "DEN": 1, "ACK": 0})
    (sentence,) = load(path, label_map={"DEN": "denial", "ACK": "acknowledgement"})
    assert (sentence.labels, dict(sentence.extra)) == (("denial",), {})


def test_without_doc_each_row_is_an_article_that_keeps_its_name(tmp_path):
    first, second = {"text": "Rain fell.", "labels": []}, {"text": "Snow fell.", "labels": []}
    one = {s.text: s.doc for s in load(write(tmp_path / "c.jsonl", first, second))}
    other = {s.text: s.doc for s in load(write(tmp_path / "c.jsonl", second, {"text": "Hail.", "labels": []}, first))}
    assert len(set(one.values())) == 2
    assert one.items() <= other.items()


def test_places_that_pandas_made_numbers_with_a_point_are_read(tmp_path):
    (tmp_path / "c.csv").write_text("doc,i,text,labels\na,3.0,Rain fell.,\na,4.0,Snow fell.,denial\n")
    assert [sentence.i for sentence in load(tmp_path / "c.csv")] == [3, 4]


def test_without_i_rows_stand_in_order_within_their_article(tmp_path):
    rows = [{"doc": doc, "text": "Rain fell.", "labels": []} for doc in "abab"]
    assert [(s.doc, s.i) for s in load(write(tmp_path / "c.jsonl", *rows))] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"text": "Rain.", "labels": ["rumour"]}, "unknown label 'rumour': the labels are acknowledgement, denial"),
        ({"text": "  ", "labels": []}, "text is empty"),
        ({"text": 5, "labels": []}, "text is a int"),
        ({"doc": "a", "labels": []}, "has no field 'text'; it has doc, labels"),
        ({"text": "Rain."}, "has no labels"),
        ({"text": "Rain.", "labels": [], "i": -1}, "i is -1"),
        ({"text": "Rain.", "labels": [], "doc": ["a"]}, "doc is a list"),
        ({"text": "Rain.", "stances": "denial"}, "stances is a str"),
        ({"text": "Rain.", "stances": ["denial"]}, "is not an object with label"),
        ({"text": "Rain.", "stances": [DENIAL]}, "source 'Mayor Ilsa Brandt' does not stand in the sentence"),
        ({"text": "Rain.", "stances": [], "labels": ["denial"]}, "labels say denial, stances say none"),
        ({"text": "Rain.", "denial": "maybe"}, "denial is 'maybe', yes or no"),
        ({"text": "Rain \ud800.", "labels": []}, "text holds half of a surrogate pair"),
        ({"text": "Rain.", "labels": [], "note": {"by": ["\udfff"]}}, "note holds half of a surrogate pair"),
        ({"text": "Rain.", "labels": [0.02, 0.97, 0.01]}, "labels is [0.02, 0.97, 0.01]: numbers say yes or no"),
        ({"text": "Rain.", "labels": [0, 1, 2]}, "numbers say yes or no"),
        ([1], "is a JSON list"),
    ],
)
def test_bad_record_names_file_and_row(tmp_path, record, message):
    path = write(tmp_path / "c.jsonl", {"text": "Good.", "labels": []}, record)
    with pytest.raises(InputError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}, row 2: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.jsonl", b'{"text": "a', "row 1: is not JSON"),
        ("c.jsonl", b"\xff\xfe\x00", "row 1: is not UTF-8"),
        ("c.jsonl", b"", "holds no labelled sentences"),
        ("c.jsonl.gz", gzip.compress(b'{"text": "Rain.", "labels": []}\n' * 9)[:-12], "the compressed file is broken"),
        ("c.jsonl.gz", b"not gzip", "the compressed file is broken"),
        ("c.csv", b"text,labels\nRain.\n", "row 1: has more or fewer cells"),
        ("c.csv", b"text,labels,text\nRain.,,Snow.\n", "has two columns called 'text'"),
        ("c.csv", b"text,labels\nR\xe9ne.,\n", "is not UTF-8"),
        ("c.csv", b"text,labels\n" + b" " * (MAX_RECORD_BYTES + 9), "nothing behind it was read"),
        ("c.jsonl", b'{"text": "Rain.", "labels": [], "i": ' + b"1" * 5000 + b"}", "row 1: is not JSON"),
        ("c.json", b'[{"text": "Rain.", "labels": [], "i": ' + b"1" * 5000 + b"}]", "is not JSON"),
        ("c.parquet", b"PAR1", "is not a Parquet file"),
        ("c.pdf", b"x", "no labelled sentences can be read from a file of this kind"),
    ],
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,  # content varies with the clock
)
def test_bad_file_is_one_error_that_names_it(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_missing_path_lists_the_configs(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*corpus=\{all, custom, held_back, invented, real_news.*\}"):
        load(tmp_path / "nowhere")


def test_missing_path_of_a_config_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match="newsstance corpus fetch"):
        load(tmp_path / "real_news", if_missing="rebuild it with newsstance corpus fetch")


def test_misspelled_field_and_label_in_the_config(tmp_path):
    path = write(tmp_path / "c.jsonl", RECORD)
    with pytest.raises(InputError, match=r"corpus\.columns: unknown field 'txt'"):
        load(path, columns={"txt": "text"})
    with pytest.raises(InputError, match=r"corpus\.label_map\.X: unknown label 'denail'"):
        load(path, label_map={"X": "denail"})
    with pytest.raises(InputError, match="has no column 'body'"):
        load(path, columns={"text": "body"})


def test_data_hash_changes_with_any_label(tmp_path):
    one = load(write(tmp_path / "c.jsonl", RECORD))
    other = load(write(tmp_path / "c.jsonl", RECORD | {"stances": []}))
    assert data_hash(one) == data_hash(one)
    assert data_hash(one) != data_hash(other)
