"""Every figure of ``evaluation.json`` is derived again from ``predictions.jsonl``, by plain scikit-learn calls.

Both are read back from disk. Bootstrap bounds are not derived again figure by figure: the method is compared with
`scipy.stats.bootstrap` in ``test_intervals``, and here each bound must lie around its figure. Every leaf of the JSON
that is a number is ticked off when it is derived; the last test fails on any that was forgotten.
"""

import json
import math
import re

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    precision_score,
    recall_score,
)

from newsstance.configuration.groups import EvaluationConfig
from newsstance.evaluation.evaluate import Subject, evaluate_model
from newsstance.evaluation.slices import CUTS
from newsstance.evaluation.storage import save_evaluation
from newsstance.stances import LABELS, LabelledSentence, Stance

PATTERNS = {
    (): "The ferry to Ostrova left on time on day {}.",
    ("acknowledgement",): "Belmar admitted on day {} that the figures had been wrong.",
    ("denial",): '"No money changed hands," Belmar insisted on day {}.',
    ("third_party_skepticism",): "Analysts doubt the account that Belmar gave on day {}",
    ("acknowledgement", "denial"): "Belmar admitted the delay on day {} but denied any fault.",
}
COSTS = {"cost_of_false_alarm": 2.0, "cost_of_miss": 3.0}
SYSTEMS = ("model", "majority", "rules", "tfidf")


class NoisyClassifier:
    """Knows the cue words, with noise that depends on the text alone."""

    model_id = "noisy-1"

    def predict_proba(self, sentences, contexts=None):
        rows = []
        for text in sentences:
            noise = np.random.default_rng(sum(map(ord, text))).normal(0, 0.2, 3)
            rows.append([0.3 + 0.4 * (cue in text) for cue in ("admitted", "denied", "doubt")] + noise)
        return np.clip(rows, 0.001, 0.999).astype(np.float32)


def corpus(count, first_day=0):
    sentences = []
    for n in range(count):
        labels = list(PATTERNS)[(n * 7) % 5]
        stances = tuple(Stance(label, "Belmar" if n % 2 else "") for label in labels)
        text = PATTERNS[labels].format(first_day + n)
        sentences.append(LabelledSentence(f"war-{n // 5:02}", n % 5, text, stances, extra={"agreed": n % 3 > 0}))
    return sentences


class Derived:
    """``evaluation.json`` and the rows of ``predictions.jsonl``; keeps account of the figures that were derived."""

    def __init__(self, folder):
        self.content = json.loads((folder / "evaluation.json").read_text())
        self.rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
        self.gold = self.matrix([row["labels"] for row in self.rows])
        self.derived = set()

    @staticmethod
    def matrix(label_sets):
        return np.array([[label in labels for label in LABELS] for labels in label_sets])

    def said(self, system):
        """Predicted labels and scores (None where it has none) of a system."""
        outputs = [
            {"labels": row["predicted"], "scores": row["scores"]} if system == "model" else row["baselines"][system]
            for row in self.rows
        ]
        scores = [[output["scores"][label] for label in LABELS] for output in outputs if output["scores"]]
        return self.matrix([output["labels"] for output in outputs]), np.array(scores) if scores else None

    def at(self, path):
        value = self.content
        for part in path:
            value = value[part]
        return value

    def check(self, value, *path):
        """The figure at ``path`` is ``value`` (null where it is NaN); an estimate has its bounds around it."""
        found = self.at(path)
        if isinstance(found, dict):
            assert set(found) == {"value", "low", "high"}, path
            self.derived |= {(*path, name) for name in found}
            if found["low"] is not None and found["value"] is not None:
                assert found["low"] <= found["value"] + 1e-9, path
                assert found["value"] <= found["high"] + 1e-9, path
            found = found["value"]
        else:
            self.derived.add(tuple(path))
        assert (math.nan if found is None else found) == pytest.approx(value, nan_ok=True, abs=1e-7), path


@pytest.fixture(scope="module")
def derived(tmp_path_factory):
    config = EvaluationConfig(
        baselines=["majority", "rules", "tfidf"], resamples=200, behaviour=False, error_analysis=False, **COSTS
    )
    subject = Subject("ferries", seed=1)
    evaluation = evaluate_model(NoisyClassifier(), corpus(300), corpus(400, 1000), config, subject)
    folder = tmp_path_factory.mktemp("evaluation")
    save_evaluation(evaluation, folder)
    return Derived(folder)


def test_head(derived):
    derived.check(len(derived.rows), "sentences")
    derived.check(len({row["doc"] for row in derived.rows}), "articles")
    derived.check(200, "resamples")
    assert [system["name"] for system in derived.content["systems"]] == list(SYSTEMS)


@pytest.mark.parametrize("number", range(len(SYSTEMS)), ids=SYSTEMS)
def test_metrics(derived, number):
    gold, (predicted, scores) = derived.gold, derived.said(SYSTEMS[number])
    place = ("systems", number)
    metrics = {
        "f1": lambda k: f1_score(gold[:, k], predicted[:, k], zero_division=0),
        "precision": lambda k: precision_score(gold[:, k], predicted[:, k], zero_division=0),
        "recall": lambda k: recall_score(gold[:, k], predicted[:, k]),
        "mcc": lambda k: matthews_corrcoef(gold[:, k], predicted[:, k]),
        "average_precision": lambda k: (
            math.nan if scores is None else average_precision_score(gold[:, k], scores[:, k])
        ),
    }
    for name, derive in metrics.items():
        values = [derive(k) for k in range(3)]
        for k, label in enumerate(LABELS):
            derived.check(values[k], *place, "labels", label, name)
        derived.check(np.mean(values), *place, "macro", name)
    for k, label in enumerate(LABELS):
        derived.check(gold[:, k].sum(), *place, "labels", label, "support")
        derived.check(predicted[:, k].sum(), *place, "labels", label, "predicted")
    derived.check(gold.sum(), *place, "macro", "support")
    derived.check(predicted.sum(), *place, "macro", "predicted")
    derived.check(f1_score(gold, predicted, average="micro", zero_division=0), *place, "micro_f1")
    derived.check(accuracy_score(gold, predicted), *place, "exact_match")
    unlabelled = ~gold.any(axis=1)
    derived.check(1 - accuracy_score(gold[unlabelled], predicted[unlabelled]), *place, "false_alarm_rate")


@pytest.mark.parametrize("number", range(len(SYSTEMS)), ids=SYSTEMS)
def test_confusion(derived, number):
    predicted, _ = derived.said(SYSTEMS[number])
    names = [*LABELS, "none"]
    read, as_which = [], []
    for wanted, given in zip(derived.gold, predicted, strict=True):
        gold, said = {LABELS[k] for k in np.flatnonzero(wanted)}, {LABELS[k] for k in np.flatnonzero(given)}
        missed, extra = gold - said, said - gold
        pairs = [(label, label) for label in gold & said]
        pairs += [(label, other) for label in missed for other in extra or {"none"}]
        pairs += [("none", label) for label in extra if not missed]
        pairs += [("none", "none")] if not gold | said else []
        read += [one for one, _ in pairs]
        as_which += [other for _, other in pairs]
    expected = confusion_matrix(read, as_which, labels=names)
    found = derived.content["systems"][number]["confusion"]
    assert found["names"] == names
    for i in range(4):
        for j in range(4):
            derived.check(expected[i, j], "systems", number, "confusion", "counts", i, j)


@pytest.mark.parametrize("number", [0, 3], ids=["model", "tfidf"])
@pytest.mark.parametrize("k", range(3), ids=LABELS)
def test_curves_and_calibration(derived, number, k):
    gold, (predicted, scores) = derived.gold[:, k], derived.said(SYSTEMS[number])
    score, place, label = scores[:, k], ("systems", number), LABELS[k]
    curve = precision_recall_curve(gold, score, drop_intermediate=True)
    for name, values in zip(("precision", "recall", "thresholds"), curve, strict=True):
        assert len(derived.at((*place, "curves", label, name))) == len(values)
        for point, value in enumerate(values):
            derived.check(value, *place, "curves", label, name, point)
    share, mean = calibration_curve(gold, score, n_bins=10)
    counts, edges = np.histogram(score, bins=10, range=(0, 1))
    filled = np.flatnonzero(counts)
    assert len(derived.at((*place, "calibration", label, "bins"))) == len(filled)
    for row, index in enumerate(filled):
        one = (*place, "calibration", label, "bins", row)
        derived.check(edges[index], *one, "low")
        derived.check(edges[index + 1], *one, "high")
        derived.check(counts[index], *one, "count")
        derived.check(mean[row], *one, "mean_score")
        derived.check(share[row], *one, "positive_share")
    derived.check(np.average(np.abs(share - mean), weights=counts[filled]), *place, "calibration", label, "ece")
    derived.check(brier_score_loss(gold, score), *place, "calibration", label, "brier")
    base_rate = brier_score_loss(gold, np.full(len(gold), gold.mean()))
    derived.check(base_rate, *place, "calibration", label, "brier_of_base_rate")
    threshold = derived.at((*place, "threshold", label))
    assert (predicted[:, k] == (score >= threshold)).all()
    derived.derived.add((*place, "threshold", label))


@pytest.mark.parametrize("number", [0, 3], ids=["model", "tfidf"])
@pytest.mark.parametrize("k", range(3), ids=LABELS)
def test_threshold_sweep(derived, number, k):
    gold, (_, scores) = derived.gold[:, k], derived.said(SYSTEMS[number])
    place = ("systems", number, "sweeps", LABELS[k])
    f1s, costs = [], []
    at = np.round(np.arange(0.02, 0.99, 0.02), 2)
    for row, threshold in enumerate(at):
        said = scores[:, k] >= threshold
        (_, alarms), (misses, _) = confusion_matrix(gold, said, labels=[False, True])
        f1s.append(f1_score(gold, said, zero_division=0))
        costs.append(alarms * COSTS["cost_of_false_alarm"] + misses * COSTS["cost_of_miss"])
        point = (*place, "points", row)
        derived.check(threshold, *point, "threshold")
        derived.check(precision_score(gold, said, zero_division=0), *point, "precision")
        derived.check(recall_score(gold, said, zero_division=0), *point, "recall")
        derived.check(f1s[-1], *point, "f1")
        derived.check(alarms, *point, "false_alarms")
        derived.check(misses, *point, "misses")
        derived.check(costs[-1], *point, "cost")
    assert len(derived.at((*place, "points"))) == len(at)
    derived.check(at[np.argmax(f1s)], *place, "best_f1")
    derived.check(at[np.argmin(costs)], *place, "cheapest")


@pytest.mark.parametrize("number", [1, 2, 3], ids=SYSTEMS[1:])
def test_distance_from_the_model(derived, number):
    gold, model, other = derived.gold, derived.said("model")[0], derived.said(SYSTEMS[number])[0]
    change = f1_score(gold, model, average="macro") - f1_score(gold, other, average="macro", zero_division=0)
    derived.check(change, "systems", number, "versus_model", "macro_f1")
    change = accuracy_score(gold, model) - accuracy_score(gold, other)
    derived.check(change, "systems", number, "versus_model", "exact_match")


def test_slices(derived):
    gold, predicted = derived.gold, derived.said("model")[0]
    sentences = corpus(300)
    memberships = {dimension: np.array(cut(sentences)) for dimension, cut in CUTS.items()}
    found = {(one["dimension"], one["name"]) for one in derived.content["slices"]}
    expected = {
        (dimension, name)
        for dimension, names in memberships.items()
        for name in set(names) - {""}
        if len(set(names) - {""}) > 1
    }
    assert found == expected
    for row, one in enumerate(derived.content["slices"]):
        part = memberships[one["dimension"]] == one["name"]
        support, judged, place = gold[part].sum(axis=0), gold[part].sum() >= 10, ("slices", row)
        derived.check(part.sum(), *place, "sentences")
        derived.check(len({s.doc for s, inside in zip(sentences, part, strict=True) if inside}), *place, "articles")
        derived.check(support.sum(), *place, "support")
        micro = f1_score(gold[part], predicted[part], average="micro", zero_division=0)
        derived.check(micro if judged else math.nan, *place, "micro_f1")
        derived.check(accuracy_score(gold[part], predicted[part]) if judged else math.nan, *place, "exact_match")
        assert bool(one["too_small"]) is not judged
        for k, label in enumerate(LABELS):
            f1 = f1_score(gold[part][:, k], predicted[part][:, k], zero_division=0)
            derived.check(support[k], *place, "label_support", label)
            derived.check(f1 if support[k] >= 10 else math.nan, *place, "label_f1", label)
    values = [one["micro_f1"]["value"] for one in derived.content["slices"] if not one["too_small"]]
    assert values == sorted(values), "worst first"


NOT_DERIVABLE = re.compile(r"systems/\d+/timing/|config/")
"""Time, memory and the config say nothing about the predictions."""


def derive_everything(derived):
    test_head(derived)
    test_slices(derived)
    for number in range(len(SYSTEMS)):
        test_metrics(derived, number)
        test_confusion(derived, number)
        if number:
            test_distance_from_the_model(derived, number)
    for number in (0, 3):
        for k in range(3):
            test_curves_and_calibration(derived, number, k)
            test_threshold_sweep(derived, number, k)


def test_no_figure_was_forgotten(derived):
    derive_everything(derived)

    def figures(value, path=()):
        if isinstance(value, dict | list):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from figures(item, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield path

    every = {path for path in figures(derived.content) if not NOT_DERIVABLE.match("/".join(map(str, path)))}
    assert len(every) > 1000
    assert sorted(map(str, every - derived.derived)) == []
