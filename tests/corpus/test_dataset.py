"""The corpus as a Hugging Face dataset, with our code and without it."""

from __future__ import annotations

import json

import pytest

from newsstance.configuration.groups import CorpusConfig, SplitConfig
from newsstance.corpus.dataset import features, to_dataset_dict
from newsstance.corpus.loading import load_corpus
from newsstance.corpus.splitting import split_by_article
from newsstance.resources import data_dir
from newsstance.stances import LabelledSentence, Stance


def test_typed_features_and_label_order():
    sentence = LabelledSentence(
        "a", 2, "No, she said.", (Stance("third_party_skepticism"), Stance("acknowledgement")), "Before."
    )
    dataset = to_dataset_dict({"train": [sentence], "test": []})
    assert dataset["train"].features == features() == dataset["test"].features
    assert dataset["train"][0] == {
        "doc": "a",
        "i": 2,
        "text": "No, she said.",
        "context": "Before.",
        "labels": [1.0, 0.0, 1.0],
    }
    assert dataset["test"].num_rows == 0


def test_parquet_of_the_dataset_loads_as_a_corpus_again(tmp_path):
    sentences = [LabelledSentence("a", 0, "No, she said.", (Stance("denial"),)), LabelledSentence("a", 1, "Rain fell.")]
    to_dataset_dict({"train": sentences})["train"].to_parquet(tmp_path / "train.parquet")
    assert load_corpus(CorpusConfig(paths=[str(tmp_path)])) == sentences


def test_what_was_written_sentence_by_sentence_is_marked_and_nothing_else():
    marks = {}
    for path in (data_dir() / "corpus").glob("*.jsonl"):
        marks[path.stem] = {json.loads(line)["picked"] for line in path.read_text(encoding="utf-8").splitlines()}
    picked = {"analogues", "contrasts", "counterparts", "vocabulary"}
    assert marks == {name: {name in picked} for name in marks}
    assert picked < marks.keys()


def test_shipped_corpus_loads_without_our_code(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    files = sorted(str(path) for path in (data_dir() / "corpus").glob("*.jsonl"))
    loaded = datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(tmp_path))
    ours = load_corpus(CorpusConfig(paths=[str(data_dir() / "corpus")]))
    assert loaded["text"][:] == [sentence.text for sentence in ours]
    assert set(loaded.column_names) == {"doc", "i", "text", "stances", "picked"}
    assert loaded["picked"][:] == [sentence.extra["picked"] for sentence in ours]
    splits = split_by_article(ours, SplitConfig())
    assert sum(map(len, to_dataset_dict(splits).values())) == loaded.num_rows
