"""Checkpoints of a training: those of this job only, whole ones only; a full disk is said so."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from newsstance.errors import InputError

LOG = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
_KEY = "job.key"
_STATE_FILE = "trainer_state.json"
_ALMOST_NOTHING = 1 << 20


def prepare_checkpoints(folder: Path, key: str) -> Path:
    """The folder of a job's checkpoints, without those of another job and without broken ones.

    Args:
        folder: The model's folder.
        key: The job's key.
    """
    checkpoints = folder / CHECKPOINTS
    marker = checkpoints / _KEY
    if checkpoints.exists() and not (marker.exists() and marker.read_text() == key):
        LOG.info("%s: checkpoints of another config or corpus, starting anew", checkpoints)
        shutil.rmtree(checkpoints)
    checkpoints.mkdir(parents=True, exist_ok=True)
    remove_broken(checkpoints)
    marker.write_text(key)
    return checkpoints


def check_folder(folder: Path, ours: Collection[str]) -> None:
    """See that what a training replaces in ``folder`` is of trainings: checkpoints with a job's key, an adapter.

    Args:
        folder: The model's folder.
        ours: Names of files that an adapter's folder may hold.

    Raises:
        InputError: Where there is something of somebody else's.
    """
    checkpoints = folder / CHECKPOINTS
    foreign = [path for path in (folder / "adapter").glob("*") if path.name not in ours]
    if any(checkpoints.glob("*")) and not (checkpoints / _KEY).exists():
        foreign.append(checkpoints)
    if foreign:
        raise InputError.at(foreign[0], "is not of newsstance and would be replaced", remedy="give another output=")


def last_checkpoint(checkpoints: Path) -> Path | None:
    """The newest whole checkpoint; None where there is none."""
    whole = [path for path in checkpoints.glob("checkpoint-*") if _is_whole(path)]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a job that has ended, if there are any."""
    if (folder / CHECKPOINTS / _KEY).exists():
        shutil.rmtree(folder / CHECKPOINTS)


def remove_broken(checkpoints: Path) -> None:
    """Remove checkpoints that a kill or a full disk left half written."""
    for path in checkpoints.glob("checkpoint-*"):
        if not _is_whole(path):
            LOG.info("%s: was not written to its end, removed", path)
            shutil.rmtree(path)


def _is_whole(checkpoint: Path) -> bool:
    """Whether the file that `transformers` writes last is there and can be read."""
    try:
        json.loads((checkpoint / _STATE_FILE).read_text())
    except (OSError, ValueError):
        return False
    return True


@contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Turn the errors by which safetensors and torch say that the disk is full into the `OSError` they come from."""
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        if not _means_full_disk(error, folder):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error


def _means_full_disk(error: Exception, folder: Path) -> bool:
    said = str(error)
    if "No space left" in said or f"os error {errno.ENOSPC}" in said or f"os error {errno.EDQUOT}" in said:
        return True
    writing = isinstance(error, RuntimeError) and ("write" in said or "unexpected pos" in said)  # torch.save
    return writing and shutil.disk_usage(folder).free < _ALMOST_NOTHING
