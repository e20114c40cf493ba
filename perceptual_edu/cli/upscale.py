"""The commands ``perceptual-edu upscale`` and ``score``: super-resolution."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import assets
from ..networks.cards import NetworkError
from ..pictures import ImageError, is_picture_name
from .paths import TableOut, each, for_each, sources_and_results

if TYPE_CHECKING:
    from torch import nn

MODELS = ("bicubic", "srcnn", "pixel", "feature")

Factor = Annotated[int, typer.Option(help="4 or 8.")]
Histogram = Annotated[
    bool, typer.Option("--match-histogram", help="Give the result its input's histogram.")
]


def upscale_command(
    pictures: Annotated[
        list[str], typer.Argument(help="Pictures: files, folders, patterns, bundled names.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture, or folder for several.")],
    factor: Factor = 4,
    model: Annotated[
        str,
        typer.Option(
            help="feature (looks sharper), pixel (higher PSNR), bicubic, srcnn; or a file."
        ),
    ] = "feature",
    keep_colors: Annotated[
        bool, typer.Option(help="Keep the picture's colours; greys stay grey, white stays white.")
    ] = True,
    match_histogram: Histogram = False,
) -> None:
    """Enlarge pictures 4 or 8 times, in tiles, so that large ones need little memory.

    Transparency is kept where the format has it. Existing results are overwritten, originals
    never. Several pictures go to a folder under their own names; those that cannot be read are
    named and skipped; the exit code is then 1.
    """
    from ..devices import device
    from ..evaluation.super_resolution import enlarge as enlarge_plainly
    from ..images import bicubic, check_output, load_with_alpha, save_image
    from ..inference.upscaling import upscale

    sources, results = sources_and_results(pictures, out)
    network = upscaler(model, factor)
    if network is not None:
        network.to(device())

    def enlarge(source: Path, result: Path) -> str:
        began = time.perf_counter()
        image, alpha = load_with_alpha(source)
        height, width = (factor * side for side in image.shape[2:])
        check_output(result, size=(width, height), transparent=alpha is not None)
        if network is None:
            large = enlarge_plainly(None, image, factor, histogram=match_histogram)
        else:
            large = upscale(network, image, keep_colors=keep_colors, histogram=match_histogram)
        if alpha is not None:
            alpha = bicubic(alpha, height, width)
        save_image(large, result, alpha=alpha)
        return f"{result}: {width} x {height}, {time.perf_counter() - began:.1f} s"

    for_each(sources, results, out, enlarge)


def score_command(
    folder: Annotated[Path, typer.Argument(help="Folder of high-resolution pictures.")],
    factor: Factor = 4,
    blur: Annotated[bool, typer.Option(help="Blur before shrinking, as the paper does.")] = False,
    model: Annotated[
        list[str] | None, typer.Option(help="Model to score; may be repeated. Default: all.")
    ] = None,
    match_histogram: Histogram = False,
    out: TableOut = None,
) -> None:
    """Shrink pictures, enlarge them again, and say how near the result is to the original.

    PSNR (decibels) and SSIM on the brightness Y without the border, as the paper's tables, and a
    perceptual distance (smaller is nearer). Pictures that cannot be read or are smaller than 64
    pixels are named and left out; the exit code is then 1.
    """
    from ..datasets.degradation import PAPER_BLUR
    from ..devices import device
    from ..evaluation.reports import write_report
    from ..evaluation.super_resolution import mean_scores, picture_files, score_picture
    from ..loss_network import LossNetwork

    files = picture_files(folder)  # before anything long
    networks = {name: upscaler(name, factor) for name in model or _available(factor)}
    how = {
        "factor": factor,
        "blur": PAPER_BLUR if blur else 0.0,
        "histogram": match_histogram,
        "phi": LossNetwork().to(device()),
        "of": len(files),
    }
    rows: list[dict] = []

    def score(path: Path, _: Path) -> None:
        rows.extend(list(score_picture(path, networks, **how)))  # all of its rows, or none

    try:
        failed = each(files, files, score)
    finally:  # also at Ctrl-C: what has been scored is kept
        if out and rows:
            write_report(rows, out)
    if not rows:
        raise ImageError(f"{folder}: none of the {len(files)} pictures can be scored")
    scored = f"{len(files) - failed} of {len(files)}" if failed else len(files)
    print(f"{folder}: {scored} pictures, x{factor}{', blurred' if blur else ''}")
    for name, means in mean_scores(rows).items():
        print(
            f"{name:16} {means['psnr']:6.2f} dB   SSIM {means['ssim']:.4f}   "
            f"distance {means['distance']:.4f}"
        )
    if failed:
        raise typer.Exit(1)


def upscaler(model: str, factor: int) -> nn.Module | None:
    """A shipped network's short name, or a file, to the network; None for bicubic enlargement."""
    from ..networks.serialization import load_network
    from ..networks.style import StyleNet
    from ..networks.super_resolution import FACTORS

    if factor not in FACTORS:
        raise ValueError(f"--factor is {factor}; wanted is {' or '.join(map(str, FACTORS))}")
    if model == "bicubic":
        return None
    path = assets.file_or_bundled(model, lambda name: assets.checkpoint(f"x{factor}_{name}"))
    if is_picture_name(path):
        raise NetworkError(f"{path}: is a picture; wanted is a trained super-resolution network")
    network = load_network(path)
    if isinstance(network, StyleNet):
        raise NetworkError(f"{path}: is a style network, not one for super-resolution")
    if network.config["factor"] != factor:
        found = network.config["factor"]
        raise NetworkError(f"{path}: enlarges {found} times, not {factor}: give --factor {found}")
    return network


def _available(factor: int) -> list[str]:
    names = {path.stem for path in assets.checkpoints()}
    return [m for m in MODELS if m == "bicubic" or f"x{factor}_{m}" in names]
