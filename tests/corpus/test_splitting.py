"""The split: whole articles, stratified, fixed, stable."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from newsstance.configuration.groups import CorpusConfig, SplitConfig
from newsstance.corpus.loading import load_corpus
from newsstance.corpus.splitting import SPLITS, fold_by_article, imbalance, profile, split_by_article
from newsstance.errors import InputError
from newsstance.resources import data_dir
from newsstance.stances import LABELS, LabelledSentence, Stance

WORDS = (
    "harbour",
    "council",
    "ferry",
    "strike",
    "budget",
    "vote",
    "storm",
    "bridge",
    "school",
    "clinic",
    "judge",
    "union",
)


def article(doc: str, labels: tuple[str, ...] = (), sentences: int = 4) -> list[LabelledSentence]:
    rng = random.Random(doc)
    texts = [" ".join(rng.choices(WORDS, k=12)) for _ in range(sentences)]
    stances = [tuple(Stance(label) for label in labels) if i == 0 else () for i in range(sentences)]
    return [LabelledSentence(doc, i, text, stance) for i, (text, stance) in enumerate(zip(texts, stances, strict=True))]


def corpus(size: int, prefix: str = "n") -> list[LabelledSentence]:
    profiles = [(), ("denial",), ("third_party_skepticism",), ("denial", "acknowledgement")]
    return [s for n in range(size) for s in article(f"{prefix}{n}", profiles[n % 4])]


def split_of(splits: dict[str, list[LabelledSentence]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for name, sentences in splits.items():
        for sentence in sentences:
            found[sentence.doc].add(name)
    return found


def test_articles_stay_whole_and_nothing_is_lost():
    sentences = corpus(200)
    splits = split_by_article(sentences, SplitConfig())
    assert tuple(splits) == SPLITS
    assert all(len(names) == 1 for names in split_of(splits).values())
    assert sorted((s.doc, s.i) for part in splits.values() for s in part) == sorted((s.doc, s.i) for s in sentences)


def test_articles_keep_their_split_when_others_are_added_anywhere():
    before = split_of(split_by_article(corpus(300), SplitConfig()))
    grown = corpus(150, "new") + corpus(300)
    random.Random(1).shuffle(grown)
    after = split_of(split_by_article(grown, SplitConfig()))
    assert {doc: after[doc] for doc in before} == before


def test_seed_decides():
    sentences = corpus(200)
    assert split_by_article(sentences, SplitConfig(seed=1)) == split_by_article(sentences, SplitConfig(seed=1))
    assert split_by_article(sentences, SplitConfig(seed=1)) != split_by_article(sentences, SplitConfig(seed=2))


def test_each_label_profile_is_dealt_out_in_the_same_shares():
    splits = split_by_article(corpus(4000), SplitConfig(validation_share=0.2, test_share=0.1, near_duplicate=0))
    per_profile: dict[tuple[str, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
    for name, sentences in splits.items():
        by_doc = defaultdict(list)
        for sentence in sentences:
            by_doc[sentence.doc].append(sentence)
        for members in by_doc.values():
            per_profile[profile(members)][name] += 1
    assert len(per_profile) == 4
    for counts in per_profile.values():
        assert counts["test"] / 1000 == pytest.approx(0.1, abs=0.03)
        assert counts["validation"] / 1000 == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("seed", range(8))
def test_small_corpus_has_each_label_in_each_split(seed):
    splits = split_by_article(corpus(16), SplitConfig(seed=seed))
    for name, sentences in splits.items():
        assert {label for s in sentences for label in s.labels} == set(LABELS), name


@pytest.mark.parametrize("seed", range(8))
def test_tiny_corpus_without_stances_fills_each_split(seed):
    sentences = [s for n in range(3) for s in article(f"t{n}")]
    assert all(split_by_article(sentences, SplitConfig(seed=seed)).values())


def test_near_copies_land_together():
    copies = []
    for n in range(60):
        first = article(f"a{n}")
        changed = first[1].text + " today"
        copies += [*first, LabelledSentence(f"b{n}", 0, changed)]
    together = split_of(split_by_article(copies, SplitConfig()))
    assert all(together[f"a{n}"] == together[f"b{n}"] for n in range(60))
    apart = split_of(split_by_article(copies, SplitConfig(near_duplicate=0)))
    assert any(apart[f"a{n}"] != apart[f"b{n}"] for n in range(60))


def test_share_of_zero_gives_an_empty_split():
    splits = split_by_article(corpus(40), SplitConfig(validation_share=0, test_share=0))
    assert (len(splits["train"]), splits["validation"], splits["test"]) == (160, [], [])


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.1, 1.0), (0.5, 0.5)])
def test_shares_that_are_none(shares):
    with pytest.raises(InputError, match=r"corpus\.split"):
        split_by_article(corpus(4), SplitConfig(*shares))


def test_shipped_corpus_is_split_evenly_and_as_its_card_says():
    sentences = load_corpus(CorpusConfig(paths=[str(data_dir() / "corpus")]))
    splits = split_by_article(sentences, SplitConfig(seed=232))
    assert imbalance(splits) < 0.2
    assert len(splits["test"]) / len(sentences) == pytest.approx(0.1, abs=0.02)
    sizes = [f"{len(splits[name]):,}" for name in ("train", "validation", "test")]
    said = "{} sentences train, {} validate, {} test".format(*sizes)
    assert said in (data_dir() / "README.md").read_text(encoding="utf-8")


def test_folds_hold_whole_articles_and_some_of_each_split():
    sentences = [LabelledSentence(f"a-{n}", i, f"{n} and {i}.") for n in range(200) for i in range(3)]
    folds = fold_by_article(sentences, 4, near_duplicate=0)
    fold_of = {sentence.doc: fold for sentence, fold in zip(sentences, folds, strict=True)}
    assert all(fold_of[sentence.doc] == fold for sentence, fold in zip(sentences, folds, strict=True))
    splits = split_by_article(sentences, SplitConfig(near_duplicate=0))
    for part in splits.values():
        assert {fold_of[sentence.doc] for sentence in part} == {0, 1, 2, 3}
    more = [*sentences, LabelledSentence("new", 0, "Another.")]
    assert fold_by_article(more, 4, near_duplicate=0)[:-1] == folds, "no article moves when others come"


def test_near_duplicates_are_in_one_fold():
    text = "The mayor of Velsund said that the bridge over the river would open on Monday."
    sentences = [LabelledSentence(f"a-{n}", 0, text) for n in range(20)]
    assert len(set(fold_by_article(sentences, 5))) == 1
