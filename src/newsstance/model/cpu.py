"""What the CPU can do: instruction sets, and how many cores of it this process may use. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from newsstance.cores import cores

__all__ = ["cores", "cpu_flags", "multiplies_bf16", "primitives_kept"]

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
def primitives_kept(count: int) -> Iterator[None]:
    """Let oneDNN keep ``count`` primitives, where it is first used inside and the user's environment says no other.

    oneDNN, below torch and OpenVINO, makes primitives for each shape of a batch and keeps 1,024 unless told otherwise,
    of up to half a megabyte each, so that memory grows for a hundred thousand sentences. It reads the number from the
    environment, once (https://uxlfoundation.github.io/oneDNN/dev_guide_primitive_cache.html).
    """
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(count)
    try:
        yield
    finally:
        os.environ.pop(name, None)
