"""Every training of the book's networks, as one queue that may be interrupted at any moment.

    python experiments/train_all.py --photos PACK --paintings FOLDER --work FOLDER [NAME ...]
    python experiments/train_all.py --work FOLDER --status
    python experiments/train_all.py --photos PACK --paintings FOLDER --work FOLDER --take NAME

A training of styles has stages, each of which goes on from the network of the one before. For the
network of sixteen the learning rate is constant in all of them, so that it may end when it must:
`--take` trains a short last stage, whose rate falls to zero, from the newest network there is, into
NAME.taken.safetensors.
Super-resolution is trained alike for every network and both losses, so that they compare; but
x4_feature_best and x8_feature_best, which ship, go on from a pixel network in two stages (the
shipped ones from one trained longer). The state is on disk after every 250 steps; the same command
goes on from there. `--status` says what is done, under way and left, and draws a sheet of pictures
for each style network.

PACK is what `perceptual-edu photos pack` made of a folder of photographs. The paintings are in the
public domain, but only one comes with this repository; each one's file is FOLDER/NAME.jpg.

Trainings last for hours or days. Run them at low priority from a clone of their own, so that
nobody edits the code under them: nice -n 19 python experiments/train_all.py ...
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shared import follow, painted_sheet

from perceptual_edu import assets
from perceptual_edu.datasets import PAPER_BLUR
from perceptual_edu.images import save_image
from perceptual_edu.networks import load_network, read_card
from perceptual_edu.training import StyleRecipe, SuperResolutionRecipe

STYLES = (
    "starry_night",
    "composition_vii",
    "great_wave",
    "the_scream",
    "udnie",
    "wheat_field_with_cypresses",
    "grande_jatte",
    "water_lilies",
    "woman_with_a_parasol",
    "adele_bloch_bauer_i",
    "shipwreck_of_the_minotaur",
    "edtaonisl",
    "mosaic",
    "stained_glass",
    "pointillism",
    "flow_brush",
)
ALONE = (("starry_night", 5.0, 1e-6), ("the_scream", 12.0, 1e-5))
"""Styles with a network of their own, with lambda_s and lambda_TV."""
PREVIEWS = ("neuschwanstein_castle", "cat_chelsea", "kingfisher")


@dataclass(frozen=True)
class Training:
    """One entry of the queue.

    Attributes
    ----------
    purpose
        What it is for.
    hours
        How long it takes, about, with two cores that multiply bfloat16.
    stages
        Recipes, one after another.
    last
        The recipe of the stage that `--take` adds, if it can end at any moment.
    after
        The training whose network the first stage starts from.
    """

    purpose: str
    hours: float
    stages: tuple[StyleRecipe | SuperResolutionRecipe, ...]
    last: StyleRecipe | None = None
    after: str | None = None


def queue(paintings: Path | None) -> dict[str, Training]:
    """All trainings, the most important first."""
    return styles(paintings) | super_resolution()


def super_resolution() -> dict[str, Training]:
    """Each network with each loss, from random weights, for equal steps on equal patches.

    The paper's network has the paper's blur, ours the benchmarks' degradation without it.
    """
    alike = SuperResolutionRecipe(size=96, batch=8, steps=2_000, cooldown=0.5)
    networks = {"paper": ("_paper", PAPER_BLUR), "recommended": ("", 0.0)}
    trainings = {
        f"x{factor}{suffix}_{loss}": Training(
            purpose=f"x{factor}, {architecture} network, {loss} loss",
            hours=0.2,
            stages=(
                replace(alike, factor=factor, architecture=architecture, blur=blur, loss=loss),
            ),
        )
        for architecture, (suffix, blur) in networks.items()
        for factor in (4, 8)
        for loss in ("pixel", "feature")
    }
    srcnn = replace(alike, architecture="srcnn", loss="pixel", blur=0.0)
    longer = replace(alike, blur=0.0, steps=8_000, cooldown=0.8, learning_rate=5e-4)
    best = replace(longer, layers=("relu2_2", "relu3_3"), tv=1e-3)
    trainings |= {
        "x4_paper_feature_after_pixel": Training(
            "x4, paper network, feature loss, begun as the network of the pixel loss",
            0.2,
            trainings["x4_paper_feature"].stages,
            after="x4_paper_pixel",
        ),
        "x4_srcnn": Training("x4, SRCNN, pixel loss", 0.2, (srcnn,)),
    }
    for factor, steps in ((4, 8_000), (8, 4_000)):
        first = replace(longer, factor=factor, steps=steps)
        trainings[f"x{factor}_feature_best"] = Training(
            f"the best x{factor} feature loss that we can make: two layers, a little TV",
            2,
            (first, replace(best, factor=factor, steps=steps // 2)),
            after=f"x{factor}_pixel",
        )
    trainings["x4_feature_control"] = Training(
        "what the last stage of the best x4 feature loss is compared with: one layer, no TV",
        0.7,
        (replace(longer, steps=4_000),),
        after="x4_feature_best",  # its first stage
    )
    return trainings


def styles(paintings: Path | None) -> dict[str, Training]:
    """Two styles alone, at the paper's width; then sixteen in one network."""

    def picture(name: str) -> str:
        path = (paintings or Path()) / f"{name}.jpg"
        bundled = name in {path.stem for path in assets.styles()}
        return name if bundled or not path.is_file() else str(path)

    # Relative Gram matrices: one weight serves all paintings, and the deepest layer counts as much
    # as the others. With the paper's, no swirl of The Starry Night appears even where L-BFGS
    # changes the pixels themselves.
    many = StyleRecipe.quick(
        tuple(map(picture, STYLES)),
        start_from=str(assets.checkpoint("styles")),
        relative_gram=True,
        style_weight=5e5,
        tv=1e-4,
        style_size=384,
        size=256,
        batch=2,
        steps=40_000,
        cooldown=0.0,
    )
    return {name: alone(picture(name), *weights) for name, *weights in ALONE} | {
        "styles": Training(
            purpose="sixteen styles in one network",
            hours=24,
            stages=(many, replace(many, batch=4, seed=1)),
            last=replace(many, steps=1_000, cooldown=1.0, seed=2),
        )
    }


def alone(painting: str, style_weight: float, tv: float) -> Training:
    """One style, one network, with the released code's objective: half the filters on small crops,
    then on large ones, then all filters."""
    recipe = StyleRecipe(
        painting,
        style_size=384,
        style_weight=style_weight,
        tv=tv,
        width=16,
        size=256,
        batch=2,
        steps=2_300,
        optimizer="muon",
        cooldown=0.8,
        seed=1,
    )
    small = replace(recipe, size=128, batch=4, steps=800, cooldown=0.2, seed=0)
    wide = replace(recipe, widen=True, steps=2_700, cooldown=0.7, seed=2)
    return Training("one style, one network, at the paper's width", 3, (small, recipe, wide))


def stage_file(work: Path, name: str, stage: int) -> Path:
    """The network of a training's stage, counting from 1."""
    return work / f"{name}.{stage}.safetensors"


def newest(work: Path, name: str, training: Training) -> Path | None:
    """The network of the last stage that has begun."""
    files = [stage_file(work, name, i + 1) for i in range(len(training.stages))]
    return next((path for path in reversed(files) if path.exists()), None)


def run_all(trainings: dict[str, Training], photos: Path, work: Path) -> None:
    """Train what is not trained yet, in the queue's order."""
    for name, training in trainings.items():
        before = training.after and stage_file(work, training.after, 1)
        if before and not before.exists():
            raise SystemExit(f"{name}: wants {before}; train {training.after} first")
        for stage, recipe in enumerate(training.stages, 1):
            out = stage_file(work, name, stage)
            if before:
                recipe = replace(recipe, start_from=str(before))
            follow(recipe, photos, out, save_every=250)
            before = out


def take(name: str, training: Training, photos: Path, work: Path) -> None:
    """Train the last stage from the newest network there is."""
    start = newest(work, name, training)
    if start is None or training.last is None:
        why = "it ends by itself" if start else "nothing is trained yet"
        raise SystemExit(f"{name}: cannot be taken out, {why}")
    size, batch = read_card(start)["recipe"]["size"], read_card(start)["recipe"]["batch"]
    recipe = replace(training.last, start_from=str(start), size=size, batch=batch)
    follow(recipe, photos, work / f"{name}.taken.safetensors", save_every=250)


def status(trainings: dict[str, Training], work: Path) -> Iterator[str]:
    """A line for each stage; a sheet of pictures for each newest network, NAME.sheet.jpg."""
    for name, training in trainings.items():
        yield f"{name}: {training.purpose}, about {training.hours:g} hours"
        for stage, recipe in enumerate(training.stages, 1):
            path = stage_file(work, name, stage)
            done = read_card(path) if path.exists() else {"steps": 0, "seconds": 0}
            yield (
                f"  stage {stage}: {done['steps']:,} of {recipe.steps:,} steps of {recipe.batch} x "
                f"{recipe.size} px, {done['seconds'] / 3600:.1f} h"
            )
        path = newest(work, name, training)
        if path and isinstance(training.stages[0], StyleRecipe):
            sheet = work / f"{name}.sheet.jpg"
            network = load_network(path)
            save_image(painted_sheet(network, network.styles, PREVIEWS, 192), sheet, quality=90)
            yield f"  pictures: {sheet}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: the whole queue")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings, NAME.jpg")
    parser.add_argument("--work", type=Path, required=True, help="where networks and states go")
    parser.add_argument("--status", action="store_true")
    parser.add_argument("--take", metavar="NAME", help="end a training now")
    arguments = parser.parse_args()
    trainings = queue(arguments.paintings)
    unknown = ({*arguments.names, arguments.take} - {None}) - trainings.keys()
    if unknown:
        parser.error(f"not in the queue: {', '.join(unknown)}; there are: {', '.join(trainings)}")
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.status:
        print(*status(trainings, arguments.work), sep="\n")
        return
    if arguments.photos is None:
        parser.error("--photos is wanted")
    if arguments.take:
        take(arguments.take, trainings[arguments.take], arguments.photos, arguments.work)
        return
    chosen = {n: t for n, t in trainings.items() if n in (arguments.names or trainings)}
    run_all(chosen, arguments.photos, arguments.work)


if __name__ == "__main__":
    main()
