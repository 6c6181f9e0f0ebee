"""The model card loads as a Hugging Face card and says what the evaluation found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.model_card import write_model_card
from newsstance.evaluation.result import Evaluation
from newsstance.stances import LABELS

FACTS = {"encoder": "sentence-transformers/all-MiniLM-L6-v2", "corpus": "invented", "epochs": 3}


@pytest.fixture
def evaluation(evaluation_of: Callable[..., Evaluation]) -> Evaluation:
    return evaluation_of()


def test_model_index_holds_the_figures(evaluation: Evaluation, tmp_path: Path) -> None:
    path = write_model_card(tmp_path, evaluation, FACTS)
    assert path == tmp_path / "README.md"
    data = ModelCard.load(path).data
    assert data.base_model == FACTS["encoder"]
    assert data.pipeline_tag == "text-classification"
    assert data.model_name == evaluation.model_id
    found = {result.metric_name: result.metric_value for result in data.eval_results}
    assert found["macro F1"] == pytest.approx(evaluation.model.macro.f1.value, abs=5e-5)
    for label in LABELS:
        assert found[f"F1 {label}"] == pytest.approx(evaluation.model.labels[label].f1.value, abs=5e-5)
    assert {(r.dataset_name, r.dataset_split, r.dataset_revision) for r in data.eval_results} == {
        ("invented", "test", evaluation.data_hash)
    }


def test_card_says_who_wrote_the_corpus(evaluation: Evaluation, tmp_path: Path) -> None:
    text = write_model_card(tmp_path, evaluation, FACTS).read_text(encoding="utf-8")
    assert "written by language models" in text
    assert "no sentence is from a real article" in text
    assert "These sentences come from the same writers and readers as the training data." in text
    own = replace(evaluation, corpus="gold")
    text = write_model_card(tmp_path, own, {"corpus": "gold"}).read_text(encoding="utf-8")
    assert "language models" not in text
    assert "same writers" not in text


@pytest.mark.parametrize(
    ("trained_on", "says", "does_not_say"),
    [
        ("invented", "no sentence is from a real article", "are real news"),
        ("held_back", "no sentence is from a real article", "are real news"),
        ("all", "the others are real news; all labels were read by language", "no sentence is from a real article"),
        ("real_news", "The texts of this corpus are real news; its labels were read by language models", "writers"),
        ("gold", "Judge the labels of that corpus", "language models"),
    ],
)
def test_card_says_who_read_the_labels(
    evaluation: Evaluation, tmp_path: Path, trained_on: str, says: str, does_not_say: str
) -> None:
    own = replace(evaluation, corpus="gold")
    text = write_model_card(tmp_path, own, {"corpus": trained_on}).read_text(encoding="utf-8")
    assert says in text
    assert does_not_say not in text
    labelled = replace(evaluation, corpus="real_news")
    text = write_model_card(tmp_path, labelled, {"corpus": trained_on}).read_text(encoding="utf-8")
    assert "The gold labels of these sentences were read by language models." in text


def test_card_without_facts_claims_nothing_of_the_training(evaluation: Evaluation, tmp_path: Path) -> None:
    text = write_model_card(tmp_path, evaluation).read_text(encoding="utf-8")
    assert "without the facts of the training" in text
    assert "written by language models" not in text


def test_undefined_figures_and_local_encoders_stay_out_of_the_head(evaluation: Evaluation, tmp_path: Path) -> None:
    macro = replace(evaluation.model.macro, average_precision=Estimate(float("nan")))
    changed = replace(evaluation, systems=[replace(evaluation.model, macro=macro)])
    path = write_model_card(tmp_path, changed, {"encoder": str(tmp_path)})
    data = ModelCard.load(path).data
    assert "macro average precision" not in {result.metric_name for result in data.eval_results}
    assert data.base_model is None


def test_facts_are_listed_and_cannot_break_the_table(evaluation: Evaluation, tmp_path: Path) -> None:
    text = write_model_card(tmp_path, evaluation, {"epochs": 3, "odd_fact": "a|b\nc"}).read_text(encoding="utf-8")
    assert "| epochs | 3 |" in text
    assert r"| odd fact | a\|b c |" in text
