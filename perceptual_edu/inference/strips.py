"""A style network computed in horizontal strips: faster, and of any picture in bounded memory.

Layer after layer is computed strip by strip, reading a few more rows of the layer below. Only the
statistics of instance normalisation need the whole picture, and those add up over the strips. So
there are no seams, and what is kept in memory are layers at half and at a quarter of the picture's
size. A picture of ordinary size is a single strip.

This is the network of :mod:`~perceptual_edu.networks` up to rounding; there it is easier to read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.blocks import Block, InstanceNorm, ResidualBlock, UpsampleBlock, scaled_tanh
from ..networks.layout import padded
from ..networks.style import StyleNet
from ..networks.upsampling import interleaved, small_filters

STRIP_PIXELS = 1_000_000
"""Pictures of more than twice as many pixels are computed in strips of as many."""


@torch.inference_mode()
def in_strips(
    network: StyleNet, image: Tensor, *, dtype: torch.dtype, strip: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Apply a network of which :func:`can_be_in_strips` is true.

    Parameters
    ----------
    network
        Of a single style, on the device on which to compute. Batch normalisation uses its running
        statistics.
    image
        Tensor of shape (1, 3, H, W), RGB, in [0, 255], on any device.
    dtype
        Number format of the activations.
    strip
        Rows of a strip, 16 or more; by default as many as make :data:`STRIP_PIXELS`.

    Yields
    ------
    tuple[int, Tensor]
        First row, and Tensor of shape (1, 3, rows, W) in [0, 255], of each strip of the output.
    """
    height, width = image.shape[2:]
    if strip is None:
        strip = height if height * width <= 2 * STRIP_PIXELS else STRIP_PIXELS // width
    strip = max(16, strip + -strip % 8)  # so that a quarter of it is even
    x = _input(image, next(network.parameters()).device, dtype, strip)
    for layer in network.layers:
        x = _residual(layer, x) if isinstance(layer, ResidualBlock) else _layer(layer, x)
    for a, b in x.strips():
        yield a, scaled_tanh(x.rows(a, b))[:, :, : height - a, :width]


def can_be_in_strips(network: StyleNet) -> bool:
    """True but for the paper's own padding "start" and transposed convolutions."""
    return network.config["padding"] != "start" and network.config["upsampling"] == "resize"


# ---------------------------------------------------------------- layers

Rows = Callable[[int, int], Tensor]  # of row a to row b - 1: (1, C, b - a, W)


@dataclass(frozen=True)
class _Map:
    """The activation of a layer, of which perhaps no more than some rows exist at a time."""

    rows: Rows
    height: int
    strip: int  # rows
    full_height: int  # of the network's input
    dtype: torch.dtype
    whole: Tensor | None = None

    def strips(self) -> list[tuple[int, int]]:
        starts = range(0, self.height, self.strip)
        return [(a, min(a + self.strip, self.height)) for a in starts]

    def then(self, rows: Rows, factor: float = 1) -> _Map:
        """The map of what is computed from this one, ``factor`` times as high."""
        height, strip = int(self.height * factor), int(self.strip * factor)
        return replace(self, rows=rows, height=height, strip=strip, whole=None)

    def stored(self) -> _Map:
        """The same, computed once and kept in one tensor."""
        if self.whole is not None:
            return self
        whole = self.rows(*self.strips()[0])
        if whole.shape[2] < self.height:
            _, channels, _, width = whole.shape
            first, whole = whole, whole.new_empty(1, self.height, width, channels)
            whole = whole.permute(0, 3, 1, 2)  # in memory as channels_last
            for a, b in self.strips():
                whole[:, :, a:b] = self.rows(a, b) if a else first
        return replace(self, rows=lambda a, b: whole[:, :, a:b], whole=whole)


def _input(image: Tensor, where: torch.device, dtype: torch.dtype, strip: int) -> _Map:
    """The picture as the network sees it: in [-1, 1], reflected on to multiples of 4."""
    height, width = image.shape[2:]

    def rows(a: int, b: int) -> Tensor:
        last = height - 1
        mirrored = last - (torch.arange(a, b, device=image.device) - last).abs()
        x = image[:, :, mirrored].to(where) / 127.5 - 1
        x = F.pad(x, (0, -width % 4, 0, 0), mode="reflect")
        return x.to(dtype, memory_format=torch.channels_last)

    full_height = height + -height % 4
    return _Map(rows, full_height, strip, full_height, dtype)


def _residual(block: ResidualBlock, x: _Map) -> _Map:
    x = x.stored()
    change = _layer(block.second, _layer(block.first, x))
    for a, b in x.strips():
        x.whole[:, :, a:b] += change.rows(a, b)
    return x


def _layer(block: Block, x: _Map) -> _Map:
    """Convolution, normalisation, ReLU."""
    y, norm = _convolution(block, x), block.norm
    if norm is None:
        return y
    single = len(y.strips()) == 1
    # Layers of the full size are the largest and the cheapest: computed again, not kept.
    if not single and y.height < y.full_height:
        y = y.stored()
    if not isinstance(norm, InstanceNorm):
        mean, variance = norm.running_mean, norm.running_var
    else:
        mean, variance = (None, None) if single else _statistics(y)

    scale_and_shift = norm.weight.flatten(), norm.bias.flatten()

    def rows(a: int, b: int) -> Tensor:
        # Of one picture whose statistics are known, instance and batch normalisation are the same.
        how = dict(training=mean is None, eps=norm.eps)
        z = F.batch_norm(y.rows(a, b), mean, variance, *scale_and_shift, **how)
        return F.relu_(z) if block.relu else z

    return y.then(rows)


def _statistics(y: _Map) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel over the whole picture, (C,), from those of its strips."""
    parts = []
    for a, b in y.strips():
        z = y.rows(a, b)
        mean, variance = torch.zeros((2, z.shape[1]), device=z.device)
        F.batch_norm(z, mean, variance, training=True, momentum=1.0)  # overwrites both
        n = z.shape[2] * z.shape[3]
        wide = torch.float32 if z.device.type == "mps" else torch.float64
        parts.append((n, mean.to(wide), variance.to(wide) * (n - 1) / n))
    total = sum(n for n, _, _ in parts)
    mean = sum(n * m for n, m, _ in parts) / total
    variance = sum(n * (v + (m - mean).square()) for n, m, v in parts) / total
    return mean.float(), variance.float()


# ---------------------------------------------------------------- convolutions


def _convolution(block: Block, x: _Map) -> _Map:
    """Padding, upsampling and convolution of some rows, reading as few as they need."""
    kernel, bias, stride, shuffle = _kernel(block)
    kernel = kernel.to(x.dtype, memory_format=torch.channels_last)
    bias = bias.to(x.dtype)
    margin = block.conv.kernel_size[0] // 2

    def rows(a: int, b: int) -> Tensor:
        first = a // shuffle * stride - margin
        last = (b // shuffle - 1) * stride + kernel.shape[2] - margin
        z = x.rows(max(first, 0), min(last, x.height))
        margins = (margin, margin, max(-first, 0), max(last - x.height, 0))
        z = F.conv2d(padded(z, margins, block.border), kernel, bias, stride)
        return interleaved(z) if shuffle == 2 else z

    return x.then(rows, shuffle / stride)


def _kernel(block: Block) -> tuple[Tensor, Tensor, int, int]:
    """A kernel that does the block's work in less time, bias, stride, and how much to shuffle.

    With a shuffle of 2 there are four times as many filters: each position of the convolution
    gives 2 x 2 pixels.
    """
    conv, stride = block.conv, block.conv.stride[0]
    if isinstance(block, UpsampleBlock):
        return *small_filters(conv, block.upsampling), 1, 2
    if conv.out_channels < 4:
        # Processors multiply for 16 filters at a time, so three filters leave most of it idle.
        moved = [F.pad(conv.weight, (b, 1 - b, a, 1 - a)) for a in (0, 1) for b in (0, 1)]
        return torch.cat(moved), conv.bias.repeat(4), 2, 2
    return conv.weight, conv.bias, stride, 1
