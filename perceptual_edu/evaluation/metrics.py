"""How a super-resolution result is scored.

Numbers of different papers compare only if every detail is the same: the formula of the brightness
Y, the border that is left out, the rounding to 8 bits. Here each stands once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from ..images import luma, to_8_bit
from ..loss_network import LossNetwork

JUDGES = ("relu3_3", "relu4_3", "relu5_3")
"""Layers of :func:`perceptual_distance`; the paper trains on none of them (it uses relu2_2), the
shipped feature networks on relu3_3 too."""


# ---------------------------------------------------------------- scores


def psnr_y(image: Tensor, truth: Tensor, *, shave: int, grey: bool = False) -> float:
    """Peak signal-to-noise ratio on Y in decibels: 10 log10(255^2 / mean squared error).

    Parameters
    ----------
    image, truth
        (1, 3, H, W) in [0, 255]; the result is rounded to 8 bits first.
    shave
        Pixels left out on each side; by convention as many as the factor.
    grey
        Score the values of a grey picture as they are, 0 to 255, as the published tables do with
        files of a single channel (:func:`is_grey_file`).

    Raises
    ------
    ValueError
        If the pictures differ in size or nothing is left of them.
    """
    a, b = _for_scoring(image, truth, shave, grey)
    error = float(((a - b).double() ** 2).mean())
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def ssim_y(image: Tensor, truth: Tensor, *, shave: int, grey: bool = False) -> float:
    """Structural similarity on Y (Wang et al. 2004), up to 1; arguments as :func:`psnr_y`.

    Gaussian window of 11 x 11 pixels with standard deviation 1.5, and only windows that lie
    within the picture.
    """
    a, b = _for_scoring(image, truth, shave, grey)
    if min(a.shape[2:]) < 11:
        raise ValueError(f"SSIM needs 11 x 11 pixels; there are {a.shape[3]} x {a.shape[2]} left")
    return float(
        structural_similarity(
            a[0, 0].double().numpy(),
            b[0, 0].double().numpy(),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def is_grey_file(path: Path) -> bool:
    """True if the published tables score this picture on its grey values.

    That is a file of a single channel. Set14's ``bridge`` is one in the original set, but many
    copies store it as RGB (``man``, as grey, has always been RGB): it goes by its name.
    """
    with Image.open(path) as picture:
        return picture.mode == "L" or path.stem == "bridge"


def _for_scoring(image: Tensor, truth: Tensor, shave: int, grey: bool) -> tuple[Tensor, Tensor]:
    if image.shape != truth.shape:
        raise ValueError(
            f"pictures of different shapes: {tuple(image.shape)}, {tuple(truth.shape)}"
        )
    pictures = (to_8_bit(x.cpu()) for x in (image, truth))  # Apple's GPUs know no float64
    a, b = (x[:, :1] if grey else luma(x) for x in pictures)
    end = -shave or None
    a, b = (x[:, :, shave:end, shave:end] for x in (a, b))
    if 0 in a.shape:
        raise ValueError(f"nothing is left of the picture without {shave} pixels on each side")
    return a, b


@torch.inference_mode()
def perceptual_distances(phi: LossNetwork, image: Tensor, truth: Tensor) -> dict[str, float]:
    """How different two pictures look to phi's deeper layers: layer of :data:`JUDGES` -> distance.

    By :func:`direction_distance`; from 0, equal, to 2. The paper trains on none of these
    layers, the shipped feature networks on relu3_3, and all are built on relu2_2, which is trained
    on: a related judge, not an independent one as :mod:`~perceptual_edu.evaluation.judge` is.

    Pictures of 16 pixels a side or more.
    """
    both = phi(torch.cat([to_8_bit(image), truth.float()]).to(phi.device), JUDGES)
    return {layer: direction_distance(*x.float().split(1)) for layer, x in both.items()}


def direction_distance(a: Tensor, b: Tensor) -> float:
    """How differently features (1, C, H, W) point: from 0, alike, to 4, opposite everywhere.

    As in LPIPS (Zhang et al. 2018), but without its weights learned from people's judgements: at
    each position features are scaled to unit length; the squared distances are averaged over the
    positions.
    """
    return float((F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean())


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Between which shares the true one lies, with 95 % confidence (Wilson 1927).

    It holds for few trials and for shares near 0 and 1, too.

    >>> [round(share, 2) for share in wilson_interval(38, 100)]
    [0.29, 0.48]
    """
    z = 1.96
    share, spread = hits / trials, z**2 / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * (share * (1 - share) / trials + spread / trials / 4) ** 0.5 / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def perceptual_distance(phi: LossNetwork, image: Tensor, truth: Tensor) -> float:
    """The mean of :func:`perceptual_distances`."""
    return float(np.mean(list(perceptual_distances(phi, image, truth).values())))


def scores(
    image: Tensor,
    truth: Tensor,
    *,
    shave: int,
    grey: bool = False,
    phi: LossNetwork | None = None,
) -> dict[str, float]:
    """All measures above: ``psnr``, ``ssim`` and, with phi, the distance at each layer and their
    mean, ``distance``."""
    found = {
        "psnr": psnr_y(image, truth, shave=shave, grey=grey),
        "ssim": ssim_y(image, truth, shave=shave, grey=grey),
    }
    if phi is not None:
        distances = perceptual_distances(phi, image, truth)
        found |= distances | {"distance": float(np.mean(list(distances.values())))}
    return found
