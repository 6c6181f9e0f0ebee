"""Train the first pass on the model's own scores; no labels are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from newsstance.errors import InputError
from newsstance.inference.exported_backend import ExportedClassifier
from newsstance.inference.first_pass import WIDTHS, FirstPass

if TYPE_CHECKING:
    import torch

SKIPPED_SCORE = 0.02
MARGIN = 0.02
"""A skipped sentence gets `SKIPPED_SCORE`, which is off by at most `MARGIN` where the model gives 0 to 0.04."""

MAX_LOST = 0.005
"""Share of the sentences with a label that may be skipped."""

FEWEST_LABELLED = 100
"""Sentences with a label that it takes to set the threshold."""

_WIDTH, _FILTERS, _HIDDEN, _BATCH = 64, 128, 64, 64
_SENTENCES_SEEN, _EPOCHS = 120_000, (3, 8)


def train_first_pass(
    sentences: Sequence[str], classifier: ExportedClassifier, word_embeddings: torch.Tensor, seed: int
) -> FirstPass:
    """Learn the model's highest score of a sentence, and skip as many sentences as loses `MAX_LOST` of the labelled.

    Of the sentences, 70% are learned from, 15% set the threshold and 15% give the figures.

    Args:
        sentences: As many as there are, alike to those that will be predicted on; repetitions count once.
        classifier: The model; its scores are what is learned.
        word_embeddings: Those of the model, shape (vocabulary, width); the network's embeddings start from them.
        seed: Of the split and of the network.

    Returns:
        The first pass, with its figures on held-out sentences.

    Raises:
        InputError: Where the model finds a label in too few of the sentences to set a threshold by.
    """
    distinct = list(dict.fromkeys(sentences))
    ids = classifier.token_ids(distinct)
    kept = [row for row in range(len(ids)) if len(ids[row])]
    distinct, ids = [distinct[row] for row in kept], [ids[row] for row in kept]
    scores = np.concatenate([classifier.predict_proba(distinct[i : i + 2048]) for i in range(0, len(distinct), 2048)])
    order = np.random.default_rng(seed).permutation(len(distinct))
    learned, rest = np.split(order, [int(0.7 * len(order))])
    judged, measured = np.split(rest, 2) if len(rest) % 2 == 0 else np.split(rest[1:], 2)
    labelled = scores.max(axis=1) >= 0.5
    if labelled[judged].sum() < FEWEST_LABELLED:
        found = f"the model finds a label in {labelled.sum()} of {len(distinct)} sentences"
        raise InputError(
            f"first_pass=true: {found}, of which it takes about {FEWEST_LABELLED * 7} (add articles with input=FOLDER)"
        )
    weights = _train([ids[i] for i in learned], scores[learned].max(axis=1), word_embeddings, seed)
    network = FirstPass(weights, float("-inf"), SKIPPED_SCORE, classifier.key)
    forecast = np.concatenate([network.forecast([ids[i]]) for i in judged])
    threshold = float(np.quantile(forecast[labelled[judged]], MAX_LOST, method="lower"))
    first_pass = replace(network, threshold=threshold)
    return replace(first_pass, figures=_figures(first_pass.skips([ids[i] for i in measured]), scores[measured]))


def _train(
    ids: Sequence[Sequence[int]], highest: np.ndarray, word_embeddings: torch.Tensor, seed: int
) -> dict[str, np.ndarray]:
    import torch

    clipped = np.clip(highest, 1e-3, 1 - 1e-3)
    targets = torch.tensor(np.log(clipped / (1 - clipped)), dtype=torch.float32)
    epochs = int(np.clip(_SENTENCES_SEEN // max(1, len(ids)), *_EPOCHS))
    random = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(word_embeddings)
        optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-3, weight_decay=0.05)
        for _ in range(epochs):
            for rows, batch, mask in _batches(ids, random):
                loss = torch.nn.functional.mse_loss(network(batch, mask), targets[rows])
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                optimizer.zero_grad()
    return network.to_arrays()  # type: ignore[no-any-return]


def _batches(
    ids: Sequence[Sequence[int]], random: np.random.Generator
) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Sentences of about the same length together, in an order that differs from epoch to epoch."""
    import torch

    lengths = np.array([len(one) for one in ids])
    order = np.argsort(lengths + random.uniform(0, 6, len(ids)))
    batches = [order[i : i + _BATCH] for i in range(0, len(order), _BATCH)]
    random.shuffle(batches)
    for rows in batches:
        batch = torch.zeros((len(rows), int(lengths[rows].max())), dtype=torch.long)
        for n, row in enumerate(rows):
            batch[n, : lengths[row]] = torch.tensor(ids[row])
        yield rows, batch, torch.arange(batch.shape[1])[None] < torch.tensor(lengths[rows])[:, None]


def _network(word_embeddings: torch.Tensor) -> Any:
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            scaled = word_embeddings.detach().float()
            self.words = nn.Embedding.from_pretrained(scaled / scaled.std())  # type: ignore[no-untyped-call]
            self.narrow = nn.Linear(scaled.shape[1], _WIDTH)
            self.filters = nn.ModuleList(nn.Conv1d(_WIDTH, _FILTERS, width, padding=width // 2) for width in WIDTHS)
            self.hidden: nn.Linear = nn.Linear(_FILTERS * len(WIDTHS), _HIDDEN)
            self.output = nn.Linear(_HIDDEN, 1)
            self.dropout = nn.Dropout(0.3)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            inside = mask[:, None]
            words = self.narrow(self.words(ids)).transpose(1, 2) * inside
            pooled = [(torch.relu(filters(words)) * inside).amax(dim=2) for filters in self.filters]
            hidden = torch.relu(self.hidden(self.dropout(torch.cat(pooled, dim=1))))
            forecast: torch.Tensor = self.output(self.dropout(hidden))[:, 0]
            return forecast

        @torch.no_grad()
        def to_arrays(self) -> dict[str, np.ndarray]:
            arrays = {"embedding": self.narrow(self.words.weight)}
            for width, convolution in zip(WIDTHS, self.filters, strict=True):
                weight, bias = convolution.parameters()  # weight: (filters, width of an embedding, tokens)
                arrays[f"filters.{width}.weight"] = weight.permute(2, 1, 0).reshape(width * _WIDTH, _FILTERS)
                arrays[f"filters.{width}.bias"] = bias
            for name in ("hidden", "output"):
                arrays |= {f"{name}.weight": getattr(self, name).weight.T, f"{name}.bias": getattr(self, name).bias}
            return {name: np.ascontiguousarray(array.numpy()) for name, array in arrays.items()}

    return Network().train()


def _figures(skipped: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    labelled = scores.max(axis=1) >= 0.5
    off = np.abs(scores[skipped] - SKIPPED_SCORE).max(axis=1) if skipped.any() else np.zeros(1)
    return {
        "sentences": len(scores),
        "skipped": float(skipped.mean()),
        "lost": float((skipped & labelled).sum() / max(1, labelled.sum())),
        "off_by_more_than_margin": float((off > MARGIN + 1e-6).sum() / len(scores)),
        "largest_score_difference": float(off.max()),
    }
