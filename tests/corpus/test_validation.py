"""``corpus validate``: every fault, with file and row; exit code 2 where there is one."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from newsstance.commands.main import main
from newsstance.configuration.groups import CorpusConfig, SplitConfig
from newsstance.corpus.duplicates import find_repeats, find_shared
from newsstance.corpus.splitting import draw
from newsstance.corpus.validation import validate_corpus
from newsstance.errors import InputError

LONG = "The harbour master of Velsund denied on Monday that any ferry had left the quay without its radio."
NEAR = "The harbour master of Velsund denied on Monday that any ferry had left the quay without its crew."


def row(doc: str, text: str, label: str | None = None, i: int = 0) -> dict[str, object]:
    return {"doc": doc, "i": i, "text": text, "stances": [{"label": label, "source": "", "cue": ""}] if label else []}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def faults(path: Path, **options: object) -> list[str]:
    return [str(fault) for fault in validate_corpus(CorpusConfig(paths=[str(path)]), **options).faults]


def test_all_faults_are_listed_not_only_the_first(tmp_path):
    path = write(
        tmp_path / "c.jsonl",
        row("a", "Rain fell.", "rumour"),
        row("b", ""),
        row("c", LONG, "denial"),
        row("c", "A second sentence."),
        {"doc": "d", "text": "No.", "stances": [{"label": "denial", "source": "Nobody", "cue": "never"}]},
        row("e", "the  HARBOUR master of Velsund denied on Monday that any ferry had left the quay without its radio"),
    )
    found = faults(path)
    assert [fault.split(": ", 1)[0] for fault in found] == [f"{path}, row {n}" for n in (1, 2, 5, 5, 4, 6)]
    for fault, part in zip(
        found,
        ("unknown label", "empty", "source", "cue", "has the same doc 'c', i 0", "is labelled none, the same"),
        strict=True,
    ):
        assert part in fault
    assert f"{path}, row 3 is labelled denial" in found[-1]


def test_near_duplicates_across_splits(tmp_path):
    names = [f"d{n}" for n in range(60)]
    test, train = (next(n for n in names if low <= draw(n, 0) < high) for low, high in ((0, 0.1), (0.2, 1)))
    others = [row(f"e{n}", f"Sentence number {n} of the council.", "denial") for n in range(40)]
    path = write(tmp_path / "c.jsonl", row(test, LONG, "denial"), row(train, NEAR, "denial"), *others)
    apart = CorpusConfig(paths=[str(path)], split=SplitConfig(near_duplicate=0))
    (fault,) = map(str, validate_corpus(apart).faults)
    assert fault.startswith(f"{path}, row 2: stands in split train and is a near-duplicate (0.88) of {path}, row 1")
    kept = validate_corpus(CorpusConfig(paths=[str(path)]))
    assert (kept.faults, kept.repeats) == ([], 1)


def test_forbidden_sentences_word_for_word_and_nearly(tmp_path):
    path = write(tmp_path / "c.jsonl", row("a", LONG, "denial"), row("b", NEAR, "denial"), row("c", "It rained."))
    forbidden = write(tmp_path / "gold.jsonl", row("x", "Some other sentence."), row("y", LONG.upper()))
    same, near = faults(path, forbid=[str(forbidden)])
    assert same == f"{path}, row 1: is the same words as the forbidden sentence in {forbidden}, row 2"
    assert near == f"{path}, row 2: is a near-duplicate (0.88) of the forbidden sentence in {forbidden}, row 2"
    assert faults(path, forbid=[str(forbidden)], near_duplicate=0.9) == [same]


def test_forbidden_files_must_exist_and_hold_text(tmp_path):
    path = write(tmp_path / "c.jsonl", row("a", LONG, "denial"))
    with pytest.raises(InputError, match="gold"):
        faults(path, forbid=[str(tmp_path / "gold.jsonl")])
    (fault,) = faults(path, forbid=[str(write(tmp_path / "f.jsonl", {"body": "x"}))])
    assert "f.jsonl, row 1: has no field text or sentence" in fault


def test_near_duplicate_search_misses_none_that_a_full_comparison_finds():
    rng = random.Random(3)
    words = [f"w{n}" for n in range(60)]
    texts = []
    for _ in range(80):
        base = rng.choices(words, k=20)
        texts += [" ".join(base), " ".join([*base[:-1], "end"]), " ".join([*base[:12], "mid", *base[13:]])]

    def grams(text: str) -> set[tuple[str, ...]]:
        split = text.split()
        return {tuple(split[i : i + 3]) for i in range(len(split) - 2)}

    def similarity(one: str, other: str) -> float:
        return len(grams(one) & grams(other)) / len(grams(one) | grams(other))

    truth = {(i, j) for j in range(len(texts)) for i in range(j) if similarity(texts[i], texts[j]) >= 0.7}
    found = {(repeat.first, repeat.second): repeat.similarity for repeat in find_repeats(texts, 0.7)}
    assert len(truth) > 120
    assert len(truth - set(found)) <= 0.03 * len(truth)  # the search is approximate, what it finds is exact
    assert set(found) <= truth
    assert all(value == pytest.approx(similarity(texts[i], texts[j])) for (i, j), value in found.items())


def test_short_sentences_repeat_by_chance():
    assert not list(find_repeats(["He did not say.", "He did not say."], 0.8))
    assert [repeat.second for repeat in find_shared(["Yes.", "He did not say."], ["Yes.", "he did NOT say"], 0.8)] == [
        1
    ]


def test_command_lists_faults_and_exits_with_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "c.jsonl", row("a", "Rain fell.", "rumour"), row("b", ""))
    assert main(["corpus", "validate", "corpus=c.jsonl"]) == 2
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == ["c.jsonl, row 1", "c.jsonl, row 2"]
    assert "2 faults in corpus custom" in err
    (listed,) = tmp_path.glob("outputs/corpus_validate/*/*/faults.jsonl")
    assert len(listed.read_text().splitlines()) == 2


def test_command_says_that_all_is_well(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "c.jsonl", row("a", LONG, "denial"), row("b", "It rained."))
    write(tmp_path / "gold.jsonl", row("x", "Some other sentence."))
    assert main(["corpus", "validate", "corpus=c.jsonl", "forbid=gold.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "no faults in 2 sentences of 2 articles (1 file)" in out
    assert "none of the 1 forbidden sentences" in out


@pytest.mark.parametrize("option", ["near_duplicate=0", "near_duplicate=2", "forbid=3"])
def test_command_refuses_options_that_make_no_sense(tmp_path, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "c.jsonl", row("a", LONG, "denial"))
    assert main(["corpus", "validate", "corpus=c.jsonl", option]) == 2


@pytest.mark.parametrize("folder", ["corpus", "held_back"])
def test_what_is_shipped_is_clean(folder):
    from newsstance.resources import data_dir

    assert faults(data_dir() / folder) == []
