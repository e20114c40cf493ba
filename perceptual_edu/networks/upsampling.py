"""Doubling a picture and convolving it, both at once and at the small size.

Enlarging is linear, and so a filter of 3 x 3 on the enlarged map is four filters of 3 x 3 on the
small one: for even and odd rows and columns. The result is that of the plain form, which stands in
:meth:`UpsampleBlock.convolve <perceptual_edu.networks.blocks.UpsampleBlock.convolve>`, several
times faster. Training and inference use it alike.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import padded

INTERPOLATIONS = {"resize": "nearest", "bilinear": "bilinear"}
"""What ``F.interpolate`` calls our ways to enlarge."""


def enlarged_and_convolved(x: Tensor, conv: nn.Conv2d, how: str, border: str) -> Tensor:
    """Double x, Tensor of shape (B, C_in, H, W), and convolve it to (B, C_out, 2 H, 2 W).

    Parameters
    ----------
    conv
        Of 3 x 3.
    how
        A key of :data:`INTERPOLATIONS`.
    border
        A mode of ``F.pad``: what is put around x.
    """
    kernel, bias = small_filters(conv, how)
    return interleaved(F.conv2d(padded(x, (1,) * 4, border), kernel, bias))


def small_filters(conv: nn.Conv2d, how: str) -> tuple[Tensor, Tensor]:
    """Kernel (4 C_out, C_in, 3, 3) and bias (4 C_out,) that enlarge and convolve at once."""
    taps = _taps(how, conv.weight)
    kernel = torch.einsum("iad,jbe,ocde->abocij", taps, taps, conv.weight)
    return kernel.flatten(0, 2), conv.bias.repeat(4)


def _taps(how: str, like: Tensor) -> Tensor:
    """Tensor of shape (3, 2, 3): how much of each of three neighbours in the small map is seen, at
    an even and at an odd pixel of the enlarged one, by each of a filter's three taps."""
    neighbours = torch.eye(3, dtype=like.dtype, device=like.device)  # one after the other is lit
    mode = INTERPOLATIONS[how].replace("bilinear", "linear")
    enlarged = F.interpolate(neighbours.unsqueeze(1), scale_factor=2, mode=mode).squeeze(1)
    return enlarged[:, 1:5].unfold(1, size=3, step=1)  # around the two pixels of the middle one


def interleaved(x: Tensor) -> Tensor:
    """(B, 2 2 C, H, W) to (B, C, 2 H, 2 W): pixel_shuffle, but faster for channels_last."""
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4).transpose(2, 3)
    return x.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)
