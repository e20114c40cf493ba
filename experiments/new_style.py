"""A new style for the network of many: from random weights, or from what it knows already.

    python experiments/new_style.py PAINTING --photos FOLDER_OR_PACK [--base styles] [--steps 150]

Three ways, equal steps on the same photographs: a network from random weights; only scales and
shifts on the base's convolutions (`perceptual-edu train style --base`); all weights, beginning as
the mean of the base's styles. Now and then each is measured on every fifth of the bundled
photographs, the central square of 256 pixels, as a part of the photograph's own objective. On a
CPU seconds are those of the processor, which other work on the machine hardly changes. Beside the
numbers, in PICTURE, stands one photograph as each way paints it at the end (chapter 9).
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from shared import result_parser
from tqdm import tqdm
from width import objective

from perceptual_edu import (
    LossNetwork,
    PerceptualLoss,
    StyleRecipe,
    checkpoint,
    device,
    load_image,
    load_network,
    photo,
    photos,
    save_image,
    save_network,
    style,
    stylize,
)
from perceptual_edu.assets import file_or_bundled
from perceptual_edu.evaluation import make_report, write_report
from perceptual_edu.scale import scale
from perceptual_edu.training import train

PICTURE = Path("book/images/new_style.jpg")
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
    held_out = [load_image(path, square=side).to(device()) for path in photos()[::10]]
    with tempfile.TemporaryDirectory() as folder:
        mean = Path(folder) / "mean.safetensors"
        network = load_network(base)
        save_network(network.only(dict.fromkeys(network.styles, 1.0)), mean)
        ways = {
            "random weights": recipe,
            "scales and shifts": replace(recipe, base=str(base)),
            "all weights": replace(recipe, start_from=str(mean)),
        }
        rows, painted = [], [load_image(photo(PAINTED), square=side)]
        for way, how in ways.items():
            for row, last in measured(way, how, arguments.photos, loss, held_out):
                rows.append({"way": way} | row)
                latest = last
            painted.append(stylize(latest, painted[0].to(device())).cpu())
    settings = {
        "style": Path(arguments.painting).stem, "base": base.name, "style_size": recipe.style_size,
        "size": recipe.size, "batch": recipe.batch, "steps": recipe.steps,
        "measured on": f"{len(held_out)} bundled photographs, {side} x {side}",
    }  # fmt: skip
    painting = load_image(file_or_bundled(arguments.painting, style), square=side)
    save_image(torch.cat([painting, *painted], dim=3), arguments.picture, quality=85)
    what = "objective on held-out photographs, as a part of their own, while a style is learned"
    write_report(make_report(what, settings, rows=rows), arguments.out)


def measured(
    way: str,
    recipe: StyleRecipe,
    photographs: Path,
    loss: PerceptualLoss,
    held_out: list[torch.Tensor],
) -> Iterator[tuple[dict, torch.nn.Module]]:
    """Train; every fifth of the steps, how far the network is, and after how many seconds."""
    clock = time.process_time if device().type == "cpu" else time.perf_counter
    begin, measuring = clock(), 0.0
    for step in tqdm(train(recipe, photographs), desc=way, total=recipe.steps, unit="step"):
        if step.step % max(1, recipe.steps // 5) == 0:
            now = clock()
            part = objective(step.network, loss, held_out)["part"]
            seconds = round(now - begin - measuring, 1)
            yield {"step": step.step, "seconds": seconds, "part": part}, step.network
            measuring += clock() - now


if __name__ == "__main__":
    main()
