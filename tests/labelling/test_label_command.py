"""``newsstance label`` from the command line: records, formats, rejects, errors."""

import json
from pathlib import Path

import pytest

from newsstance.commands.main import main
from newsstance.configuration.groups import BackendConfig, CorpusConfig, LabellerConfig
from newsstance.corpus.loading import load_corpus
from newsstance.errors import InputError
from newsstance.labelling.labeller import make_labeller

ARTICLE = """Mill owner denies dumping dye

The owner of Quist Mill denied on Friday that dye had been dumped in the river. Trains ran on time.
Independent researchers doubted the account.
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mill.txt").write_text(ARTICLE, "utf-8")
    return tmp_path


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_records_load_as_a_corpus(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "input=mill.txt", "output=labels.jsonl"]) == 0
    sentences = load_corpus(CorpusConfig(paths=["labels.jsonl"]))
    by_label = [sentence.labels for sentence in sentences]
    assert by_label == [("denial",), ("denial",), (), ("third_party_skepticism",)]
    for sentence in sentences:
        assert ARTICLE[sentence.extra["start"] : sentence.extra["end"]] == sentence.text
        assert sentence.extra["labeller"].startswith("rules-1.0+")
        assert all(stance.cue in sentence.text for stance in sentence.stances)
    assert "labels.jsonl" in capsys.readouterr().out


def test_parquet_holds_the_same(folder: Path) -> None:
    assert main(["label", "input=mill.txt", "output=labels.jsonl"]) == 0
    assert main(["label", "input=mill.txt", "output=labels.parquet"]) == 0
    rows, columns = (load_corpus(CorpusConfig(paths=[f"labels.{kind}"])) for kind in ("jsonl", "parquet"))
    assert [(s.doc, s.i, s.text, s.stances) for s in rows] == [(s.doc, s.i, s.text, s.stances) for s in columns]


def test_stdout_gets_records_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "input=mill.txt", "output=-"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(row["stances"]) for row in rows] == [1, 1, 0, 1]


def test_a_url_as_output_is_one_line_and_no_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("label", "predict"):
        for output in ("s3://bucket/out.jsonl", "s3://bucket/out"):
            assert main([command, "input=mill.txt", f"output={output}"]) == 2
            assert f"output={output}: URLs cannot be written to" in capsys.readouterr().err
    assert not (folder / "s3:").exists()


def test_without_output_the_records_go_to_the_runs_folder(folder: Path) -> None:
    assert main(["label", "input=mill.txt"]) == 0
    (labels,) = folder.glob("outputs/label/*/*/labels.jsonl")
    facts = json.loads((labels.parent / "run.json").read_text("utf-8"))
    assert (facts["sentences"], facts["labels"]["denial"]) == (4, 2)


def test_single_sentences_keep_their_context(folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps({"id": "7", "sentence": "He denied it.", "context": "Was it Bo?"}))
    assert main(["label", "input=rows.jsonl", "output=labels.jsonl"]) == 0
    (row,) = read(folder / "labels.jsonl")
    assert (row["text"], row["context"], row["stances"][0]["label"]) == ("He denied it.", "Was it Bo?", "denial")


def test_a_bad_row_is_rejected_and_the_rest_goes_on(folder: Path) -> None:
    good, other = (json.dumps({"id": doc, "text": "She denied the report."}) for doc in "ab")
    (folder / "rows.jsonl").write_text(f"{good}\n{{broken\n{other}\n")
    assert main(["label", "input=rows.jsonl", "output=out/labels.jsonl"]) == 0
    assert [row["doc"] for row in read(folder / "out" / "labels.jsonl")] == ["a", "b"]
    (reject,) = read(folder / "out" / "rejects-labels.jsonl")
    assert reject["row"] == 2


@pytest.mark.parametrize("source", ["labels.jsonl", "rejects-labels.jsonl"])
def test_a_file_that_is_read_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str], source: str) -> None:
    (folder / source).write_text('{"text": "She denied the report."}\n')
    assert main(["label", f"input={source}", "output=labels.jsonl"]) == 2
    assert f"{source}: is read as input and would be replaced" in capsys.readouterr().err
    assert (folder / source).read_text() == '{"text": "She denied the report."}\n'


def test_two_jobs_in_a_folder_keep_their_rejects(folder: Path) -> None:
    (folder / "rejects.jsonl").write_text("{broken\n" + '{"text": "She denied the report."}\n')
    assert main(["label", "input=rejects.jsonl", "output=one.jsonl"]) == 0
    assert main(["label", "input=rejects.jsonl", "output=two.parquet"]) == 0
    assert {path.name for path in folder.glob("rejects*")} == {
        "rejects.jsonl",
        "rejects-one.jsonl",
        "rejects-two.parquet.jsonl",
    }
    assert main(["label", "input=rejects.jsonl", "output=sub/"]) == 0
    assert {path.name for path in (folder / "sub").iterdir()} == {"labels.jsonl", "rejects.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["input=none.txt"], "none.txt"),
        (["input=empty.txt", "output=labels.jsonl"], "empty"),
        (["input=mill.txt", "labeller.rules=none.yaml"], "no such rule file"),
        (["input=mill.txt", "labeller.name=oracle"], "oracle"),
        (["input=mill.txt", "output=-", "output.format=parquet"], "stdout takes JSONL only"),
        (["input=mill.txt", "output.html=true"], "html"),
        (["input=mill.txt", "labeller=model", "labeller.model=./none"], "none"),
    ],
)
def test_errors_are_one_line_and_leave_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    (folder / "empty.txt").touch()
    assert main(["label", *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert told in error[-1]
    assert "Traceback" not in "".join(error)
    assert not (folder / "labels.jsonl").exists()


def test_an_error_half_way_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "labels.jsonl").write_text("old\n")

    def fail(*_: object) -> None:
        raise InputError("the disk burns")

    monkeypatch.setattr("newsstance.labelling.rules.RuleLabeller.label", fail)
    assert main(["label", "input=mill.txt", "output=labels.jsonl"]) == 2
    assert (folder / "labels.jsonl").read_text() == "old\n"
    assert not list(folder.glob(".labels*"))


def test_model_labels_by_its_scores(folder: Path, tiny_model: Path) -> None:
    from newsstance.model.classifier import StanceClassifier

    assert (
        main(["label", "input=mill.txt", "output=labels.jsonl", "labeller=model", f"labeller.model={tiny_model}"]) == 0
    )
    rows = read(folder / "labels.jsonl")
    expected = StanceClassifier.from_pretrained(tiny_model).predict([row["text"] for row in rows])
    assert [tuple(stance["label"] for stance in row["stances"]) for row in rows] == expected
    assert any(expected)
    assert {row["labeller"] for row in rows} == {"model-tiny-00000000"}


def test_unknown_labeller_is_an_error() -> None:
    with pytest.raises(InputError, match="the labellers are rules, model"):
        make_labeller(LabellerConfig(name="oracle"), BackendConfig())
