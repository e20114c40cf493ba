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

from shared import described, held_out, kept, objective, on_the_way, result_parser, save
from torch import Tensor

from perceptual_edu import LossNetwork, StyleRecipe
from perceptual_edu.networks import StyleNet
from perceptual_edu.scale import scale

STYLES = """starry_night mosaic stained_glass pointillism flow_brush woodblock_waves
linocut"""
COUNTS = (1, 2, 4, 7)


def main() -> None:
    parser = result_parser(__doc__, "style_counts")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=scale(smoke=4, laptop=240, gpu=20_000))
    arguments = parser.parse_args()
    recipe = StyleRecipe.quick(
        tuple(STYLES.split()),
        relative_gram=True,
        style_weight=5e5,
        tv=1e-4,
        style_size=scale(smoke=48, laptop=192, gpu=384),
        size=scale(smoke=32, laptop=96, gpu=256),
        batch=scale(smoke=1, laptop=2, gpu=4),
        steps=arguments.steps,
    )
    images = held_out(scale(smoke=32, laptop=192, gpu=256), every=10)
    fields = ("style_size", "size", "batch", "steps", "cooldown", "optimizer")
    settings, phi = described(recipe, fields, images), LossNetwork.fast()
    what = "objective on held-out photographs, as a part of the photograph's, by number of styles"
    rows = kept(arguments.out)
    done = {(row["styles"], row["seed"]) for row in rows}
    for seed in arguments.seeds:
        for count in arguments.counts:
            if (count, seed) not in done:
                these = replace(recipe, style=recipe.style[:count], seed=seed)
                found = trained(these, arguments.photos, images, phi)
                rows.append({"styles": count, "seed": seed} | found)
                save(arguments.out, what, settings, rows=rows)
                print(rows[-1], flush=True)


def trained(recipe: StyleRecipe, photographs: Path, images: list[Tensor], phi: LossNetwork) -> dict:
    """Train one network: its first style now and then, all of its styles at the end."""

    def part(network: StyleNet, number: int) -> float:
        alone = network.only(recipe.style[number]) if len(network.styles) > 1 else network
        return objective(alone, recipe.alone(number).loss(phi), images)["part"]

    curve = {}
    name = f"{len(recipe.style)} styles"
    for step, _ in on_the_way(recipe, photographs, name, times=4, phi=phi):
        curve[step.step] = part(step.network, 0)
    parts = {name: part(step.network, number) for number, name in enumerate(recipe.style)}
    return {"curve": curve, "parts": parts, "median": statistics.median(parts.values())}


if __name__ == "__main__":
    main()
