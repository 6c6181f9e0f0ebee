"""Where training reports its progress: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsstance.configuration.groups import TrackerConfig
from newsstance.errors import InputError
from newsstance.model.location import OUTPUTS

TRACKERS = ("none", "tensorboard", "mlflow", "wandb")
_SET_HERE: dict[str, str] = {}
"""What `prepare_tracker` itself put into the environment."""


def prepare_tracker(tracker: TrackerConfig, folder: Path) -> str:
    """Set the tracker's environment (which it and `transformers` read) where the user's own does not.

    Everything stays on this machine, and nothing is told to the tracker's makers, unless the user's environment names a
    server or switches that on.

    Args:
        tracker: Which tracker.
        folder: Receives the files of TensorBoard and of Weights & Biases. MLflow has one store of all runs in
            ``outputs/``.

    Returns:
        The name for ``TrainingArguments(report_to=...)``.

    Raises:
        InputError: On an unknown tracker or one that is not installed.
    """
    if tracker.name not in TRACKERS:
        raise InputError(f"tracker.name={tracker.name}: unknown; the trackers are {', '.join(TRACKERS)}")
    if tracker.name != "none" and importlib.util.find_spec(tracker.name) is None:
        raise InputError(f"tracker={tracker.name}: not installed; pip install 'newsstance[{tracker.name}]'")
    settings = {
        "tensorboard": {"TENSORBOARD_LOGGING_DIR": str(folder / "tensorboard")},
        "mlflow": {
            "MLFLOW_EXPERIMENT_NAME": tracker.project,
            "MLFLOW_TRACKING_URI": f"sqlite:///{(OUTPUTS / 'mlflow.db').resolve()}",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        "wandb": {
            "WANDB_PROJECT": tracker.project,
            "WANDB_MODE": "offline",
            "WANDB_DIR": str(folder),
            "WANDB_SILENT": "true",
            "WANDB_ERROR_REPORTING": "false",
        },
    }
    for name, value in settings.get(tracker.name, {}).items():
        if os.environ.get(name) in {None, _SET_HERE.get(name)}:  # not the user's: unset, or of an earlier training
            os.environ[name] = _SET_HERE[name] = value
    if tracker.name == "mlflow":
        OUTPUTS.mkdir(parents=True, exist_ok=True)
    return tracker.name


@contextmanager
def tracker_closed(tracker: TrackerConfig) -> Iterator[None]:
    """End the tracker's run behind the training, so that the next training of this process gets a run of its own."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if tracker.name == "mlflow":
            import mlflow

            mlflow.end_run("FINISHED" if finished else "FAILED")
        elif tracker.name == "wandb":
            import wandb

            wandb.finish(exit_code=0 if finished else 1)
            wandb.teardown()  # its settings, such as the folder, would outlive the run
