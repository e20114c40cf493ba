"""The command ``perceptual-edu train``."""

from __future__ import annotations

import dataclasses
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
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

Photos = Annotated[
    Path, typer.Option(help="Folder of photographs, or what `photos pack` made of one.")
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Network to write (.safetensors).")]
Steps = Annotated[int | None, typer.Option(min=1, help="Iterations.")]
LearningRate = Annotated[float, typer.Option(min=0, help="Of the optimiser.")]
Cooldown = Annotated[float, typer.Option(min=0, max=1, help="Last part, rate falls.")]
StartFrom = Annotated[str | None, typer.Option(help="Trained network to go on from.")]
Seed = Annotated[int, typer.Option(min=0, help="Of weights and photographs.")]
SaveEvery = Annotated[int, typer.Option(min=1, help="Steps between saves.")]
Preview = Annotated[str, typer.Option(help="Picture to watch: a file, or a bundled one's name.")]
Compiled = Annotated[bool, typer.Option("--compile", help="Use torch.compile (experimental).")]
Graph = Annotated[
    bool, typer.Option("--graph/--no-graph", help="On a GPU: replay a recorded step.")
]

# Options that are called like a field of the recipe are taken from the context, all at once.


@app.command("style")
def train_style_command(
    context: typer.Context,
    style: Annotated[str, typer.Argument(help="Style: a picture, or a bundled style's name.")],
    photos: Photos,
    out: Out,
    steps: Steps = None,
    size: Annotated[int | None, typer.Option(min=16, help="Of the training crops, pixels.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Photographs a step.")] = 4,
    width: Annotated[int, typer.Option(min=1, help="Filters of the first layer: 16, 32.")] = 16,
    style_size: Annotated[int, typer.Option(min=16, help="Longer side of the style.")] = 384,
    content_weight: Annotated[float, typer.Option(min=0, help="lambda_c.")] = 1.0,
    style_weight: Annotated[float, typer.Option(min=0, help="lambda_s, each layer.")] = 5.0,
    tv: Annotated[float, typer.Option(min=0, help="lambda_TV.")] = 1e-6,
    optimizer: Annotated[str, typer.Option(help="adam or muon.")] = "muon",
    learning_rate: LearningRate = 1e-3,
    cooldown: Cooldown = 0.4,
    norm: Annotated[str, typer.Option(help="instance or batch.")] = "instance",
    upsampling: Annotated[str, typer.Option(help="resize or transposed.")] = "resize",
    padding: Annotated[str, typer.Option(help="reflection, zero or start.")] = "reflection",
    start_from: StartFrom = None,
    base: Annotated[
        str | None,
        typer.Option(help="Trained network whose filters are kept; only scales and shifts learn."),
    ] = None,
    seed: Seed = 0,
    save_every: SaveEvery = 250,
    preview: Preview = "neuschwanstein_castle",
    compiled: Compiled = False,
    graph: Graph = True,
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
    from ..training.recipes import StyleRecipe

    recipe = _resolved(StyleRecipe.quick(**_fields(StyleRecipe, context)), context)
    watched = load_image(file_or_bundled(preview, photo), long_side=256)
    _train(recipe, context, [watched], lambda n: stylize(n, watched).cpu())


@app.command("sr")
def train_sr_command(
    context: typer.Context,
    photos: Photos,
    out: Out,
    factor: Annotated[int, typer.Option(help="4 or 8.")] = 4,
    loss: Annotated[str, typer.Option(help="pixel or feature.")] = "feature",
    architecture: Annotated[str, typer.Option(help="recommended, paper or srcnn.")] = "recommended",
    layers: Annotated[
        list[str] | None, typer.Option("--layer", help="Of the feature loss; may be repeated.")
    ] = None,
    tv: Annotated[float, typer.Option(min=0, help="lambda_TV; the paper: 0.")] = 0.0,
    blur: Annotated[float, typer.Option(min=0, help="Before shrinking; the paper: 1.")] = 0.0,
    steps: Steps = None,
    size: Annotated[int | None, typer.Option(min=32, help="Of the large patches, pixels.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Patches a step.")] = None,
    learning_rate: LearningRate = 1e-3,
    cooldown: Cooldown = 0.8,
    start_from: StartFrom = None,
    seed: Seed = 0,
    save_every: SaveEvery = 500,
    preview: Preview = "neuschwanstein_castle",
    compiled: Compiled = False,
    graph: Graph = True,
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
    from ..training.recipes import SuperResolutionRecipe

    defaults = dict(
        size=scale(smoke=32, laptop=96, gpu=288),
        batch=scale(smoke=2, laptop=8, gpu=4),
        steps=scale(smoke=4, laptop=5_000, gpu=200_000),
    )
    chosen = defaults | _fields(SuperResolutionRecipe, context)
    recipe = _resolved(SuperResolutionRecipe(**chosen), context)
    truth = load_image(file_or_bundled(preview, photo), square=256)
    low = degrade(truth, factor, blur=blur)
    _train(recipe, context, [bicubic(low, 256, 256)], lambda n: upscale(n, low).float(), [truth])


def _fields(kind: type[Recipe], context: typer.Context) -> dict:
    """The options that are fields of the recipe, but for those that nobody gave."""
    names = {field.name for field in dataclasses.fields(kind)}
    options = context.params.items()
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in options
        if name in names and value not in (None, ())
    }


def _resolved(recipe: Recipe, context: typer.Context) -> Recipe:
    """The recipe, with what the network that it starts from decides; no option may differ."""
    from ..training.starts import TrainingError

    resolved = recipe.resolved()
    for field, wanted in dataclasses.asdict(recipe).items():
        found, source = getattr(resolved, field), context.get_parameter_source(field)
        if found != wanted and source.name == "COMMANDLINE":
            file = recipe.start_from or recipe.base
            raise TrainingError(
                f"{file}: its {field} is {found}, not {wanted}; leave --{field} out, or start from "
                "another network"
            )
    return resolved


def _train(
    recipe: Recipe,
    context: typer.Context,
    seen: list[Tensor],
    look: Callable[[nn.Module], Tensor],
    end: Sequence[Tensor] = (),
) -> None:
    """Run a training to its end or to Ctrl-C, with a picture of how far it is."""
    from ..training.loop import train
    from ..training.performance import PerformanceOptions

    options = context.params
    out, save_every = Path(options["out"]), options["save_every"]
    speed = PerformanceOptions(compiled=options["compiled"], cuda_graph=options["graph"])
    run = train(recipe, options["photos"], out, save_every=save_every, options=speed)
    silent = int(os.environ.get("RANK", 0)) != 0  # all processes but the first
    done = recipe.steps  # if nothing is left to do
    with tqdm(total=recipe.steps, unit="step", disable=silent) as bar:
        for step in _until_interrupted(run):
            done = step.step
            if bar.n == 0 and done > 1:
                bar.initial = bar.n = done - 1  # going on: time left counts from here
            if done % 10 == 0 or done == recipe.steps:
                terms = step.terms.floats().items()
                bar.set_postfix({name: f"{v:,.0f}" for name, v in terms if v}, refresh=False)
            bar.update()
            if not silent and (done % save_every == 0 or done == recipe.steps):
                seen.append(look(step.network))
                _save_strip(seen, end, out.with_suffix(".preview.jpg"))
    if not silent:
        _report(out, finished=done == recipe.steps)


def _until_interrupted(run: Iterator[TrainingStep]) -> Iterator[TrainingStep]:
    """The steps up to Ctrl-C, which cuts none of them in two, nor the save in the end."""
    happened: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: happened.append(number))
    try:
        with closing(run):
            for step in run:
                yield step
                if happened:
                    return
    finally:
        signal.signal(signal.SIGINT, before)


def _save_strip(seen: list[Tensor], end: Sequence[Tensor], path: Path) -> None:
    """The first picture, how it looks now, up to four stages between, and the end, in a row."""
    import torch

    from ..images import save_image

    chosen = sorted({round(i) for i in torch.linspace(0, len(seen) - 1, 6).tolist()})
    save_image(torch.cat([*(seen[i] for i in chosen), *end], dim=3), path)


def _report(out: Path, finished: bool) -> None:
    card = read_card(out)
    losses = ", ".join(f"{name} {value:,.0f}" for name, value in card["losses"].items() if value)
    print(f"{out}: {card['steps']:,} steps in {card['seconds'] / 60:.1f} minutes; {losses}")
    if not finished:
        print("stopped before the end; the same command goes on from here")
        raise typer.Exit(130)
