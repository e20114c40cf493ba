"""Apply a super-resolution network to pictures of any size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from skimage.exposure import match_histograms
from torch import Tensor, nn

from ..devices import autocast, check_memory, fast_dtype
from ..images import bicubic, brightness, to_8_bit, to_pil
from ..networks.blocks import check_image
from ..networks.super_resolution import SRCNN, SuperResolutionNet
from .modes import evaluating

TILE = 256
"""Width and height of what is computed at a time, in pixels of the small picture."""

OVERLAP = 16
"""Pixels that a tile sees of its neighbours: as far as any of our networks looks (chapter 8), so
that tiles give exactly what the whole picture would."""


def upscale(
    network: SuperResolutionNet | SRCNN,
    image: Tensor,
    *,
    keep_colors: bool = False,
    histogram: bool = False,
    dtype: torch.dtype | None = None,
    tile: int = TILE,
) -> Tensor:
    """Enlarge a picture of any size, tile by tile, in bounded memory.

    Parameters
    ----------
    network
        On the device on which to compute. Batch normalisation uses its running statistics;
        a network with instance normalisation, whose statistics are the whole picture's, is
        computed in one piece.
    image
        Tensor of shape (1, 3, H, W), RGB, in [0, 255].
    keep_colors
        Take only brightness from the network, and let the result, shrunk, be the image again
        (:func:`with_colors_of`). A feature loss hardly sees a slight shift of all colours, and so
        its networks tint greys and dim white; this takes it back and raises the PSNR.
    histogram
        Match the result's histogram to the image's, as the paper does
        (:func:`~perceptual_edu.inference.upscaling.match_histogram`).
    dtype
        Number format of the activations; by default :func:`~perceptual_edu.devices.fast_dtype`.
    tile
        See :data:`TILE`.

    Returns
    -------
    Tensor
        Tensor of shape (1, 3, factor H, factor W), on the image's device; uint8, because float32
        would take four times the memory of what may be a very large picture.

    Raises
    ------
    ValueError
        If the image is not (1, 3, H, W) or too small, or if there is not enough memory.
    """
    check_image(image, network.smallest)
    if len(image) != 1:
        raise ValueError(f"upscale takes one image, (1, 3, H, W), not {tuple(image.shape)}")
    factor = network.config["factor"]
    height, width = image.shape[2:]
    size = (1, 3, factor * height, factor * width)
    # The result, as it is and on its way into a file; matching works on 64-bit numbers.
    needed = size[2] * size[3] * (10 + (100 if histogram else 0)) + 4e8
    check_memory(f"a result of {size[3]} x {size[2]} pixels", needed, image.device)
    result = torch.empty(size, dtype=torch.uint8, device=image.device)
    whole = network.config.get("norm") == "instance"
    tile = max(height, width) if whole else tile
    for top, left, y in _tiles(network, image, tile, dtype, keep_colors):
        result[:, :, top : top + y.shape[2], left : left + y.shape[3]] = y
    return match_histogram(result, image).to(torch.uint8) if histogram else result


def with_colors_of(low: Tensor, y: Tensor) -> Tensor:
    """Give an enlargement the colours of the small picture, and its mean at every place.

    The colours are those of the bicubic enlargement; then y + bicubic(low - shrunk y), a step of
    back-projection (Irani and Peleg 1991), so that flat areas come back exactly.

    Parameters
    ----------
    low, y
        Small pictures, Tensor of shape (B, 3, h, w), and their enlargements (B, 3, H, W), both in
        [0, 255].

    Returns
    -------
    Tensor
        Tensor of shape (B, 3, H, W), float32, not clipped.
    """
    plain = bicubic(low, *y.shape[2:])
    y = plain + brightness(y - plain)
    return y + bicubic(low - bicubic(y, *low.shape[2:]), *y.shape[2:])


@torch.inference_mode()
def _tiles(
    network: nn.Module, image: Tensor, tile: int, dtype: torch.dtype | None, keep_colors: bool
) -> Iterator[tuple[int, int, Tensor]]:
    """First row and column in the result, and (1, 3, h, w) uint8."""
    where = next(network.parameters()).device
    dtype, factor = dtype or fast_dtype(), network.config["factor"]
    # Back-projection looks 2 pixels far when it shrinks, and 2 when it enlarges.
    overlap = OVERLAP + 8 if keep_colors else OVERLAP
    rows, columns = (_spans(side, tile, network.smallest, overlap) for side in image.shape[2:])
    with evaluating(network), autocast(where, dtype):
        for (top, low, above, below), (left, right, before, behind) in product(rows, columns):
            seen = image[:, :, top - above : low + below, left - before : right + behind]
            seen = seen.to(where)
            y = network(seen)
            if keep_colors:
                y = with_colors_of(seen.float(), y.float())
            y = y[:, :, factor * above :, factor * before :]
            y = y[:, :, : factor * (low - top), : factor * (right - left)]
            yield factor * top, factor * left, y.clamp(0, 255).round().to(torch.uint8)


def _spans(
    side: int, tile: int, smallest: int, overlap: int
) -> Iterator[tuple[int, int, int, int]]:
    """Begin and end of each tile along a side, and how much it sees before and behind."""
    count = max(1, round(side / max(tile, smallest)))
    for i in range(count):
        begin, end = side * i // count, side * (i + 1) // count
        yield begin, end, min(overlap, begin), min(overlap, side - end)


def match_histogram(image: Tensor, low: Tensor) -> Tensor:
    """Give a result the colours of its input: channel by channel, the same histogram.

    The paper does it after its networks (section 4.2): what a perceptual loss does not see, such
    as a slight shift of all colours, it takes back from the low-resolution picture.

    In a channel of few levels (a drawing, a page of text) matching would spread the pixels evenly
    over the gaps between them, and the white of a page would come back grey. There each level
    becomes the one that has its rank in the bicubic enlargement.

    Elsewhere scikit-image cuts the matched levels off to whole numbers instead of rounding them,
    and so the columns "histogram" of the tables were measured: half a level darker, which cost up
    to 0.02 dB of PSNR (five photographs of 384 pixels, three ways to enlarge them).

    Parameters
    ----------
    image, low
        Result, Tensor of shape (1, 3, H, W), and low-resolution input (1, 3, h, w), both in
        [0, 255].

    Returns
    -------
    Tensor
        Tensor of shape (1, 3, H, W), float32, whole numbers.
    """
    pixels, reference = np.asarray(to_pil(image)), np.asarray(to_pil(low))
    matched = match_histograms(pixels, reference, channel_axis=2)
    for c in range(3):
        if _is_flat(reference[:, :, c]):
            plain = bicubic(low[:, c : c + 1], *image.shape[2:])
            plain = plain.clamp(float(low[:, c].min()), float(low[:, c].max()))  # no overshoot
            matched[:, :, c] = _match_ranks(pixels[:, :, c], to_8_bit(plain).cpu().numpy())
    return torch.from_numpy(matched).permute(2, 0, 1).unsqueeze(0).float().to(image.device)


def _is_flat(channel: np.ndarray) -> bool:
    """True of drawings and text, of no photograph in the benchmarks: a few levels are the most."""
    counts = np.sort(np.bincount(channel.ravel(), minlength=256))
    return bool((counts > 0).sum() <= 32 or counts[-4:].sum() > 2 / 3 * channel.size)


def _match_ranks(channel: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Each level becomes the reference's level at the middle of its ranks; nothing between."""
    counts, wanted = (
        np.bincount(x.astype(np.uint8).ravel(), minlength=256) / x.size
        for x in (channel, reference)
    )
    levels = np.searchsorted(wanted.cumsum(), counts.cumsum() - counts / 2)
    return levels.clip(0, 255)[channel]
