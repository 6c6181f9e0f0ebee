"""What the CPU can do: instruction sets and cores. Does not import torch."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


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


def cores() -> int:
    """Cores that this process may use: ``OMP_NUM_THREADS`` where it is set, else CPU affinity and cgroup quota."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdigit() and int(asked):
        return int(asked)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, _cgroup_quota()))


def _cgroup_quota() -> int:
    """Whole cores of a container's CPU quota; more than any machine has where there is none."""
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup v2, or "max"
        return 1 << 16
