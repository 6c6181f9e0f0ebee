"""Where training reports its progress: TensorBoard, MLflow, Weights & Biases."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from newsstance.configuration.schema import TrackerConfig
from newsstance.errors import InputError

TRACKERS = ("none", "tensorboard", "mlflow", "wandb")


def prepare_tracker(tracker: TrackerConfig, folder: Path) -> str:
    """Set the tracker's environment (which `transformers` reads) where the user's own does not.

    Args:
        tracker: Which tracker.
        folder: The model's folder; TensorBoard's files go there, behind the life of the checkpoints.

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
        "mlflow": {"MLFLOW_EXPERIMENT_NAME": tracker.project},
        "wandb": {"WANDB_PROJECT": tracker.project, "WANDB_MODE": "offline", "WANDB_DIR": str(folder)},
    }
    for name, value in settings.get(tracker.name, {}).items():
        os.environ.setdefault(name, value)
    return tracker.name
