"""Sentence embeddings of a frozen encoder, computed once a run whoever asks for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from newsstance.configuration.groups import EncoderConfig
from newsstance.errors import InputError


class Embedder:
    """Embeds sentences with a frozen encoder and remembers them, so that baseline and neighbours pay once.

    Args:
        encoder: The encoder.
    """

    def __init__(self, encoder: EncoderConfig) -> None:
        self.encoder = encoder
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The mean token vector of each text, scaled to length 1. *Shape:* ``(texts, hidden size)``.

        Raises:
            InputError: Where there is no such encoder.
        """
        unknown = [text for text in dict.fromkeys(texts) if text not in self._known]
        if unknown:
            self._known |= zip(unknown, self._embed(unknown), strict=True)
        return np.stack([self._known[text] for text in texts]) if texts else np.zeros((0, 0), dtype=np.float32)

    def _embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        from newsstance.corpus.embedding import embed
        from newsstance.model.encoder import locate_encoder
        from newsstance.model.processor import use_all_cores

        use_all_cores()
        try:
            return embed(texts, locate_encoder(self.encoder), self.encoder.max_tokens, revision=self.encoder.revision)
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"evaluation.embedder={self.encoder.name}: cannot be loaded: {reason}") from error
