"""Flicker: how much a painted film changes where the film does not.

Measured on clips of which it is known what changes: one that stands still but for noise, and one
across which a camera moves by whole pixels, so that what it shows stays the same and only moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..images import to_8_bit


def flicker(frames: Sequence[Tensor], shift: tuple[int, int] = (0, 0)) -> float:
    """Mean change from one frame to the next of what both show, in grey levels.

    Parameters
    ----------
    frames
        Two or more, Tensors of shape (1, 3, H, W) in [0, 255].
    shift
        By how many pixels what they show moves down and to the right, from each to the next.

    Returns
    -------
    float
        Mean over frames, pixels and colours of the absolute difference; 0 for a film that only
        moves.

    Raises
    ------
    ValueError
        If there are fewer than two frames.

    Examples
    --------
    >>> flicker([image, image])
    0.0
    """
    changes = [change(before, after, shift).mean() for before, after in pairwise(frames)]
    if not changes:
        raise ValueError(f"flicker is a change; wanted are two frames or more, not {len(frames)}")
    return float(torch.stack(changes).mean())


def change(before: Tensor, after: Tensor, shift: tuple[int, int] = (0, 0)) -> Tensor:
    """The absolute difference of what two frames (1, 3, H, W) both show: (1, 3, H', W')."""
    (y, x), (height, width) = shift, after.shape[2:]
    then = before[:, :, max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    now = after[:, :, max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    return (now - then).abs()


def camera_moved(photograph: Tensor, frames: int, width: int, step: int) -> list[Tensor]:
    """Views of a photograph (1, 3, H, W) by a camera that moves right, ``step`` pixels a frame.

    What it shows moves by (0, -step): see :func:`flicker`.

    Raises
    ------
    ValueError
        If the photograph is not wide enough.
    """
    needed = width + (frames - 1) * step
    if photograph.shape[3] < needed:
        raise ValueError(f"a photograph {photograph.shape[3]} wide; wanted is at least {needed}")
    return [photograph[:, :, :, step * n : step * n + width] for n in range(frames)]


def noisy(frames: Sequence[Tensor], noise: float, seed: int = 0) -> list[Tensor]:
    """Each frame with Gaussian noise of its own, ``noise`` grey levels strong, in 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    return [
        to_8_bit(frame + noise * torch.randn(frame.shape, generator=generator)) for frame in frames
    ]
