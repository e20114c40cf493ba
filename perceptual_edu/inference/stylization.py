"""Apply a trained style network to photographs: fast, and of any size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from ..devices import autocast, check_memory, fast_dtype
from ..images import brightness
from ..networks.blocks import check_image
from ..networks.style import StyleNet
from .modes import evaluating
from .strips import can_be_in_strips, in_strips

MARGIN = 8
"""Pixels reflected around a photograph and cut off afterwards.

Phi pads with zeros, and so a network learns to paint the border of a picture greyer than its
middle: let it do so outside.
"""

SPACING = 32
"""Pixels between the random values of :func:`smooth_noise`.

So far apart are the forms that the shipped networks paint, whatever the size of the picture. Chosen
by looking at *The Starry Night*: half as much gave smaller stars, and twice as much hardly any.
"""


def stylize(
    network: StyleNet,
    image: Tensor,
    style: str | Mapping[str, float] | None = None,
    *,
    strength: float = 1.0,
    keep_colors: bool = False,
    noise: float = 0.0,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    strip: int | None = None,
    margin: int = MARGIN,
) -> Tensor:
    """Apply a style network to a photograph of any size.

    Parameters
    ----------
    network
        On the device on which to compute. Batch normalisation uses its running statistics,
        whether the network is in evaluation mode or not.
    image
        Tensor of shape (1, 3, H, W), RGB, in [0, 255].
    style
        Of a network of several: its name, or a mixture as ``{"the_scream": 0.7, "udnie": 0.3}``.
    strength
        From 0, the photograph, to 1, the network's output; between them a mixture of the two.
    keep_colors
        Take the result's brightness only, and the colours of the photograph (Gatys et al. 2016,
        "Preserving color in neural artistic style transfer", luminance-only transfer).
    noise
        Strength of the :func:`smooth_noise` that is added to what the network sees, in grey levels
        from 0 to 255. The paper has none; 20 gives a plain sky forms, see chapter 6.
    seed
        Of the noise: another one, other forms.
    dtype
        Number format of the activations; by default :func:`~perceptual_edu.devices.fast_dtype`.
        bfloat16 is several times faster where the hardware has it, and changes the result less
        than noise of one grey level in the photograph does.
    strip
        Rows that are computed at a time (:mod:`~perceptual_edu.inference.strips`); chosen by
        default. The paper's own networks (padding "start", transposed convolutions) are computed
        whole.
    margin
        See :data:`MARGIN`.

    Returns
    -------
    Tensor
        Tensor of shape (1, 3, H, W), float32, in [0, 255], on the image's device.

    Raises
    ------
    ValueError
        If the image is not (1, 3, H, W) or too small, if ``strength`` is not in 0 .. 1 or ``noise``
        not in 0 .. 255, if the network has no such style or several and none is named, or if there
        is not enough memory.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength:g}; wanted is a number from 0 to 1")
    if not 0 <= noise <= 255:
        raise ValueError(f"noise is {noise:g}; wanted is a number of grey levels from 0 to 255")
    check_image(image, network.smallest)
    if len(image) != 1:
        raise ValueError(f"stylize takes one image, (1, 3, H, W), not {tuple(image.shape)}")
    dtype = dtype or fast_dtype()
    network = network.only(style)
    striped, where = can_be_in_strips(network), next(network.parameters()).device
    height, width = image.shape[2:]
    values = (0.75 if striped else 6) * network.config["width"]
    needed = height * width * (values * dtype.itemsize + (48 if noise else 24)) + 4e8
    check_memory(f"a picture of {width} x {height} pixels", needed, where)
    margin = min(margin, height - 1, width - 1)  # all that can be reflected
    seen = (smooth_noise(image, noise, seed) + image).clamp_(0, 255) if noise else image
    wider = F.pad(seen, (margin,) * 4, mode="reflect") if margin else seen
    output = torch.empty_like(image, dtype=torch.float32)
    strips: Iterable[tuple[int, Tensor]] = in_strips(network, wider, dtype=dtype, strip=strip)
    with torch.inference_mode():
        if not striped:
            with evaluating(network), autocast(where, dtype):
                strips = [(0, network(wider.to(where)))]
        for first, y in strips:
            top = max(first - margin, 0)
            y = y[:, :, top + margin - first :, margin : margin + width][
                :, :, : max(height - top, 0)
            ]
            rows = slice(top, top + y.shape[2])
            photo, y = image[:, :, rows].float(), y.to(image.device)
            if keep_colors:
                # In YIQ and YCbCr alike, another luma and the same colour move R, G, B by as much.
                y = (photo + brightness(y - photo)).clamp(0, 255)
            output[:, :, rows] = torch.lerp(photo, y, strength)
    return output


def smooth_noise(image: Tensor, deviation: float, seed: int = 0) -> Tensor:
    """Noise that is light in some places and dark in others, to be added to an image.

    A network paints the same thing wherever its input is the same, so that a plain sky becomes a
    regular weave of one stroke. Of what it sees in the noise, it makes forms. (The networks of
    Ulyanov et al. 2016, "Texture networks", are given noise too, and are trained with it.)

    Parameters
    ----------
    image
        Tensor of shape (B, 3, H, W); only its shape and device matter.
    deviation
        Standard deviation of the random values, in grey levels; the noise itself varies a little
        less.
    seed
        The same seed and size give the same noise on every device.

    Returns
    -------
    Tensor
        Tensor of shape (1, 1, H, W), float32: random values every :data:`SPACING` pixels, and
        between them a bicubic surface.
    """
    height, width = image.shape[2:]
    generator = torch.Generator().manual_seed(seed)
    size = (1, 1, ceil(height / SPACING) + 1, ceil(width / SPACING) + 1)
    values = deviation * torch.randn(size, generator=generator)
    surface = F.interpolate(values, scale_factor=SPACING, mode="bicubic")
    return surface[..., :height, :width].to(image.device)
