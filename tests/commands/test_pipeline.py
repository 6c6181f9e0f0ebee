"""``newsstance pipeline``: what it refuses before it trains; a whole run is in ``test_end_to_end``."""

import json

import pytest

from newsstance.commands.main import main


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
