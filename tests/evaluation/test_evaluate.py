"""The whole evaluation and its command; that its figures are right is tested in ``test_derived_again``."""

import dataclasses
import json
import shutil
from typing import ClassVar

import numpy as np
import pytest
from huggingface_hub import ModelCard

from newsstance.commands.evaluate import _learned, sentences_of, shipped_corpus
from newsstance.commands.main import main
from newsstance.configuration.groups import CorpusConfig, EncoderConfig, EvaluationConfig, Neighbours
from newsstance.corpus.loading import data_hash, load_corpus
from newsstance.corpus.splitting import split_by_article
from newsstance.errors import InputError
from newsstance.evaluation.behaviour import run_behaviour_suite
from newsstance.evaluation.evaluate import Subject, evaluate_model
from newsstance.evaluation.storage import load_evaluation, save_evaluation, to_json
from newsstance.model.metadata import ModelMetadata
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
        baselines=["majority", "rules", "tfidf"], resamples=200, behaviour=False, error_analysis=False
    )
    return evaluate_model(FakeClassifier(), corpus(300), corpus(400, 1000), config, Subject("ferries", seed=1))


@pytest.fixture(scope="module")
def rows(evaluation, tmp_path_factory):
    path = save_evaluation(evaluation, tmp_path_factory.mktemp("evaluation"))["predictions"]
    return [json.loads(line) for line in path.read_text().splitlines()]


def score_matrix(scores):
    return np.array([[row[label] for label in LABELS] for row in scores])


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


@pytest.mark.parametrize(("field", "value"), [("resamples", -1), ("threshold", 7.0)])
def test_figures_that_cannot_be_are_errors(field, value):
    config = EvaluationConfig(**{"baselines": [], "behaviour": False, "error_analysis": False, field: value})
    with pytest.raises(InputError, match=rf"evaluation\.{field}"):
        evaluate_model(FakeClassifier(), corpus(20), [], config)


def test_extra_fields_that_are_no_numbers_are_null(tmp_path):
    rows = [dataclasses.replace(row, extra={"weight": float("nan")}) for row in corpus(20)]
    config = EvaluationConfig(baselines=[], behaviour=False, error_analysis=False, resamples=0)
    paths = save_evaluation(evaluate_model(FakeClassifier(), rows, [], config), tmp_path)
    assert "NaN" not in paths["predictions"].read_text()


@pytest.mark.parametrize(
    ("split", "note"),
    [("all", "has learned from"), ("validation", "was chosen and calibrated"), ("test", ""), ("other", "otherwise")],
)
def test_what_the_model_has_learned_from_is_noted(tmp_path, tiny_model, split, note):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    write_corpus(tmp_path / "c.jsonl", corpus(200))
    config = CorpusConfig(paths=[str(tmp_path / "c.jsonl")])
    sentences = load_corpus(config)
    sizes = {name: len(part) for name, part in split_by_article(sentences, config.split).items()}
    known = ModelMetadata.load(folder)
    dataclasses.replace(known, data_hash=data_hash(sentences), figures={"sentences": sizes}).save(folder)
    measured = {"all": len(sentences), "other": 7}.get(split) or sizes[split]
    said = _learned(str(folder), sentences, "validation" if split == "other" else split, measured)
    assert note in said
    assert bool(note) == bool(said)
    assert not _learned(str(folder), sentences[1:], split, measured)


def write_corpus(path, sentences):
    path.write_text("".join(json.dumps(s.to_record()) + "\n" for s in sentences))


def test_whole_file_is_measured_and_baselines_learn_from_the_shipped_corpus(tmp_path):
    known = sentences_of(load_corpus(shipped_corpus()), shipped_corpus(), "train")[0][0]
    write_corpus(tmp_path / "gold.jsonl", [*corpus(20), known])
    gold = CorpusConfig(paths=[str(tmp_path / "gold.jsonl")])
    measured, training, note = sentences_of(load_corpus(gold), gold, "all")
    assert len(measured) == 21
    assert "shipped corpus" in note
    assert len(training) > 1000
    assert known.text not in {s.text for s in training}


def test_train_split_says_that_baselines_saw_it():
    shipped = load_corpus(shipped_corpus())
    measured, training, note = sentences_of(shipped, shipped_corpus(), "train")
    assert measured == training
    assert "flatter" in note
    with pytest.raises(InputError, match="choose train, validation, test or all"):
        sentences_of(shipped, shipped_corpus(), "dev")


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


def test_words_behind_a_chosen_sentence_and_one_of_the_users(evaluated, tmp_path):
    place = f"{corpus(3)[2].doc}:2"
    asked = f"evaluation.attribute=[{place},'Nobody <b>admitted</b> it.']"
    assert evaluated("output=report", asked) == 0
    first, own = load_evaluation(tmp_path / "report").explanations
    assert (first.place, first.text, tuple(first.gold)) == (place, corpus(3)[2].text, corpus(3)[2].labels)
    assert (own.place, own.text, own.gold) == ("", "Nobody <b>admitted</b> it.", None)
    assert set(own.words) == set(own.scores) == set(LABELS)
    assert "admitted" in {word.word for word in own.words["acknowledgement"]}
    html = (tmp_path / "report" / "report.html").read_text()
    assert "Words behind the scores" in html
    assert "<b>admitted" not in html


def test_what_cannot_be_attributed_is_said_before_the_work(evaluated, capsys, monkeypatch):
    assert evaluated("evaluation.attribute=[war-00:77]") == 2
    assert "war-00:77 is none of the measured sentences (they read like war-00:0)" in capsys.readouterr().err
    monkeypatch.setattr("newsstance.evaluation.explanations.find_spec", lambda name: None)
    assert evaluated("evaluation.attribute=['It rained.']") == 2
    assert "pip install 'newsstance[explain]'" in capsys.readouterr().err


def test_words_behind_errors_need_the_error_analysis(evaluated, capsys):
    assert evaluated("evaluation.attribute_errors=2") == 2
    assert "set evaluation.error_analysis=true" in capsys.readouterr().err


def test_the_report_shows_errors_only_where_they_were_analysed(evaluated, tmp_path):
    report = tmp_path / "report" / "report.html"
    assert evaluated("output=report") == 0
    assert 'id="errors"' not in report.read_text()
    assert evaluated("output=report", "evaluation.error_analysis=true", "evaluation.neighbours=none") == 0
    assert 'id="errors"' in report.read_text()


@pytest.mark.parametrize("neighbours", ["tfidf", "embeddings", "none"])
def test_neighbours_of_errors_are_looked_up_as_configured(neighbours, tiny_encoder):
    config = EvaluationConfig(
        baselines=["embeddings"],
        resamples=20,
        behaviour=False,
        neighbours=Neighbours[neighbours],
        embedder=EncoderConfig(str(tiny_encoder), max_tokens=64),
    )
    found = evaluate_model(FakeClassifier(), corpus(60), corpus(90, 500), config).error_analysis["confident_errors"]
    assert {len(row["neighbours"]) for row in found} == ({0} if neighbours == "none" else {3})


def test_behaviour_suite_scores_no_measured_sentence_again():
    class Counting(FakeClassifier):
        asked: ClassVar[list] = []

        def predict_proba(self, sentences, contexts=None):
            self.asked.extend(sentences)
            return super().predict_proba(sentences, contexts)

    config = EvaluationConfig(resamples=20, error_analysis=False)
    suite = evaluate_model(Counting(), corpus(60), [], config).behaviour
    assert len(Counting.asked) == len(set(Counting.asked))
    alone = run_behaviour_suite(FakeClassifier(), corpus(60), 0)
    assert suite == alone


def test_card_is_written_where_it_is_asked_for(evaluated, tiny_model, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(tiny_model, copy)
    assert evaluated(f"model={copy}") == 0
    assert not (copy / "README.md").exists()
    assert evaluated(f"model={copy}", "model_card=true", "output=report") == 0
    card = ModelCard.load(copy / "README.md")
    figures = {result.metric_name: result.metric_value for result in card.data.eval_results}
    macro_f1 = load_evaluation(tmp_path / "report").model.macro.f1.value
    assert figures["macro F1"] == pytest.approx(macro_f1, abs=5e-5)
    assert "| training key | 00000000 |" in card.text


def test_gate_fails_with_exit_code_1_and_the_reason(evaluated, capsys):
    assert evaluated("gate.macro_f1=0.999") == 1
    assert "does not pass the gate: macro-F1 is" in capsys.readouterr().err


def test_gate_on_regression_against_an_earlier_run(evaluated, capsys):
    assert evaluated("output=first") == 0
    assert evaluated("gate.regression=0.01", "baseline=first") == 0
    assert "changed by +0.0000" in capsys.readouterr().out
    assert evaluated("gate.regression=0.01") == 2
    assert evaluated("gate.regression=0.01", "baseline=nowhere") == 2
