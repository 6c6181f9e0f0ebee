"""Similar words, by the word embeddings of an encoder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from newsstance.configuration.groups import EncoderConfig

_WORD = re.compile(r"[a-z]{3,}")
_LEAST = 3
"""Words that occur less often are left out."""


class WordNeighbours:
    """The words most similar to a word, among those that occur in a body of text and are one token of an encoder.

    Args:
        texts: The body of text.
        encoder: Whose word embeddings are compared, by cosine.
        count: Neighbours of a word.

    Raises:
        InputError: Where there is no such encoder.
    """

    def __init__(self, texts: Iterable[str], encoder: EncoderConfig, count: int = 12) -> None:
        import torch

        from newsstance.model.encoder import load_encoder

        model, tokenizer = load_encoder(encoder)
        counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
        frequent = sorted(word for word, times in counts.items() if times >= _LEAST)
        tokens = tokenizer(frequent, add_special_tokens=False)["input_ids"] if frequent else []
        single = [(word, ids[0]) for word, ids in zip(frequent, tokens, strict=True) if len(ids) == 1]
        self._words = [word for word, _ in single]
        self._index = {word: index for index, word in enumerate(self._words)}
        embeddings: torch.Tensor = model.get_input_embeddings().weight.detach()  # type: ignore[operator]
        self._vectors = torch.nn.functional.normalize(embeddings[[token for _, token in single]], dim=1)
        self._count = count
        self._found: dict[str, list[str]] = {}

    def __call__(self, word: str) -> list[str]:
        """The neighbours of a lower-case word, nearest first; none for a word that is not known."""
        if word not in self._index:
            return []
        if word not in self._found:
            own = self._index[word]
            nearest = (self._vectors @ self._vectors[own]).topk(min(self._count + 1, len(self._words))).indices.tolist()
            self._found[word] = [self._words[index] for index in nearest if index != own][: self._count]
        return self._found[word]
