"""The command ``perceptual-edu train``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn
from tqdm import tqdm

from ..assets import file_or_bundled, photo
from ..datasets.degradation import degrade
from ..images import bicubic, load_image, save_image
from ..inference.stylization import stylize
from ..inference.upscaling import upscale
from ..networks.blocks import NORMS, UPSAMPLINGS
from ..networks.serialization import read_card
from ..networks.style import PADDINGS
from ..scale import scale
from ..training.loop import TrainingStep, train
from ..training.performance import Switches
from ..training.recipes import ARCHITECTURES, LOSSES, OPTIMIZERS, StyleRecipe, SuperResolutionRecipe
from ..training.state import check_out

app = typer.Typer(help="Train a network.", no_args_is_help=True, rich_markup_mode=None)


@app.command("style")
def train_style_command(
    style: Annotated[str, typer.Argument(help="Style: a picture, or a bundled style's name.")],
    photos: Annotated[
        Path, typer.Option(help="Folder of photographs, or what `photos pack` made of one.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Network to write (.safetensors).")],
    steps: Annotated[int | None, typer.Option(min=1, help="Iterations.")] = None,
    size: Annotated[int | None, typer.Option(min=16, help="Of the training crops, pixels.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Photographs a step.")] = 4,
    width: Annotated[int, typer.Option(min=1, help="Filters of the first layer: 16, 32.")] = 16,
    style_size: Annotated[int, typer.Option(min=16, help="Longer side of the style.")] = 384,
    content_weight: Annotated[float, typer.Option(min=0, help="lambda_c.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="lambda_s, each layer.")] = 5.0,
    tv: Annotated[float, typer.Option(min=0, help="lambda_TV.")] = 1e-6,
    optimizer: Annotated[str, typer.Option(help=" or ".join(OPTIMIZERS))] = "muon",
    learning_rate: Annotated[float, typer.Option(min=0, help="Of the optimiser.")] = 1e-3,
    cooldown: Annotated[float, typer.Option(min=0, max=1, help="Last part, rate falls.")] = 0.4,
    norm: Annotated[str, typer.Option(help=" or ".join(NORMS))] = "instance",
    upsampling: Annotated[str, typer.Option(help=" or ".join(UPSAMPLINGS))] = "resize",
    padding: Annotated[str, typer.Option(help=", ".join(PADDINGS))] = "reflection",
    start_from: Annotated[Path | None, typer.Option(help="Trained network to go on from.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and photographs.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between saves.")] = 250,
    preview: Annotated[
        str, typer.Option(help="Photograph to watch: a file, or a bundled one's name.")
    ] = "neuschwanstein_castle",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile (experimental).")
    ] = False,
) -> None:
    """Train a network that paints photographs in a style.

    Without a GPU the defaults take about a quarter of an hour (1,500 steps on crops of 128 pixels),
    with one they are as many as the paper's (40,000 steps on 256 pixels). The network, what is
    needed to go on, and a picture of how far it is (.preview.jpg) are saved every so often.
    Interrupt it as you like: the same command goes on from there. Under torchrun, all processes
    share the work.
    """
    check_out(out)
    recipe = StyleRecipe(
        style=style,
        style_size=style_size,
        width=width,
        norm=norm,
        upsampling=upsampling,
        padding=padding,
        content_weight=content_weight,
        style_weight=style_weight,
        tv=tv,
        size=size or scale(smoke=32, laptop=128, gpu=256),
        batch=batch,
        steps=steps or scale(smoke=4, laptop=1_500, gpu=40_000),
        optimizer=optimizer,
        learning_rate=learning_rate,
        cooldown=cooldown,
        start_from=str(start_from) if start_from else None,
        seed=seed,
    )
    watched = load_image(file_or_bundled(preview, photo), long_side=256)
    run = train(recipe, photos, out, save_every=save_every, switches=Switches(compiled=compiled))
    _follow(run, recipe, out, save_every, [watched], lambda n: stylize(n, watched).cpu())


@app.command("sr")
def train_sr_command(
    photos: Annotated[
        Path, typer.Option(help="Folder of photographs, or what `photos pack` made of one.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Network to write (.safetensors).")],
    factor: Annotated[int, typer.Option(help="4 or 8.")] = 4,
    loss: Annotated[str, typer.Option(help=" or ".join(LOSSES))] = "feature",
    architecture: Annotated[str, typer.Option(help=", ".join(ARCHITECTURES))] = "recommended",
    blur: Annotated[float, typer.Option(min=0, help="Before shrinking; the paper: 1.")] = 0.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Iterations.")] = None,
    size: Annotated[int | None, typer.Option(min=32, help="Of the large patches, pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Patches a step.")] = None,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of Adam.")] = 1e-3,
    cooldown: Annotated[float, typer.Option(min=0, max=1, help="Last part, rate falls.")] = 0.8,
    start_from: Annotated[Path | None, typer.Option(help="Trained network to go on from.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and photographs.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between saves.")] = 500,
    preview: Annotated[
        str, typer.Option(help="Picture to watch: a file, or a bundled one's name.")
    ] = "neuschwanstein_castle",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile (experimental).")
    ] = False,
) -> None:
    """Train a network that enlarges pictures 4 or 8 times.

    Without a GPU the defaults take about half an hour (5,000 steps on 8 patches of 96 pixels), with
    one they are the paper's (200,000 steps on 4 of 288). Saved, resumed and shared as `train
    style`; the picture of how far it is (.preview.jpg) begins with the bicubic enlargement and
    shows the original last.
    """
    check_out(out)
    recipe = SuperResolutionRecipe(
        factor=factor,
        loss=loss,
        architecture=architecture,
        blur=blur,
        size=size or scale(smoke=32, laptop=96, gpu=288),
        batch=batch or scale(smoke=2, laptop=8, gpu=4),
        steps=steps or scale(smoke=4, laptop=5_000, gpu=200_000),
        learning_rate=learning_rate,
        cooldown=cooldown,
        start_from=str(start_from) if start_from else None,
        seed=seed,
    )
    truth = load_image(file_or_bundled(preview, photo), square=256)
    low = degrade(truth, factor, blur=blur)
    run = train(recipe, photos, out, save_every=save_every, switches=Switches(compiled=compiled))
    seen = [bicubic(low, 256, 256)]
    _follow(run, recipe, out, save_every, seen, lambda n: upscale(n, low).float(), end=[truth])


def _follow(
    run: Iterator[TrainingStep],
    recipe: StyleRecipe | SuperResolutionRecipe,
    out: Path,
    save_every: int,
    seen: list[Tensor],
    look: Callable[[nn.Module], Tensor],
    end: Sequence[Tensor] = (),
) -> None:
    """Run a training to its end or to Ctrl-C, with a picture of how far it is."""
    step = None
    for step in _watched(run, recipe.steps):
        if step.step % save_every == 0 or step.step == recipe.steps:
            seen.append(look(step.network))
            _save_strip(seen, end, out.with_suffix(".preview.jpg"))
    _report(out, finished=step is None or step.step == recipe.steps)


def _watched(run: Iterator[TrainingStep], steps: int) -> Iterator[TrainingStep]:
    """Pass the steps on, with a progress bar in the first process; Ctrl-C ends after a step."""
    with _interruption() as interrupted, tqdm(total=steps, unit="step", disable=_silent()) as bar:
        for step in run:
            if bar.n == 0 and step.step > 1:
                bar.initial = bar.n = step.step - 1  # going on: time left counts from here
            if step.step % 10 == 0 or step.step == steps:
                terms = step.terms.floats().items()
                bar.set_postfix({name: f"{v:,.0f}" for name, v in terms if v}, refresh=False)
            bar.update()
            yield step
            if interrupted:
                run.close()  # saves
                return


@contextmanager
def _interruption() -> Iterator[list[int]]:
    """A list that gets an entry at Ctrl-C, so that a step is never cut in two."""
    happened: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: happened.append(number))
    try:
        yield happened
    finally:
        signal.signal(signal.SIGINT, before)


def _save_strip(seen: list[Tensor], end: Sequence[Tensor], path: Path) -> None:
    """The first picture, how it looks now, up to four stages between, and the end, in a row."""
    if _silent():
        return
    chosen = sorted({round(i) for i in torch.linspace(0, len(seen) - 1, 6).tolist()})
    save_image(torch.cat([*(seen[i] for i in chosen), *end], dim=3), path)


def _report(out: Path, finished: bool) -> None:
    if _silent():
        return
    card = read_card(out)
    losses = ", ".join(f"{name} {value:,.0f}" for name, value in card["losses"].items() if value)
    print(f"{out}: {card['steps']:,} steps in {card['seconds'] / 60:.1f} minutes; {losses}")
    if not finished:
        print("stopped before the end; the same command goes on from here")
        raise typer.Exit(130)


def _silent() -> bool:
    return int(os.environ.get("RANK", 0)) != 0
