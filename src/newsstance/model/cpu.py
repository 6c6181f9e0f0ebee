"""What the CPU can do: instruction sets, and how many cores of it this process may use. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from newsstance.cores import cores

__all__ = ["KEPT_PRIMITIVES", "cores", "cpu_flags", "few_primitives_kept", "multiplies_bf16"]

KEPT_PRIMITIVES = 64
"""Some steps' worth. oneDNN, below torch and OpenVINO, makes primitives for each shape of a batch and keeps 1,024,
unless told otherwise, of up to half a megabyte each: memory grows for a hundred thousand sentences."""

_CPU_INFO = Path("/proc/cpuinfo")


def multiplies_bf16() -> bool:
    """Whether the CPU has instructions that multiply bf16 (AMX, AVX-512 BF16); asked without torch."""
    return bool(cpu_flags() & {"amx_bf16", "avx512_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction sets of the CPU, as Linux names them; empty where it does not say (macOS, Windows, ARM)."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), ()))


@contextmanager
def few_primitives_kept() -> Iterator[None]:
    """Let oneDNN, where it is first used inside, keep few primitives; what the user's environment says has precedence.

    It reads the number from the environment, once
    (https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html).
    """
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(KEPT_PRIMITIVES)
    try:
        yield
    finally:
        os.environ.pop(name, None)
