"""``newsstance cross-predict`` and a training from what it writes."""

import json
from pathlib import Path

import pytest

from newsstance.commands.main import main
from newsstance.commands.train import training_job
from newsstance.configuration.commands import TrainConfig
from newsstance.configuration.groups import CorpusConfig, EncoderConfig, SplitConfig, TrackerConfig, TrainerConfig
from newsstance.corpus.loading import data_hash, load_corpus
from newsstance.corpus.soft_labels import SOFT_LABELS, UNREAD, read_soft_labels, text_hash
from newsstance.model.targets import training_targets

VERBS = {"acknowledgement": "admitted", "denial": "denied", "third_party_skepticism": "doubted"}
SMALL = ["trainer=debug", "trainer.max_steps=2", "corpus.split.validation_share=0.4", "corpus.split.near_duplicate=0"]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"doc": f"a-{n}", "i": i, "text": f"The mayor {verb} bridge {n}.", "labels": [label]}
        for n in range(24)
        for i, (label, verb) in enumerate(VERBS.items())
    ]
    return write(tmp_path / "mine.jsonl", rows)


@pytest.fixture
def unread(tmp_path: Path) -> Path:
    """A sentence of each article of the corpus that nobody has labelled."""
    return write(tmp_path / "more.jsonl", [{"doc": f"a-{n}", "text": f"Bridge {n} is red."} for n in range(24)])


def config(corpus: Path, **options: object) -> TrainConfig:
    source = CorpusConfig(paths=[str(corpus)], split=SplitConfig(near_duplicate=0), **options)
    return TrainConfig(1, None, source, EncoderConfig("x"), TrainerConfig(), TrackerConfig())


@pytest.fixture
def soft_labels(corpus: Path, unread: Path, tiny_encoder: Path) -> Path:
    words = [f"corpus={corpus}", f"corpus.unlabelled=[{unread}]", f"encoder={tiny_encoder}", "folds=2", "seeds=[0]"]
    assert main(["cross-predict", *words, *SMALL, "output=soft.parquet"]) == 0
    return Path("soft.parquet").resolve()


def test_every_sentence_gets_scores_and_a_model_is_trained_towards_them(
    corpus, unread, soft_labels, tiny_encoder, capsys
):
    texts = [json.loads(line)["text"] for path in (corpus, unread) for line in path.read_text().splitlines()]
    assert read_soft_labels(soft_labels).keys() == {text_hash(text) for text in texts}
    words = [f"corpus={corpus}", f"corpus.soft_labels={soft_labels}", f"encoder={tiny_encoder}", "output=model"]
    assert main(["train", *words, *SMALL]) == 0
    assert Path("model/newsstance.json").exists()
    assert "validation macro-F1" in capsys.readouterr().out


def test_soft_labels_stay_in_the_training_split_and_do_not_change_the_hash_of_the_data(corpus, unread, soft_labels):
    job = training_job(config(corpus, soft_labels=str(soft_labels), unlabelled=[str(unread)]))
    assert all(SOFT_LABELS in sentence.extra for sentence in job.splits["train"])
    held_out = job.splits["validation"] + job.splits["test"]
    assert not any(SOFT_LABELS in sentence.extra for sentence in held_out)
    assert job.data_hash == data_hash(load_corpus(CorpusConfig(paths=[str(corpus)])))

    others = [sentence for sentence in job.splits["train"] if sentence.extra.get(UNREAD)]
    assert others
    assert not {sentence.doc for sentence in others} & {sentence.doc for sentence in held_out}, "whole articles"
    # Without weight on soft labels they are still all that is known of these: not "no stance".
    assert training_targets(others, 0.0).max() > 0.1


def test_other_soft_labels_are_another_model(corpus, unread, soft_labels):
    plain = training_job(config(corpus))
    soft = training_job(config(corpus, soft_labels=str(soft_labels)))
    more = training_job(config(corpus, soft_labels=str(soft_labels), unlabelled=[str(unread)]))
    assert len({plain.key, soft.key, more.key}) == 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["corpus.soft_labels=none.parquet"], "none.parquet: no such file"),
        (["corpus.unlabelled=[more.jsonl]"], "corpus.unlabelled: what nobody has labelled needs corpus.soft_labels"),
        (["corpus.soft_labels=soft.parquet", "corpus.unlabelled=[gone.jsonl]"], "corpus.unlabelled: give files"),
    ],
)
def test_what_cannot_be_learned_from(corpus, soft_labels, tiny_encoder, capsys, words, reason):
    assert main(["train", f"corpus={corpus}", f"encoder={tiny_encoder}", *SMALL, *words]) == 2
    assert reason in capsys.readouterr().err


def test_folds_that_leave_too_little_are_named_before_anything_is_trained(corpus, tiny_encoder, capsys):
    few = ["corpus.split.validation_share=0.0", "corpus.split.near_duplicate=0", "folds=2"]
    assert main(["cross-predict", f"corpus={corpus}", f"encoder={tiny_encoder}", "trainer=debug", *few]) == 2
    assert "fold 0 of 2: the validation split is empty" in capsys.readouterr().err
    assert not Path("outputs/models/folds").exists()
