"""Errors that a user can mend: shown as one line, exit code 2, no traceback."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """Something that the user gave cannot be used.

    The message is one line that names the file (and row, where there is one) and says what to do about it.
    """

    @classmethod
    def at(cls, path: str | Path, problem: str, *, row: int | None = None, remedy: str = "") -> InputError:
        """Build ``path, row N: problem (remedy)``; rows count from 1."""
        place = f"{path}, row {row}" if row is not None else str(path)
        return cls(f"{place}: {problem}" + (f" ({remedy})" if remedy else ""))


class DivergedError(InputError):
    """A training whose loss is no longer a number."""


class GateError(Exception):
    """A run did its work and did not pass a gate that was set for it: one line, exit code 1."""

    exit_code = 1


class RejectsError(GateError):
    """More records were rejected than a prediction may reject: one line, exit code 3."""

    exit_code = 3
