"""The device to compute on, and in which number format it is fast."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, lru_cache
from pathlib import Path

import psutil
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

    bfloat16 where the hardware multiplies it faster (GPUs, CPUs with AMX, AMD's since Zen 4), else
    float32.
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
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    return torch.bfloat16 if where == "cpu" and cpu_has_fast_bf16() else torch.float32


def autocast(where: torch.device, dtype: torch.dtype) -> AbstractContextManager:
    """Compute products and convolutions in ``dtype``; with float32 as they are."""
    # torch.autocast knows no float32, warns, and looks for what to convert all the same.
    return nullcontext() if dtype == torch.float32 else torch.autocast(where.type, dtype)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether a GPU may round float32 factors to 10 bits of mantissa in products (TF32).

    PyTorch allows it by default in convolutions and not in matrix products; here both are alike,
    and afterwards as they were. What is called float32 without a further word is ``tf32(False)``.
    """
    flags = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [flag.allow_tf32 for flag in flags]
    try:
        for flag in flags:
            flag.allow_tf32 = allowed
        yield
    finally:
        for flag, value in zip(flags, before, strict=True):
            flag.allow_tf32 = value


@contextmanager
def tried_convolutions(wanted: bool) -> Iterator[None]:
    """Whether CUDA's library of convolutions tries its ways at a new shape and keeps the fastest,
    which pays where shapes do not change."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = wanted
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@cache
def cpu_has_fast_bf16() -> bool:
    """Whether this processor multiplies bfloat16 faster than float32."""
    # Units that multiply matrices (AMX) make it fast; and AMD's vector instructions, which multiply
    # twice as many numbers at a time as in float32 (a training step of 4 x 256 pixels took 1.6 s
    # instead of 3.3 s). The same instructions on a Xeon without AMX are slower than float32 (4.5 s
    # instead of 2.9 s), and older processors emulate them.
    flags = cpuinfo("flags").split()
    amd = cpuinfo("vendor_id") == "AuthenticAMD"
    return "amx_bf16" in flags or (amd and "avx512_bf16" in flags)


@cache
def cpuinfo(field: str) -> str:
    """What Linux says of the first processor under this name; empty where it says nothing."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(field)), "")


def free_memory(where: torch.device | None = None) -> float:
    """Bytes that can still be allocated on a device; by default those of the processor.

    What the machine has, what this process may have (``ulimit -v``) and what its container may
    have: the least of them. A system rather kills a program than say that there is no more.
    """
    if where is not None and where.type == "cuda":
        kept = torch.cuda.memory_reserved(where) - torch.cuda.memory_allocated(where)
        return torch.cuda.mem_get_info(where)[0] + kept
    return min(psutil.virtual_memory().available, _process_free(), *containers_free())


def check_memory(what: str, needed: float, where: torch.device | None = None) -> None:
    """Refuse now what would end with the system's killing the program.

    Parameters
    ----------
    what
        What needs the memory: ``"a picture of 20 x 7 pixels"``.
    needed
        Bytes.
    where
        The device, as in :func:`free_memory`.

    Raises
    ------
    ValueError
        If fewer bytes are free.
    """
    _return_freed_memory(what)
    free = free_memory(where)
    if needed > free:
        raise ValueError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are "
            "free; make it smaller"
        )


@lru_cache(maxsize=1)  # work of the same size as before would only ask for the memory again
def _return_freed_memory(what: str) -> None:
    # Pictures of many sizes leave holes in the heap, and the C library keeps them: 120 pictures
    # grew a process by 190 MB, and by 55 MB with this. Only glibc has it; others keep less.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _process_free() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    used = psutil.Process().memory_info()
    free = [
        limit - taken
        for kind, taken in ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, _data(used)))
        if (limit := resource.getrlimit(kind)[0]) != resource.RLIM_INFINITY
    ]
    return float(max(0, min(free, default=float("inf"))))


def _data(used) -> int:
    return getattr(used, "data", 0)  # only Linux says it, and only there the limit matters


# Of a control group: its limit, what it uses, and in memory.stat what it could give back.
_CONTROL_GROUPS = (
    ("memory.max", "memory.current", "inactive_file"),  # version 2
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
)


def containers_free(
    mount: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")
) -> list[float]:
    """Bytes left in each control group that this process is in, and in those around them."""
    lines = groups.read_text().splitlines() if groups.exists() else []
    folders = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            # In a container the path may be the one outside, while its own group is the root here.
            place = mount / controllers / path.lstrip("/")
            folders |= {place, *place.parents} - {*mount.parents}
    return [free for folder in folders if (free := _group_free(folder)) is not None]


def _group_free(folder: Path) -> float | None:
    for limit, usage, spare in _CONTROL_GROUPS:
        try:
            most = int((folder / limit).read_text())  # ValueError: "max", no limit
            used = int((folder / usage).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        return float(max(0, most - used + int(stat.get(spare, 0))))
    return None


def hardware() -> str:
    """The device in words, for example ``"2 cores of Intel(R) Xeon(R) Processor"``."""
    if device().type == "cuda":
        return torch.cuda.get_device_name()
    cpu = cpuinfo("model name") or platform.processor() or platform.machine()
    cores = torch.get_num_threads()
    return f"{cores} core{'s' if cores > 1 else ''} of {cpu}"
