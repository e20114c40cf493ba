"""Less flicker where a film stands still, or moves as a whole: a recursive blend.

A network paints each frame for itself. Noise that nobody sees in the film moves its strokes, and
so what stands still flickers. Where the film does not change, the frame before is as good a
painting as this one; the mixture of both is calmer. When a camera moves, what is remembered moves
along.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..images import brightness

STEADY = 0.8
"""The part s of what stood still that is taken from before. The change from frame to frame falls to
(1 - s) / sqrt(1 + s) of what it was, a seventh; what changes slowly is s / (1 - s) frames late."""

STILL, MOVING = 5.0, 10.0
"""Grey levels of change: below the first a place stands still, above the second it moves. Noise and
compression change the pixels of a film by 1 to 4 levels, movement by far more."""

WINDOW = 9
"""Pixels a side of the square over which the change is averaged."""

CLEARLY = 0.7
"""A film moved if that leaves less than this part of the change to be explained."""


class Steadiness:
    """What has been seen of a film, and what was painted of it.

    For the painting :math:`y_t` of a frame :math:`x_t`, and a part :math:`w` that is ``steady``
    where the film stands still, 0 where it moves, and between them in between:

    .. math:: o_t = y_t + w\\,(o_{t-1} - y_t), \\qquad r_t = x_t + w\\,(r_{t-1} - x_t)

    :math:`w` depends on :math:`|x_t - r_{t-1}|`: on the film as it was when what is remembered was
    painted. So what moves slowly leaves no trace, for the difference adds up until it counts.

    If the film moved as a whole (:func:`movement`), so do :math:`r_{t-1}` and :math:`o_{t-1}`
    before; :math:`w` is 0 where nothing is remembered.

    Parameters
    ----------
    steady
        From 0, none, to below 1.

    Attributes
    ----------
    memory
        :math:`r` and :math:`o` of the frame before; a run that goes on sets that frame and its
        painting.

    Raises
    ------
    ValueError
        If ``steady`` is another number.
    """

    def __init__(self, steady: float = STEADY) -> None:
        if not 0 <= steady < 1:
            raise ValueError(f"steady is {steady:g}; wanted is a number from 0 to below 1")
        self.steady = steady
        self.memory: tuple[Tensor, Tensor] | None = None

    @torch.inference_mode()
    def blend(self, frame: Tensor, painted: Tensor) -> Tensor:
        """The painting of a frame, calmed; both Tensors of shape (1, 3, H, W) in [0, 255].

        A frame of another size than the last one begins anew.
        """
        if self.memory is not None and self.memory[0].shape == frame.shape and self.steady:
            shift = movement(self.memory[0], frame)
            seen, before = (moved(image, shift) for image in self.memory)
            weight = self.steady * stillness(frame, seen) * (seen >= 0).all(1, keepdim=True)
            frame, painted = torch.lerp(frame, seen, weight), torch.lerp(painted, before, weight)
        self.memory = frame, painted
        return painted


def stillness(frame: Tensor, before: Tensor) -> Tensor:
    """Where two frames (1, 3, H, W) show the same: (1, 1, H, W), 1 for still, 0 for moving."""
    change = (frame - before).abs().mean(1, keepdim=True)
    around = F.avg_pool2d(change, WINDOW, 1, WINDOW // 2, count_include_pad=False)
    return ((MOVING - around) / (MOVING - STILL)).clamp(0, 1)


def movement(before: Tensor, after: Tensor) -> tuple[int, int]:
    """By how many whole pixels a film moved down and to the right, by phase correlation.

    Two pictures of which one is the other, moved, differ in the phases of their Fourier transforms
    alone, and the phases' differences are those of a single bright point: at the movement.

    Parameters
    ----------
    before, after
        Tensors of shape (1, 3, H, W) in [0, 255].

    Returns
    -------
    tuple[int, int]
        (0, 0) if that fits better: in a fog, or where only a part moves.
    """
    height, width = after.shape[2:]
    window = torch.outer(torch.hann_window(height), torch.hann_window(width)).to(after.device)
    a, b = (brightness(image)[0, 0] for image in (before, after))
    a, b = (torch.fft.rfft2((image - image.mean()) * window) for image in (a, b))
    phases = b * a.conj() / (b * a.conj()).abs().clamp(min=1e-6)
    y, x = divmod(int(torch.fft.irfft2(phases, s=(height, width)).argmax()), width)
    shift = y - height * (y > height // 2), x - width * (x > width // 2)
    known = (there := moved(before, shift)) >= 0
    still, fits = ((after - image).abs()[known].mean() for image in (before, there))
    return shift if fits < CLEARLY * still else (0, 0)


def moved(image: Tensor, shift: tuple[int, int]) -> Tensor:
    """A picture (1, 3, H, W), moved down and to the right; -1 where nothing of it is."""
    if shift == (0, 0):
        return image
    (y, x), (height, width) = shift, image.shape[2:]
    result = torch.full_like(image, -1)
    result[:, :, max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)] = image[
        :, :, max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)
    ]
    return result
