"""Data sets of the hub: read through `datasets`, offline here from a local data set folder."""

from __future__ import annotations

import json

import pytest

from newsstance.configuration.groups import CorpusConfig
from newsstance.corpus.hub import PREFIX
from newsstance.corpus.loading import load_corpus
from newsstance.errors import InputError
from newsstance.evaluation.storage import load_evaluation

CLASSES = ["support", "deny", "query", "comment"]
LABEL_MAP = {"support": None, "deny": "third_party_skepticism", "query": "third_party_skepticism", "comment": None}


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A data set as a clone of the hub has it: card with class names and splits, Parquet files."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"post": Value("string"), "thread": Value("string"), "stance": ClassLabel(names=CLASSES)})
    splits = {}
    for split, count in (("train", 8), ("test", 6)):
        rows = {
            "post": [f"Post {n} of {split} about the lost ferry" for n in range(count)],
            "thread": [f"{split}-{n // 2}" for n in range(count)],
            "stance": [n % 4 for n in range(count)],
        }
        splits[split] = Dataset.from_dict(rows, features=features)
    folder = tmp_path / "ferry"
    (folder / "data").mkdir(parents=True)
    for split, part in DatasetDict(splits).items():
        part.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return f"{PREFIX}{folder}"


def config(path, **more):
    return CorpusConfig(
        paths=[path], columns={"text": "post", "doc": "thread", "labels": "stance"}, label_map=LABEL_MAP, **more
    )


def test_classes_come_by_name_and_map_to_our_labels(dataset):
    sentences = load_corpus(config(dataset, hub_split="test"))
    assert [s.text for s in sentences[:2]] == [
        "Post 0 of test about the lost ferry",
        "Post 1 of test about the lost ferry",
    ]
    assert [s.labels for s in sentences[:4]] == [(), ("third_party_skepticism",), ("third_party_skepticism",), ()]
    assert [(s.doc, s.i) for s in sentences[:3]] == [("test-0", 0), ("test-0", 1), ("test-1", 0)]


def test_without_a_split_all_are_read(dataset):
    assert len(load_corpus(config(dataset))) == 14


def test_lists_of_classes_come_by_name(tmp_path, dataset):
    from datasets import ClassLabel, Dataset, Features, List, Value

    names = ["denial", "acknowledgement"]
    features = Features({"text": Value("string"), "labels": List(ClassLabel(names=names))})
    folder = tmp_path / "listed"
    folder.mkdir()
    rows = {"text": ["He denied it.", "It rained."], "labels": [[1, 0], []]}
    Dataset.from_dict(rows, features=features).to_parquet(folder / "test.parquet")
    sentences = load_corpus(CorpusConfig(paths=[f"{PREFIX}{folder}"]))
    assert [s.labels for s in sentences] == [("acknowledgement", "denial"), ()]


def test_a_faulty_row_names_data_set_split_and_row(dataset):
    with pytest.raises(InputError, match=r"ferry/test, row 1: unknown label 'support'.*corpus\.label_map"):
        load_corpus(CorpusConfig(paths=[dataset], columns={"text": "post", "labels": "stance"}, hub_split="test"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hub_split": "dev"}, r"cannot be loaded: .*corpus\.hub_split|HF_HUB_OFFLINE"),
        ({"hub_config": "english"}, "cannot be loaded"),
    ],
)
def test_unknown_split_and_configuration_are_said(dataset, change, message):
    with pytest.raises(InputError, match=message) as error:
        load_corpus(config(dataset, **change))
    assert "\n" not in str(error.value)


def test_missing_data_set_is_one_line_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"hf://datasets/.*nowhere: cannot be loaded: .*HF_HUB_OFFLINE is set"):
        load_corpus(config(f"{PREFIX}{tmp_path}/nowhere"))
    with pytest.raises(InputError, match=r"hf://datasets/nobody/nothing@v1: cannot be loaded: .*HF_HUB_OFFLINE is set"):
        load_corpus(config(f"{PREFIX}nobody/nothing@v1"))


def test_no_code_of_a_data_set_is_run(tmp_path):
    folder = tmp_path / "scripted"
    folder.mkdir()
    (folder / "scripted.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        load_corpus(config(f"{PREFIX}{folder}"))
    assert not (tmp_path / "ran").exists()


def test_evaluate_takes_a_hub_data_set(dataset, tiny_model, tmp_path, monkeypatch):
    from newsstance.commands.main import main

    monkeypatch.chdir(tmp_path)
    columns = "corpus.columns={text: post, doc: thread, labels: stance}"
    mapping = f"corpus.label_map={json.dumps(LABEL_MAP)}".replace('"', "")
    words = [f"corpus={dataset}", columns, mapping, "corpus.hub_split=test", "split=all"]
    assert main(["evaluate", *words, f"model={tiny_model}", "evaluation=quick", "output=report"]) == 0
    evaluation = load_evaluation(tmp_path / "report")
    assert evaluation.sentences == 6
    assert evaluation.corpus == "ferry"
    assert evaluation.model.labels["third_party_skepticism"].support == 3
