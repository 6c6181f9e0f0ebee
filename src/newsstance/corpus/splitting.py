"""Train, validation and test split: by article, stratified by label profile, fixed by seed, stable as articles come.

Stable: an article draws a number in [0, 1) from the hash of the seed and its own id, and that number alone decides, so
no article moves when others come or go. Stratified: the draw is independent of the labels, so each label profile (the
set of labels that an article holds) is dealt out in the same shares up to chance; `imbalance` measures how far chance
went, which lets one pick the seed, as was done for the shipped corpus. Quotas per profile would be exact at once but
push articles to and fro with each one added.

Two rules see more than the one article. Articles that repeat a sentence of one before them follow that one, so that no
split holds near-copies of another. And a split that chance left without a label is given an article with that label,
the one of the lowest draw (train: of the highest): this touches small corpora only.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from newsstance.configuration.groups import SplitConfig
from newsstance.corpus.duplicates import find_repeats
from newsstance.errors import InputError
from newsstance.stances import LABELS, Label, LabelledSentence, in_label_order

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_ENOUGH = 3
"""From so many articles with a label on, each split must hold one."""


def split_by_article(sentences: Sequence[LabelledSentence], config: SplitConfig) -> dict[str, list[LabelledSentence]]:
    """Deal whole articles out to train, validation and test.

    Args:
        sentences: The corpus; the order within each split is kept.
        config: Shares, seed, and the similarity from which articles stay together.

    Returns:
        The splits by name; one whose share is 0 is empty.

    Raises:
        InputError: Where the shares are no shares.
    """
    _check_shares(config)
    groups = _groups(sentences, config.near_duplicate)
    labels: dict[str, set[Label]] = defaultdict(set)
    for sentence in sentences:
        labels[groups[sentence.doc]].update(sentence.labels)
    draws = {group: draw(group, config.seed) for group in labels}
    split_of = {group: _split_for(value, config) for group, value in draws.items()}
    _cover(split_of, draws, labels, config)
    splits: dict[str, list[LabelledSentence]] = {name: [] for name in SPLITS}
    for sentence in sentences:
        splits[split_of[groups[sentence.doc]]].append(sentence)
    return splits


def fold_by_article(
    sentences: Sequence[LabelledSentence], folds: int, *, seed: int = 0, near_duplicate: float = 0.8
) -> list[int]:
    """The fold (0 to ``folds`` - 1) of each sentence: whole articles, those that share a sentence together."""
    groups = _groups(sentences, near_duplicate)
    # Another draw than that of the splits, or a fold would hold all articles of one of them.
    return [int(draw(f"fold of {groups[sentence.doc]}", seed) * folds) for sentence in sentences]


def draw(doc: str, seed: int) -> float:
    """The number in [0, 1) that decides the split of ``doc``: low ones go to test, then validation, then train."""
    digest = hashlib.sha256(f"{seed}\n{doc}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def profile(sentences: Sequence[LabelledSentence]) -> tuple[Label, ...]:
    """The label profile of an article: the labels that its sentences hold."""
    return in_label_order(label for sentence in sentences for label in sentence.labels)


def imbalance(splits: Mapping[str, Sequence[LabelledSentence]]) -> float:
    """How uneven the splits are: the largest relative difference of a label's density in a split from the corpus'.

    0 is perfect; 0.1 means that some label is 10% more or less frequent in some split than in the whole corpus.
    """
    together = [sentence for part in splits.values() for sentence in part]
    worst = 0.0
    for label in LABELS:
        overall = sum(label in sentence.labels for sentence in together) / max(len(together), 1)
        for part in splits.values():
            if part and overall:
                density = sum(label in sentence.labels for sentence in part) / len(part)
                worst = max(worst, abs(density / overall - 1))
    return worst


def _check_shares(config: SplitConfig) -> None:
    shares = {"validation_share": config.validation_share, "test_share": config.test_share}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise InputError(f"corpus.split.{name}={share}: a share from 0 to below 1 was expected")
    if sum(shares.values()) >= 1:
        raise InputError(
            "corpus.split: validation_share and test_share leave nothing to train on; their sum must be below 1"
        )


def _split_for(value: float, config: SplitConfig) -> Split:
    if value < config.test_share:
        return "test"
    return "validation" if value < config.test_share + config.validation_share else "train"


def _groups(sentences: Sequence[LabelledSentence], near_duplicate: float) -> dict[str, str]:
    """Article → the first article of those that it shares a sentence with, itself where there is none."""
    leader = {sentence.doc: sentence.doc for sentence in sentences}
    if near_duplicate <= 0:
        return leader
    order = {doc: position for position, doc in enumerate(leader)}

    def find(doc: str) -> str:
        while leader[doc] != doc:
            leader[doc] = leader[leader[doc]]
            doc = leader[doc]
        return doc

    for repeat in find_repeats([sentence.text for sentence in sentences], near_duplicate):
        one, other = find(sentences[repeat.first].doc), find(sentences[repeat.second].doc)
        first, second = sorted((one, other), key=order.__getitem__)
        leader[second] = first
    return {doc: find(doc) for doc in leader}


def _cover(
    split_of: dict[str, Split], draws: Mapping[str, float], labels: Mapping[str, set[Label]], config: SplitConfig
) -> None:
    """Move articles between splits so that each split holds each label, where there are enough articles with it.

    Of the articles that another split can spare, validation and test get the one of the lowest draw, train that of the
    highest.
    """
    wanted: tuple[Label | None, ...] = (
        *sorted(LABELS, key=lambda label: sum(label in held for held in labels.values())),
        None,
    )
    shares: dict[Split, float] = {"test": config.test_share, "validation": config.validation_share}
    for label in wanted:  # None: a split that holds no article at all
        holders = [group for group in draws if label is None or label in labels[group]]
        for split, share in (*shares.items(), ("train", 1.0)) if len(holders) >= _ENOUGH else ():
            if not share or any(split_of[group] == split for group in holders):
                continue
            donors = [group for group in holders if _can_give(group, holders, split_of)]
            if donors:
                extreme = min if split != "train" else max
                split_of[extreme(donors, key=draws.__getitem__)] = split


def _can_give(group: str, holders: Sequence[str], split_of: Mapping[str, Split]) -> bool:
    return sum(split_of[other] == split_of[group] for other in holders) > 1
