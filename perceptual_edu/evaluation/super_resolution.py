"""Score super-resolution on a folder of pictures: the paper's tables, for any pictures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from ..datasets.degradation import crop_to_multiple, degrade
from ..devices import device
from ..errors import MendableError
from ..images import bicubic, load_image, to_8_bit
from ..inference.upscaling import match_histogram, upscale
from ..loss_network import LossNetwork
from ..pictures import ImageError, pictures_in
from .metrics import JUDGES, is_grey_file, scores


def score_pictures(
    folder: str | Path, networks: Mapping[str, nn.Module | None], **how
) -> Iterator[dict]:
    """Shrink each picture of a folder, enlarge it with each network, and compare.

    Parameters
    ----------
    folder
        High-resolution pictures, at least 64 pixels a side.
    networks, how
        As for :func:`score_picture`: ``factor``, ``blur``, ``histogram``, ``phi``.

    Yields
    ------
    dict
        For each picture and network the row of :func:`score_picture`.

    Raises
    ------
    SuperResolutionError
        If the folder has no pictures, or one of them is too small.
    ImageError
        If one of them cannot be read: a table of the rest would not be comparable.
    """
    files = picture_files(Path(folder))
    for path in files:
        yield from score_picture(path, networks, of=len(files), **how)


def score_picture(
    path: Path,
    networks: Mapping[str, nn.Module | None],
    *,
    factor: int,
    blur: float = 0.0,
    histogram: bool = False,
    phi: LossNetwork | None = None,
    of: int = 1,
) -> Iterator[dict]:
    """Shrink a picture, enlarge it with each network, and compare.

    Parameters
    ----------
    path
        A high-resolution picture, at least 64 pixels a side.
    networks
        Name -> network, or None for bicubic enlargement.
    factor, blur
        As in :func:`~perceptual_edu.datasets.degradation.degrade`.
    histogram
        Match each result's histogram to its input's.
    phi
        For the perceptual distance, which is left out otherwise.
    of
        How many pictures there are, for the rows.

    Yields
    ------
    dict
        For each network: ``picture``, ``of``, ``model``, ``psnr``, ``ssim``, and the distances.

    Raises
    ------
    SuperResolutionError
        If the picture is too small.
    ImageError
        If it cannot be read.
    """
    truth = crop_to_multiple(load_image(path), factor)
    if min(truth.shape[2:]) < 64:
        raise SuperResolutionError(f"{path}: less than 64 pixels wide or high")
    low = degrade(truth, factor, blur=blur)
    for name, network in networks.items():
        image = enlarge(network, low, factor, histogram=histogram)
        found = scores(image, truth, shave=factor, grey=is_grey_file(path), phi=phi)
        yield {"picture": path.stem, "of": of, "model": name, **found}


def enlarge(
    network: nn.Module | None, low: Tensor, factor: int, *, histogram: bool = False
) -> Tensor:
    """The network's enlargement of (1, 3, h, w), or the bicubic one, in float32."""
    if network is not None:
        return upscale(network.to(device()), low, histogram=histogram).float()
    height, width = low.shape[2:]
    large = to_8_bit(bicubic(low, factor * height, factor * width))
    return match_histogram(large, low) if histogram else large


def picture_files(folder: Path) -> list[Path]:
    """The pictures in a folder, in the order of their names."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "no such folder"
        raise SuperResolutionError(f"{folder}: {what}")
    files = pictures_in(folder)
    if not files:
        raise ImageError(f"{folder}: no pictures in this folder")
    return files


def mean_scores(rows: Iterable[dict]) -> dict[str, dict[str, float]]:
    """Model -> mean of each score over its pictures."""
    by_model: dict[str, list[dict]] = {}
    for row in rows:
        by_model.setdefault(row["model"], []).append(row)
    return {
        model: {
            score: statistics.fmean(row[score] for row in found)
            for score in ("psnr", "ssim", *JUDGES, "distance")
            if score in found[0]
        }
        for model, found in by_model.items()
    }


class SuperResolutionError(MendableError):
    """A picture cannot be enlarged or scored; the message says which and why."""
