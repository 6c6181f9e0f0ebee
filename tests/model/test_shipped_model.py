"""The shipped model itself: that it is there, right on plain cases, and equal to what peft makes of it."""

import json

import numpy as np
import pytest
from huggingface_hub import ModelCard

from newsstance import StanceClassifier
from newsstance.commands.main import main
from newsstance.corpus.standoff import read_sources
from newsstance.model.adapter import merge_adapter
from newsstance.model.shipped import shipped_encoder
from newsstance.resources import data_dir

PLAIN = {
    "The ministry denied that its trucks had crossed the river.": ("denial",),
    "The bank admitted that it had overcharged thousands of customers.": ("acknowledgement",),
    "Independent experts doubted the company's account of the accident.": ("third_party_skepticism",),
    "He was denied entry at the border.": (),
    "The library opens at nine on Mondays.": (),
}


@pytest.fixture(scope="module")
def classifier() -> StanceClassifier:
    return StanceClassifier.from_pretrained()


def test_plain_cases(classifier):
    assert dict(zip(PLAIN, classifier.predict(list(PLAIN)), strict=True)) == PLAIN


def test_the_adapter_is_small_and_merges_to_the_same_scores(classifier):
    folder = data_dir() / "model"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5_000_000
    merged, tokenizer = merge_adapter(folder, shipped_encoder())
    again = StanceClassifier(merged, tokenizer).predict_proba(list(PLAIN))
    # Weights that were mapped from a file lie elsewhere in memory, and some CPUs add up in another order then.
    np.testing.assert_allclose(again, classifier.predict_proba(list(PLAIN)), rtol=0, atol=1e-6)


def test_its_card_says_what_it_learned_from():
    card = (data_dir() / "model" / "README.md").read_text()
    for word in ("language models", "BASIL", "PolNeAR", "FNC-1", "AG News", "macro-F1"):
        assert word in card
    figures = {result.metric_name: result.metric_value for result in ModelCard(card).data.eval_results}
    for name, value in figures.items():
        assert f"{value:.2f}" in card.split("## How good it is")[1], name
    for source in read_sources(data_dir() / "real_news"):
        assert source.name in card.lower().replace("ag news", "agnews").replace("fnc-1", "fnc")


@pytest.mark.shared
def test_on_real_news_it_is_as_good_as_its_card_says(classifier, shared, tmp_path, monkeypatch):
    """Loose: a broken merge, tokenizer or calibration falls far below."""
    monkeypatch.chdir(tmp_path)
    rows = [json.loads(line) for line in (shared / "real_news/dev.jsonl").read_text().splitlines()][:600]
    (tmp_path / "gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["evaluate", "corpus=gold.jsonl", "split=all", "evaluation=quick", "output=report"]) == 0
    evaluation = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    model = evaluation["systems"][0]
    assert model["macro"]["f1"]["value"] > 0.5
