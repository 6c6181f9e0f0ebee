"""The last layer computed for the first token alone: the same logits and gradients for less work."""

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)
from transformers.models.bert.modeling_bert import BertLayer

from newsstance.model.encoder import encoder_layers
from newsstance.model.first_token import last_layer_for_first_token

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "num_labels": 3,
    "attention_probs_dropout_prob": 0.0,
    "hidden_dropout_prob": 0.0,
}
FAMILIES = {
    "bert": lambda attention: BertForSequenceClassification(BertConfig(**SIZES, attn_implementation=attention)),
    "roberta": lambda attention: RobertaForSequenceClassification(
        RobertaConfig(**SIZES, attn_implementation=attention)
    ),
}


def batch(padded: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.ones(4, 9, dtype=torch.long)
    if padded:
        mask[1, 5:] = 0
        mask[3, 2:] = 0
    return {"input_ids": torch.randint(5, 50, (4, 9)), "attention_mask": mask}


def logits_and_gradients(model: PreTrainedModel, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits = model(**inputs).logits
    logits.square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": logits.detach(), **gradients}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("padded", [True, False])
def test_logits_and_gradients_stay_as_they_are(family: str, attention: str, padded: bool) -> None:
    torch.manual_seed(0)
    model = FAMILIES[family](attention).train()
    inputs = batch(padded)
    whole = logits_and_gradients(model, inputs)
    with last_layer_for_first_token(model):
        short = logits_and_gradients(model, inputs)
    assert short.keys() == whole.keys()
    for name, expected in whole.items():
        torch.testing.assert_close(short[name], expected, msg=lambda text, name=name: f"{name}: {text}")


def test_last_state_is_of_one_token_inside_and_of_all_outside() -> None:
    model = FAMILIES["bert"]("sdpa").eval()
    inputs = batch(padded=True)
    with torch.inference_mode(), last_layer_for_first_token(model):
        assert model.base_model(**inputs).last_hidden_state.shape == (4, 1, 32)
    with torch.inference_mode():
        assert model.base_model(**inputs).last_hidden_state.shape == (4, 9, 32)


def test_the_layer_is_restored_after_an_error() -> None:
    model = FAMILIES["bert"]("sdpa").eval()
    with pytest.raises(KeyError), last_layer_for_first_token(model):
        raise KeyError
    assert type(encoder_layers(model)[-1]) is BertLayer


def test_a_copy_of_the_model_computes_with_its_own_weights() -> None:
    """As `torch.nn.DataParallel` copies a model to each of several GPUs."""
    model, inputs = FAMILIES["bert"]("sdpa").eval(), batch(padded=True)
    with torch.inference_mode(), last_layer_for_first_token(model):
        before = model(**inputs).logits
        copied = copy.deepcopy(model)
        for parameter in model.parameters():
            parameter.zero_()
        torch.testing.assert_close(copied(**inputs).logits, before)


def test_an_adapter_on_the_last_layer_is_heard() -> None:
    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules=["key", "value"], init_lora_weights=False)
    model = get_peft_model(FAMILIES["bert"]("sdpa"), config).eval()
    with torch.inference_mode():
        expected = model(**batch(padded=True)).logits
        with last_layer_for_first_token(model):
            torch.testing.assert_close(model(**batch(padded=True)).logits, expected)


def test_quantized_layers_are_left_as_they_are() -> None:
    model = torch.ao.quantization.quantize_dynamic(FAMILIES["bert"]("sdpa").eval(), {torch.nn.Linear})
    with torch.inference_mode(), last_layer_for_first_token(model):
        assert model(**batch(padded=True)).logits.shape == (4, 3)


def test_other_families_are_left_as_they_are() -> None:
    config = DistilBertConfig(vocab_size=50, dim=32, n_layers=2, n_heads=2, hidden_dim=64, num_labels=3)
    model = DistilBertForSequenceClassification(config).eval()
    with torch.inference_mode(), last_layer_for_first_token(model):
        assert model.base_model(**batch(padded=True)).last_hidden_state.shape == (4, 9, 32)
