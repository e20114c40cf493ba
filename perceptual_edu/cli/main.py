"""The command ``perceptual-edu``."""

from __future__ import annotations

import io
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .. import assets
from ..errors import MendableError, one_line, printable
from . import bench, photos, stylize, train, upscale, video, webcam
from .paths import check_not_among

# PyTorch takes seconds to import. What needs it is imported in the command that does: so are the
# other modules of this folder, and --help comes at once.

app = typer.Typer(
    help="Perceptual losses: style transfer and super-resolution (Johnson et al., ECCV 2016).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("stylize")(stylize.stylize_command)
app.command("video")(video.video_command)
app.command("webcam")(webcam.webcam_command)
app.command("styles")(stylize.styles_command)
app.command("export")(stylize.export_command)
app.command("upscale")(upscale.upscale_command)
app.command("score")(upscale.score_command)
app.add_typer(bench.app, name="bench")
app.add_typer(train.app, name="train")
app.add_typer(photos.app, name="photos")


class Start(StrEnum):
    noise = "noise"
    uniform = "uniform"
    content = "content"


@app.command("weights")
def weights_command() -> None:
    """Fetch VGG-16's weights if need be, verify them, and say where they are and from where."""
    from safetensors import safe_open

    from ..vgg_weights import vgg16_weights

    path = vgg16_weights()
    with safe_open(path, framework="pt") as file:
        source = (file.metadata() or {}).get("source", "unknown")
    print(f"VGG-16: {path}")
    print(f"source: {source}")
    print("verified: all 13 convolutions are those of the original (Simonyan & Zisserman 2014)")


@app.command("gatys")
def gatys_command(
    content: Annotated[str, typer.Argument(help="Photograph: a file or a bundled photo's name.")],
    style: Annotated[str, typer.Argument(help="Style: a file or a bundled style's name.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture to write (.png, .jpg, ...).")],
    size: Annotated[int, typer.Option(min=16, help="Longer side of the result, pixels.")] = 256,
    style_size: Annotated[int, typer.Option(min=16, help="Longer side of the style.")] = 512,
    steps: Annotated[int, typer.Option(min=1, help="Evaluations of the objective.")] = 300,
    content_weight: Annotated[float, typer.Option(min=0, help="lambda_c.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="lambda_s, each layer.")] = 5.0,
    tv: Annotated[float, typer.Option(min=0, help="lambda_TV.")] = 1e-6,
    init: Annotated[
        Start, typer.Option(help="Where to start; noise is the authors'.")
    ] = Start.noise,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
) -> None:
    """Paint a photograph in a style by optimising its pixels (Gatys et al.; equation 5).

    Ctrl-C stops early and writes the picture as it is by then.
    """
    from ..images import check_output, load_image, save_image
    from ..optimize import gatys

    check_output(out)
    photograph = assets.file_or_bundled(content, assets.photo)
    painting = assets.file_or_bundled(style, assets.style)
    check_not_among([photograph, painting], out)
    images = load_image(photograph, long_side=size), load_image(painting, long_side=style_size)
    weights = dict(content_weight=content_weight, style_weight=style_weight, tv=tv)
    iterations = gatys(*images, **weights, start=init.value, steps=steps, seed=seed)
    last, interrupted = None, False
    with tqdm(total=steps, unit="eval") as bar:
        try:
            for last in iterations:
                bar.set_postfix({k: f"{v:,.0f}" for k, v in last.terms.items() if v}, refresh=False)
                bar.update(last.evaluations - bar.n)
        except KeyboardInterrupt:
            interrupted = True
    if last is None:  # interrupted before there was a picture
        raise typer.Abort
    save_image(last.image, out)
    done = f"objective {last.terms['total']:,.0f} after {last.evaluations} evaluations"
    print(printable(f"{out}: {done}"))
    if interrupted:
        raise typer.Exit(130)


def main() -> None:
    """Run the command; what a user can mend is reported in one line, without a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal cannot show
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("perceptual_edu").setLevel(logging.INFO)
    try:
        app()
    except (MendableError, ValueError, OSError) as error:
        said = one_line(error) if isinstance(error, OSError) else str(error)
        sys.exit(printable(f"error: {said}"))
