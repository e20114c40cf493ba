"""What turns a gradient into a step, and how long that step is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..networks.blocks import InstanceNorm
from .muon import Muon
from .recipes import Recipe

STYLE_RATE = 10.0
"""How many times faster the scales and shifts of many styles learn, or of a new one: few batches
show a style, and how far its numbers have to go does not depend on that."""


def make_optimizers(
    network: nn.Module, recipe: Recipe, *, fused: bool = False, captured: bool = False
) -> list[Optimizer]:
    """Adam, and Muon for the filters if the recipe says so.

    Not for the last layer's filters, whose three rows are the colours. Parameters that are frozen
    stay out. Scales and shifts have :data:`STYLE_RATE` if styles differ in nothing else.

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
    filters, styles, others = [], [], []
    norms = {p for m in network.modules() if isinstance(m, InstanceNorm) for p in m.parameters()}
    only = not any(p.requires_grad for p in network.parameters() if p not in norms)
    for p in filter(lambda p: p.requires_grad, network.parameters()):
        if p in norms and (only or len(p) > 1):
            styles.append(p)
        else:
            (filters if muon and p.ndim == 4 and len(p) > 3 else others).append(p)

    def rate(factor: float = 1.0) -> float | torch.Tensor:  # a new tensor each time: each
        value = factor * recipe.learning_rate  # scheduler fills its own
        device = next(network.parameters()).device
        return torch.tensor(value, device=device) if captured else value

    groups = [{"params": others, "lr": rate()}, {"params": styles, "lr": rate(STYLE_RATE)}]
    adam = Adam([g for g in groups if g["params"]], fused=fused or None, capturable=captured)
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
