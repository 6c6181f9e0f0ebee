"""Training in several processes, as ``torchrun`` starts them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from newsstance.model.processes import processes, rank

LABELS = {"admitted": "acknowledgement", "denied": "denial", "doubted": "third_party_skepticism", "painted": None}


def corpus(path: Path, articles: int) -> Path:
    """Articles of four sentences, one of each label and one without."""
    rows = [
        {
            "doc": f"a-{n}",
            "i": i,
            "text": f"Mayor {'of the town ' * (n % 5)}number {n} {verb} bridge {n + i}.",
            "stances": [{"label": label, "source": "", "cue": verb}] if label else [],
        }
        for n in range(articles)
        for i, (verb, label) in enumerate(LABELS.items())
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def encoder_without_dropout(tiny_encoder: Path, tmp_path: Path) -> Path:
    """Dropout draws other masks in other processes; without it, the weights can be compared."""
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.0}))
    return folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, (1, 0)), ({"WORLD_SIZE": "4", "RANK": "3"}, (4, 3)), ({"WORLD_SIZE": "1", "RANK": "0"}, (1, 0))],
)
def test_the_environment_says_how_many_processes_there_are(environment, expected, monkeypatch):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (processes(), rank()) == expected


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(encoder_without_dropout, tmp_path):
    """The same metadata, nearly the same weights (sums in another order), one run folder, one voice."""
    labelled = corpus(tmp_path / "corpus.jsonl", 30)
    words = [
        "train",
        f"corpus={labelled}",
        f"encoder={encoder_without_dropout}",
        "corpus.split.near_duplicate=0",
        "trainer.precision=fp32",
        "trainer.epochs=1",
        "trainer.evaluations_per_epoch=1",  # one, at the end: what is compared comes of all steps
        "trainer.batch_size=8",
    ]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    answers = {}
    for name, starter in {"one": [], "two": launch}.items():
        folder = tmp_path / name
        folder.mkdir()
        answers[name] = subprocess.run(
            [sys.executable, *starter, "-m", "newsstance", *words, f"output={folder / 'model'}"],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answers[name].returncode == 0, answers[name].stderr
    assert answers["two"].stdout.count("validation macro-F1") == 1
    assert answers["two"].stderr.count("training: ") == answers["two"].stderr.count("steps in 2 processes") == 1
    assert len(list((tmp_path / "two" / "outputs").glob("train/*/*/run.json"))) == 1
    assert_same_model(tmp_path / "one" / "model", tmp_path / "two" / "model")


def assert_same_model(one: Path, two: Path) -> None:
    from safetensors.numpy import load_file

    said = [json.loads((folder / "newsstance.json").read_text()) for folder in (one, two)]
    assert said[0]["key"] == said[1]["key"]
    assert said[0]["figures"]["sentences"] == said[1]["figures"]["sentences"]
    first, second = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    for name in first.keys() - {"classifier.weight", "classifier.bias"}:  # calibration may blow up tiny differences
        np.testing.assert_allclose(first[name], second[name], atol=2e-3, err_msg=name)
