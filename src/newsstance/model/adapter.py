"""A fine-tuned model as a LoRA adapter: what it changed in the encoder, cut to a low rank, with its head.

The adapter is in the format of peft (https://huggingface.co/docs/peft): ``adapter_config.json`` and
``adapter_model.safetensors``, loadable by `peft.PeftModel.from_pretrained` over the encoder. The changes are found by
training the matrices themselves and taking the truncated singular value decomposition of the difference, the best
approximation of that rank (Eckart and Young, 1936); ``docs/model.md`` compares it with training the factors. Each
matrix has a rank of its own: the factors that change most for their size are kept, wherever they are.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.typed import to_plain
from newsstance.errors import InputError
from newsstance.model.encoder import encoder_layers, load_encoder
from newsstance.model.metadata import ModelMetadata

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from newsstance.configuration.groups import EncoderConfig

LOG = logging.getLogger(__name__)

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."

Matrices = dict[str, "torch.Tensor"]
"""Name of a linear layer of the encoder's blocks → a copy of its weight."""


def block_matrices(model: PreTrainedModel) -> Matrices:
    """Copies of the weights of all linear layers in the transformer blocks of ``model``."""
    return {name: layer.weight.detach().clone() for name, layer in _block_linears(model).items()}


def cut_to_rank(model: PreTrainedModel, before: Matrices, rank: int) -> float:
    """Replace what changed in the block matrices by its best approximation of a mean ``rank``, in place.

    Args:
        model: The fine-tuned model.
        before: Its matrices before training, from `block_matrices`.
        rank: Mean rank that is kept, of the matrices that have changed.

    Returns:
        The share of the changes (squared Frobenius norm over all matrices) that is kept.
    """
    import torch

    layers = _block_linears(model)
    changes = _changes(model, before)
    whole = kept = 0.0
    for name, (down, up) in _factors(changes, rank).items():
        low = up @ down
        whole += float(changes[name].square().sum())
        kept += float(low.square().sum())
        with torch.no_grad():
            layers[name].weight.copy_(before[name].to(low.device) + low)
    return kept / whole if whole else 1.0


def save_adapter(
    model: PreTrainedModel,
    before: Matrices,
    folder: Path,
    *,
    rank: int,
    encoder: EncoderConfig,
    metadata: ModelMetadata,
) -> None:
    """Write ``model`` as an adapter of ``rank`` over ``encoder``, in half precision.

    Args:
        model: A model whose block matrices differ from ``before`` by ``rank`` on average (see `cut_to_rank`).
        before: The matrices of the encoder.
        folder: Receives ``adapter_config.json``, ``adapter_model.safetensors`` and ``newsstance.json``.
        rank: Mean rank of the adapter.
        encoder: The encoder.
        metadata: What the model says of itself.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    factors = _factors(_changes(model, before), rank)
    ranks = {name: len(down) for name, (down, _) in factors.items()}
    for name, (down, up) in factors.items():
        tensors[f"{_PREFIX}{name}.lora_A.weight"] = down.half().contiguous()
        tensors[f"{_PREFIX}{name}.lora_B.weight"] = up.half().contiguous()
    heads = _head_modules(model)
    for head in heads:
        for name, value in model.get_submodule(head).state_dict().items():
            tensors[f"{_PREFIX}{head}.{name}"] = value.detach().half().contiguous()
    config = LoraConfig(
        task_type="SEQ_CLS",
        r=rank,
        lora_alpha=rank,  # scale 1: the factors multiply to the change itself
        rank_pattern=ranks,
        alpha_pattern=ranks,
        lora_dropout=0.0,
        target_modules=sorted(ranks),
        modules_to_save=[head.rsplit(".", 1)[-1] for head in heads],
        inference_mode=True,
    )
    config.base_model_name_or_path = encoder.name
    config.revision = encoder.revision
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    config.save_pretrained(str(folder))
    replace(metadata, base_encoder=to_plain(encoder)).save(folder)


def merge_adapter(folder: Path, encoder: EncoderConfig) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The encoder with the adapter in ``folder`` merged into its weights, in single precision.

    Raises:
        InputError: Where the folder holds no adapter for this encoder, or the encoder cannot be loaded.
    """
    from peft import PeftModel

    _check_adapter(folder)
    with _fresh_head_untold():
        model, tokenizer = load_encoder(encoder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of transformers, about what peft asks it for
            merged: Any = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError.at(folder, f"does not fit the encoder {encoder.name}: {reason}") from error
    return merged.float(), tokenizer


@contextmanager
def _fresh_head_untold() -> Iterator[None]:
    """Silence the advice to train a head that the adapter replaces."""
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before)


def _check_adapter(folder: Path) -> None:
    try:
        kind = json.loads((folder / CONFIG_FILE).read_text())["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError.at(folder, f"holds no adapter ({CONFIG_FILE})") from error
    if kind != "LORA" or not (folder / WEIGHTS_FILE).is_file():
        raise InputError.at(folder, f"holds no LoRA adapter as safetensors ({WEIGHTS_FILE})")


def _block_linears(model: PreTrainedModel) -> dict[str, nn.Linear]:
    from torch import nn

    inside = {id(module) for block in encoder_layers(model) for module in block.modules()}
    return {
        name: module for name, module in model.named_modules() if id(module) in inside and isinstance(module, nn.Linear)
    }


def _head_modules(model: PreTrainedModel) -> list[str]:
    """Names of the modules beside the encoder that were trained: the pooler, where there is one, and the classifier."""
    base = model.base_model_prefix
    heads = [name for name, module in model.named_children() if name != base and module.state_dict()]
    pooler = f"{base}.pooler"
    has_pooler = any(name == pooler for name, _ in model.named_modules())
    return [*([pooler] if has_pooler else []), *heads]


def _changes(model: PreTrainedModel, before: Matrices) -> Matrices:
    """What training has changed in each block matrix, but for those that it left as they were."""
    layers = _block_linears(model)
    changes = {name: layer.weight.detach().float() - before[name].to(layer.weight) for name, layer in layers.items()}
    return {name: change for name, change in changes.items() if change.any()}


def _factors(changes: Matrices, rank: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Factors A (r, in) and B (out, r) of each change, whose products B A keep most of all changes together.

    Of all singular values those are kept that are largest for the numbers they cost, in as many numbers as all matrices
    would take at ``rank``; every matrix keeps one.
    """
    parts = {name: _singular_values(change) for name, change in changes.items()}
    ranks = _deal_ranks({name: (values, sum(changes[name].shape)) for name, (_, values, _) in parts.items()}, rank)
    factors = {}
    for name, (left, values, right) in parts.items():
        kept = ranks[name]
        roots = values[:kept].sqrt()
        factors[name] = (roots[:, None] * right[:kept], left[:, :kept] * roots)
    return factors


def _singular_values(change: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The thin singular value decomposition: U (out, k), the k singular values in falling order, V' (k, in).

    By the eigenvectors of the product of ``change`` with itself, which a GPU finds fast. The product is taken in double
    precision; only values far too small to be kept suffer.
    """
    import torch

    wide = change.shape[0] <= change.shape[1]
    short = (change if wide else change.T).double()
    squares, vectors = torch.linalg.eigh(short @ short.T)
    values = squares.flip(0).clamp(min=0).sqrt()
    vectors = vectors.flip(1)
    others = (vectors.T @ short) / values.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    left, right = (vectors, others) if wide else (others.T, vectors.T)
    return left.to(change.dtype), values.to(change.dtype), right.to(change.dtype)


def _deal_ranks(values: dict[str, tuple[torch.Tensor, int]], rank: int) -> dict[str, int]:
    """The rank of each matrix, from its singular values in falling order and what one of them costs."""
    left = sum(cost * (min(rank, len(of_one)) - 1) for of_one, cost in values.values())
    ranks = dict.fromkeys(values, 1)
    gains = [(gain / cost, name) for name, (of_one, cost) in values.items() for gain in of_one[1:].square().tolist()]
    for _, name in sorted(gains, reverse=True):
        cost = values[name][1]
        if cost > left:
            break
        ranks[name] += 1
        left -= cost
    return ranks
