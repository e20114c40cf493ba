"""How pictures are made small, to be made large again (section 4.2).

Numbers of different papers compare only if this is the same: the blur, the reduction that counts
as bicubic, the rounding to 8 bits. It stands here once, for training and for scoring.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import bicubic, to_8_bit

PAPER_BLUR = 1.0
"""Standard deviation, in pixels, of the Gaussian blur before the paper's degradation."""


def degrade(image: Tensor, factor: int, *, blur: float = 0.0) -> Tensor:
    """Shrink images as super-resolution's input is made.

    Parameters
    ----------
    image
        (B, 3, H, W) in [0, 255], H and W multiples of ``factor`` (:func:`crop_to_multiple`).
    factor
        How many times smaller the result is.
    blur
        0: bicubic alone, the standard of the benchmarks. The paper first blurs with a Gaussian
        of standard deviation :data:`PAPER_BLUR` (section 4.2).

    Returns
    -------
    Tensor
        (B, 3, H / factor, W / factor), float32, rounded to whole numbers in 0 .. 255, as a file
        of 8 bits would hold them.

    Raises
    ------
    ValueError
        If a side is not a multiple of ``factor``.
    """
    height, width = image.shape[2:]
    if height % factor or width % factor:
        raise ValueError(
            f"a picture of {width} x {height} pixels cannot be shrunk {factor} times exactly: "
            "crop_to_multiple first"
        )
    if blur:
        image = gaussian_blur(image, blur)
    return to_8_bit(bicubic(image, height // factor, width // factor))


def crop_to_multiple(image: Tensor, factor: int) -> Tensor:
    """Cut off rows below and columns on the right until both sides are multiples of ``factor``."""
    height, width = image.shape[2:]
    return image[:, :, : height - height % factor, : width - width % factor]


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur with a Gaussian of standard deviation ``sigma``, pixels; the border's pixels go on.

    Parameters
    ----------
    image
        Tensor of shape (B, C, H, W).
    """
    radius = round(4 * sigma)
    x = torch.arange(-radius, radius + 1, dtype=torch.float32, device=image.device)
    kernel = torch.softmax(-0.5 * (x / sigma) ** 2, 0)
    for axis in (2, 3):  # one axis after the other: a Gaussian is separable
        pad = (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius)
        weight = kernel.view(1, 1, 1, -1) if axis == 3 else kernel.view(1, 1, -1, 1)
        channels = image.shape[1]
        padded = F.pad(image.float(), pad, mode="replicate")
        image = F.conv2d(padded, weight.expand(channels, 1, -1, -1), groups=channels)
    return image
