"""What more filters buy: networks of several widths, trained alike (chapter 7).

    python experiments/width.py --photos FOLDER_OR_PACK [--widths 16 32] [--seeds 0 1]

The same photographs in the same order, the same objective, the same number of steps; with another
seed other first weights and another order. Now and then each network is measured on every fifth of
the bundled photographs, the central square of 256 pixels, as a part of the photograph's own
objective. The photographs to train on should not be the bundled ones.

Trainings that the file of results already has are not done again.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

from shared import described, held_out, kept, objective, on_the_way, result_parser, save

from perceptual_edu import LossNetwork, StyleRecipe, device
from perceptual_edu.evaluation.timing import machine
from perceptual_edu.scale import scale


def main() -> None:
    parser = result_parser(__doc__, "width")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--steps", type=int, default=scale(smoke=4, laptop=1_500, gpu=40_000))
    arguments = parser.parse_args()
    recipe = StyleRecipe(
        "starry_night",
        style_size=scale(smoke=48, laptop=384, gpu=384),
        size=scale(smoke=32, laptop=128, gpu=256),
        steps=arguments.steps,
        cooldown=0.4,
    )
    loss = recipe.loss(LossNetwork().to(device()))  # to measure with, in float32
    images = held_out(scale(smoke=32, laptop=256, gpu=256), every=5)
    fields = ("style", "style_size", "size", "batch", "steps", "cooldown")
    what = "objective on held-out photographs while networks of several widths are trained"
    settings = described(recipe, fields, images)
    rows = kept(arguments.out) if kept(arguments.out, "settings") == settings else []
    done = {(row["seed"], row["width"]) for row in rows}
    for seed, width in product(arguments.seeds, arguments.widths):
        if (seed, width) in done:
            continue
        one = replace(recipe, width=width, seed=seed)
        for step, _ in on_the_way(one, arguments.photos, f"width {width}, seed {seed}"):
            where = {"seed": seed, "width": width, "step": step.step, "machine": machine()}
            rows.append(where | objective(step.network, loss, images))
            print(rows[-1], flush=True)
        machines = "; ".join(dict.fromkeys(row["machine"] for row in rows))
        save(arguments.out, what, settings, machine=machines, rows=rows)


if __name__ == "__main__":
    main()
