"""The command ``perceptual-edu train``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from ..assets import file_or_bundled, photo
from ..networks.cards import read_card
from ..scale import scale

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..training.loop import TrainingStep
    from ..training.recipes import Recipe

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
    batch: Annotated[
        int | None, typer.Option(min=1, help="Photographs a step.", show_default="4")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, help="Filters of the first layer: 16, 32.", show_default="16"),
    ] = None,
    style_size: Annotated[
        int | None, typer.Option(min=16, help="Longer side of the style.", show_default="384")
    ] = None,
    content_weight: Annotated[
        float | None, typer.Option(min=0, help="lambda_c.", show_default="1.0")
    ] = None,
    style_weight: Annotated[
        float | None, typer.Option(min=0, help="lambda_s, each layer.", show_default="5.0")
    ] = None,
    tv: Annotated[
        float | None, typer.Option(min=0, help="lambda_TV.", show_default="1e-06")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="adam or muon.", show_default="muon")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Of the optimiser.", show_default="0.001")
    ] = None,
    cooldown: Annotated[
        float | None, typer.Option(min=0, max=1, help="Last part, rate falls.", show_default="0.4")
    ] = None,
    norm: Annotated[
        str | None, typer.Option(help="instance or batch.", show_default="instance")
    ] = None,
    upsampling: Annotated[
        str | None, typer.Option(help="resize or transposed.", show_default="resize")
    ] = None,
    padding: Annotated[
        str | None, typer.Option(help="reflection, zero or start.", show_default="reflection")
    ] = None,
    start_from: Annotated[Path | None, typer.Option(help="Trained network to go on from.")] = None,
    base: Annotated[
        Path | None,
        typer.Option(help="Trained network whose filters are kept; only scales and shifts learn."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and photographs.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between saves.")] = 250,
    preview: Annotated[
        str, typer.Option(help="Photograph to watch: a file, or a bundled one's name.")
    ] = "neuschwanstein_castle",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile (experimental).")
    ] = False,
    graph: Annotated[
        bool, typer.Option("--graph/--no-graph", help="On a GPU: replay a recorded step.")
    ] = True,
) -> None:
    """Train a network that paints photographs in a style.

    Without a GPU the defaults take about a quarter of an hour (1,500 steps on crops of 128 pixels),
    with one they are as many as the paper's (40,000 steps on 256 pixels). The network, what is
    needed to go on, and a picture of how far it is (.preview.jpg) are saved every so often.
    Interrupt it as you like: the same command goes on from there. Under torchrun, all processes
    share the work. With --start-from or --base, the network is of that file's kind: leave out
    width, norm, upsampling and padding.
    """
    from ..images import load_image
    from ..inference.stylization import stylize
    from ..training.loop import train
    from ..training.performance import PerformanceOptions
    from ..training.recipes import StyleRecipe
    from ..training.state import check_out

    check_out(out)
    options = dict(
        steps=steps,
        size=size,
        batch=batch,
        width=width,
        style_size=style_size,
        content_weight=content_weight,
        style_weight=style_weight,
        tv=tv,
        optimizer=optimizer,
        learning_rate=learning_rate,
        cooldown=cooldown,
        norm=norm,
        upsampling=upsampling,
        padding=padding,
    )
    given = {field: value for field, value in options.items() if value is not None}
    start = dict(start_from=start_from and str(start_from), base=base and str(base))
    recipe = _resolved(StyleRecipe.quick(style, **given, **start, seed=seed), given)
    watched = load_image(file_or_bundled(preview, photo), long_side=256)
    speed = PerformanceOptions(compiled=compiled, cuda_graph=graph)
    run = train(recipe, photos, out, save_every=save_every, options=speed)
    _follow(run, recipe, out, save_every, [watched], lambda n: stylize(n, watched).cpu())


@app.command("sr")
def train_sr_command(
    photos: Annotated[
        Path, typer.Option(help="Folder of photographs, or what `photos pack` made of one.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Network to write (.safetensors).")],
    factor: Annotated[int, typer.Option(help="4 or 8.")] = 4,
    loss: Annotated[str, typer.Option(help="pixel or feature.")] = "feature",
    architecture: Annotated[
        str | None,
        typer.Option(help="recommended, paper or srcnn.", show_default="recommended"),
    ] = None,
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
    graph: Annotated[
        bool, typer.Option("--graph/--no-graph", help="On a GPU: replay a recorded step.")
    ] = True,
) -> None:
    """Train a network that enlarges pictures 4 or 8 times.

    Without a GPU the defaults take about half an hour (5,000 steps on 8 patches of 96 pixels), with
    one they are the paper's (200,000 steps on 4 of 288). Saved, resumed and shared as `train
    style`; the picture of how far it is (.preview.jpg) begins with the bicubic enlargement and
    shows the original last.
    """
    from ..datasets.degradation import degrade
    from ..images import bicubic, load_image
    from ..inference.upscaling import upscale
    from ..training.loop import train
    from ..training.performance import PerformanceOptions
    from ..training.recipes import SuperResolutionRecipe
    from ..training.state import check_out

    check_out(out)
    given = {"architecture": architecture} if architecture else {}
    recipe = SuperResolutionRecipe(
        factor=factor,
        loss=loss,
        blur=blur,
        size=size or scale(smoke=32, laptop=96, gpu=288),
        batch=batch or scale(smoke=2, laptop=8, gpu=4),
        steps=steps or scale(smoke=4, laptop=5_000, gpu=200_000),
        learning_rate=learning_rate,
        cooldown=cooldown,
        start_from=start_from and str(start_from),
        seed=seed,
        **given,
    )
    recipe = _resolved(recipe, given)
    truth = load_image(file_or_bundled(preview, photo), square=256)
    low = degrade(truth, factor, blur=blur)
    speed = PerformanceOptions(compiled=compiled, cuda_graph=graph)
    run = train(recipe, photos, out, save_every=save_every, options=speed)
    seen = [bicubic(low, 256, 256)]
    _follow(run, recipe, out, save_every, seen, lambda n: upscale(n, low).float(), end=[truth])


def _resolved(recipe: Recipe, given: dict) -> Recipe:
    """The recipe, with what the network that it starts from decides; ``given`` may not differ."""
    from ..training.starts import TrainingError

    resolved = recipe.resolved()
    for field, wanted in given.items():
        found = getattr(resolved, field)
        if found != wanted:
            file = recipe.start_from or recipe.base
            raise TrainingError(
                f"{file}: its {field} is {found}, not {wanted}; leave --{field} out, or start from "
                "another network"
            )
    return resolved


def _follow(
    run: Iterator[TrainingStep],
    recipe: Recipe,
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
    import torch

    from ..images import save_image

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
