"""The order of training: sentences of like length together, so that little is spent on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


class LengthGroupedSampler(Sampler[int]):
    """Indices in random order such that each batch holds sentences of similar length.

    The order depends on seed and epoch alone, so that a resumed run sees the same batches as an undisturbed one
    (the sampler of `transformers` draws from the global generator and does not).

    Attributes:
        lengths: Tokens of each sentence.
        labelled: Whether each sentence carries a label.
        unlabelled_share: Share of the sentences without a label that an epoch draws, others each epoch. Four in five
            sentences of news carry none, and most of those teach nothing new a second time.
        batch_size: Sentences a batch.
        seed: Seed of the order.
        pool_batches: Batches that are drawn and sorted together; more sort better, fewer mix better.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        *,
        labelled: Sequence[bool] | None = None,
        unlabelled_share: float = 1.0,
        pool_batches: int = 50,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.labelled = np.ones(len(lengths), dtype=bool) if labelled is None else np.asarray(labelled, dtype=bool)
        self.unlabelled_drawn = round(unlabelled_share * int((~self.labelled).sum()))
        self.batch_size = batch_size
        self.seed = seed
        self.pool_batches = pool_batches
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return int(self.labelled.sum()) + self.unlabelled_drawn

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        unlabelled = generator.permutation(np.flatnonzero(~self.labelled))[: self.unlabelled_drawn]
        shuffled = generator.permutation(np.concatenate([np.flatnonzero(self.labelled), unlabelled]))
        pool_size = self.batch_size * self.pool_batches
        batches: list[np.ndarray] = []
        for start in range(0, len(shuffled), pool_size):
            pool = shuffled[start : start + pool_size]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        # The one short batch, if any, must come last: the loader cuts the stream of indices into equal batches.
        short = [batch for batch in batches if len(batch) < self.batch_size]
        full = [batch for batch in batches if len(batch) == self.batch_size]
        generator.shuffle(full)
        for batch in [*full, *short]:
            yield from (int(index) for index in batch)
