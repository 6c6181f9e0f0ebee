"""Sentences that repeat each other, word for word or nearly so.

Similarity is the Jaccard index of the sets of word 3-grams, case and punctuation aside. Candidates come from MinHash
with locality-sensitive hashing (Broder 1997; datasketch), each is then measured exactly.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

MIN_WORDS = 6
"""Shorter sentences repeat by chance ("He did not elaborate."): within a corpus they count as no repeats at all."""

_WORD = re.compile(r"[^\W_]+")
_PERMUTATIONS, _BANDS, _ROWS = 64, 16, 4  # finds a pair of similarity 0.8 with probability 0.9998, one of 0.6 with 0.89


class Repeat(NamedTuple):
    """Two sentences that repeat each other.

    Attributes:
        first: Position of the one.
        second: Position of the other, the later one where both come from the same list.
        similarity: Jaccard index of their word 3-grams; 1 for the same words.
    """

    first: int
    second: int
    similarity: float


def words(text: str) -> list[str]:
    """The words and numbers of ``text`` in lower case."""
    return _WORD.findall(text.casefold())


def normalise(text: str) -> str:
    """``text`` without case, punctuation and spacing: equal for sentences that are the same word for word."""
    return " ".join(words(text)) or text.strip()


def find_repeats(texts: Sequence[str], threshold: float) -> Iterator[Repeat]:
    """Pairs within ``texts`` whose similarity reaches ``threshold``.

    Sentences of under `MIN_WORDS` words are left out. Of n copies of a sentence each is paired with the first only, so
    that chains of pairs reach all of them without n² pairs.
    """
    index = _Index(threshold)
    occurrences = Counter(zlib.crc32(gram) for text in texts for gram in _three_grams(words(text)))
    firsts: dict[str, int] = {}
    for position, text in enumerate(texts):
        normal = words(text)
        if len(normal) < MIN_WORDS:
            continue
        first = firsts.setdefault(" ".join(normal), position)
        if first != position:
            yield Repeat(first, position, 1.0)
            continue
        grams = _three_grams(normal)
        if sum(occurrences[zlib.crc32(gram)] > 1 for gram in grams) < threshold * len(grams):
            continue  # a pair of this similarity shares so many 3-grams; few sentences do, and signatures are slow
        signature = _signature(grams)
        yield from (Repeat(other, position, found) for other, found in index.query(grams, signature))
        index.add(position, grams, signature)


def find_shared(texts: Sequence[str], others: Sequence[str], threshold: float) -> Iterator[Repeat]:
    """Pairs of one of ``texts`` (first) and one of ``others`` (second) that are the same or reach ``threshold``.

    Each of ``texts`` comes once at most, with the most similar other. Sentences of one or two words are left out.
    """
    exact: dict[str, int] = {}
    index = _Index(threshold)
    for position, text in enumerate(others):
        normal = words(text)
        if len(normal) > 2 and exact.setdefault(" ".join(normal), position) == position and len(normal) >= MIN_WORDS:
            grams = _three_grams(normal)
            index.add(position, grams, _signature(grams))
    for position, text in enumerate(texts):
        normal = words(text)
        same = exact.get(" ".join(normal))
        if same is not None:
            yield Repeat(position, same, 1.0)
        elif len(normal) >= MIN_WORDS:
            grams = _three_grams(normal)
            near = max(index.query(grams, _signature(grams)), key=lambda pair: pair[1], default=None)
            if near is not None:
                yield Repeat(position, *near)


def _three_grams(normal: Sequence[str]) -> frozenset[bytes]:
    return frozenset(" ".join(normal[i : i + 3]).encode() for i in range(len(normal) - 2))


@cache
def _empty_signature() -> Any:
    from datasketch import MinHash

    return MinHash(num_perm=_PERMUTATIONS, hashfunc=zlib.crc32)


def _signature(grams: frozenset[bytes]) -> Any:
    signature = _empty_signature().copy()  # a new one would draw its permutations anew, at many times the cost
    signature.update_batch(grams)
    return signature


class _Index:
    """Sets of 3-grams, found again by similarity."""

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHashLSH

        self._threshold = threshold
        self._lsh = MinHashLSH(num_perm=_PERMUTATIONS, params=(_BANDS, _ROWS))
        self._grams: dict[int, frozenset[bytes]] = {}

    def add(self, key: int, grams: frozenset[bytes], signature: Any) -> None:
        self._lsh.insert(key, signature)
        self._grams[key] = grams

    def query(self, grams: frozenset[bytes], signature: Any) -> list[tuple[int, float]]:
        found = []
        for key in self._lsh.query(signature):
            other = self._grams[key]
            similarity = len(grams & other) / len(grams | other)
            if similarity >= self._threshold:
                found.append((key, similarity))
        return sorted(found)
