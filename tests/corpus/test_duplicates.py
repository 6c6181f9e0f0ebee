"""Repeats found by hashing are those found by comparing every pair."""

import random

from newsstance.corpus.duplicates import find_repeats

WORDS = [
    "the",
    "mill",
    "admitted",
    "on",
    "monday",
    "that",
    "its",
    "boiler",
    "had",
    "leaked",
    "into",
    "river",
    "and",
    "engineers",
    "doubt",
    "a",
    "claim",
    "of",
    "mayor",
]


def jaccard(one: str, other: str) -> float:
    first, second = ({tuple(words[i : i + 3]) for i in range(len(words) - 2)} for words in (one.split(), other.split()))
    return len(first & second) / len(first | second)


def near_copies(count: int, generator: random.Random) -> list[str]:
    """Random sentences, every third a copy of an earlier one with one word changed."""
    texts: list[str] = []
    for n in range(count):
        words = generator.choice(texts).split() if n % 3 == 2 else generator.choices(WORDS, k=generator.randint(12, 30))
        words[generator.randrange(len(words))] = f"word{n}"
        texts.append(" ".join(words))
    return texts


def test_every_pair_above_the_threshold_is_found():
    texts = near_copies(300, random.Random(0))
    expected = {
        (i, j)
        for j in range(len(texts))
        for i in range(j)
        if texts[i] != texts[j] and jaccard(texts[i], texts[j]) >= 0.8
    }
    assert len(expected) > 20
    assert {(repeat.first, repeat.second) for repeat in find_repeats(texts, 0.8)} == expected
