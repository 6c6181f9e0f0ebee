"""Run a command as a Hydra app: compose its config, check it, make the run's folder, call its module."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from newsstance.commands.messages import one_line
from newsstance.commands.table import Command
from newsstance.configuration import commands, resolvers
from newsstance.configuration.overrides import expand_shorthands
from newsstance.configuration.typed import to_plain, to_typed
from newsstance.errors import InputError
from newsstance.logs import log_failure
from newsstance.model.processes import rank
from newsstance.provenance import Run
from newsstance.resources import configs_dir

LOG = logging.getLogger(__name__)

QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
}
"""Libraries are silent on the console and report to nobody, unless the user's environment asks them to."""


_GRID = {"-m", "--multirun"}


def run_hydra_app(command: Command, arguments: Sequence[str]) -> None:
    """Compose ``command``'s config from ``arguments`` and run it (many times with ``--multirun``).

    Raises:
        InputError: On a config or input that cannot be used; Hydra's own errors pass through as they are.
    """
    if any(argument.startswith("--experimental-rerun") for argument in arguments):
        raise InputError("--experimental-rerun loads a pickle and is switched off: repeat a run with its config.yaml")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    resolvers.register()
    config_class: type[Any] = getattr(commands, command.schema)
    # Hydra takes its flags in front of all overrides, or behind them.
    in_order = sorted(arguments, key=lambda word: word not in _GRID)
    _refuse_one_output(in_order)
    expanded = expand_shorthands(in_order, config_class, _config_dirs(arguments))

    failures: list[Exception] = []

    def task(config: DictConfig) -> None:
        # Hydra adds lines of its own to an error that leaves the job, and a sweep would end at its first failing point.
        try:
            typed = to_typed(config, config_class)
            run = Run(Path(HydraConfig.get().runtime.output_dir), command.name, to_plain(typed))
            module = importlib.import_module(f"newsstance.commands.{command.config_name}")
            module.run(typed, run)
        except Exception as error:
            if failures:
                LOG.error("one more job failed: %s", error)
            else:
                explained = one_line(error)
                log_failure(explained[0] if explained else f"a fault: {error!r}", None if explained else error)
            failures.append(error)

    app = hydra.main(version_base="1.3", config_path=str(configs_dir()), config_name=command.config_name)(task)
    with _quiet_beside_the_first(expanded) as words, _command_line([f"newsstance {command.name}", *words]):
        app()
    if failures:
        raise failures[0]


def _config_dirs(arguments: Sequence[str]) -> list[Path]:
    """The folders given with ``--config-dir DIR``, ``--config-dir=DIR`` or ``-cd DIR``."""
    folders = []
    for flag, following in pairwise([*arguments, ""]):
        if flag in {"--config-dir", "-cd"}:
            folders.append(Path(following))
        elif flag.startswith("--config-dir="):
            folders.append(Path(flag.partition("=")[2]))
    return folders


@contextmanager
def _quiet_beside_the_first(words: list[str]) -> Iterator[list[str]]:
    """Of several processes that train together, all but the first log warnings only and leave no folder of a run."""
    if rank() == 0:
        yield words
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = [
            word for word in words if not word.startswith(("hydra/job_logging=", "hydra.run.dir=", "hydra.sweep.dir="))
        ]
        yield [*kept, "hydra/job_logging=none", f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}"]


@contextmanager
def _command_line(words: list[str]) -> Iterator[None]:
    """Hydra reads ``sys.argv`` and hides errors unless HYDRA_FULL_ERROR is set; both are put back afterwards."""
    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = words, "1"
    try:
        yield
    finally:
        sys.argv = argv
        if full_error is None:
            os.environ.pop("HYDRA_FULL_ERROR", None)


def _refuse_one_output(arguments: Sequence[str]) -> None:
    """Raise `InputError` where all runs of a grid would write to one place, each over the one before."""
    if not _GRID & set(arguments):
        return
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in {"output", "output.path"} and value not in {"-", "null"} and not {",", "$"} & set(value):
            raise InputError(
                f"{argument}: every run of the grid would write there; leave it out (each has a folder of its own), or "
                "name what differs, as in 'output=model-${seed}'"
            )
