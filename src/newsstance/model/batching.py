"""Batches for inference: each sentence once, sentences of like length together, under a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

WINDOW_OVERLAP = 16
"""Tokens that neighbouring windows of a too long sentence share."""

PIECE_CHARACTERS, PIECE_OVERLAP = 100_000, 200
CHARACTERS_AT_ONCE = 1_000_000
"""What a tokenizer is given at once. It takes up to 150 bytes a character, 10 GB for a record of 64 MB."""


def unique_sentences(sentences: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Each distinct sentence once, since news repeats itself; a blank one becomes ".", so that it has a token.

    Returns:
        The distinct sentences in order of first occurrence, and for each given sentence its index in them, shape (n,).

    Raises:
        TypeError: Where one is no text, or ``sentences`` is a table or mapping, of which names would be read.
    """
    if isinstance(sentences, Mapping) or getattr(sentences, "ndim", 1) != 1:
        raise TypeError(f"a list of sentences was expected, not a {type(sentences).__name__} (give one column of it)")
    wrong = next((place for place, sentence in enumerate(sentences) if not isinstance(sentence, str)), None)
    if wrong is not None:
        kind = type(list(sentences)[wrong]).__name__
        raise TypeError(f"sentence {wrong} is a {kind}, text was expected")
    places: dict[str, int] = {}
    index = [places.setdefault(s if s.strip() else ".", len(places)) for s in sentences]
    return list(places), np.asarray(index, dtype=np.int64)


def in_pieces(sentences: Sequence[str]) -> Iterator[list[tuple[int, str]]]:
    """Each sentence with its index, as many at a time as a tokenizer takes at once.

    One that is too long for that comes in pieces that overlap, so that no words are lost where they meet.
    """
    gathered: list[tuple[int, str]] = []
    characters = 0
    for row, sentence in enumerate(sentences):
        for start in range(0, max(1, len(sentence)), PIECE_CHARACTERS):  # an empty one is read as such
            piece = sentence[max(0, start - PIECE_OVERLAP) : start + PIECE_CHARACTERS]
            if gathered and characters + len(piece) > CHARACTERS_AT_ONCE:
                yield gathered
                gathered, characters = [], 0
            gathered.append((row, piece))
            characters += len(piece)
    if gathered:
        yield gathered


def pack_by_length(lengths: Sequence[int] | np.ndarray, max_tokens: int) -> Iterator[np.ndarray]:
    """Cut the items, sorted by length, into batches that hold at most ``max_tokens`` tokens, padding included.

    Longest first, so that memory peaks at the start and not in the last hour.

    Args:
        lengths: Tokens of each item.
        max_tokens: Budget of a batch; an item that is longer on its own gets a batch of its own.

    Yields:
        Indices of the items of one batch, shape (batch,).
    """
    order = np.argsort(np.asarray(lengths), kind="stable")[::-1]
    start = 0
    while start < len(order):
        size = max(1, max_tokens // max(1, int(lengths[order[start]])))
        yield order[start : start + size]
        start += size


def padded(windows: Sequence[Sequence[int]], length: int = 0) -> dict[str, np.ndarray]:
    """Token ids as the inputs of an exported model, each of shape (batch, longest), int64, padded with zeros.

    Args:
        windows: Token ids of each row.
        length: Least number of tokens.
    """
    shape = (len(windows), max(length, *map(len, windows)))
    inputs = {name: np.zeros(shape, dtype=np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    for row, ids in enumerate(windows):
        inputs["input_ids"][row, : len(ids)] = ids
        inputs["attention_mask"][row, : len(ids)] = 1
    return inputs
