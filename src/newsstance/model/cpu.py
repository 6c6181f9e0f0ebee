"""What the CPU can do: instruction sets, and how many cores of it this process may use. Does not import torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from newsstance.cores import cores

__all__ = ["cores", "cpu_flags", "multiplies_bf16"]

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
