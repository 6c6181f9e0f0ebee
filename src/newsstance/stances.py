"""The records that every stage exchanges: labels, sentences, stances.

Nothing here imports anything of the project: articles, corpus, model, evaluation and inference all build on it.
The meaning of each label is fixed in ``data/CODEBOOK.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Label = Literal["acknowledgement", "denial", "third_party_skepticism"]
"""A stance label. A sentence carries any mix of them, or none."""

LABELS: tuple[Label, ...] = get_args(Label)
"""The labels in the order of every score vector and label matrix of the project."""

NARRATOR = "narrator"
"""The source of a stance that the reporter takes in their own voice."""

SentenceKind = Literal["headline", "body", "subheading", "caption", "link", "credit"]
"""What a sentence is in its article; all kinds are scored, the kind lets users filter."""

SENTENCE_KINDS: tuple[SentenceKind, ...] = get_args(SentenceKind)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an article, with its place in the article's text.

    Attributes:
        doc: Id of the article.
        i: Index of the sentence in the article, from 0.
        start: Offset of the first character in the article's text.
        end: Offset behind the last character, so that ``article.text[start:end] == text``.
        text: The sentence, exactly as it stands in the article.
        kind: What the sentence is in the article.
    """

    doc: str
    i: int
    start: int
    end: int
    text: str
    kind: SentenceKind = "body"

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text):
            raise ValueError(
                f"sentence {self.doc}:{self.i} spans {self.end - self.start} characters, has {len(self.text)}"
            )


@dataclass(frozen=True, slots=True)
class Stance:
    """One stance that a sentence reports.

    Attributes:
        label: Which stance.
        source: Who holds it, copied from the sentence; "" where it names nobody, "narrator" for the reporter.
        cue: The words that carry the stance, copied from the sentence; "" where nothing can be pointed at.
    """

    label: Label
    source: str = ""
    cue: str = ""

    def __post_init__(self) -> None:
        if self.label not in LABELS:
            raise ValueError(f"unknown stance label {self.label!r}: the labels are {', '.join(LABELS)}")


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """A sentence with the stances that somebody (a person, rules, a model) read in it.

    Attributes:
        doc: Id of the article.
        i: Position of the sentence in the article.
        text: The sentence.
        stances: The stances it reports; empty for none.
        context: The sentence before it where the reader saw one, else "".
        extra: Further fields of the record, carried through unchanged.
    """

    doc: str
    i: int
    text: str
    stances: tuple[Stance, ...] = ()
    context: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The distinct labels of the sentence, in the order of `LABELS`."""
        return in_label_order(stance.label for stance in self.stances)

    def to_record(self) -> dict[str, Any]:
        """The JSON record of the corpus files: doc, i, text, stances, then whatever else the sentence carries."""
        stances = [{"label": s.label, "source": s.source, "cue": s.cue} for s in self.stances]
        record: dict[str, Any] = {"doc": self.doc, "i": self.i, "text": self.text, "stances": stances}
        if self.context:
            record["context"] = self.context
        return record | dict(self.extra)


def in_label_order(labels: Iterable[str]) -> tuple[Label, ...]:
    """The distinct ones of ``labels`` that are stance labels, in the order of `LABELS`."""
    present = set(labels)
    return tuple(label for label in LABELS if label in present)


def to_indicators(labels: Iterable[str]) -> list[int]:
    """A 0/1 vector over `LABELS` (length 3)."""
    present = set(labels)
    return [int(label in present) for label in LABELS]


def from_scores(scores: Sequence[float], threshold: float = 0.5) -> tuple[Label, ...]:
    """The labels whose score (one per label, in [0, 1]) reaches ``threshold``."""
    return tuple(label for label, score in zip(LABELS, scores, strict=True) if score >= threshold)
