"""Compute the last layer for the first token alone, the only one that the classification head reads.

The logits stay the same but for rounding, and a model of six layers costs about a sixth less, in training as in
inference: what is left of the last layer hardly grows with the sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from newsstance.model.encoder import encoder_layers

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

_FAMILIES = ("bert", "camembert", "roberta", "xlm-roberta")
"""Model types whose layers are built like BERT's, and whose classification head reads the first token."""

_ATTENTION = ("eager", "sdpa")
"""Attention implementations whose mask, where there is one, has the shape (batch, 1, queries, keys)."""


@contextlib.contextmanager
def last_layer_for_first_token(model: PreTrainedModel) -> Iterator[None]:
    """Inside, ``model`` computes its last layer for the first token alone; its logits stay as they are.

    The last hidden state then has the shape (batch, 1, hidden). Models of other families than BERT's, and
    decoders, are left as they are.
    """
    layers = encoder_layers(model)
    config = model.config
    if (
        not layers
        or config.model_type not in _FAMILIES
        or getattr(config, "_attn_implementation", None) not in _ATTENTION
        or getattr(config, "is_decoder", False)
    ):
        yield
        return
    last = layers[-1]
    last.forward = _forward_for_first_token(last)
    try:
        yield
    finally:
        last.__dict__.pop("forward", None)  # the class's own again; another thread may have been here before


def _forward_for_first_token(layer: nn.Module) -> Callable[..., torch.Tensor]:
    """What takes the place of ``BertLayer.forward``."""
    block: Any = layer

    def forward(hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any) -> Any:
        mask = None if attention_mask is None else attention_mask[:, :, 0]
        attended = _attended_by_first_token(block.attention.self, hidden_states, mask)
        return block.feed_forward_chunk(block.attention.output(attended, hidden_states[:, :1]))

    return forward


def _attended_by_first_token(attention: Any, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """What the first token gathers from all, (batch, 1, hidden), without keys and values of the others.

    With one query the products can be taken in the cheaper order: q (X W)' is (q W') X', and a (X W) is (a X) W.

    Args:
        attention: A ``BertSelfAttention``.
        states: Hidden states X, (batch, tokens, hidden).
        mask: (batch, 1, tokens), true where a token may be attended to, or numbers to be added to the scores.
    """
    import torch
    from torch.nn.functional import dropout

    by_head = (-1, attention.attention_head_size)
    query = attention.query(states[:, 0]).unflatten(-1, by_head)
    key, value = (projection.weight.unflatten(0, by_head) for projection in (attention.key, attention.value))
    key_bias, value_bias = (projection.bias.view(by_head) for projection in (attention.key, attention.value))

    scores = torch.einsum("bhe,hed->bhd", query, key) @ states.transpose(1, 2)
    scores = (scores + (query * key_bias).sum(-1, keepdim=True)) * attention.scaling
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    shares = dropout(scores.softmax(-1), attention.dropout.p, attention.training)

    gathered = torch.einsum("bhd,hed->bhe", shares @ states, value) + shares.sum(-1, keepdim=True) * value_bias
    return gathered.flatten(1).unsqueeze(1)
