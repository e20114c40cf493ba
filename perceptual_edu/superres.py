"""Super-resolution (section 4.2): how pictures are made small, and how the results are scored.

Numbers of different papers compare only if every detail is the same: the enlargement that counts
as bicubic, the formula of the brightness Y, the border that is left out, the rounding to 8 bits.
Here each stands once, for training and for scoring.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.exposure import match_histograms
from skimage.metrics import structural_similarity
from torch import Tensor

from .images import bicubic
from .loss_network import LossNetwork

PAPER_BLUR = 1.0
"""Standard deviation, in pixels, of the Gaussian blur before the paper's degradation."""

JUDGES = ("relu3_3", "relu4_3", "relu5_3")
"""Layers of :func:`perceptual_distance`; the paper trains on none of them (it uses relu2_2)."""


class SuperResolutionError(Exception):
    """A picture cannot be enlarged or scored; the message says which and why."""


# ---------------------------------------------------------------- making pictures small


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
        image = _gaussian_blur(image, blur)
    return to_8_bit(bicubic(image, height // factor, width // factor))


def crop_to_multiple(image: Tensor, factor: int) -> Tensor:
    """Cut off rows below and columns on the right until both sides are multiples of ``factor``."""
    height, width = image.shape[2:]
    return image[:, :, : height - height % factor, : width - width % factor]


def to_8_bit(image: Tensor) -> Tensor:
    """Whole numbers from 0 to 255, still as float32."""
    return image.float().clamp(0, 255).round()


def _gaussian_blur(image: Tensor, sigma: float) -> Tensor:
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


# ---------------------------------------------------------------- after the network


def match_histogram(image: Tensor, low: Tensor) -> Tensor:
    """Give a result the colours of its input: channel by channel, the same histogram.

    The paper does it after its networks (section 4.2): what a perceptual loss does not see, such
    as a slight shift of all colours, it takes back from the low-resolution picture.

    In a channel of few levels (a drawing, a page of text) matching would spread the pixels evenly
    over the gaps between them, and the white of a page would come back grey. There each level
    becomes the one that has its rank in the bicubic enlargement.

    Parameters
    ----------
    image, low
        Result (1, 3, H, W) and low-resolution input (1, 3, h, w), both in [0, 255].

    Returns
    -------
    Tensor
        (1, 3, H, W), float32.
    """
    pixels, reference = _as_array(image), _as_array(low)
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


def _as_array(image: Tensor) -> np.ndarray:
    """(H, W, 3), uint8."""
    pixels = image if image.dtype == torch.uint8 else to_8_bit(image).to(torch.uint8)
    return pixels[0].permute(1, 2, 0).cpu().numpy()


# ---------------------------------------------------------------- scores


def luma(image: Tensor) -> Tensor:
    """The brightness Y on which super-resolution is scored, (B, 1, H, W).

    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, from 16 to 235 (Rec. 601, as in MATLAB's
    ``rgb2ycbcr``). Scored on 0 .. 255 instead, every PSNR would come out 1.32 dB lower.
    """
    weights = torch.tensor([65.481, 128.553, 24.966], device=image.device).view(1, 3, 1, 1) / 255
    return 16 + (image.float() * weights).sum(1, keepdim=True)


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
            a[0, 0].double().cpu().numpy(),
            b[0, 0].double().cpu().numpy(),
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
    a, b = (to_8_bit(x)[:, :1] if grey else luma(to_8_bit(x)) for x in (image, truth))
    end = -shave or None
    a, b = (x[:, :, shave:end, shave:end] for x in (a, b))
    if 0 in a.shape:
        raise ValueError(f"nothing is left of the picture without {shave} pixels on each side")
    return a, b


@torch.inference_mode()
def perceptual_distances(phi: LossNetwork, image: Tensor, truth: Tensor) -> dict[str, float]:
    """How different two pictures look to phi's deeper layers: layer of :data:`JUDGES` -> distance.

    As in LPIPS (Zhang et al. 2018), but without its weights learned from people's judgements: at
    each position features are scaled to unit length; the squared distances are averaged over the
    positions. From 0, equal, to 2. No network of the paper is trained on these layers, but they
    are built on relu2_2, which is trained on: a related judge, not an independent one.

    Pictures of 16 pixels a side or more.
    """
    both = phi(torch.cat([to_8_bit(image), truth.float()]).to(phi.mean_bgr.device), JUDGES)
    distances = {}
    for layer, features in both.items():
        a, b = F.normalize(features.float(), dim=1)
        distances[layer] = float((a - b).square().sum(0).mean())
    return distances


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
