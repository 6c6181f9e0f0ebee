"""Mean-pooled sentence embeddings of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def embed(
    texts: Sequence[str], encoder: str, max_tokens: int = 128, batch_size: int = 64, revision: str | None = None
) -> NDArray[np.float32]:
    """Embed each text as the mean of its token vectors, scaled to length 1.

    Args:
        texts: The sentences.
        encoder: Folder or hub id of the encoder.
        max_tokens: Longer texts are cut.
        batch_size: Sentences at a time; those of similar length go together.
        revision: Branch, tag or commit of the encoder on the hub.

    Returns:
        Array of shape (texts, hidden size).
    """
    import numpy as np
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(encoder, revision=revision)
    model = AutoModel.from_pretrained(encoder, revision=revision, use_safetensors=True, dtype=torch.float32).eval()
    order = sorted(range(len(texts)), key=lambda position: len(texts[position]))
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for begin in range(0, len(order), batch_size):
        positions = order[begin : begin + batch_size]
        batch = [texts[position] for position in positions]
        inputs = tokenizer(batch, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"].unsqueeze(-1)
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        vectors[positions] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
    return vectors
