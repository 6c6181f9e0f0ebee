"""Where models lie: ``model=latest``, a folder, a hub id; where new ones go."""

from __future__ import annotations

import os
from pathlib import Path

from newsstance.errors import InputError
from newsstance.model.metadata import FILE_NAME

OUTPUTS = Path("outputs")
LATEST_RUN = OUTPUTS / "latest"
MODELS = OUTPUTS / "models"
LATEST = "latest"
SHIPPED = "shipped"


def find_model(name: str) -> str:
    """The folder (or hub id) that ``model=name`` means.

    Args:
        name: ``shipped`` for the model that comes with the package, ``latest`` for the model of the newest pipeline
            run, a folder, or a hub id such as ``org/model``.

    Raises:
        InputError: Where there is no such folder and ``name`` cannot be a hub id.
    """
    if not name:
        raise InputError("model= is empty: give 'shipped', 'latest', a folder or a hub id")
    if name == SHIPPED:
        from newsstance.model.shipped import shipped_model

        return str(shipped_model())
    if name == LATEST:
        folder = LATEST_RUN / "model"
        if not (folder / FILE_NAME).exists():
            raise InputError(
                f"model=latest: there is no {folder} yet; `newsstance pipeline` trains one, or give model=PATH"
            )
        return str(folder.resolve())
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise InputError.at(folder, "holds no model (no config.json)", remedy="give the folder that train wrote")
        return str(folder)
    if name.startswith((".", "/", "~")) or name.count("/") != 1 or folder.exists():
        raise InputError(f"model={name}: no such folder, and not a hub id (org/name), 'shipped' or 'latest'")
    return name


def model_folder(key: str, output: str | None) -> Path:
    """The folder that a model with this training key is written to: ``output``, or one named by the key."""
    return Path(output).expanduser() if output is not None else MODELS / key


def point_latest_at(run_folder: Path) -> None:
    """Make ``outputs/latest`` a link to ``run_folder``."""
    LATEST_RUN.parent.mkdir(parents=True, exist_ok=True)
    new_link = LATEST_RUN.with_name("latest.new")
    new_link.unlink(missing_ok=True)
    new_link.symlink_to(os.path.relpath(run_folder.resolve(), LATEST_RUN.parent.resolve()))
    new_link.replace(LATEST_RUN)
