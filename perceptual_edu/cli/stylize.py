"""The commands ``perceptual-edu stylize``, ``styles`` and ``export``: using trained networks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import assets
from ..networks.cards import NetworkError, all_steps
from ..networks.catalogue import (
    TrainedStyle,
    find_style,
    load_style,
    load_style_network,
    trained_styles,
)
from ..pictures import is_picture_name
from .paths import for_each, sources_and_results

Style = Annotated[
    str, typer.Option("-s", "--style", help="A name (see styles), a mixture, or a file.")
]
Network = Annotated[str | None, typer.Option(help="File of many styles, to take the style from.")]


def stylize_command(
    pictures: Annotated[
        list[str], typer.Argument(help="Photographs: files, folders, patterns, bundled names.")
    ],
    style: Style,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture, or folder for several.")],
    size: Annotated[int | None, typer.Option(min=16, help="Longer side, pixels.")] = None,
    strength: Annotated[float, typer.Option(help="From 0, the photograph, to 1.")] = 1.0,
    keep_colors: Annotated[bool, typer.Option(help="Keep the photograph's colours.")] = False,
    noise: Annotated[
        float, typer.Option(help="Add smooth noise first, grey levels: 20 gives plain skies forms.")
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of the noise: another, other forms.")
    ] = 0,
    network: Network = None,
) -> None:
    """Paint photographs in the style of a trained network, in one forward pass each.

    Styles that share a network can be mixed: --style the_scream:0.7+udnie:0.3, or without weights
    for equal parts.

    Transparency is kept where the format has it, and laid over white elsewhere. Existing results
    are overwritten, photographs never. Several pictures go to a folder, made if need be, under
    their own names (.jpg if they cannot keep their format; NAME-2 if taken). Those that cannot be
    read are named and skipped; the exit code is then 1.
    """
    from ..devices import device
    from ..images import check_output, holds_transparency, load_image, load_with_alpha, save_image
    from ..inference.stylization import stylize

    if not 0 <= strength <= 1:
        raise ValueError(f"--strength is {strength:g}; wanted is a number from 0 to 1")
    if not 0 <= noise <= 255:
        raise ValueError(f"--noise is {noise:g}; wanted is a number of grey levels from 0 to 255")
    sources, results = sources_and_results(pictures, out)
    refuse_pictures(style, network)
    painter = load_style(style, network).to(device())
    how = {"strength": strength, "keep_colors": keep_colors, "noise": noise, "seed": seed}

    def paint(source: Path, result: Path) -> str:
        began = time.perf_counter()
        if holds_transparency(result):
            image, alpha = load_with_alpha(source, long_side=size)
        else:
            image, alpha = load_image(source, long_side=size), None
        height, width = image.shape[2:]
        check_output(result, size=(width, height))
        painted = stylize(painter, image, **how)
        save_image(painted, result, alpha=alpha)
        return f"{result}: {width} x {height}, {time.perf_counter() - began:.1f} s"

    for_each(sources, results, out, paint)


def styles_command() -> None:
    """List the trained styles that come with this program, and how each was made."""
    folder = assets.data_folder() / "checkpoints"
    styles = [style for style in trained_styles() if "style" in style.card.get("recipe", {})]
    width = max((len(style.name) for style in styles), default=0)
    for style in styles:
        print(f"{style.name:{width}}  {_in_words(style)}")
    print(f"in {folder}" if styles else f"none yet in {folder}")


def export_command(
    style: Annotated[
        str, typer.Argument(help="A name (see styles), a mixture, or a trained network's file.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="ONNX model to write (.onnx).")],
    network: Network = None,
) -> None:
    """Write a trained network as ONNX: images (batch, 3, height, width), RGB, in [0, 255].

    Given a file of many styles, the model has a second input, weights (1, styles): how much of
    each, in sum 1. Their names are in the model's metadata.
    """
    from ..inference.onnx_export import check_model_path, export_onnx

    check_model_path(out)
    refuse_pictures(style, network)
    file, mixture = find_style(style, network)
    whole = load_style_network(file)
    export_onnx(whole.only(mixture) if mixture else whole, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


# ---------------------------------------------------------------- networks


def refuse_pictures(*names: str | None) -> None:
    """Raise :class:`NetworkError` if a picture is given where a trained network is wanted."""
    for name in filter(None, names):
        if is_picture_name(Path(name)):
            raise NetworkError(
                f"{name}: is a picture; wanted is a trained network (perceptual-edu styles "
                "lists them); perceptual-edu gatys paints in a picture's style without training"
            )


def _in_words(style: TrainedStyle) -> str:
    """The one line about a style that fits a terminal."""
    card, pictures = style.card, style.card["recipe"]["style"]
    recipe, losses = card["recipe"], card.get("losses", {})
    count = card.get("photographs", {}).get("count", 0)
    if style.number is None:
        source = Path(str(pictures)).stem
        terms = [f"{n} {losses[n]:,.0f}" for n in ("content", "style", "tv") if n in losses]
    else:
        source, terms = f"one of {len(pictures)} in {style.file.stem}", []  # losses are of all
    how = (
        f"{source}, {all_steps(card):,} steps{', the last' * bool(card.get('before'))} of "
        f"{recipe.get('batch', 0)} x {recipe.get('size', 0)} px, {count:,} photographs"
    )
    return f"{how}; {', '.join(terms)}" if terms else how
