"""What a channel of phi looks at: how much of the picture, and what it answers to most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..loss_network import LAYERS
from .figures import mosaic, zoom


def receptive_field(layer: str) -> int:
    """The side, in pixels, of the part of the picture that one number of a layer depends on.

    >>> receptive_field("relu4_3")
    92
    """
    side, stride = 1, 1
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.endswith("_1") and name != "relu1_1":
            side, stride = side + stride, 2 * stride  # 2x2 pooling
        side += 2 * stride  # 3x3 convolution
    return side


def favourites(
    images: Sequence[Tensor],
    answers: Sequence[Mapping[str, Tensor]],
    layer: str,
    channel: int,
    count: int = 9,
) -> Tensor:
    """The patches to which a channel answers most, at most one from each image, as one image.

    Parameters
    ----------
    images
        (1, 3, H, W) each, in [0, 255], and larger than two of the layer's receptive fields.
    answers
        phi of each image.
    layer, channel
        Whose answers they are.
    count
        How many patches; they stand in rows of three (or all in one row, if there are fewer),
        the strongest first. Each is as large as one feature sees.
    """
    cell, side = 2 ** (int(layer[4]) - 1), receptive_field(layer)
    rim = side // (2 * cell) + 1  # at the borders phi sees zeros
    found = []
    for image, answer in zip(images, answers, strict=True):
        inner = answer[layer][0, channel, rim:-rim, rim:-rim]
        row, column = divmod(int(inner.argmax()), inner.shape[1])
        corner = rim * cell + (cell - side) // 2
        patch = zoom(image, corner + row * cell, corner + column * cell, side)
        found.append((float(inner.max()), patch))
    found.sort(key=lambda pair: -pair[0])
    return mosaic(torch.cat([patch for _, patch in found[:count]]), columns=min(count, 3))
