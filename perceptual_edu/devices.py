"""The device to compute on, and in which number format it is fast."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path

import torch


def device() -> torch.device:
    """The device to compute on: CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def fast_dtype() -> torch.dtype:
    """The number format in which phi's convolutions run fastest here without harm.

    bfloat16 where the hardware multiplies it natively (recent CPUs and GPUs), else float32.
    Chapter 2 shows that the optimisation converges alike in both. ``PERCEPTUAL_EDU_DTYPE`` chooses
    by hand: ``float32`` makes any machine compute as an ordinary processor does.

    Raises
    ------
    ValueError
        If ``PERCEPTUAL_EDU_DTYPE`` is neither ``float32`` nor ``bfloat16``.
    """
    chosen = os.environ.get("PERCEPTUAL_EDU_DTYPE")
    if chosen:
        formats = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        if chosen not in formats:
            raise ValueError(
                f"PERCEPTUAL_EDU_DTYPE is {chosen!r}; set it to one of {', '.join(formats)}"
            )
        return formats[chosen]
    where = device().type
    if where == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if where == "cpu" and _cpu_has_bf16() else torch.float32


def autocast(where: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Compute products and convolutions in ``dtype``; with float32 as they are."""
    # torch.autocast knows no float32, warns, and looks for what to convert all the same.
    return nullcontext() if dtype == torch.float32 else torch.autocast(where.type, dtype)


@cache
def _cpu_has_bf16() -> bool:
    # PyTorch also *emulates* bfloat16 on older processors, more slowly than float32.
    flags = _cpuinfo("flags")
    return "avx512_bf16" in flags or "amx_bf16" in flags


@cache
def _cpuinfo(field: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def hardware() -> str:
    """The device in words, for example ``"2 cores of Intel(R) Xeon(R) Processor"``."""
    if device().type == "cuda":
        return torch.cuda.get_device_name()
    cpu = _cpuinfo("model name") or platform.processor() or platform.machine()
    cores = torch.get_num_threads()
    return f"{cores} core{'s' if cores > 1 else ''} of {cpu}"
