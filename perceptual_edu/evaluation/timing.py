"""Timing work, the device's included, and comparing speed-ups with earlier ones."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor

from ..devices import device, fast_dtype, hardware, tf32
from ..lbfgs import Step
from .reports import make_report

KEPT = 0.85
"""A speed-up below this part of its former value counts as lost; less is chance."""


def fallen(report: dict, history: list[dict]) -> dict[str, tuple[float, float]]:
    """Which speed-ups have been lost.

    Parameters
    ----------
    report
        With ``"machine"`` and ``"speed-up"``, a dict.
    history
        Earlier ones; those of other machines, or in another number format, do not count.

    Returns
    -------
    dict[str, tuple[float, float]]
        Name -> median of the earlier ones, and now.
    """
    lost = {}
    for name, now in report["speed-up"].items():
        before = [
            old["speed-up"][name]
            for old in history
            if old["machine"] == report["machine"] and name in old["speed-up"]
        ]
        if before and now < KEPT * statistics.median(before):
            lost[name] = statistics.median(before), now
    return lost


def value_and_gradient(objective: Callable[[Tensor], Tensor], image: Tensor) -> float:
    """An objective and its gradient, computed; the value."""
    x = image.detach().requires_grad_()
    total = objective(x)
    torch.autograd.grad(total, x)
    return float(total.detach())


def seconds_of(work: Callable) -> tuple[float, object]:
    """How long some work takes, the device's included, and what it returns."""
    synchronize = torch.get_device_module(device()).synchronize
    synchronize()
    begin = time.perf_counter()
    result = work()
    synchronize()
    return time.perf_counter() - begin, result


def endlessly(start: Callable[[], Iterable[Step]]) -> Iterator[int]:
    """Iterations of an optimisation without end, and how many evaluations each takes.

    It is begun again where it ends: L-BFGS stops when there is nothing left to gain.
    """
    while True:
        before = 0
        for step in start():
            yield step.evaluations - before
            before = step.evaluations


def in_turns(
    ways: Mapping[str, Callable], repeats: int, *, warm_up: int = 2
) -> Iterator[tuple[dict[str, list[float]], dict]]:
    """Time several ways to do the same, one after the other, again and again.

    Whatever else the machine does falls on all of them, so their ratio can be trusted. Ways whose
    name begins with ``"plain"`` compute in float32 without TF32, unless they name it.

    Parameters
    ----------
    ways
        Name -> the work.
    repeats, warm_up
        Rounds that are measured, after those that only warm up.

    Yields
    ------
    tuple[dict, dict]
        After each round that is measured: name -> seconds of all rounds so far, and name -> what
        the work returned in this one.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(-warm_up, repeats):
        results = {}
        for name, work in ways.items():
            plain = name.startswith("plain")
            with tf32("TF32" in name) if plain else nullcontext():
                seconds, results[name] = seconds_of(work)
            if round_ >= 0:
                spent[name].append(seconds)
        if round_ >= 0:
            yield spent, results


def machine() -> str:
    """The hardware and its number format: ``"2 cores of Intel(R) Xeon(R) Processor, bfloat16"``.

    Where oneDNN is kept from newer instructions, that too: ``", held to AVX2"``.
    """
    held = os.environ.get("ONEDNN_MAX_CPU_ISA")
    number_format = str(fast_dtype()).removeprefix("torch.")
    return f"{hardware()}, {number_format}" + (f", held to {held}" if held else "")


def speed_report(what: str, settings: dict, spent: dict[str, list[float]]) -> dict:
    """A report of seconds by way, their medians, and speed-ups over the way ``"plain"``."""
    medians = {name: statistics.median(values) for name, values in spent.items()}
    speed_ups = {name: medians["plain"] / value for name, value in medians.items()}
    report = make_report(what, settings, seconds=spent, medians=medians, **{"speed-up": speed_ups})
    return report | {"machine": machine()}
