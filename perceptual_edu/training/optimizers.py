"""What turns a gradient into a step, and how long that step is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from .muon import Muon
from .recipes import Recipe


def make_optimizers(
    network: nn.Module, recipe: Recipe, *, fused: bool = False, captured: bool = False
) -> list[Optimizer]:
    """Adam, and Muon for the filters if the recipe says so.

    Not for the last layer's filters, whose three rows are the colours. Parameters that are frozen
    stay out.

    Parameters
    ----------
    network
        Whose weights are trained.
    recipe
        Names the optimiser and the learning rate.
    fused
        Adam's one kernel for the whole update.
    captured
        For a CUDA graph, which replays addresses: the rates are tensors, filled in place.
    """
    muon = recipe.optimizer == "muon"
    filters, others = [], []
    for p in filter(lambda p: p.requires_grad, network.parameters()):
        (filters if muon and p.ndim == 4 and len(p) > 3 else others).append(p)

    def rate() -> float | torch.Tensor:  # a new tensor each time: each scheduler fills its own
        device = next(network.parameters()).device
        return (
            torch.tensor(recipe.learning_rate, device=device) if captured else recipe.learning_rate
        )

    adam = Adam(others, lr=rate(), fused=fused or None, capturable=captured)
    return [adam, Muon(filters, lr=rate())] if filters else [adam]


def rate_factor(step: int, steps: int, warmup: int = 0, cooldown: float = 0.0) -> float:
    """The learning rate of a step as a part of the recipe's.

    Parameters
    ----------
    step
        Counting from 0.
    steps
        How many there are.
    warmup
        The first steps, over which the rate rises.
    cooldown
        The last part of the steps, 0 to 1, over which it falls to zero.
    """
    left = 1 - step / steps
    factor = min(1.0, left / cooldown) if cooldown else 1.0
    return factor * min(1.0, (step + 1) / warmup) if warmup else factor


def schedule(optimizers: Sequence[Optimizer], recipe: Recipe, done: int = 0) -> list[LambdaLR]:
    """Set each optimiser's rate, now for step ``done`` and at each ``step()`` for the next one."""

    def factor(count: int) -> float:
        return rate_factor(done + count, recipe.steps, recipe.warmup, recipe.cooldown)

    return [LambdaLR(optimizer, factor) for optimizer in optimizers]


def restore(optimizer: Optimizer, kept: dict) -> None:
    """Load what an optimiser remembers of each parameter, but keep this run's settings.

    Rate and capturability belong to the run, not to the file: one that was kept without a CUDA
    graph may go on with one.
    """
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": kept["state"], "param_groups": groups})
