"""What torch makes of the processor: number formats and threads."""

from __future__ import annotations

from newsstance.configuration.groups import Precision
from newsstance.model.cpu import cores, multiplies_bf16


def uses_bf16(precision: Precision, device: str) -> bool:
    """Whether torch computes in bfloat16: asked for, or ``auto`` on hardware that multiplies bf16 faster than fp32.

    Without matrix instructions for it (AMX, AVX-512 BF16) a CPU emulates bf16 many times slower than fp32.

    Args:
        precision: What was asked for.
        device: Type of the device that the model is on: cpu, cuda, ...
    """
    import torch

    if precision is not Precision.auto:
        return precision is Precision.bf16
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return multiplies_bf16()


def use_all_cores() -> None:
    """One thread a core that this process may use; torch's own guess ignores CPU affinity."""
    import torch

    torch.set_num_threads(cores())
