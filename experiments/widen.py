"""What more filters buy a network that is trained already (chapter 7).

    python experiments/widen.py NETWORK.safetensors --photos FOLDER_OR_PACK [--steps 600]

The network goes on with the recipe on its card, once as it is and once widened, each channel
become two (`perceptual_edu.training.starts.widened`): the same photographs in the same order, the
same number of steps, over most of which the rate falls to zero. Now and then each is measured on
every fifth of the bundled photographs, the central square of 256 pixels, as a part of the
photograph's own objective; and so is the network that ships, which was widened and trained on for
longer. The photographs to train on should not be the bundled ones. The book's is the network that
`train_all.py starry_night` makes before it widens it.
"""

from dataclasses import replace
from pathlib import Path

from shared import described, held_out, objective, on_the_way, result_parser, save

from perceptual_edu import LossNetwork, StyleRecipe, checkpoint, device, load_network, read_card
from perceptual_edu.scale import scale


def main() -> None:
    parser = result_parser(__doc__, "widen")
    parser.add_argument("network", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=scale(smoke=4, laptop=600, gpu=20_000))
    arguments = parser.parse_args()
    card = read_card(arguments.network)
    start = {"start_from": str(arguments.network), "steps": arguments.steps}
    recipe = replace(StyleRecipe(**card["recipe"]), **start, cooldown=0.7, seed=2)
    loss = recipe.loss(LossNetwork().to(device()))  # to measure with, in float32
    images, rows = held_out(scale(smoke=32, laptop=256, gpu=256), every=5), []
    before = objective(load_network(arguments.network).to(device()), loss, images)
    for widen in (False, True):
        training = on_the_way(replace(recipe, widen=widen), arguments.photos, f"widen: {widen}")
        for step, seconds in training:
            width = step.network.config["width"]
            found = objective(step.network, loss, images)
            rows.append({"width": width, "step": step.step, "seconds": seconds} | found)
            print(rows[-1], flush=True)
    fields = ("style", "style_size", "size", "batch", "steps", "cooldown")
    what = "objective on held-out photographs while a network is trained on, as it is and widened"
    settings = described(recipe, fields, images) | {"steps before": card["steps"]}
    ships = checkpoint(Path(recipe.style).stem)
    shipped = {"step": read_card(ships)["steps"]}
    shipped |= objective(load_network(ships).to(device()), loss, images)
    save(arguments.out, what, settings, rows=rows, before=before, shipped=shipped)


if __name__ == "__main__":
    main()
