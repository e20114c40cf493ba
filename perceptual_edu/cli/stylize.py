"""The commands ``perceptual-edu stylize``, ``styles`` and ``export``: using trained networks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import assets
from ..devices import device
from ..images import check_output, holds_transparency, load_image, load_with_alpha, save_image
from ..inference.onnx_export import export_onnx
from ..inference.stylization import stylize
from ..networks.serialization import NetworkError, load_network, read_card
from ..networks.style import StyleNet
from ..pictures import is_picture_name
from .paths import for_each, sources_and_results

StyleName = Annotated[str, typer.Option("-s", "--style", help="A name (see styles) or a file.")]


def stylize_command(
    pictures: Annotated[
        list[str], typer.Argument(help="Photographs: files, folders, patterns, bundled names.")
    ],
    style: StyleName,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture, or folder for several.")],
    size: Annotated[int | None, typer.Option(min=16, help="Longer side, pixels.")] = None,
    strength: Annotated[float, typer.Option(help="From 0, the photograph, to 1.")] = 1.0,
    keep_colors: Annotated[bool, typer.Option(help="Keep the photograph's colours.")] = False,
) -> None:
    """Paint photographs in the style of a trained network, in one forward pass each.

    Transparency is kept where the format has it, and laid over white elsewhere. Existing results
    are overwritten, photographs never. Several pictures go to a folder, made if need be, under
    their own names (.jpg if they cannot keep their format; NAME-2 if taken). Those that cannot be
    read are named and skipped; the exit code is then 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"--strength is {strength:g}; wanted is a number from 0 to 1")
    sources, results = sources_and_results(pictures, out)
    network = _style_network(style).to(device())

    def paint(source: Path, result: Path) -> str:
        began = time.perf_counter()
        if holds_transparency(result):
            image, alpha = load_with_alpha(source, long_side=size)
        else:
            image, alpha = load_image(source, long_side=size), None
        height, width = image.shape[2:]
        check_output(result, size=(width, height))
        painted = stylize(network, image, strength=strength, keep_colors=keep_colors)
        save_image(painted, result, alpha=alpha)
        return f"{result}: {width} x {height}, {time.perf_counter() - began:.1f} s"

    for_each(sources, results, out, paint)


def styles_command() -> None:
    """List the trained networks that come with this program, and how each was made."""
    folder = assets.data_folder() / "checkpoints"
    found = False
    for path in assets.checkpoints():
        card = read_card(path)
        if "style" in card.get("recipe", {}):
            print(f"{path.stem:20} {_in_words(card)}")
            found = True
    print(f"in {folder}" if found else f"none yet in {folder}")


def export_command(
    style: Annotated[str, typer.Argument(help="A trained network: a name (see styles) or a file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="ONNX model to write (.onnx).")],
) -> None:
    """Write a trained network as ONNX: images (batch, 3, height, width), RGB, in [0, 255]."""
    export_onnx(_style_network(style), out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


# ---------------------------------------------------------------- networks


def _style_network(name: str) -> StyleNet:
    path = assets.file_or_bundled(name, assets.checkpoint)
    if is_picture_name(path):
        raise NetworkError(
            f"{path}: is a picture; wanted is a trained network (perceptual-edu styles "
            "lists them); perceptual-edu gatys paints in a picture's style without training"
        )
    network = load_network(path)
    if not isinstance(network, StyleNet):
        raise NetworkError(f"{path}: is a {type(network).__name__}, not a style network")
    return network


def _in_words(card: dict) -> str:
    """The one line about a network that fits a terminal."""
    recipe, losses = card["recipe"], card.get("losses", {})
    count = card.get("photographs", {}).get("count", 0)
    terms = ", ".join(f"{n} {losses[n]:,.0f}" for n in ("content", "style", "tv") if n in losses)
    return (
        f"{Path(str(recipe['style'])).stem}, {card.get('steps', 0):,} steps of "
        f"{recipe.get('batch', 0)} x {recipe.get('size', 0)} px, {count:,} photographs; {terms}"
    )
