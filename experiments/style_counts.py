"""What sharing costs: networks of 1, 2, 4 and 7 styles, trained for as many steps (chapter 9).

    python experiments/style_counts.py --photos FOLDER_OR_PACK [--steps 240] [--seeds 0 1]

Every network has the bundled style pictures up to its number, *The Starry Night* first, and the
same photographs in the same order. A photograph of a batch is painted in one style, so that in a
network of seven each style sees a seventh of what it sees alone. Now and then *The Starry Night* of
each network is measured on every tenth of the bundled photographs, the central square, as a part of
the photograph's own objective; at the end all its styles are. The photographs to train on should
not be the bundled ones. Trainings that the file of results already has are not done again.
"""

import statistics
from dataclasses import replace
from pathlib import Path

import torch
from shared import result_parser
from tqdm import tqdm
from width import objective

from perceptual_edu import LossNetwork, StyleRecipe, device, load_image, photos
from perceptual_edu.evaluation import make_report, read_report, write_report
from perceptual_edu.networks import StyleNet
from perceptual_edu.scale import scale
from perceptual_edu.training import train

STYLES = (
    "starry_night",
    "mosaic",
    "stained_glass",
    "pointillism",
    "flow_brush",
    "woodblock_waves",
    "linocut",
)
COUNTS = (1, 2, 4, 7)


def main() -> None:
    parser = result_parser(__doc__, "style_counts")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=scale(smoke=4, laptop=240, gpu=20_000))
    arguments = parser.parse_args()
    recipe = StyleRecipe.quick(
        STYLES,
        relative_gram=True,
        style_weight=5e5,
        tv=1e-4,
        style_size=scale(smoke=48, laptop=192, gpu=384),
        size=scale(smoke=32, laptop=96, gpu=256),
        batch=scale(smoke=1, laptop=2, gpu=4),
        steps=arguments.steps,
    )
    side = scale(smoke=32, laptop=192, gpu=256)
    held_out = [load_image(path, square=side).to(device()) for path in photos()[::10]]
    phi = LossNetwork.fast()
    names = ("style_size", "size", "batch", "steps", "cooldown", "optimizer")
    settings = {name: getattr(recipe, name) for name in names}
    settings |= {"measured on": f"{len(held_out)} bundled photographs, {side} x {side}"}
    what = "objective on held-out photographs, as a part of the photograph's, by number of styles"
    rows = read_report(arguments.out)["rows"] if arguments.out.exists() else []
    done = {(row["styles"], row["seed"]) for row in rows}
    for seed in arguments.seeds:
        for count in arguments.counts:
            if (count, seed) not in done:
                these = replace(recipe, style=STYLES[:count], seed=seed)
                rows.append(
                    {"styles": count, "seed": seed} | trained(these, arguments, held_out, phi)
                )
                write_report(make_report(what, settings, rows=rows), arguments.out)
                print(rows[-1], flush=True)


def trained(recipe: StyleRecipe, arguments, held_out: list[torch.Tensor], phi: LossNetwork) -> dict:
    """Train one network: its first style now and then, all of its styles at the end."""
    every, curve = max(1, recipe.steps // 4), {}
    run = train(recipe, arguments.photos, phi=phi)
    for step in tqdm(run, desc=f"{len(recipe.style)} styles", total=recipe.steps, unit="step"):
        if step.step % every == 0:
            curve[step.step] = part(step.network, recipe, 0, held_out, phi)
    parts = {
        name: part(step.network, recipe, number, held_out, phi)
        for number, name in enumerate(recipe.style)
    }
    return {"curve": curve, "parts": parts, "median": statistics.median(parts.values())}


def part(
    network: StyleNet, recipe: StyleRecipe, number: int, held_out: list[torch.Tensor], phi
) -> float:
    """What one style of the network leaves of the photographs' own objective, the median."""
    alone = network.only(recipe.style[number]) if len(network.styles) > 1 else network
    return objective(alone, recipe.alone(number).loss(phi), held_out)["part"]


if __name__ == "__main__":
    main()
