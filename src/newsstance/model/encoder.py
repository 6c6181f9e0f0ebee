"""Find and load the pretrained encoder that is fine-tuned."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.groups import EncoderConfig
from newsstance.errors import InputError
from newsstance.model.location import SHIPPED, find_model
from newsstance.stances import LABELS

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


_ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""What the model families call the dropout of attention weights."""

_FEWEST_TOKENS = 2
"""Besides special ones: where its files are missing, `transformers` makes a tokenizer that knows these alone."""

_HIDDEN_DROPOUTS = (
    "hidden_dropout_prob",
    "dropout",
    "embedding_dropout",
    "mlp_dropout",
    "pooler_dropout",
    "classifier_dropout",
    "classifier_dropout_prob",
    "seq_classif_dropout",
    "cls_dropout",
)
"""What the model families call the dropout of hidden states, and of what the head reads."""


def locate_encoder(config: EncoderConfig) -> str:
    """The folder or hub id to load.

    That is the shipped model's folder for ``shipped``, the files inside ``config.package`` where it is installed, else
    ``config.name``.
    """
    if config.name == SHIPPED:
        return find_model(SHIPPED)
    spec = importlib.util.find_spec(config.package) if config.package else None
    for place in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(place).glob("**/model.safetensors")):
            return str(found.parent)
    return config.name


def load_encoder(
    config: EncoderConfig, attention_dropout: float = 0.0, hidden_dropout: float | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the encoder and its tokenizer.

    The classification head (one logit per label of `LABELS`) is fresh, unless the encoder is a classifier with as many
    outputs already, such as ``encoder=shipped``, whose head is kept.

    Args:
        config: The encoder.
        attention_dropout: Dropout of the attention weights in training.
        hidden_dropout: Dropout of the hidden states in training; None for what the encoder's own config says.

    Raises:
        InputError: Where there is no such encoder, or it does not come as safetensors.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    location = locate_encoder(config)
    options: dict[str, Any] = {"revision": config.revision, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(location, **options)
        model_config = AutoConfig.from_pretrained(
            location,
            num_labels=len(LABELS),
            id2label=dict(enumerate(LABELS)),
            label2id={label: index for index, label in enumerate(LABELS)},
            problem_type="multi_label_classification",
            **options,
        )
        names = [name for name in (*_ATTENTION_DROPOUTS, *_HIDDEN_DROPOUTS) if hasattr(model_config, name)]
        before = {name: getattr(model_config, name) for name in names}
        for name in names:
            share = attention_dropout if name in _ATTENTION_DROPOUTS else hidden_dropout
            if share is not None:
                setattr(model_config, name, share)
        model = AutoModelForSequenceClassification.from_pretrained(
            location,
            config=model_config,
            dtype=torch.float32,  # half precision would round away what small steps add
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            **options,
        )
    except (OSError, ValueError, KeyError, AttributeError, ImportError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "give a folder with config.json and model.safetensors, or a hub id where there is a network"
        raise InputError(f"encoder={config.name}: cannot be loaded: {reason} ({remedy})") from error
    if len(tokenizer) - len(set(tokenizer.all_special_ids)) < _FEWEST_TOKENS:
        raise InputError(f"encoder={config.name}: has no tokenizer: give a folder that holds tokenizer.json, too")
    for name, share in before.items():  # of this training alone: who fine-tunes the model again finds the encoder's own
        setattr(model.config, name, share)
    tokenizer.model_max_length = min(config.max_tokens, longest_input(model))
    return model, tokenizer


def longest_input(model: PreTrainedModel) -> int:
    """Positions that the encoder has embeddings for; fewer where position ids start behind the padding id (RoBERTa)."""
    positions = getattr(model.config, "max_position_embeddings", None) or 512
    positions = 512 if positions < 0 else positions  # XLNet says -1: any
    offset = 2 if model.config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"} else 0
    return int(positions) - offset


def encoder_layers(model: PreTrainedModel) -> list[nn.Module]:
    """The transformer blocks of ``model``, lowest first."""
    from torch import nn

    depth = getattr(model.config, "num_hidden_layers", None) or getattr(model.config, "n_layers", None)
    for module in model.base_model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return list(module)
    return []


def freeze(model: PreTrainedModel, *, embeddings: bool, layers: int) -> None:
    """Exclude the embeddings and the lowest ``layers`` blocks from training.

    Raises:
        InputError: Where the encoder has fewer blocks.
    """
    from torch import nn

    blocks = encoder_layers(model)
    if layers > len(blocks):
        raise InputError(f"trainer.freeze_layers={layers}: the encoder has {len(blocks)} layers")
    frozen = list(blocks[:layers])
    if embeddings:
        frozen.append(getattr(model.base_model, "embeddings", None) or model.get_input_embeddings())
    for module in frozen:
        module.requires_grad_(False)
        # Dropout of a part that does not learn only costs: drawing the masks takes a seventh of a step on a CPU.
        for dropout in module.modules():
            if isinstance(dropout, nn.Dropout):
                dropout.p = 0.0


def freeze_all_but_matrices(model: PreTrainedModel) -> None:
    """Exclude the biases and norms of the transformer blocks from training: a LoRA adapter does not hold them."""
    for block in encoder_layers(model):
        for parameter in block.parameters():
            if parameter.ndim < 2:
                parameter.requires_grad_(False)


def drops_out(model: PreTrainedModel) -> bool:
    """Whether two passes of ``model`` in training can differ: some dropout is above 0."""
    from torch import nn

    return any(isinstance(module, nn.Dropout) and module.p > 0 for module in model.modules())


def parameter_groups(
    model: PreTrainedModel, *, learning_rate: float, head_learning_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """AdamW groups: encoder and head at their own rates, no decay on biases and norms.

    The pooler counts as head: sentence encoders leave it untrained.
    """
    body = {id(p) for name, p in model.base_model.named_parameters() if not name.startswith("pooler")}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in body, parameter.ndim >= 2), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate if in_body else head_learning_rate,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (in_body, decays), parameters in groups.items()
    ]
