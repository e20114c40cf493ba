"""Apply a super-resolution network to pictures of any size."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .networks import SRCNN, SuperResolutionNet, _check_image
from .scale import autocast, fast_dtype
from .superres import match_histogram

TILE = 256
"""Width and height of what is computed at a time, in pixels of the small picture."""

OVERLAP = 16
"""Pixels that a tile sees of its neighbours: as far as any of our networks looks (chapter 8), so
that tiles give exactly what the whole picture would."""


def upscale(
    network: SuperResolutionNet | SRCNN,
    image: Tensor,
    *,
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
        (1, 3, H, W), RGB, in [0, 255].
    histogram
        Match the result's histogram to the image's, as the paper does
        (:func:`~perceptual_edu.superres.match_histogram`).
    dtype
        Number format of the activations; by default :func:`~perceptual_edu.scale.fast_dtype`.
    tile
        See :data:`TILE`.

    Returns
    -------
    Tensor
        (1, 3, factor H, factor W), uint8, on the CPU.

    Raises
    ------
    ValueError
        If the image is not (1, 3, H, W) or too small.
    """
    _check_image(image, network.smallest)
    if len(image) != 1:
        raise ValueError(f"upscale takes one image, (1, 3, H, W), not {tuple(image.shape)}")
    factor = network.config["factor"]
    height, width = image.shape[2:]
    result = torch.empty(1, 3, factor * height, factor * width, dtype=torch.uint8)
    whole = network.config.get("norm") == "instance"
    for top, left, y in _tiles(network, image, max(height, width) if whole else tile, dtype):
        result[:, :, top : top + y.shape[2], left : left + y.shape[3]] = y
    return match_histogram(result, image).to(torch.uint8) if histogram else result


@torch.inference_mode()
def _tiles(
    network: nn.Module, image: Tensor, tile: int, dtype: torch.dtype | None
) -> Iterator[tuple[int, int, Tensor]]:
    """First row and column in the result, and (1, 3, h, w) uint8."""
    where, training = next(network.parameters()).device, network.training
    dtype, factor = dtype or fast_dtype(), network.config["factor"]
    try:
        network.eval()
        with autocast(where, dtype):
            for top, low, above, below in _spans(image.shape[2], tile, network.smallest):
                for left, right, before, behind in _spans(image.shape[3], tile, network.smallest):
                    seen = image[:, :, top - above : low + below, left - before : right + behind]
                    y = network(seen.to(where))
                    y = y[:, :, factor * above :, factor * before :]
                    y = y[:, :, : factor * (low - top), : factor * (right - left)]
                    yield factor * top, factor * left, y.clamp(0, 255).round().to(torch.uint8)
    finally:
        network.train(training)


def _spans(side: int, tile: int, smallest: int) -> Iterator[tuple[int, int, int, int]]:
    """Begin and end of each tile along a side, and how much it sees before and behind."""
    count = max(1, round(side / max(tile, smallest)))
    for i in range(count):
        begin, end = side * i // count, side * (i + 1) // count
        yield begin, end, min(OVERLAP, begin), min(OVERLAP, side - end)
