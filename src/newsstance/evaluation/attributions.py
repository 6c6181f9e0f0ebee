"""Which words of a sentence speak for a label: integrated gradients over the word embeddings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from newsstance.stances import Label

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier

MAX_TOKENS = 256
"""Tokens of a sentence that are attributed; behind them it is cut."""


@dataclass(frozen=True, slots=True)
class WordAttribution:
    """What a word adds to the logit of a label.

    Attributes:
        start: Offset of the word in the sentence.
        end: Offset behind it.
        word: The word.
        value: What it adds; all words together add up to the logit above that of a sentence of padding.
    """

    start: int
    end: int
    word: str
    value: float


def attribute_words(
    classifier: StanceClassifier, sentence: str, label: Label, steps: int = 32
) -> list[WordAttribution]:
    """What each word of ``sentence`` adds to the model's logit of ``label``.

    Integrated gradients (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365) from a sentence of padding tokens,
    summed over the tokens of a word. Sentences are cut at `MAX_TOKENS` tokens, or at the model's longest input.

    Args:
        classifier: The model.
        sentence: The sentence.
        label: The label to explain.
        steps: Points of the path integral; more are more exact and slower.

    Returns:
        The words in their order; a run of punctuation counts as a word.

    Raises:
        ModuleNotFoundError: Where captum is not installed (extra ``explain``).
    """
    from captum.attr import LayerIntegratedGradients

    tokenizer, model = classifier.tokenizer, classifier.model
    longest = min(MAX_TOKENS, int(tokenizer.model_max_length))
    encoded = tokenizer(sentence, return_tensors="pt", return_offsets_mapping=True, truncation=True, max_length=longest)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    inputs = {name: tensor.to(model.device) for name, tensor in encoded.items()}
    ids = inputs.pop("input_ids")
    special = [start == end for start, end in offsets]
    baseline = ids.clone()
    baseline[0, [not is_special for is_special in special]] = tokenizer.pad_token_id or 0
    column = {name: int(index) for index, name in (model.config.id2label or {}).items()}[label]

    def logits(input_ids: Any) -> Any:
        expanded = {name: tensor.expand(input_ids.shape[0], -1) for name, tensor in inputs.items()}
        return model(input_ids=input_ids, **expanded).logits

    gradients = LayerIntegratedGradients(logits, model.get_input_embeddings())
    values = gradients.attribute(ids, baseline, target=column, n_steps=steps, internal_batch_size=8)
    return _per_word(sentence, offsets, values.sum(-1)[0].tolist())


def _per_word(sentence: str, offsets: list[list[int]], values: list[float]) -> list[WordAttribution]:
    """The sums of the tokens' values over words; a token that covers several counts for the one it covers most of."""
    words = list(re.finditer(r"\w+(?:[’'-]\w+)*|[^\w\s]+", sentence))
    sums: dict[int, float] = {}
    for (start, end), value in zip(offsets, values, strict=True):
        covered = [min(end, word.end()) - max(start, word.start()) for word in words]
        if covered and max(covered) > 0:
            best = covered.index(max(covered))
            sums[best] = sums.get(best, 0.0) + value
    return [WordAttribution(words[n].start(), words[n].end(), words[n].group(), sums[n]) for n in sorted(sums)]
