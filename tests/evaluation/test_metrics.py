"""Metrics: small cases counted by hand, and scikit-learn on random ones."""

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from newsstance.evaluation.figures import Estimate
from newsstance.evaluation.intervals import ArticleBootstrap
from newsstance.evaluation.metrics import (
    Output,
    confusion,
    indicators,
    label_metrics,
    label_sets,
    precision_recall_curves,
    sample_metrics,
)
from newsstance.stances import LABELS

A, D, S = LABELS


def random_case(seed=0, sentences=300, articles=40):
    random = np.random.default_rng(seed)
    gold = random.random((sentences, 3)) < 0.2
    scores = np.clip(np.round(gold * 0.3 + random.random((sentences, 3)) * 0.7, 2), 0, 1)  # rounded: with ties
    docs = [f"doc-{n}" for n in random.integers(articles, size=sentences)]
    return gold, Output.from_scores(scores, [0.5, 0.5, 0.5]), docs


def test_counted_by_hand():
    gold = indicators([[A], [A], [], [D], [A, D]])
    predicted = indicators([[A], [], [A], [D], [A]])
    output = Output(predicted)
    labels, macro = label_metrics(gold, output, sample_metrics(gold, output, ArticleBootstrap(["d"] * 5)))
    # A: 2 hits, 1 false alarm, 1 miss; D: 1 hit, 0 false alarms, 1 miss; S never occurs.
    assert (labels[A].support, labels[A].predicted) == (3, 3)
    assert labels[A].precision.value == pytest.approx(2 / 3)
    assert labels[A].recall.value == pytest.approx(2 / 3)
    assert labels[D].precision.value == 1
    assert labels[D].recall.value == 0.5
    assert labels[D].f1.value == pytest.approx(2 / 3)
    assert not labels[S].f1.defined
    assert macro.f1.value == pytest.approx(2 / 3), "a label that never occurs is left out of the mean"


@pytest.mark.parametrize("seed", range(3))
def test_every_metric_is_the_one_of_scikit_learn(seed):
    gold, output, docs = random_case(seed)
    samples = sample_metrics(gold, output, ArticleBootstrap(docs, resamples=20))
    labels, macro = label_metrics(gold, output, samples)
    for k, label in enumerate(LABELS):
        g, p = gold[:, k], output.predicted[:, k]
        assert labels[label].f1.value == pytest.approx(f1_score(g, p))
        assert labels[label].precision.value == pytest.approx(precision_score(g, p))
        assert labels[label].recall.value == pytest.approx(recall_score(g, p))
        assert labels[label].mcc.value == pytest.approx(matthews_corrcoef(g, p))
        assert labels[label].average_precision.value == pytest.approx(average_precision_score(g, output.scores[:, k]))
    assert macro.f1.value == pytest.approx(f1_score(gold, output.predicted, average="macro"))
    assert macro.average_precision.value == pytest.approx(average_precision_score(gold, output.scores, average="macro"))
    assert samples.get("exact_match")[0] == pytest.approx(accuracy_score(gold, output.predicted))
    assert samples.get("micro_f1")[0] == pytest.approx(f1_score(gold, output.predicted, average="micro"))


def test_every_resample_is_what_scikit_learn_says_of_the_resampled_articles():
    gold, output, docs = random_case()
    bootstrap = ArticleBootstrap(docs, resamples=120)  # more than one chunk
    samples = sample_metrics(gold, output, bootstrap)
    weights = np.concatenate(list(bootstrap.sentence_weights(np.arange(len(gold)))))
    for resample in (0, 57, 119):
        w = weights[resample]
        row = 1 + resample
        assert samples.get(f"f1.{D}")[row] == pytest.approx(
            f1_score(gold[:, 1], output.predicted[:, 1], sample_weight=w)
        )
        assert samples.get(f"average_precision.{S}")[row] == pytest.approx(
            average_precision_score(gold[:, 2], output.scores[:, 2], sample_weight=w)
        )
        assert samples.get("exact_match")[row] == pytest.approx(accuracy_score(gold, output.predicted, sample_weight=w))
        assert samples.get("macro_mcc")[row] == pytest.approx(
            np.mean([matthews_corrcoef(gold[:, k], output.predicted[:, k], sample_weight=w) for k in range(3)])
        )


def test_false_alarm_rate_counts_only_sentences_without_a_label():
    gold = indicators([[], [], [], [], [A]])
    output = Output(indicators([[D], [], [], [A, S], [D]]))
    samples = sample_metrics(gold, output, ArticleBootstrap(["d"] * 5))
    assert samples.get("false_alarm_rate")[0] == 0.5


def test_systems_without_scores_have_no_average_precision():
    gold, output, docs = random_case()
    unscored = Output(output.predicted)
    _, macro = label_metrics(gold, unscored, sample_metrics(gold, unscored, ArticleBootstrap(docs, 10)))
    assert not macro.average_precision.defined
    assert math.isnan(macro.average_precision.low)


def test_confusion_follows_its_rule():
    gold = indicators([[A], [A], [D], [], [], [A, D], [S]])
    predicted = indicators([[A], [D], [], [S], [], [A, S], [S, D]])
    table = confusion(gold, predicted)
    expected = {(A, A): 2, (A, D): 1, (D, "none"): 1, ("none", S): 1, ("none", "none"): 1, (D, S): 1, (S, S): 1}
    expected[("none", D)] = 1  # the last: its gold label was found, the other is a false alarm
    found = {
        (row, column): table.counts[r][c]
        for r, row in enumerate(table.names)
        for c, column in enumerate(table.names)
        if table.counts[r][c]
    }
    assert found == expected


def test_curves_leave_out_labels_that_never_occur():
    gold = indicators([[A], [], [A]])
    curves = precision_recall_curves(gold, np.array([[0.9, 0.1, 0.2], [0.5, 0.1, 0.2], [0.2, 0.1, 0.2]]))
    assert set(curves) == {A}
    assert curves[A].recall[0] == 1


def test_label_sets_undo_indicators():
    sets = [[A], [], [D, S]]
    assert label_sets(indicators(sets)) == sets


def test_impossible_outputs_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Output(np.zeros((2, 2), dtype=bool))
    with pytest.raises(ValueError, match="outside"):
        Output.from_scores(np.array([[0.1, 0.2, 1.5]]), [0.5] * 3)
    with pytest.raises(ValueError, match="NaN"):
        Output.from_scores(np.array([[0.1, 0.2, np.nan]]), [0.5] * 3)
    with pytest.raises(ValueError, match="upside down"):
        Estimate(0.5, 0.6, 0.4)


def test_a_resample_without_a_label_has_no_macro_average():
    """One article alone carries S, and S is always missed: no data with S in it gives more than two thirds."""
    gold = indicators([[A, D], [A, D], [A, D], [S]] + [[A, D]] * 8)
    predicted = gold.copy()
    predicted[3] = False
    output, docs = Output(predicted), [f"doc-{n}" for n in range(12)]
    _, macro = label_metrics(gold, output, sample_metrics(gold, output, ArticleBootstrap(docs, resamples=500)))
    assert macro.f1.value == macro.f1.low == macro.f1.high == pytest.approx(2 / 3)
