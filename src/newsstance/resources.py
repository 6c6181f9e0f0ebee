"""Where the files that ship with the package lie: configs and data, in a checkout as well as in an installed wheel."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def _shipped(folder: str) -> Path:
    """``folder`` inside the installed package, or at the head of the checkout that the package runs from."""
    installed = _PACKAGE / folder
    return installed if installed.is_dir() else _CHECKOUT / folder


def configs_dir() -> Path:
    """The folder of the primary configs and config groups."""
    return _shipped("configs")


def data_dir() -> Path:
    """The folder of the shipped corpus, the behaviour suite and the example article."""
    return _shipped("data")


def checkout_dir() -> Path | None:
    """The head of the git checkout that the package runs from; None for an installed wheel."""
    return _CHECKOUT if (_CHECKOUT / ".git").exists() and (_CHECKOUT / "pyproject.toml").exists() else None


def user_data_dir() -> Path:
    """The folder of data that the user fetched: ``NEWSSTANCE_DATA``, else the operating system's place for such."""
    chosen = os.environ.get("NEWSSTANCE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_data_path

    return user_data_path("newsstance", appauthor=False)


def user_cache_dir() -> Path:
    """The folder of what can be made again: ``NEWSSTANCE_CACHE``, else the operating system's place for such."""
    chosen = os.environ.get("NEWSSTANCE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("newsstance", appauthor=False)
