"""Batches for inference: sentences of like length together, under a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

WINDOW_OVERLAP = 16
"""Tokens that neighbouring windows of a too long sentence share."""


def pack_by_length(lengths: Sequence[int], max_tokens: int) -> Iterator[np.ndarray]:
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
        size = max(1, max_tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
