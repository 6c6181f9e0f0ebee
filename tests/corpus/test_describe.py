"""``corpus describe`` and ``corpus split``."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from newsstance.commands.main import main
from newsstance.corpus.distance import measure_distance
from newsstance.corpus.statistics import describe, source_kind
from newsstance.errors import InputError
from newsstance.stances import LabelledSentence, Stance

TOWN = ("harbour", "council", "ferry", "mayor", "budget", "storm", "bridge", "school")
LAB = ("enzyme", "protein", "assay", "sample", "reagent", "plasmid", "vector", "buffer")


def corpus(words: tuple[str, ...], articles: int = 30, seed: int = 0) -> list[LabelledSentence]:
    rng = random.Random(seed)
    return [
        LabelledSentence(
            f"d{n}", i, " ".join(rng.choices(words, k=9)).capitalize() + ".", (Stance("denial"),) if i == 0 else ()
        )
        for n in range(articles)
        for i in range(5)
    ]


def write(path: Path, sentences: list[LabelledSentence]) -> None:
    path.write_text("".join(json.dumps(sentence.to_record()) + "\n" for sentence in sentences))


def test_figures_of_a_small_corpus():
    sentences = [
        LabelledSentence("a", 0, '"No," he said in 2019.', (Stance("denial", "he", "No"),)),
        LabelledSentence("a", 1, "Is NATO late?"),
        LabelledSentence(
            "b",
            0,
            "Ana Lund denied and admitted it.",
            (Stance("denial", "Ana Lund", "Denied"), Stance("acknowledgement", "", "admitted")),
        ),
        LabelledSentence("b", 1, "is nato late"),
    ]
    found = describe("x", sentences)
    assert (found.sentences, found.articles, found.exact_duplicates, found.sentences_per_article) == (4, 2, 1, 2.0)
    assert found.label_counts == {"acknowledgement": 1, "denial": 2, "third_party_skepticism": 0}
    assert found.combinations == {"none": 2, "denial": 1, "acknowledgement + denial": 1}
    assert found.cues["denial"] == [("no", 1), ("denied", 1)]
    assert found.sources["denial"] == {"narrator": 0, "unnamed": 0, "pronoun": 0.5, "name": 0.5, "description": 0}
    assert found.surface["sentences with quotation marks"] == 0.25
    assert found.surface["sentences with digits"] == 0.25
    assert found.surface["words in capitals"] == pytest.approx(1 / 17)
    assert found.lengths == [5, 3, 6, 3]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("narrator", "narrator"),
        ("", "unnamed"),
        ("She", "pronoun"),
        ("Ana Lund", "name"),
        ("the mayor, Ana Lund", "name"),
        ("Lund", "name"),
        ("The mayor", "description"),
        ("Officials in the town", "description"),
        ("two former aides", "description"),
    ],
)
def test_kinds_of_sources(source, kind):
    assert source_kind(source) == kind


def test_distance_of_like_and_of_unlike_corpora():
    like = measure_distance(corpus(TOWN), corpus(TOWN, seed=1))
    unlike = measure_distance(corpus(TOWN), corpus(LAB))
    assert like.ngram_auc == pytest.approx(0.5, abs=0.15)
    assert unlike.ngram_auc > 0.99
    assert set(unlike.words[0]) & set(TOWN)
    assert set(unlike.words[1]) & set(LAB)
    assert unlike.embedding_auc is None


def test_distance_holds_whole_articles_out():
    """Each article has a word of its own, which would tell its side if the article stood on both sides of a fold."""

    def own_words(seed: int) -> list[LabelledSentence]:
        rng = random.Random(seed)
        names = ["".join(rng.choices("abcdefghij", k=9)) for _ in range(40)]
        return [
            LabelledSentence(name, i, " ".join([*rng.choices(TOWN, k=6), name, name]))
            for name in names
            for i in range(6)
        ]

    assert measure_distance(own_words(1), own_words(2)).ngram_auc < 0.65


def test_distance_needs_articles_to_hold_out():
    with pytest.raises(InputError, match="too small"):
        measure_distance(corpus(TOWN, articles=3), corpus(LAB))


def test_command_prints_writes_and_draws(tmp_path, monkeypatch, capsys, tiny_encoder):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "town.jsonl", corpus(TOWN))
    write(tmp_path / "lab.jsonl", corpus(LAB))
    command = ["corpus", "describe", "corpus=town.jsonl", "against=lab.jsonl", "output=out", f"encoder={tiny_encoder}"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "Distance" in out
    assert "30 (20.0%)" in " ".join(out.split())
    described = json.loads((tmp_path / "out/description.json").read_text())
    assert [c["name"] for c in described["corpora"]] == ["custom", "lab.jsonl"]
    assert described["distance"]["ngram_auc"] > 0.99
    assert 0 <= described["distance"]["embedding_auc"] <= 1
    for name in ("labels", "lengths", "surface", "sources"):
        assert "<svg" in (tmp_path / f"out/{name}.svg").read_text(), name


def test_the_revision_of_the_encoder_is_the_one_asked_for(tmp_path, monkeypatch):
    import numpy as np

    from newsstance.commands import corpus_describe

    asked = []

    def embed(texts, encoder, *_, revision=None):
        asked.append((encoder, revision))
        return np.random.default_rng(0).random((len(texts), 4))

    monkeypatch.setattr(corpus_describe, "embed", embed)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "town.jsonl", corpus(TOWN))
    write(tmp_path / "lab.jsonl", corpus(LAB))
    words = ["corpus=town.jsonl", "against=lab.jsonl", "encoder=org/encoder", "encoder.revision=v2"]
    assert main(["corpus", "describe", *words]) == 0
    assert set(asked) == {("org/encoder", "v2")}


def test_against_the_name_of_a_config(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSSTANCE_DATA", str(tmp_path))
    write(tmp_path / "town.jsonl", corpus(TOWN))
    assert main(["corpus", "describe", "corpus=town.jsonl", "against=real_news"]) == 2
    assert "newsstance corpus fetch" in capsys.readouterr().err
    assert main(["corpus", "describe", "corpus=town.jsonl", "against=nowhere"]) == 2
    assert "no config of that name" in capsys.readouterr().err


def test_split_command_writes_three_files(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "town.jsonl", corpus(TOWN, articles=60))
    assert main(["corpus", "split", "corpus=town.jsonl", "output=splits"]) == 0
    parts = {
        name: (tmp_path / f"splits/{name}.jsonl").read_text().splitlines() for name in ("train", "validation", "test")
    }
    assert sorted(line for lines in parts.values() for line in lines) == sorted(
        (tmp_path / "town.jsonl").read_text().splitlines()
    )
    assert all(parts.values())
    assert f"{len(parts['train'])}" in capsys.readouterr().out
