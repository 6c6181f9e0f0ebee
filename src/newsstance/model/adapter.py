"""A fine-tuned model as a LoRA adapter: what it changed in the encoder, cut to a low rank, with its head.

The adapter is in the format of peft (https://huggingface.co/docs/peft): ``adapter_config.json`` and
``adapter_model.safetensors``, loadable by `peft.PeftModel.from_pretrained` over the encoder. The changes are found by
training the matrices themselves and taking the truncated singular value decomposition of the difference, the best
approximation of that rank (Eckart and Young, 1936); ``docs/model.md`` compares it with training the factors.
"""

from __future__ import annotations

import json
import logging
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
    """Replace the change of each block matrix since ``before`` by its best approximation of ``rank``, in place.

    Args:
        model: The fine-tuned model.
        before: Its matrices before training, from `block_matrices`.
        rank: Rank that is kept.

    Returns:
        The share of the changes (squared Frobenius norm over all matrices) that is kept.
    """
    import torch

    whole = kept = 0.0
    for name, layer in _block_linears(model).items():
        old = before[name].to(layer.weight.device)
        change = layer.weight.detach() - old
        if not change.any():
            continue  # a frozen layer
        down, up = _factors(change, rank)
        low = up @ down
        with torch.no_grad():
            layer.weight.copy_(old + low)
        whole += float(change.square().sum())
        kept += float(low.square().sum())
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
        model: A model whose block matrices differ from ``before`` by at most ``rank`` (see `cut_to_rank`).
        before: The matrices of the encoder.
        folder: Receives ``adapter_config.json``, ``adapter_model.safetensors`` and ``newsstance.json``.
        rank: Rank of the adapter.
        encoder: The encoder.
        metadata: What the model says of itself.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    changes = {name: layer.weight.detach().cpu() - before[name].cpu() for name, layer in _block_linears(model).items()}
    changes = {name: change for name, change in changes.items() if change.any()}  # frozen layers have none
    for name, change in changes.items():
        down, up = _factors(change, rank)
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
        lora_dropout=0.0,
        target_modules=sorted(changes),
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


def _factors(change: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors A (rank, in) and B (out, rank) whose product B A is the best approximation of ``change``."""
    import torch

    left, values, right = torch.linalg.svd(change.float(), full_matrices=False)
    roots = values[:rank].sqrt()
    return roots[:, None] * right[:rank], left[:, :rank] * roots
