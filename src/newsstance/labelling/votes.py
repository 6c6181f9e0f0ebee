"""Who labels what: coverage, overlaps, conflicts and precision of several labellers on the same sentences.

The columns are those of Snorkel's ``LFAnalysis`` (Ratner et al., 2017, https://arxiv.org/abs/1711.10160), carried over
to sentences that may bear several labels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from newsstance.labelling.rules import RuleLabeller
from newsstance.stances import LABELS, Label

if TYPE_CHECKING:
    import pandas as pd

Votes = Mapping[str, Sequence[Collection[Label]]]
"""Labeller → the labels it gives each sentence; empty where it abstains."""

_BIT = {label: 1 << place for place, label in enumerate(LABELS)}


def votes_table(votes: Votes, gold: Sequence[Collection[Label]] | None = None) -> pd.DataFrame:
    """Summarise the votes of labellers.

    A labeller votes on a sentence where it gives it a label, else it abstains. Two labellers conflict on a sentence
    where both vote and share no label.

    Args:
        votes: The labels that each labeller gives each sentence; all of the same length.
        gold: The right labels of each sentence, where they are known.

    Returns:
        One row a labeller, in the order of ``votes``, with the columns ``labels`` (those it ever gives), ``votes``
        (sentences it votes on), ``coverage``, ``overlaps`` and ``conflicts`` (shares of all sentences), and with
        ``gold`` also ``correct``, ``incorrect`` (labels given) and ``precision`` (NaN without votes).

    Raises:
        ValueError: Where the lengths differ or there are no sentences.
    """
    import pandas as pd

    lengths = {len(given) for given in votes.values()} | ({len(gold)} if gold is not None else set())
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"votes (and gold) must be of one length above 0, found {sorted(lengths)}")
    masks = np.array([_masks(given) for given in votes.values()], dtype=np.uint8)
    right = None if gold is None else _masks(gold)
    rows = [_summary(masks, number, right) for number in range(len(masks))]
    return pd.DataFrame(rows, index=pd.Index(list(votes), name="labeller"))


def rule_votes(labeller: RuleLabeller, sentences: Sequence[str]) -> dict[str, list[set[Label]]]:
    """The votes of each rule of ``labeller`` by itself; blocked cues and rules that never give a label are left out."""
    votes: dict[str, list[set[Label]]] = {
        rule.name: [set() for _ in sentences]
        for rule in labeller.rule_file.rules
        if {rule.label, rule.if_party, rule.if_third_party} != {None}
    }
    for number, sentence in enumerate(sentences):
        for match in labeller.explain(sentence):
            if match.label is not None and not match.blocked:
                votes[match.rule][number].add(match.label)
    return votes


def _masks(labels: Iterable[Collection[Label]]) -> np.ndarray:
    """Labels of each sentence as bits, shape (sentences,)."""
    return np.array([sum(_BIT[label] for label in set(given)) for given in labels], dtype=np.uint8)


def _summary(masks: np.ndarray, number: int, right: np.ndarray | None) -> dict[str, object]:
    size = masks.shape[1]
    voted = np.flatnonzero(masks[number])
    own = masks[number, voted]
    others = np.delete(masks, number, axis=0)[:, voted]
    row: dict[str, object] = {
        "labels": ", ".join(label for label in LABELS if np.any(own & _BIT[label])),
        "votes": len(voted),
        "coverage": len(voted) / size,
        "overlaps": int(np.any(others > 0, axis=0).sum()) / size,
        "conflicts": int(np.any((others > 0) & ((others & own) == 0), axis=0).sum()) / size,
    }
    if right is not None:
        given = int(np.bitwise_count(own).sum())
        correct = int(np.bitwise_count(own & right[voted]).sum())
        row |= {
            "correct": correct,
            "incorrect": given - correct,
            "precision": correct / given if given else float("nan"),
        }
    return row
