"""What more filters buy: networks of several widths, trained alike (chapter 7).

    python experiments/width.py --photos FOLDER_OR_PACK [--widths 16 32] [--steps 1500]

The same photographs in the same order, the same objective, the same number of steps. Now and then
each network is measured on every fifth of the bundled photographs, the central square of 256
pixels, as a part of the photograph's own objective. The photographs to train on should not be the
bundled ones.
"""

from dataclasses import replace
from pathlib import Path

from shared import described, held_out, objective, on_the_way, result_parser, save

from perceptual_edu import LossNetwork, StyleRecipe, device
from perceptual_edu.scale import scale


def main() -> None:
    parser = result_parser(__doc__, "width")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
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
    images, rows = held_out(scale(smoke=32, laptop=256, gpu=256), every=5), []
    for width in arguments.widths:
        training = on_the_way(replace(recipe, width=width), arguments.photos, f"width {width}")
        for step, _ in training:
            found = objective(step.network, loss, images)
            rows.append({"width": width, "step": step.step} | found)
            print(rows[-1], flush=True)
    fields = ("style", "style_size", "size", "batch", "steps", "cooldown")
    what = "objective on held-out photographs while networks of several widths are trained"
    save(arguments.out, what, described(recipe, fields, images), rows=rows)


if __name__ == "__main__":
    main()
