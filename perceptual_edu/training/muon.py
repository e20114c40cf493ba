"""Muon: an optimiser for the filters of convolutions (Jordan et al. 2024; the paper has Adam).

A layer's filters are a matrix. In its gradient a few singular values drown all others, so most
directions hardly learn. Muon steps along the matrix that has the gradient's directions and equal
singular values: all directions learn alike. Chapter 6 compares it with Adam.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_A, _B, _C = 3.4445, -4.7750, 2.0315
"""Jordan et al.'s polynomial: after five rounds singular values lie between about 0.7 and 1.2."""


def orthogonalized(matrix: Tensor, rounds: int = 5) -> Tensor:
    """A matrix (rows, columns) with its singular values brought near 1.

    Newton and Schulz's iteration: an odd polynomial of a matrix, x -> a x + b x^3 + c x^5, changes
    its singular values and nothing else, and needs products only.
    """
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / x.norm().clamp_min(1e-30)  # now no singular value is above 1
    for _ in range(rounds):
        square = x @ x.T
        x = _A * x + (_B * square + _C * square @ square) @ x
    return x if x.shape == matrix.shape else x.T


class Muon(torch.optim.Optimizer):
    """Train filters (out, in, height, width), taken as matrices of ``out`` rows.

    PyTorch's own ``torch.optim.Muon`` takes nothing but matrices; a test compares the two.

    Parameters
    ----------
    filters
        What to train.
    lr
        Learning rate: about the root mean square of a step's entries, as in Adam's first steps. The
        two go well with the same rate.
    momentum
        The part of the last direction that is kept.
    """

    def __init__(
        self, filters: Iterable[nn.Parameter], lr: float | Tensor = 1e-3, momentum: float = 0.95
    ) -> None:
        super().__init__(filters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Change each parameter that has a gradient."""
        for group in self.param_groups:
            momentum = group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                if not self.state[p]:
                    self.state[p]["mean"] = torch.zeros_like(p)
                mean = self.state[p]["mean"].lerp_(p.grad, 1 - momentum)
                ahead = p.grad.lerp(mean, momentum).flatten(1)  # Nesterov: where it will be next
                size = max(ahead.shape) ** 0.5  # an orthogonal matrix' entries are 1 / size
                p.sub_((orthogonalized(ahead) * size).view(p.shape) * group["lr"])
