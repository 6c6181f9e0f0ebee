"""The order of training: sentences of like length together, so that little is spent on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler


def sentences_an_epoch(always: Sequence[bool] | np.ndarray, others_share: float) -> int:
    """Sentences that an epoch draws: those that ``always`` marks, and a share of the others."""
    kept = int(np.asarray(always, dtype=bool).sum())
    return kept + round(others_share * (len(always) - kept))


def steps_an_epoch(sentences: int, batch_size: int, processes: int = 1) -> int:
    """Batches that `LengthGroupedBatches` makes of so many sentences."""
    full, rest = divmod(sentences, batch_size)
    return full + (rest >= processes)


class LengthGroupedBatches(Sampler[list[int]]):
    """Batches in random order, each of sentences of similar length.

    The order depends on seed and epoch alone, so that a resumed run sees the same batches as an undisturbed one
    (the sampler of `transformers` draws from the global generator and does not). Where several processes train, each
    gets its share of every batch: a step sees the same sentences as in one process, and an epoch sees none twice (the
    wrapper of `accelerate` would fill the last batch up with sentences of the first).

    Attributes:
        lengths: Tokens of each sentence.
        always: Which sentences every epoch draws; all, where not given.
        others_share: Share of the others that an epoch draws, another share each time. Four in five sentences of news
            carry no stance, and most of those teach nothing new a second time.
        final: Which sentences the epochs from ``final_from`` on draw, those of ``always`` first, and as many as the
            other epochs do.
        final_from: The first such epoch; None for none.
        batch_size: Sentences a step, of all processes together; a multiple of ``processes``.
        seed: Seed of the order.
        pool_batches: Batches that are drawn and sorted together; more sort better, fewer mix better.
        processes: Processes that train together.
        rank: Which of them this is.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        *,
        always: Sequence[bool] | None = None,
        others_share: float = 1.0,
        final: Sequence[bool] | None = None,
        final_from: int | None = None,
        pool_batches: int = 50,
        processes: int = 1,
        rank: int = 0,
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.always = np.ones(len(lengths), dtype=bool) if always is None else np.asarray(always, dtype=bool)
        self.drawn = sentences_an_epoch(self.always, others_share)
        self.final = np.ones_like(self.always) if final is None else np.asarray(final, dtype=bool)
        self.final_from = final_from
        self.batch_size = batch_size
        self.seed = seed
        self.pool_batches = pool_batches
        self.processes = processes
        self.rank = rank
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return steps_an_epoch(self.drawn, self.batch_size, self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._batches():
            whole = len(batch) - len(batch) % self.processes  # equal shares: gradients are averaged over processes
            if whole:
                yield [int(index) for index in batch[self.rank : whole : self.processes]]

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        """The sentences of this epoch: those of ``always``, then others until it is full, over again where they end."""
        is_final = self.final_from is not None and self.epoch >= self.final_from
        allowed = self.final if is_final else np.ones_like(self.always)
        first, others = np.flatnonzero(self.always & allowed), np.flatnonzero(~self.always & allowed)
        return np.resize(np.concatenate([first, generator.permutation(others)]), self.drawn)

    def _batches(self) -> list[np.ndarray]:
        """The batches of all processes together, the one short batch last."""
        generator = np.random.default_rng([self.seed, self.epoch])
        shuffled = generator.permutation(self._draw(generator))
        pool_size = self.batch_size * self.pool_batches
        batches: list[np.ndarray] = []
        for start in range(0, len(shuffled), pool_size):
            pool = shuffled[start : start + pool_size]
            pool = pool[np.argsort(self.lengths[pool], kind="stable")]
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        short = [batch for batch in batches if len(batch) < self.batch_size]
        full = [batch for batch in batches if len(batch) == self.batch_size]
        generator.shuffle(full)
        return [*full, *short]
