"""What the processor can do: number formats and threads."""

from __future__ import annotations

import os

from newsstance.configuration.schema import Precision


def uses_bf16(precision: Precision) -> bool:
    """Whether to compute in bfloat16: asked for, or ``auto`` on hardware that multiplies bf16 faster than fp32.

    Without matrix instructions for it (AMX, AVX-512 BF16) a CPU emulates bf16 many times slower than fp32.
    """
    import torch

    if precision is not Precision.auto:
        return precision is Precision.bf16
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def use_all_cores() -> None:
    """One thread a core that this process may use; torch's own guess ignores CPU affinity."""
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
