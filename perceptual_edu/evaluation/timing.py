"""Timing work, the device's included, and comparing speed-ups with earlier ones."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ..devices import device
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
        Earlier ones; those of other machines do not count.

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
    _synchronize()
    begin = time.perf_counter()
    result = work()
    _synchronize()
    return time.perf_counter() - begin, result


def _synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def speed_report(what: str, settings: dict, spent: dict[str, list[float]]) -> dict:
    medians = {name: statistics.median(values) for name, values in spent.items()}
    return make_report(
        what,
        settings,
        seconds=spent,
        medians=medians,
        **{"speed-up": {name: medians["plain"] / value for name, value in medians.items()}},
    )
