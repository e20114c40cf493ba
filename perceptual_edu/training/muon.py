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


def orthogonalized_together(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The same of N matrices, Tensor of shape (N, rows, columns), in a few large products."""
    x = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    x = x / torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp_min(1e-30)
    for _ in range(rounds):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=_B, alpha=_C)
        x = torch.baddbmm(x, polynomial, x, beta=_A)
    return x if x.shape == matrices.shape else x.mT


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
        """Change each parameter that has a gradient; those of the same shape at once."""
        for group in self.param_groups:
            filters = [p for p in group["params"] if p.grad is not None]
            for p in filters:
                if not self.state[p]:
                    self.state[p]["mean"] = torch.zeros_like(p)
            for shape in dict.fromkeys(p.shape for p in filters):
                self._change([p for p in filters if p.shape == shape], **group)

    def _change(self, filters: list[Tensor], lr: float | Tensor, momentum: float, **_) -> None:
        means, gradients = [self.state[p]["mean"] for p in filters], [p.grad for p in filters]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, means, momentum)  # Nesterov: where it will be next
        # Channels last, as they lie in memory; the order of a matrix' columns does not matter.
        stacked = torch.stack([x.movedim(1, -1) for x in ahead])
        matrices = stacked.flatten(2)
        size = max(matrices.shape[1:]) ** 0.5  # an orthogonal matrix' entries are 1 / size
        steps = (orthogonalized_together(matrices) * (size * lr)).view(stacked.shape)
        torch._foreach_sub_(filters, [x.movedim(-1, 1) for x in steps.unbind()])
