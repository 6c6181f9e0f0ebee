"""The search for a better recipe: what it ends with, that it goes on, that it stops bad trials."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from newsstance.configuration.groups import RangeConfig, SearchConfig, TrackerConfig, TrainerConfig
from newsstance.errors import InputError
from newsstance.model.metadata import ModelMetadata
from newsstance.model.search import SEARCH, search
from newsstance.model.space import check_space, default_values, suggest

optuna = pytest.importorskip("optuna")


def job(encoder: Path, **recipe: object):
    """The job of ``test_training.py``, short."""
    spec = importlib.util.spec_from_file_location("training_job", Path(__file__).with_name("test_training.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.job(encoder, **{"epochs": 1, "evaluations_per_epoch": 2} | recipe)


def config(trials: int, **space: RangeConfig) -> SearchConfig:
    return SearchConfig("optuna", trials, dict(space), startup_trials=1, warmup_evaluations=0)


RATES = {"learning_rate": RangeConfig(1e-3, 1e-2, log=True), "freeze_layers": RangeConfig(0, 1)}


def without_clock(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "minutes"} for row in rows]


def test_the_best_trial_is_the_model_and_the_first_trial_is_the_recipe(tiny_encoder, tmp_path):
    the_job = job(tiny_encoder)
    classifier, rows = search(the_job, config(3, **RATES), tmp_path / "model")
    assert [row["trial"] for row in rows] == [1, 2, 3]
    assert rows[0]["learning_rate"] == the_job.trainer.learning_rate
    best = max((row for row in rows if row["state"] == "complete"), key=lambda row: row["validation_macro_f1"])
    said = ModelMetadata.load(tmp_path / "model")
    assert said == classifier.metadata
    assert said.figures["validation_macro_f1"] == best["validation_macro_f1"]
    assert said.config["trainer"]["learning_rate"] == pytest.approx(best["learning_rate"])
    assert json.loads((tmp_path / "model" / SEARCH / "trials.json").read_text()) == rows
    assert len((tmp_path / "model" / SEARCH / "trials.csv").read_text().splitlines()) == 4
    assert not list((tmp_path / "model" / SEARCH).glob("trial-*")), "models of trials are left over"


def test_a_search_that_is_repeated_trains_nothing_and_one_with_more_trials_goes_on(tiny_encoder, tmp_path):
    _, first = search(job(tiny_encoder), config(1, **RATES), tmp_path / "model")
    written = (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns
    _, again = search(job(tiny_encoder), config(1, **RATES), tmp_path / "model")
    assert again == first
    assert (tmp_path / "model" / "model.safetensors").stat().st_mtime_ns == written
    _, more = search(job(tiny_encoder), config(2, **RATES), tmp_path / "model")
    assert more[:1] == first
    assert len(more) == 2
    assert more[0]["learning_rate"] != more[1]["learning_rate"]


def test_a_trial_below_the_median_is_stopped_early_and_leaves_no_folder(tmp_path, monkeypatch):
    """Trainings whose macro-F1 is the learning rate at each of three evaluations."""
    seen: list[tuple[float, int]] = []

    def trained(the_job, folder, watch=None, **_):
        rate = the_job.trainer.learning_rate
        folder.mkdir(parents=True, exist_ok=True)
        for evaluation in (1, 2, 3) if watch else ():
            seen.append((rate, evaluation))
            watch(evaluation, rate)
        return SimpleNamespace(metadata=SimpleNamespace(figures={"validation_macro_f1": rate}))

    monkeypatch.setattr("newsstance.model.search.train", trained)
    settings = SearchConfig("optuna", 12, {"learning_rate": RangeConfig(0.1, 0.9)}, startup_trials=2)
    best, rows = search(job(tmp_path, learning_rate=0.5), settings, tmp_path / "model")
    highest = 0.0
    for row in rows:
        rate = row["learning_rate"]
        reached = max(evaluation for other, evaluation in seen if other == rate)
        assert (row["state"], reached) in {("complete", 3), ("pruned", 2)}, "warmup_evaluations=1: none at the first"
        assert row["state"] == "complete" or rate < highest
        highest = max(highest, rate)
    assert {row["state"] for row in rows} == {"complete", "pruned"}
    assert best.metadata.figures["validation_macro_f1"] == highest
    assert not list((tmp_path / "model" / SEARCH).glob("trial-*"))


def test_a_recipe_that_was_tried_is_not_trained_again(tiny_encoder, tmp_path, caplog):
    caplog.set_level("INFO")
    _, rows = search(job(tiny_encoder), config(4, freeze_layers=RangeConfig(0, 1)), tmp_path / "model")
    assert len(rows) == 4
    assert caplog.text.count("training: ") == len({row["freeze_layers"] for row in rows}) <= 2


def test_values_that_do_not_go_together_end_their_trial_and_not_the_search(tiny_encoder, tmp_path, caplog):
    space = {"hidden_dropout": RangeConfig(choices=[0.0]), "consistency_weight": RangeConfig(choices=[0.0, 0.5])}
    _, rows = search(job(tiny_encoder, hidden_dropout=0.0), config(6, **space), tmp_path / "model")
    assert {(row["consistency_weight"], row["state"]) for row in rows} == {(0.0, "complete"), (0.5, "fail")}
    assert "compares two dropout masks" in caplog.text


def test_a_key_that_may_be_null_is_searched_in_its_own_type():
    space = {
        "hidden_dropout": RangeConfig(0.0, 0.2),
        "adapter_rank": RangeConfig(4, 8),
        "epochs": RangeConfig(choices=[2, 3]),
    }
    recipe = TrainerConfig()
    check_space(space, recipe)
    assert default_values(space, recipe) == {"epochs": 3.0}, "null lies in no range"
    drawn = suggest(optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask(), space, recipe)
    assert isinstance(drawn.adapter_rank, int)
    assert 4 <= drawn.adapter_rank <= 8
    assert isinstance(drawn.hidden_dropout, float)


def test_the_curves_of_all_trials_are_kept(tiny_encoder, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    tracked = replace(job(tiny_encoder), tracker=TrackerConfig("tensorboard"))
    search(tracked, config(2, **RATES), tmp_path / "model")
    runs = tmp_path / "model" / SEARCH / "runs"
    assert {path.parts[-3] for path in runs.glob("*/tensorboard/events*")} == {"trial-001", "trial-002"}


def test_a_trial_that_diverges_does_not_end_the_search(tiny_encoder, tmp_path):
    space = {"learning_rate": RangeConfig(choices=[3e-3, 1e30])}
    _, rows = search(job(tiny_encoder), config(4, **space), tmp_path / "model")
    assert {row["state"] for row in rows if row["learning_rate"] == 1e30} == {"fail"}
    assert rows[0]["state"] == "complete"


def test_the_folder_of_another_search_is_left_alone(tiny_encoder, tmp_path):
    search(job(tiny_encoder), config(1, **RATES), tmp_path / "model")
    with pytest.raises(InputError, match="holds the search of another config"):
        search(job(tiny_encoder, epochs=2), config(1, **RATES), tmp_path / "model")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "nothing to search for"),
        ({"learning_rate": None}, "nothing to search for"),
        ({"lerning_rate": RangeConfig(1, 2)}, "trainer has no such key"),
        ({"learning_rate": RangeConfig(1)}, "needs low and high"),
        ({"learning_rate": RangeConfig(2, 1)}, "low not above high"),
        ({"learning_rate": RangeConfig(0, 1, log=True)}, "low must be above 0"),
        ({"learning_rate": RangeConfig()}, "either choices, or low and high"),
        ({"learning_rate": RangeConfig(1, 2, choices=[1])}, "either choices, or low and high"),
        ({"epochs": RangeConfig(choices=["many"])}, "epochs"),
    ],
)
def test_a_space_that_does_not_fit_the_recipe_is_named(space, message):
    with pytest.raises(InputError, match=message):
        check_space(space, TrainerConfig())


def test_the_recipe_is_the_first_trial_as_far_as_the_space_holds_it():
    space = {"epochs": RangeConfig(choices=[2, 3]), "learning_rate": RangeConfig(1e-3, 1e-2), "freeze_layers": None}
    assert default_values(space, TrainerConfig(epochs=3, learning_rate=1e-4)) == {"epochs": 3.0}


# No trial is pruned at its first evaluation: the second one has a checkpoint to be killed behind, on every CPU.
SEARCH_SCRIPT = """
import importlib.util
from dataclasses import replace
spec = importlib.util.spec_from_file_location("search_job", {this!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
from pathlib import Path
config = replace(module.config(3, **module.RATES), warmup_evaluations=1)
module.search(module.job(Path({encoder!r}), epochs=4), config, Path({folder!r}))
"""


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(tiny_encoder, tmp_path):
    """Killed in the second trial, behind its first checkpoint; rows and weights are those of an undisturbed search."""
    folder = tmp_path / "disturbed"
    script = SEARCH_SCRIPT.format(this=__file__, encoder=str(tiny_encoder), folder=str(folder))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    while process.poll() is None:
        if list((folder / SEARCH).glob("trial-002/checkpoints/checkpoint-*/trainer_state.json")):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    assert process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    undisturbed = tmp_path / "undisturbed"
    subprocess.run([sys.executable, "-c", script.replace(str(folder), str(undisturbed))], env=environment, check=True)
    rows = [json.loads((place / SEARCH / "trials.json").read_text()) for place in (folder, undisturbed)]
    assert without_clock(rows[0]) == without_clock(rows[1])
    assert (folder / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()
