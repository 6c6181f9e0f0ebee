"""Variants of sentences: changed copies for larger models to score, so that a smaller one learns from what they think.

No label is claimed to follow from a change: what a variant says is up to the larger models, whose scores are its soft
labels. A student so sees its teachers answer where the labelled sentences leave open what decides (as augmentation
does in TinyBERT, Jiao et al. 2020, https://arxiv.org/abs/1909.10351).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

from newsstance.corpus.soft_labels import SOFT_LABELS, text_hash
from newsstance.corpus.variant_edits import STANCE_EDITS, TEXT_EDITS, Edit, SentenceEditor
from newsstance.stances import LabelledSentence

VARIANT = "variant"
"""The extra field of a variant: the edits that made it."""

_LONGEST = 600
"""Characters."""
_SECOND_EDIT = 0.25
"""Chance of a second edit, which need not find anything to change."""


def make_variants(
    sentences: Sequence[LabelledSentence],
    neighbours: Callable[[str], Sequence[str]],
    *,
    avoid: Iterable[str] = (),
    count: int,
    likely_score: float,
    others_share: float,
    seed: int,
) -> list[LabelledSentence]:
    """Variants of sentences, without stances; each keeps the article and the extra fields of its sentence.

    Args:
        sentences: What is changed; sources and clauses that are put in come from them, too.
        neighbours: Lower-case word → similar words, nearest first.
        avoid: Texts beside these sentences' that no variant may equal, such as those that are to measure.
        count: Variants of each sentence that has a stance, or a soft label of at least ``likely_score``; fewer where
            it does not offer as many.
        likely_score: See there.
        others_share: Share of the other sentences that get one variant each.
        seed: Decides the edits: the same sentences in the same order give the same variants.
    """
    likely = [sentence for sentence in sentences if _is_likely(sentence, likely_score)]
    editor = SentenceEditor(likely, neighbours)
    seen = {text_hash(text) for text in (*avoid, *(sentence.text for sentence in sentences))}
    variants: list[LabelledSentence] = []
    for sentence in sentences:
        random = Random(f"{seed} {sentence.text}")
        wanted = count if _is_likely(sentence, likely_score) else int(random.random() < others_share)
        for text, edits in _changed(sentence.text, wanted, editor, random, seen):
            extra = {key: value for key, value in sentence.extra.items() if not key.startswith("_")}
            variants.append(LabelledSentence(sentence.doc, len(variants), text, extra=extra | {VARIANT: edits}))
    return variants


def _is_likely(sentence: LabelledSentence, score: float) -> bool:
    return bool(sentence.stances) or max(sentence.extra.get(SOFT_LABELS, [0.0])) >= score


def _changed(
    text: str, wanted: int, editor: SentenceEditor, random: Random, seen: set[str]
) -> Iterator[tuple[str, str]]:
    """Up to ``wanted`` new texts with the names of their edits: one each of what stances hang on, then the others."""
    plan: list[Edit] = []
    for edits in (STANCE_EDITS, TEXT_EDITS, TEXT_EDITS):
        plan += random.sample(edits, len(edits))
    for first in plan:
        if not wanted:
            return
        names = [first]
        changed = editor.edit(text, first, random)
        if changed is not None and random.random() < _SECOND_EDIT:
            second = random.choice([*STANCE_EDITS, *TEXT_EDITS])
            again = editor.edit(changed, second, random)
            changed, names = (again, [first, second]) if again is not None else (changed, names)
        if changed is None or len(changed) > _LONGEST or text_hash(changed) in seen:
            continue
        seen.add(text_hash(changed))
        wanted -= 1
        yield changed, "+".join(names)
