"""``newsstance pipeline``: what it refuses before it trains; a whole run is in ``test_end_to_end``."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from newsstance.commands.main import main
from newsstance.commands.pipeline import predict
from newsstance.configuration.groups import OutputConfig, ReaderConfig
from newsstance.errors import InputError


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """Runs ``newsstance pipeline`` on a small corpus, up to the training, which is an error here."""

    def train(*_):
        raise AssertionError("it trains")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("newsstance.model.training.train", train)
    rows = [{"doc": f"a-{n}", "text": f"The mayor denied bridge {n}.", "labels": ["denial"]} for n in range(60)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return lambda *more: main(["pipeline", "corpus=mine.jsonl", *more])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("corpus.split.test_share=0", "corpus.split.test_share=0: no article of custom is left to evaluate"),
        ("evaluation.baselines=[tdidf]", "unknown 'tdidf'"),
        ("evaluation.attribute=[a-0:7]", "a-0:7 is none of the measured sentences"),
    ],
)
def test_what_cannot_be_evaluated_is_said_before_the_training(pipeline, word, message, capsys):
    assert pipeline(word) == 2
    assert message in capsys.readouterr().err


def test_what_can_be_evaluated_is_trained(pipeline):
    with pytest.raises(AssertionError, match="it trains"):
        pipeline()


def test_shards_of_another_model_are_not_taken_for_those_of_this_one(tmp_path):
    (tmp_path / "a.txt").write_text("The mayor denied it. Rain fell.")
    config = SimpleNamespace(output=OutputConfig(path=str(tmp_path / "out"), shard_sentences=1), reader=ReaderConfig())

    def predicted_by(model_id: str) -> int:
        scorer = SimpleNamespace(model_id=model_id, predict_proba=lambda texts, *_: np.zeros((len(texts), 3)))
        return predict(config, scorer, str(tmp_path / "a.txt"), tmp_path / "run").sentences

    assert predicted_by("first") == predicted_by("first") == 2
    with pytest.raises(InputError, match="another job"):
        predicted_by("second")
