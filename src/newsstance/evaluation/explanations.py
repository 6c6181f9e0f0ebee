"""Why a chosen sentence got its scores: which of the measured sentences is meant, and what each word adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from newsstance.errors import InputError
from newsstance.evaluation.attributions import WordAttribution, attribute_words
from newsstance.stances import LABELS, Label, LabelledSentence

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier

_PLACE = re.compile(r"\S+:\d+")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sentence that the user asks about.

    Attributes:
        text: The sentence.
        place: ``DOC:I`` of a measured sentence; "" for a text of the user's.
        gold: Its gold labels; None for a text of the user's.
    """

    text: str
    place: str = ""
    gold: tuple[Label, ...] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What speaks for and against each label in one sentence.

    Attributes:
        text: The sentence.
        place: ``DOC:I`` of a measured sentence; "" for a text of the user's.
        gold: Its gold labels; None for a text of the user's.
        scores: Label → the model's score.
        words: Label → what each word adds to its logit.
    """

    text: str
    place: str
    gold: list[Label] | None
    scores: dict[Label, float]
    words: dict[Label, list[WordAttribution]]


def choose_sentences(wanted: Sequence[str], sentences: Sequence[LabelledSentence]) -> list[Chosen]:
    """The sentences that ``evaluation.attribute`` names.

    Args:
        wanted: ``DOC:I`` of measured sentences, or texts.
        sentences: The measured sentences.

    Raises:
        InputError: On a place that is none of ``sentences``.
    """
    by_place = {f"{sentence.doc}:{sentence.i}": sentence for sentence in sentences} if wanted else {}
    return [_choose(item, by_place) for item in wanted]


def _choose(item: str, by_place: dict[str, LabelledSentence]) -> Chosen:
    sentence = by_place.get(item)
    if sentence is not None:
        return Chosen(sentence.text, item, sentence.labels)
    if _PLACE.fullmatch(item):
        example = next(iter(by_place), "DOC:I")
        raise InputError(f"evaluation.attribute: {item} is none of the measured sentences (they read like {example})")
    return Chosen(item)


def check_attributable(classifier: Any) -> None:
    """Refuse early what attributions cannot be taken of.

    Raises:
        InputError: Where captum is missing, or the model runs on a backend without gradients.
    """
    if find_spec("captum") is None:
        raise InputError("evaluation.attribute needs captum: pip install 'newsstance[explain]'")
    if not hasattr(classifier, "model") or not hasattr(classifier, "tokenizer"):
        raise InputError("evaluation.attribute needs a model with gradients: backend=torch")


def explain(classifier: StanceClassifier, chosen: Sequence[Chosen]) -> Iterator[Explanation]:
    """Attribute the score of every label to the words of each sentence (see `attribute_words`)."""
    for sentence, scores in zip(chosen, classifier.predict_proba([c.text for c in chosen]), strict=True):
        yield Explanation(
            text=sentence.text,
            place=sentence.place,
            gold=None if sentence.gold is None else list(sentence.gold),
            scores=cast("dict[Label, float]", dict(zip(LABELS, scores.tolist(), strict=True))),
            words={label: attribute_words(classifier, sentence.text, label) for label in LABELS},
        )
