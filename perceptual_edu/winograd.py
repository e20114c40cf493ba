"""3 x 3 convolutions with a quarter of the products (Winograd 1980, Lavin & Gray 2016).

Four neighbouring results of a filter with three taps take twelve products. Taken as polynomials
they take six: transform the six inputs and the three taps, multiply one by one, and transform back,
as with Fourier's transform but with small whole numbers. In two dimensions a tile of 4 x 4 results
takes 36 products instead of 144, and the sums over channels become 36 products of matrices.

It pays where channels are many, 256 and more, so that the transforms cost less than what they save,
and where a processor computes in float32. A result differs from the plain one by about 1e-5 of the
largest.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEWEST_TILES = 32  # below, reading the transformed filters takes longer than computing plainly
_AT_ONCE = 256  # tiles, so that what lies between the three products stays in the cache

# Lavin & Gray's matrices for F(4, 3), from the points 0, 1, -1, 2, -2 and infinity.
_INPUTS = torch.tensor(
    [
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_TAPS = torch.tensor(
    [[6.0, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64
)
_TAPS /= 24
_RESULTS = torch.tensor(
    [[1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
)


class WinogradConv2d(nn.Conv2d):
    """A frozen convolution, 3 x 3 with stride 1 and a border of zeros, by Winograd's algorithm.

    Only float32 on a processor, and only pictures of 32 tiles and more: all else is convolved as
    ever. :meth:`LossNetwork.fast <perceptual_edu.loss_network.LossNetwork.fast>` and trainings have
    phi's layers of 256 channels and more so. The transformed filters, both ways, take eight times
    the memory of the filters: 0.2 GB up to relu4_3, when they are first used.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve Tensor of shape (B, C_in, H, W) to (B, C_out, H, W)."""
        tiles = len(x) * -(-x.shape[2] // 4) * -(-x.shape[3] // 4)
        if x.device.type != "cpu" or x.dtype != torch.float32 or tiles < _FEWEST_TILES:
            return super().forward(x)
        return _Convolution.apply(x, *self.transformed).add_(self.bias.view(-1, 1, 1))

    @cached_property
    def transformed(self) -> tuple[Tensor, Tensor]:
        """The filters, (36, C_in, C_out), and those of the way back, (36, C_out, C_in)."""
        back = self.weight.flip(2, 3).transpose(0, 1)
        return _transformed(self.weight), _transformed(back)


class _Convolution(torch.autograd.Function):
    """The gradient of a convolution is one with the filters turned round."""

    @staticmethod
    def forward(x: Tensor, filters: Tensor, back: Tensor) -> Tensor:
        return convolved(x, filters)

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.back = inputs[2]

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        return convolved(gradient, ctx.back), None, None


def convolved(x: Tensor, filters: Tensor) -> Tensor:
    """x, Tensor of shape (B, C_in, H, W), with a border of zeros, and transformed filters."""
    batch, c_in, height, width = x.shape
    rows, columns, c_out = -(-height // 4), -(-width // 4), filters.shape[2]  # of tiles
    borders = (0, 0, 1, 4 * columns - width + 1, 1, 4 * rows - height + 1)
    pixels = F.pad(x.permute(0, 2, 3, 1), borders)  # channels last, as they lie in memory
    tiles = pixels.unfold(1, 6, 4).unfold(2, 6, 4)  # overlapping: (B, rows, columns, C_in, 6, 6)
    tiles = tiles.permute(0, 1, 4, 5, 2, 3)  # (B, rows, 6, 6, columns, C_in)
    shape = (batch, c_out, 4 * rows, 4 * columns)
    found = torch.empty(shape, memory_format=torch.channels_last)
    places = found.permute(0, 2, 3, 1).view(batch, rows, 4, columns, 4, c_out)
    images, lines = max(1, _AT_ONCE // (rows * columns)), max(1, _AT_ONCE // columns)
    for i, k in product(range(0, batch, images), range(0, rows, lines)):
        some, where = tiles[i : i + images, k : k + lines], places[i : i + images, k : k + lines]
        inputs = some.permute(2, 3, 0, 1, 4, 5).reshape(36, -1)
        inputs = (torch.kron(_INPUTS, _INPUTS) @ inputs).view(36, -1, c_in)
        products = torch.bmm(inputs, filters).view(36, -1)
        results = torch.kron(_RESULTS, _RESULTS) @ products
        results = results.view(4, 4, *some.shape[:2], columns, c_out)
        where.copy_(results.permute(2, 3, 0, 4, 1, 5))
    return found if shape[2:] == (height, width) else found[:, :, :height, :width].clone()


def _transformed(filters: Tensor) -> Tensor:
    """Filters (C_out, C_in, 3, 3) as 36 matrices (36, C_in, C_out)."""
    found = torch.einsum("ia,jb,ocab->ijco", _TAPS, _TAPS, filters.double())
    return found.flatten(0, 1).float().contiguous()
