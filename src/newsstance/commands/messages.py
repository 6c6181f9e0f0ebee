"""One-line messages for errors that a user can mend."""

from __future__ import annotations

import errno

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from newsstance.configuration.typed import describe
from newsstance.errors import GateError, InputError

_OS_REMEDIES = {
    errno.ENOSPC: "no space left on the disk: free some, or choose another folder with output=PATH",
    errno.EDQUOT: "the disk quota is used up: free some space, or choose another folder with output=PATH",
    errno.EACCES: "no permission: choose a folder that you may write to (output=PATH, hydra.run.dir=PATH)",
    errno.EPERM: "not permitted: choose a folder that you may write to (output=PATH, hydra.run.dir=PATH)",
    errno.EROFS: "the file system is read-only: choose another folder (output=PATH, hydra.run.dir=PATH)",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "is a folder, a file was expected",
    errno.ENOENT: "no such file or folder",
    errno.EEXIST: "a file of that name is in the way",
    errno.ENAMETOOLONG: "the name is too long",
}


_WRAPPERS = (OSError, InputError, HydraException, OmegaConfBaseException)
"""Errors that tell of the one that was being handled when they were raised. Any other is a fault of its own there."""


def one_line(error: BaseException) -> tuple[str, int] | None:
    """The message and exit code for ``error``; None for an error in newsstance itself, which deserves its traceback."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, GateError):
            return str(chain), chain.exit_code
        if isinstance(chain, InputError):
            return " ".join(str(chain).split()), 2
        if isinstance(chain, OSError) and chain.errno is not None:
            return _describe_os_error(chain), 2
        chain = chain.__cause__ or _wrapped(chain)
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return describe_hydra(error), 2
    return None


def _describe_os_error(error: OSError) -> str:
    said = error.strerror or type(error).__name__
    what = _OS_REMEDIES.get(error.errno or 0, said)
    place = said if error.filename is None else error.filename
    return what if place == what else f"{place}: {what}"


def _wrapped(error: BaseException) -> BaseException | None:
    """What was being handled when ``error`` was raised, where ``error`` is about that."""
    return error.__context__ if isinstance(error, _WRAPPERS) and not error.__suppress_context__ else None


def describe_hydra(error: BaseException) -> str:
    """Hydra's message on one line, with its cause where that says more."""
    parts = [describe(error)]
    if isinstance(error.__cause__, OmegaConfBaseException):
        parts.append(describe(error.__cause__))
    return "; ".join(dict.fromkeys(part for part in parts if part))
