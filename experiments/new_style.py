"""A new style for the network of many: from random weights, or from what it knows already.

    python experiments/new_style.py PAINTING --photos FOLDER_OR_PACK [--base styles] [--steps 150]

Three ways, equal steps on the same photographs: a network from random weights; only scales and
shifts on the base's convolutions (`perceptual-edu train style --base`); all weights, beginning as
the mean of the base's styles. Now and then each is measured on every tenth of the bundled
photographs, the central square of 256 pixels, as a part of the photograph's own objective. On a
CPU seconds are those of the processor, which other work on the machine hardly changes. Beside the
numbers, in PICTURE, stands one photograph as each way paints it at the end (chapter 9).
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from shared import (
    AVIF_QUALITY,
    described,
    held_out,
    objective,
    on_the_way,
    result_parser,
    save,
    sheet,
)

from perceptual_edu import (
    LossNetwork,
    StyleRecipe,
    checkpoint,
    device,
    load_image,
    load_network,
    photo,
    save_image,
    save_network,
    style,
    stylize,
)
from perceptual_edu.assets import file_or_bundled
from perceptual_edu.scale import scale

PICTURE = Path("book/images/new_style.avif")
PAINTED = "kingfisher"


def main() -> None:
    parser = result_parser(__doc__, "new_style")
    parser.add_argument("painting")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--base", default="styles", help="a shipped network, or a file")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--steps", type=int, default=scale(smoke=4, laptop=150, gpu=1_000))
    arguments = parser.parse_args()
    base = file_or_bundled(arguments.base, checkpoint)
    recipe = StyleRecipe.quick(
        arguments.painting, relative_gram=True, style_weight=5e5, tv=1e-4, steps=arguments.steps
    )
    side = scale(smoke=32, laptop=256, gpu=256)
    loss = recipe.loss(LossNetwork().to(device()))  # to measure with, in float32
    images = held_out(side, every=10)
    photograph = load_image(photo(PAINTED), square=side)
    painting = load_image(file_or_bundled(arguments.painting, style), square=side)
    rows, pictures = [], [painting, photograph]
    with tempfile.TemporaryDirectory() as folder:
        mean = Path(folder) / "mean.safetensors"
        network = load_network(base)
        save_network(network.only(dict.fromkeys(network.styles, 1.0)), mean)
        ways = {
            "random weights": recipe,
            "scales and shifts": replace(recipe, base=str(base)),
            "all weights": replace(recipe, start_from=str(mean)),
        }
        for way, how in ways.items():
            for step, seconds in on_the_way(how, arguments.photos, way):
                part = objective(step.network, loss, images)["part"]
                rows.append({"way": way, "step": step.step, "seconds": seconds, "part": part})
            pictures.append(stylize(step.network, photograph.to(device())))
    save_image(sheet([pictures]), arguments.picture, quality=AVIF_QUALITY)
    settings = {"style": Path(arguments.painting).stem, "base": base.name}
    settings |= described(recipe, ("style_size", "size", "batch", "steps"), images)
    what = "objective on held-out photographs, as a part of their own, while a style is learned"
    save(arguments.out, what, settings, rows=rows)


if __name__ == "__main__":
    main()
