"""The data card says what lies beside it: its tables are counted again, its head is one that the hub reads."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from newsstance.corpus.standoff import read_sources
from newsstance.resources import data_dir
from newsstance.stances import LABELS

CARD = (data_dir() / "README.md").read_text(encoding="utf-8")


def cells(name: str) -> list[list[str]]:
    """The rows of all tables of the card that begin with `name`."""
    rows = re.findall(rf"^\| `{name}` \| (.*) \|$", CARD, re.MULTILINE)
    return [row.split(" | ") for row in rows]


def numbers(row: list[str]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in row]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def with_each_label(rows: list[dict[str, Any]]) -> list[int]:
    return [sum(any(stance["label"] == label for stance in row["stances"]) for row in rows) for label in LABELS]


def test_the_head_is_read_by_the_hub():
    head = DatasetCard(CARD).data
    assert (head.license, head.pretty_name) == ("cc-by-4.0", "newsstance corpus")
    (shipped,) = head.to_dict()["configs"]
    assert list(data_dir().glob(shipped["data_files"]))


@pytest.mark.parametrize("folder", ["corpus", "held_back"])
def test_the_counts_are_those_of_the_files(folder):
    together = [0] * 5
    for path in sorted((data_dir() / folder).glob("*.jsonl")):
        rows = rows_of(path)
        counted = [len(rows), len({row["doc"] for row in rows}), *with_each_label(rows)]
        assert [numbers(row) for row in cells(path.stem)] == [counted]
        together = [a + b for a, b in zip(together, counted, strict=True)]
    if folder == "corpus":
        assert [numbers(row) for row in cells("all")] == [together]


def test_each_changed_label_is_listed_as_it_is_now():
    with (data_dir() / "real_news" / "changed_labels.csv").open(encoding="utf-8", newline="") as file:
        changed = list(csv.DictReader(file))
    now = {
        (name, row["sha"], row["doc"], str(row["start"])): {stance["label"] for stance in row["stances"]}
        for name in {row["corpus"] for row in changed}
        for row in rows_of(data_dir() / "real_news" / f"{name}.jsonl")
    }
    for row in changed:
        labels = now[row["corpus"], row["sha"], row["doc"], row["start"]]
        assert set(row["new_labels"].split()) == labels != set(row["old_labels"].split())
    assert f"the {len(changed)} of these sentences" in CARD


def test_each_public_corpus_is_counted_and_its_terms_are_told():
    for source in read_sources(data_dir() / "real_news"):
        counts, terms = cells(source.name)
        rows = rows_of(data_dir() / "real_news" / f"{source.name}.jsonl")
        stances, picked = sum(bool(row["stances"]) for row in rows), sum(row["picked"] for row in rows)
        assert numbers(counts) == [len(rows), stances, picked, *with_each_label(rows)]
        assert terms == [source.licence, source.terms]
