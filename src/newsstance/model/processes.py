"""Training in several processes, as ``accelerate launch`` and ``torchrun`` start them. Does not import torch.

Both say by environment variables how many processes there are, and which one this is.
"""

from __future__ import annotations

import os


def processes() -> int:
    """How many processes train together."""
    return max(1, _number("WORLD_SIZE", 1))


def rank() -> int:
    """The number of this process among them, from 0; number 0 writes and prints."""
    return _number("RANK", 0) if processes() > 1 else 0


def _number(variable: str, default: int) -> int:
    value = os.environ.get(variable, "")
    return int(value) if value.isdigit() else default
