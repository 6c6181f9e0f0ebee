"""A search for a better recipe: Optuna draws values of some keys of ``trainer``, each trial is an ordinary training.

All that is known of the search lies beside the model, in ``search/study.db`` (SQLite): what was killed goes on with the
trial that was under way, at its last checkpoint. What a trial is given depends on the seed, its number and the trials
before it alone, so that a search that was killed draws what an undisturbed one draws.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsstance.configuration.groups import SearchConfig, TrainerConfig
from newsstance.configuration.typed import to_plain
from newsstance.errors import DivergedError, InputError
from newsstance.model.metadata import FILE_NAME
from newsstance.model.processes import processes
from newsstance.model.space import check_space, default_values, suggest, with_values
from newsstance.model.training import is_trained, train
from newsstance.model.training_job import TrainingJob
from newsstance.provenance import hash_json
from newsstance.writing import write_text

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from newsstance.model.classifier import StanceClassifier

LOG = logging.getLogger(__name__)

SEARCH = "search"
"""Folder of the study, its tables and its trials, inside the model's folder."""

TrialRow = dict[str, Any]


def search_key(job: TrainingJob, config: SearchConfig) -> str:
    """Hash of what decides a search, whose number of trials may grow."""
    space = {key: values for key, values in to_plain(config)["space"].items() if values is not None}
    return hash_json({"job": job.key, "space": space})


def search(job: TrainingJob, config: SearchConfig, folder: Path) -> tuple[StanceClassifier, list[TrialRow]]:
    """Try recipes until there are ``config.trials`` trials; the model of the best one ends in ``folder``.

    Args:
        job: The training, whose recipe is the first trial.
        config: How many trials, and which values they may get.
        folder: Receives the model, and beside it ``search/`` with ``study.db``, ``trials.json`` and ``trials.csv``.

    Returns:
        The best model, and the trials in their order.

    Raises:
        InputError: On a space that does not fit the recipe, a folder that holds another search, or where no trial
            came to its end.
    """
    _check(config, job.trainer)
    place = folder / SEARCH
    study = _open_study(job, config, place)
    for trial in _trials_to_run(study, config, job.seed):
        _run_trial(study, trial, job, config, place)
        _write_tables(study, place)
        _remove_all_but_best(study, place)
    return _deliver_best(study, job, folder), trial_rows(study)


def trial_rows(study: Study) -> list[TrialRow]:
    """One row a trial: number (from 1), state, validation macro-F1 (the model's, or the last seen), minutes, values."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        seen = trial.intermediate_values
        value = trial.value if trial.value is not None else (seen[max(seen)] if seen else None)
        minutes = trial.duration.total_seconds() / 60 if trial.duration else None
        rows.append(
            {
                "trial": trial.number + 1,
                "state": trial.state.name.lower(),
                "validation_macro_f1": None if value is None else round(value, 4),
                "minutes": None if minutes is None else round(minutes, 2),
            }
            | trial.params
        )
    return rows


def _check(config: SearchConfig, recipe: TrainerConfig) -> None:
    import importlib.util

    if config.name != "optuna":
        raise InputError(f"hparams_search.name={config.name}: unknown; the searches are none, optuna")
    if importlib.util.find_spec("optuna") is None:
        raise InputError("hparams_search=optuna: not installed; pip install 'newsstance[search]'")
    if config.trials < 1:
        raise InputError(f"hparams_search.trials={config.trials}: must be at least 1")
    if processes() > 1:
        raise InputError("hparams_search=optuna: runs in one process; start it without accelerate launch or torchrun")
    check_space(config.space, recipe)


def _open_study(job: TrainingJob, config: SearchConfig, place: Path) -> Study:
    """The study in ``place``; a new one starts with the values of the recipe itself, where the space has them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place.mkdir(parents=True, exist_ok=True)
    name = search_key(job, config)
    storage = f"sqlite:///{(place / 'study.db').resolve()}"
    others = set(optuna.get_all_study_names(storage)) - {name}
    if others:
        raise InputError(f"{place}: holds the search of another config or corpus: give another output=, or remove it")
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        # Optuna counts steps from 0, we count evaluations from 1.
        pruner=optuna.pruners.MedianPruner(config.startup_trials, n_warmup_steps=config.warmup_evaluations + 1),
    )
    if not study.trials:
        first = default_values(config.space, job.trainer)
        study.enqueue_trial(first)
        for key in sorted({key for key, values in config.space.items() if values} - set(first)):
            own = getattr(job.trainer, key)
            LOG.warning("hparams_search.space.%s: has not the recipe's own %s; the first trial draws one", key, own)
    return study


def _trials_to_run(study: Study, config: SearchConfig, seed: int) -> Iterator[Trial]:
    """Trials that a killed search left under way, then new ones."""
    from optuna.trial import Trial, TrialState

    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        LOG.info("trial %d: going on", left.number + 1)
        _seed_sampler(study, config, seed, left.number)
        yield Trial(study, left._trial_id)  # the one way to a trial that another process began
    while (number := _finished(study)) < config.trials:
        _seed_sampler(study, config, seed, number)
        yield study.ask()


def _finished(study: Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _seed_sampler(study: Study, config: SearchConfig, seed: int, number: int) -> None:
    from optuna.samplers import TPESampler

    drawn = int(hash_json([seed, number]), 16) % (1 << 32)
    study.sampler = TPESampler(n_startup_trials=config.startup_trials, seed=drawn)


def _run_trial(study: Study, trial: Trial, job: TrainingJob, config: SearchConfig, place: Path) -> None:
    from optuna.exceptions import TrialPruned
    from optuna.trial import TrialState

    job = replace(job, trainer=suggest(trial, config.space, job.trainer))
    LOG.info("trial %d of %d: %s", trial.number + 1, config.trials, _in_words(trial.params))
    same = [other for other in _complete(study) if other.params == trial.params]
    if same:
        LOG.info("trial %d: the recipe of trial %d, with the same result", trial.number + 1, same[0].number + 1)
        study.tell(trial, same[0].value)
        return
    folder = _trial_folder(place, trial.number)
    try:
        classifier = train(
            job, folder, lambda *seen: _report(study, trial, *seen), tracked_in=place / "runs" / folder.name
        )
    except TrialPruned:
        LOG.info("trial %d: stopped early, below the median of those before", trial.number + 1)
        study.tell(trial, state=TrialState.PRUNED)
    except (DivergedError, InputError) as error:
        if isinstance(error, InputError) and trial.number == 0:  # not values that do not go together: the recipe itself
            raise
        LOG.warning("trial %d: %s", trial.number + 1, error)
        study.tell(trial, state=TrialState.FAIL)
    else:
        assert classifier.metadata is not None
        study.tell(trial, classifier.metadata.figures["validation_macro_f1"])


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {v:.3g}" if isinstance(v, float) else f"{key} {v}" for key, v in values.items())


def _report(study: Study, trial: Trial, evaluation: int, macro_f1: float) -> None:
    from optuna.exceptions import TrialPruned

    if evaluation not in study.trials[trial.number].intermediate_values:  # a trial that goes on sees some again
        trial.report(macro_f1, evaluation)
    if trial.should_prune():
        raise TrialPruned


def _best(study: Study) -> FrozenTrial | None:
    return max(_complete(study), key=lambda trial: (trial.value, -trial.number), default=None)


def _complete(study: Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _trial_folder(place: Path, number: int) -> Path:
    return place / f"trial-{number + 1:03d}"


def _remove_all_but_best(study: Study, place: Path) -> None:
    best = _best(study)
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished() and (best is None or trial.number != best.number):
            shutil.rmtree(_trial_folder(place, trial.number), ignore_errors=True)


def _write_tables(study: Study, place: Path) -> None:
    rows = trial_rows(study)
    write_text(place / "trials.json", json.dumps(rows, indent=2) + "\n")
    columns = dict.fromkeys(key for row in rows for key in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(place / "trials.csv", text.getvalue())


def _deliver_best(study: Study, job: TrainingJob, folder: Path) -> StanceClassifier:
    """Move the best trial's model to ``folder``, its ``newsstance.json`` last, and load it."""
    best = _best(study)
    if best is None:
        raise InputError(f"{folder / SEARCH}: no trial came to its end; raise hparams_search.trials or mend the space")
    recipe = with_values(job.trainer, best.params)
    source = _trial_folder(folder / SEARCH, best.number)
    if not is_trained(replace(job, trainer=recipe), folder) and (source / FILE_NAME).exists():
        (folder / FILE_NAME).unlink(missing_ok=True)
        for item in sorted(source.iterdir(), key=lambda path: path.name == FILE_NAME):
            target = folder / item.name
            if target.is_dir():
                shutil.rmtree(target)
            item.replace(target)
    shutil.rmtree(source, ignore_errors=True)
    return train(replace(job, trainer=recipe), folder)
