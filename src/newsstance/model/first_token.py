"""Compute the last layer for the first token alone, the only one that the classification head reads.

The logits stay the same but for rounding, and a model of six layers costs about a sixth less, in training as in
inference: what is left of the last layer hardly grows with the sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from newsstance.model.encoder import encoder_layers

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

_LAYERS = {"BertLayer", "CamembertLayer", "RobertaLayer", "XLMRobertaLayer"}
"""Layers of one build, in models whose classification head reads the first token."""

_ATTENTION = {"eager", "sdpa"}
"""Attention implementations whose mask, where there is one, has the shape (batch, 1, queries, keys)."""


@contextlib.contextmanager
def last_layer_for_first_token(model: PreTrainedModel) -> Iterator[None]:
    """Inside, ``model`` computes its last layer for the first token alone; its logits stay as they are.

    The last hidden state then has the shape (batch, 1, hidden). Left as they are: models of other families than BERT's,
    decoders, and last layers that an adapter, a quantizer or a hook has changed.
    """
    layers = encoder_layers(model)
    if not layers or not _is_plain(layers[-1], model.config):
        yield
        return
    last = layers[-1]
    whole: Any = type(last)
    # The class and not the layer's ``forward``, which copies of the model on other devices would share.
    last.__class__ = _for_first_token(whole)
    try:
        yield
    finally:
        last.__class__ = whole


def _is_plain(layer: Any, config: Any) -> bool:
    from torch import nn

    return (
        type(layer).__name__ in _LAYERS
        and getattr(config, "_attn_implementation", None) in _ATTENTION
        and not getattr(config, "is_decoder", False)
        and all(type(getattr(layer.attention.self, name)) is nn.Linear for name in ("query", "key", "value"))
        and not any("forward" in vars(module) for module in layer.modules())
    )


@cache
def _for_first_token(whole: type[nn.Module]) -> type[nn.Module]:
    """``whole``, a BERT layer, with another ``forward``."""

    def forward(
        self: Any, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> Any:
        mask = None if attention_mask is None else attention_mask[:, :, 0]
        attended = _attended_by_first_token(self.attention.self, hidden_states, mask)
        return self.feed_forward_chunk(self.attention.output(attended, hidden_states[:, :1]))

    return type(f"{whole.__name__}ForFirstToken", (whole,), {"forward": forward})


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
    attended: torch.Tensor = gathered.flatten(1).unsqueeze(1)
    return attended
