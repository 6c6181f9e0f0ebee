"""Loading, scoring and saving the classifier, on a tiny random model."""

import json

import numpy as np
import pytest

from newsstance import LABELS, StanceClassifier
from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.errors import InputError
from newsstance.model import batching

SENTENCES = [
    "The mill admitted that its boiler had leaked.",
    "No.",
    "“We never opened that letter,” said Mayor Odile Branc, whose office had been accused of losing it on purpose.",
]


def test_scores_have_one_column_a_label_and_lie_between_0_and_1(tiny_model):
    scores = StanceClassifier.from_pretrained(tiny_model).predict_proba(SENTENCES)
    assert scores.shape == (3, len(LABELS))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_predict_returns_the_labels_that_score_at_least_one_half(tiny_model):
    classifier = StanceClassifier.from_pretrained(tiny_model)
    scores = classifier.predict_proba(SENTENCES)
    expected = [tuple(label for label, score in zip(LABELS, row, strict=True) if score >= 0.5) for row in scores]
    assert classifier.predict(SENTENCES) == expected


def test_order_and_company_of_sentences_do_not_change_their_scores(tiny_model):
    classifier = StanceClassifier.from_pretrained(tiny_model)
    together = classifier.predict_proba(SENTENCES)
    alone = np.concatenate([classifier.predict_proba([sentence]) for sentence in reversed(SENTENCES)])[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_pipeline_auto_model_and_classifier_give_the_same_scores(tiny_model):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    ours = StanceClassifier.from_pretrained(tiny_model).predict_proba(SENTENCES)
    answers = pipeline("text-classification", model=str(tiny_model), top_k=None)(SENTENCES)
    from_pipeline = [[{a["label"]: a["score"] for a in answer}[label] for label in LABELS] for answer in answers]
    np.testing.assert_allclose(from_pipeline, ours, atol=1e-5)

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model)
    inputs = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    np.testing.assert_allclose(torch.sigmoid(model(**inputs).logits).detach().numpy(), ours, atol=1e-5)


def test_a_saved_classifier_loads_with_the_same_scores_and_metadata(tiny_model, tmp_path):
    first = StanceClassifier.from_pretrained(tiny_model)
    first.save_pretrained(tmp_path / "copy")
    second = StanceClassifier.from_pretrained(tmp_path / "copy")
    np.testing.assert_array_equal(first.predict_proba(SENTENCES), second.predict_proba(SENTENCES))
    assert (tmp_path / "copy" / "model.safetensors").exists()
    assert second.metadata == first.metadata


def test_a_long_sentence_is_read_to_its_end(tiny_model):
    """The last words lie far behind the model's longest input; a label's score is its highest in any window."""
    classifier = StanceClassifier.from_pretrained(tiny_model)
    filler = "the river rose and fell and rose again " * 60
    end = "the ministry denied it"
    long = classifier.predict_proba([filler + end])[0]
    cut = classifier.predict_proba([filler])[0]
    assert (long != cut).any()
    assert np.isfinite(long).all()


def test_what_the_tokenizer_is_given_at_once_is_bounded_and_nothing_is_left_out(tiny_model, monkeypatch):
    """A record of 64 MB without a full stop would take 10 GB to tokenize at once."""
    classifier = StanceClassifier.from_pretrained(tiny_model)
    long = " ".join(word for n in range(900) for word in ("river", "mill", "boiler", f"n{n}"))
    sentences = ["The mill admitted it.", long, "No."]
    whole = classifier.predict_proba(sentences)
    given, read = [], []
    tokenizer, score = classifier.tokenizer, classifier._score
    monkeypatch.setattr(batching, "PIECE_CHARACTERS", 400)
    monkeypatch.setattr(batching, "CHARACTERS_AT_ONCE", 1500)
    monkeypatch.setattr(classifier, "_score", lambda windows: read.extend(windows["input_ids"]) or score(windows))

    class Counting(type(tokenizer)):
        def __call__(self, texts, **options):
            given.append(texts)
            return super().__call__(texts, **options)

    monkeypatch.setattr(tokenizer, "__class__", Counting)
    scores = classifier.predict_proba(sentences)
    assert max(sum(map(len, texts)) for texts in given) <= 1500
    assert len(given) > 10
    np.testing.assert_allclose(scores[[0, 2]], whole[[0, 2]], atol=1e-6)
    found = set(" ".join(tokenizer.batch_decode(read)).split())
    assert set(long.split()) <= found


def test_a_tokenizer_that_names_no_longest_input_reads_what_the_model_has_positions_for(tiny_model):
    classifier = StanceClassifier.from_pretrained(tiny_model)
    classifier.tokenizer.model_max_length = int(1e30)  # what transformers makes of none
    assert np.isfinite(classifier.predict_proba(["the river rose and fell " * 100])).all()


def test_empty_input_and_blank_sentences_are_scored_not_refused(tiny_model):
    classifier = StanceClassifier.from_pretrained(tiny_model)
    assert classifier.predict_proba([]).shape == (0, 3)
    assert np.isfinite(classifier.predict_proba(["", "   ", "\u200b"])).all()


def test_one_string_is_refused(tiny_model):
    with pytest.raises(TypeError, match="list of sentences"):
        StanceClassifier.from_pretrained(tiny_model).predict("The mill admitted it.")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["It denied it.", None], "sentence 1 is a NoneType"),
        ([0.5], "sentence 0 is a float"),
        ({"text": "It denied it."}, "not a dict"),
        (np.array([["a", "b"]]), "one column"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(tiny_model, given, message):
    with pytest.raises(TypeError, match=message):
        StanceClassifier.from_pretrained(tiny_model).predict_proba(given)


def test_contexts_of_another_number_are_refused(tiny_model):
    with pytest.raises(ValueError, match="1 contexts for 2 sentences"):
        StanceClassifier.from_pretrained(tiny_model).predict(["He denied it.", "It rained."], ["Before."])


@pytest.mark.parametrize(
    "backend", [BackendConfig(name="openvino"), BackendConfig(precision=Precision.int8), BackendConfig(name="nonsense")]
)
def test_runtimes_that_are_not_torch_are_refused(tiny_model, backend):
    with pytest.raises(InputError, match="runs on torch"):
        StanceClassifier.from_pretrained(tiny_model, backend)


@pytest.mark.parametrize(
    ("name", "message"),
    [("./nowhere", "no such folder"), ("latest", "newsstance pipeline"), ("nowhere", "no such folder")],
)
def test_a_model_that_is_not_there_is_named(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        StanceClassifier.from_pretrained(name)


def test_a_model_with_other_labels_is_refused(tiny_model, tmp_path):
    StanceClassifier.from_pretrained(tiny_model).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = {"0": "positive", "1": "negative", "2": "neutral"}
    config["label2id"] = {"positive": 0, "negative": 1, "neutral": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="its labels are positive, negative, neutral"):
        StanceClassifier.from_pretrained(tmp_path)


def test_a_broken_description_is_named(tiny_model, tmp_path):
    StanceClassifier.from_pretrained(tiny_model).save_pretrained(tmp_path)
    (tmp_path / "newsstance.json").write_text("{")
    with pytest.raises(InputError, match=r"newsstance\.json: is not JSON"):
        StanceClassifier.from_pretrained(tmp_path)


def test_label_columns_follow_the_names_not_the_order(tiny_model, tmp_path):
    """A model whose labels stand in another order gives the same scores in our columns."""
    classifier = StanceClassifier.from_pretrained(tiny_model)
    classifier.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["id2label"] = {"0": LABELS[2], "1": LABELS[1], "2": LABELS[0]}
    config["label2id"] = {LABELS[2]: 0, LABELS[1]: 1, LABELS[0]: 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    swapped = StanceClassifier.from_pretrained(tmp_path).predict_proba(SENTENCES)
    np.testing.assert_allclose(swapped[:, ::-1], classifier.predict_proba(SENTENCES), atol=1e-6)
