"""The whole evaluation: every figure is derived again from ``predictions.jsonl`` by plain scikit-learn calls."""

import dataclasses
import json
import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    precision_recall_curve,
    precision_score,
    recall_score,
)

from newsstance.commands.evaluate import read_sentences, shipped_corpus
from newsstance.commands.main import main
from newsstance.configuration.schema import CorpusConfig, EvaluationConfig
from newsstance.errors import InputError
from newsstance.evaluation.evaluate import Subject, evaluate_model
from newsstance.evaluation.storage import load_evaluation, save_evaluation, to_json
from newsstance.stances import LABELS, LabelledSentence, Stance, from_scores

PATTERNS = {
    (): "The ferry to Ostrova left on time on day {}.",
    ("acknowledgement",): "Belmar admitted on day {} that the figures had been wrong.",
    ("denial",): '"No money changed hands," Belmar insisted on day {}.',
    ("third_party_skepticism",): "Analysts doubt the account that Belmar gave on day {}",
    ("acknowledgement", "denial"): "Belmar admitted the delay on day {} but denied any fault.",
}


class FakeClassifier:
    """Knows the cue words, with noise that depends on the text alone."""

    model_id = "fake-1"

    def predict_proba(self, sentences, contexts=None):
        cues = ("admitted", "denied", "doubt")
        rows = []
        for text in sentences:
            noise = np.random.default_rng(sum(map(ord, text))).normal(0, 0.2, 3)
            rows.append([0.3 + 0.4 * (cue in text) for cue in cues] + noise)
        return np.clip(rows, 0.001, 0.999).astype(np.float32)

    def predict(self, sentences, contexts=None):
        return [from_scores(row) for row in self.predict_proba(sentences, contexts)]


def corpus(count, first_day=0):
    sentences = []
    for n in range(count):
        labels = list(PATTERNS)[(n * 7) % 5]
        stances = tuple(Stance(label) for label in labels)
        text = PATTERNS[labels].format(first_day + n)
        sentences.append(LabelledSentence(f"war-{n // 5:02}", n % 5, text, stances, extra={"agreed": n % 2 == 0}))
    return sentences


@pytest.fixture(scope="module")
def evaluation():
    config = EvaluationConfig(
        baselines=["majority", "rules", "tfidf"], resamples=200, behaviour=False, cost_of_miss=3, error_analysis=False
    )
    return evaluate_model(FakeClassifier(), corpus(300), corpus(400, 1000), config, Subject("ferries", seed=1))


@pytest.fixture(scope="module")
def rows(evaluation, tmp_path_factory):
    path = save_evaluation(evaluation, tmp_path_factory.mktemp("evaluation"))["predictions"]
    return [json.loads(line) for line in path.read_text().splitlines()]


def matrix(label_sets):
    return np.array([[label in labels for label in LABELS] for labels in label_sets])


def score_matrix(scores):
    return np.array([[row[label] for label in LABELS] for row in scores])


def said(rows, system):
    """Predicted labels and scores (None where it has none) of a system, from the rows."""
    outputs = [
        {"labels": row["predicted"], "scores": row["scores"]} if system == "model" else row["baselines"][system]
        for row in rows
    ]
    scores = [output["scores"] for output in outputs]
    return matrix([output["labels"] for output in outputs]), score_matrix(scores) if scores[0] else None


SYSTEMS = ("model", "majority", "rules", "tfidf")


def test_systems_are_the_model_and_the_baselines(evaluation):
    assert tuple(system.name for system in evaluation.systems) == SYSTEMS
    assert evaluation.model.macro.f1.value > 0.5, "the fake model is no random one"


@pytest.mark.parametrize("system", SYSTEMS)
def test_metrics_are_derived_again(evaluation, rows, system):
    gold = matrix([row["labels"] for row in rows])
    predicted, scores = said(rows, system)
    result = next(one for one in evaluation.systems if one.name == system)
    derived = {
        "f1": lambda k: f1_score(gold[:, k], predicted[:, k], zero_division=0),
        "precision": lambda k: precision_score(gold[:, k], predicted[:, k], zero_division=0),
        "recall": lambda k: recall_score(gold[:, k], predicted[:, k]),
        "mcc": lambda k: matthews_corrcoef(gold[:, k], predicted[:, k]),
        "average_precision": lambda k: (
            math.nan if scores is None else average_precision_score(gold[:, k], scores[:, k])
        ),
    }
    for name, derive in derived.items():
        values = [derive(k) for k in range(3)]
        found = [getattr(result.labels[label], name) for label in LABELS]
        assert [one.value for one in found] == pytest.approx(values, nan_ok=True), name
        assert getattr(result.macro, name).value == pytest.approx(np.mean(values), nan_ok=True), name
        assert all(one.low <= one.value <= one.high for one in found if one.defined and one.has_interval), name
    assert [result.labels[label].support for label in LABELS] == gold.sum(axis=0).tolist()
    assert [result.labels[label].predicted for label in LABELS] == predicted.sum(axis=0).tolist()
    assert result.exact_match.value == pytest.approx(accuracy_score(gold, predicted))
    assert result.micro_f1.value == pytest.approx(f1_score(gold, predicted, average="micro", zero_division=0))
    unlabelled = ~gold.any(axis=1)
    assert result.false_alarm_rate.value == pytest.approx(predicted[unlabelled].any(axis=1).mean())
    assert sum(result.confusion.counts[k][k] for k in range(3)) == int((gold & predicted).sum())


@pytest.mark.parametrize("system", ["model", "tfidf"])
def test_curves_calibration_and_sweep_are_derived_again(evaluation, rows, system):
    gold = matrix([row["labels"] for row in rows])
    predicted, scores = said(rows, system)
    result = next(one for one in evaluation.systems if one.name == system)
    for k, label in enumerate(LABELS):
        precision, recall, thresholds = precision_recall_curve(gold[:, k], scores[:, k], drop_intermediate=True)
        curve = result.curves[label]
        assert (curve.precision, curve.recall) == (pytest.approx(precision.tolist()), pytest.approx(recall.tolist()))
        assert curve.thresholds == pytest.approx(thresholds.tolist())
        share, mean = calibration_curve(gold[:, k], scores[:, k], n_bins=10)
        calibration = result.calibration[label]
        counts = np.array([one.count for one in calibration.bins])
        assert calibration.ece.value == pytest.approx(np.average(np.abs(share - mean), weights=counts))
        assert calibration.brier.value == pytest.approx(brier_score_loss(gold[:, k], scores[:, k]))
        point = next(p for p in result.sweeps[label].points if p.threshold == 0.5)
        assert point.f1 == pytest.approx(f1_score(gold[:, k], scores[:, k] >= 0.5, zero_division=0))
        assert point.cost == point.false_alarms + 3 * point.misses
        assert (predicted[:, k] == (scores[:, k] >= result.threshold[label])).all()


def test_slices_are_derived_again(evaluation, rows):
    gold, (predicted, _) = matrix([row["labels"] for row in rows]), said(rows, "model")
    for name, agreed in (("agreed", True), ("disputed", False)):
        part = np.array([row["extra"]["agreed"] is agreed for row in rows])
        found = next(one for one in evaluation.slices if one.name == name)
        assert found.sentences == part.sum()
        assert found.micro_f1.value == pytest.approx(f1_score(gold[part], predicted[part], average="micro"))
    judged = [one.micro_f1.value for one in evaluation.slices if not one.too_small]
    assert judged == sorted(judged)


def test_distance_from_the_model_is_paired(evaluation):
    for system in evaluation.baselines:
        difference = system.versus_model["macro_f1"]
        assert difference.value == pytest.approx(evaluation.model.macro.f1.value - system.macro.f1.value)
        assert difference.low <= difference.value <= difference.high


def test_rows_keep_the_sentences_in_order(rows):
    assert [(row["doc"], row["i"], row["text"]) for row in rows] == [(s.doc, s.i, s.text) for s in corpus(300)]


def test_time_and_memory_stand_beside_quality(evaluation):
    for system in evaluation.systems:
        assert system.timing.seconds > 0
        assert system.timing.peak_mb > 10
    assert evaluation.systems[3].timing.training_seconds > 0


def test_saved_evaluation_comes_back_whole(evaluation, tmp_path):
    save_evaluation(evaluation, tmp_path)
    again = load_evaluation(tmp_path)
    assert to_json(again) == to_json(evaluation)
    assert again.predictions == evaluation.predictions
    assert "NaN" not in (tmp_path / "evaluation.json").read_text()


def test_damaged_evaluations_are_said(evaluation, tmp_path):
    with pytest.raises(InputError, match=r"no evaluation\.json"):
        load_evaluation(tmp_path)
    paths = save_evaluation(evaluation, tmp_path)
    lines = paths["predictions"].read_text().splitlines(keepends=True)
    paths["predictions"].write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="299 rows for 300 sentences"):
        load_evaluation(tmp_path)
    paths["predictions"].write_text("".join([*lines[:4], "{}\n", *lines[5:]]))
    with pytest.raises(InputError, match="row 5"):
        load_evaluation(tmp_path)
    paths["evaluation"].write_text("{}")
    with pytest.raises(InputError, match="not an evaluation"):
        load_evaluation(tmp_path)


def test_same_seed_same_figures():
    config = EvaluationConfig(baselines=["tfidf"], resamples=50, behaviour=False, error_analysis=False)
    first, again = (evaluate_model(FakeClassifier(), corpus(60), corpus(90, 500), config) for _ in range(2))
    without_time = [dataclasses.replace(system, timing=first.model.timing) for system in first.systems]
    assert without_time == [dataclasses.replace(system, timing=first.model.timing) for system in again.systems]


def test_what_a_reader_must_know_is_noted():
    config = EvaluationConfig(resamples=20, behaviour=False, error_analysis=False)
    few = [s for s in corpus(40) if "acknowledgement" not in s.labels]
    notes = " ".join(evaluate_model(FakeClassifier(), few, [], config).notes)
    assert "8 articles" in notes
    assert "No sentence carries acknowledgement" in notes
    with pytest.raises(InputError, match="no sentences"):
        evaluate_model(FakeClassifier(), [], [], config)


def write_corpus(path, sentences):
    path.write_text("".join(json.dumps(s.to_record()) + "\n" for s in sentences))


def test_whole_file_is_measured_and_baselines_learn_from_the_shipped_corpus(tmp_path):
    known = read_sentences(shipped_corpus(), "train")[0][0]
    write_corpus(tmp_path / "gold.jsonl", [*corpus(20), known])
    measured, training, note = read_sentences(CorpusConfig(paths=[str(tmp_path / "gold.jsonl")]), "all")
    assert len(measured) == 21
    assert "shipped corpus" in note
    assert len(training) > 1000
    assert known.text not in {s.text for s in training}


def test_train_split_says_that_baselines_saw_it():
    measured, training, note = read_sentences(shipped_corpus(), "train")
    assert measured == training
    assert "flatter" in note
    with pytest.raises(InputError, match="choose train, validation, test or all"):
        read_sentences(shipped_corpus(), "dev")


def test_foreign_label_scheme_maps_through_the_shipped_example(tmp_path, tiny_model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    posts = [
        {"thread_id": f"t{n // 4}", "text": f"Post {n} about the lost ferry", "label": label, "source_text": "It sank."}
        for n, label in enumerate(["support", "deny", "query", "comment"] * 10)
    ]
    (tmp_path / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    words = ["corpus=rumoureval", "corpus.paths=[posts.jsonl]", "split=all", "evaluation=quick", f"model={tiny_model}"]
    assert main(["evaluate", *words, "output=report"]) == 0
    evaluation = load_evaluation(tmp_path / "report")
    supports = {label: evaluation.model.labels[label].support for label in LABELS}
    assert supports == {"acknowledgement": 0, "denial": 0, "third_party_skepticism": 20}
    assert evaluation.predictions[0].context == "It sank."


@pytest.fixture
def evaluated(tmp_path, tiny_model, monkeypatch):
    """Runs ``newsstance evaluate`` with a tiny random BERT on a small file."""
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path / "gold.jsonl", corpus(80))
    words = [f"model={tiny_model}", "corpus=gold.jsonl", "split=all", "evaluation.resamples=50"]
    return lambda *more: main(["evaluate", *words, "evaluation=quick", *more])


def test_command_writes_the_report_and_says_where(evaluated, tmp_path, tiny_model, capsys):
    assert evaluated("output=report", "evaluation.baselines=[majority]") == 0
    out = capsys.readouterr().out
    assert "majority" in out
    assert "report/report.html" in out
    evaluation = load_evaluation(tmp_path / "report")
    from newsstance.model.classifier import StanceClassifier

    classifier = StanceClassifier.from_pretrained(tiny_model)
    scores = classifier.predict_proba([s.text for s in corpus(80)])
    assert score_matrix([row.scores for row in evaluation.predictions]) == pytest.approx(scores, abs=1e-6)
    assert evaluation.model_id == classifier.model_id
    assert evaluation.model.timing.added_mb > 0
    assert evaluation.corpus == "gold.jsonl"


def test_gate_fails_with_exit_code_1_and_the_reason(evaluated, capsys):
    assert evaluated("gate.macro_f1=0.999") == 1
    assert "does not pass the gate: macro-F1 is" in capsys.readouterr().err


def test_gate_on_regression_against_an_earlier_run(evaluated, capsys):
    assert evaluated("output=first") == 0
    assert evaluated("gate.regression=0.01", "baseline=first") == 0
    assert "changed by +0.0000" in capsys.readouterr().out
    assert evaluated("gate.regression=0.01") == 2
    assert evaluated("gate.regression=0.01", "baseline=nowhere") == 2
