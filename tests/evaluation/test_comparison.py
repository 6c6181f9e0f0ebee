"""Paired comparison of two systems on the same sentences."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from newsstance.commands.compare import shortest_names
from newsstance.commands.main import main
from newsstance.errors import InputError
from newsstance.evaluation.comparison import compare_evaluations, compare_outputs, mcnemar
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.evaluation.metrics import Output
from newsstance.evaluation.storage import save_evaluation


def case(seed=0, sentences=400):
    random = np.random.default_rng(seed)
    gold = random.random((sentences, 3)) < 0.25
    good = gold ^ (random.random(gold.shape) < 0.05)
    poor = gold ^ (random.random(gold.shape) < 0.2)
    docs = [f"doc-{n // 8}" for n in range(sentences)]
    return gold, Output(good), Output(poor), ArticleBootstrap(docs, 500)


def by_metric(comparison):
    return {difference.metric: difference for difference in comparison.differences}


def test_a_clear_difference_is_real_and_signed():
    gold, good, poor, bootstrap = case()
    worse = by_metric(compare_outputs(gold, good, poor, bootstrap))["macro_f1"]
    better = by_metric(compare_outputs(gold, poor, good, bootstrap))["macro_f1"]
    expected = f1_score(gold, poor.predicted, average="macro") - f1_score(gold, good.predicted, average="macro")
    assert worse.difference.value == pytest.approx(expected)
    assert (worse.verdict, better.verdict) == ("worse", "better")
    assert worse.difference.low == pytest.approx(-better.difference.high)
    assert worse.p < 0.01


def test_the_same_system_twice_is_not_distinguishable():
    gold, good, _, bootstrap = case()
    comparison = compare_outputs(gold, good, good, bootstrap)
    assert {d.verdict for d in comparison.differences if d.difference.defined} == {"not distinguishable"}
    assert comparison.mcnemar.p == 1


def test_pairing_makes_small_steady_differences_visible():
    """The other system repairs one error in every article: far less than the articles differ among themselves."""
    random = np.random.default_rng(5)
    gold = np.zeros((400, 3), dtype=bool)
    gold[:, 0] = random.random(400) < 0.5
    wrong_share = np.repeat(random.random(40), 10)
    first = gold.copy()
    first[:, 0] ^= random.random(400) < wrong_share
    first[::10, 0] = ~gold[::10, 0]
    other = first.copy()
    other[::10, 0] = gold[::10, 0]
    bootstrap = ArticleBootstrap([f"doc-{n // 10}" for n in range(400)], 500)
    exact = by_metric(compare_outputs(gold, Output(first), Output(other), bootstrap))["exact_match"]
    assert exact.difference.value == pytest.approx(0.1)
    assert exact.verdict == "better"
    assert exact.first.high > exact.other.low, "unpaired intervals overlap"


def test_mcnemar_counted_by_hand():
    gold = np.zeros((10, 3), dtype=bool)
    first, other = gold.copy(), gold.copy()
    first[:6, 1] = True  # wrong in six, of which the other is right in five
    other[5:7, 2] = True  # both wrong in one, only the other wrong in one
    result = mcnemar(gold, first, other)
    assert (result.only_first, result.only_other) == (1, 5)
    assert result.p == pytest.approx(binomtest(5, 6, 0.5).pvalue)


def test_other_sentences_or_gold_labels_are_refused(evaluation_of):
    evaluation = evaluation_of()
    with pytest.raises(InputError, match="two evaluations"):
        compare_evaluations([("a", evaluation)], 50, 0)
    with pytest.raises(InputError, match="240 sentences, b has 80"):
        compare_evaluations([("a", evaluation), ("b", evaluation_of(sentences=80))], 50, 0)
    rows = list(evaluation.predictions)
    rows[4] = dataclasses.replace(rows[4], labels=["denial", "acknowledgement"])
    relabelled = dataclasses.replace(evaluation, predictions=rows)
    with pytest.raises(InputError, match="gold labels of row 5"):
        compare_evaluations([("a", evaluation), ("b", relabelled)], 50, 0)


def test_names_are_as_short_as_they_can_be():
    assert shortest_names(["outputs/a/report", "outputs/b/report"]) == ["a/report", "b/report"]
    assert shortest_names(["x/one", "y/two"]) == ["one", "two"]


def test_command_compares_the_folders_named_on_the_command_line(evaluation_of, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good = evaluation_of()
    rows = [dataclasses.replace(row, predicted=[]) for row in good.predictions]
    save_evaluation(good, tmp_path / "good")
    save_evaluation(dataclasses.replace(good, predictions=rows, model_id="blind"), tmp_path / "blind")
    assert main(["compare", "good", "blind", "resamples=100"]) == 0
    out = capsys.readouterr().out
    assert "macro_f1 worse" in out
    (path,) = tmp_path.glob("outputs/compare/*/*/comparison.json")
    record = json.loads(path.read_text())
    first = record["comparisons"][0]["differences"][0]
    assert first["metric"] == "macro_f1"
    assert first["other"]["value"] == 0
    assert first["first"]["value"] == pytest.approx(good.model.macro.f1.value)


@pytest.mark.parametrize("words", [["compare", "good", "missing"], ["compare", "good"], ["compare"]])
def test_command_says_what_is_missing(words, evaluation_of, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_evaluation(evaluation_of(sentences=80), tmp_path / "good")
    assert main(words) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
