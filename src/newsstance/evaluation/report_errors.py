"""The rows of the report's error table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from newsstance.stances import LABELS

if TYPE_CHECKING:
    from newsstance.evaluation.explanations import Explanation

KIND_NAMES = {"missed": "missed", "false_alarm": "false alarm", "confused": "confused", "unsure_hit": "unsure hit"}
"""Kind of row → its name."""

MAX_ROWS = 400
"""Rows of each kind of list that are put into the page."""


def error_rows(analysis: dict[str, Any]) -> list[dict[str, Any]]:
    """Confident errors, then unsure hits: what the table shows and what its filters look at."""
    rows = [_row(record, record["kind"]) for record in analysis["confident_errors"][:MAX_ROWS]]
    return rows + [_row(record, "unsure_hit") for record in analysis["unsure_hits"][:MAX_ROWS]]


def explanation_rows(explanations: Sequence[Explanation]) -> list[dict[str, Any]]:
    """Sentences that the user asked about: label → score and pieces of the text by strength of their attribution."""
    rows = []
    for one in explanations:
        marked = {label: _marked(one.text, [asdict(word) for word in words]) for label, words in one.words.items()}
        rows.append({"explanation": one, "marked": marked})
    return rows


def _row(record: dict[str, Any], kind: str) -> dict[str, Any]:
    involved = set(record.get("wrong") or record["labels"])
    return {
        **record,
        "kind": kind,
        "kind_name": KIND_NAMES[kind],
        "involved": [label for label in LABELS if label in involved],
        "neighbours": record.get("neighbours", []),
        "marked": {label: _marked(record["text"], words) for label, words in record.get("attributions", {}).items()},
    }


def _marked(text: str, words: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """Pieces of ``text`` with the strength of their attribution, from -4 (against the label) to 4 (for it)."""
    most = max((abs(word["value"]) for word in words), default=0.0) or 1.0
    pieces: list[tuple[str, int]] = []
    at = 0
    for word in words:
        pieces.append((text[at : word["start"]], 0))
        pieces.append((text[word["start"] : word["end"]], round(4 * word["value"] / most)))
        at = word["end"]
    return [piece for piece in [*pieces, (text[at:], 0)] if piece[0]]
