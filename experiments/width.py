"""What more filters buy: networks of several widths, trained alike (chapter 7).

    python experiments/width.py --photos FOLDER_OR_PACK [--widths 16 32] [--steps 1500]

The same photographs in the same order, the same objective, the same number of steps. Now and then
each network is measured on every fifth of the bundled photographs, the central square of 256
pixels, as a part of the photograph's own objective; at the end the shipped network as well. The
photographs to train on should not be the bundled ones.
"""

import statistics
from dataclasses import replace
from pathlib import Path

import torch
from shared import result_parser
from tqdm import tqdm

from perceptual_edu import (
    LossNetwork,
    PerceptualLoss,
    StyleRecipe,
    checkpoint,
    device,
    load_image,
    load_network,
    photos,
)
from perceptual_edu.evaluation import make_report, write_report
from perceptual_edu.scale import scale
from perceptual_edu.training import train


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
    side = scale(smoke=32, laptop=256, gpu=256)
    loss = recipe.loss(LossNetwork().to(device()))  # to measure with, in float32
    held_out = [load_image(path, square=side).to(device()) for path in photos()[::5]]
    rows = []
    for width in arguments.widths:
        rows += measured(recipe, width, arguments.photos, loss, held_out)
    settings = {
        "style": recipe.style, "style_size": recipe.style_size, "size": recipe.size,
        "batch": recipe.batch, "steps": recipe.steps, "cooldown": recipe.cooldown,
        "measured on": f"{len(held_out)} bundled photographs, {side} x {side}",
    }  # fmt: skip
    what = "objective on held-out photographs while networks of several widths are trained"
    shipped = objective(load_network(checkpoint(recipe.style)).to(device()), loss, held_out)
    write_report(make_report(what, settings, rows=rows, shipped=shipped), arguments.out)


def measured(
    recipe: StyleRecipe,
    width: int,
    photographs: Path,
    loss: PerceptualLoss,
    held_out: list[torch.Tensor],
) -> list[dict]:
    """Train one network; every fifth of the steps, how far it is."""
    recipe = replace(recipe, width=width)
    rows = []
    run = train(recipe, photographs)
    for step in tqdm(run, desc=f"width {width}", total=recipe.steps, unit="step"):
        if step.step % max(1, recipe.steps // 5) == 0:
            found = objective(step.network, loss, held_out)
            rows.append({"width": width, "step": step.step} | found)
            print(rows[-1], flush=True)
    return rows


@torch.no_grad()
def objective(
    network: torch.nn.Module, loss: PerceptualLoss, held_out: list[torch.Tensor]
) -> dict[str, float]:
    """Medians over the photographs: the terms, and the total as a part of the photograph's own."""
    network.eval()
    found: dict[str, list[float]] = {"content": [], "style": [], "total": [], "part": []}
    for photograph in held_out:
        loss.set_content(photograph)
        terms = loss(network(photograph)).floats()
        for name in ("content", "style", "total"):
            found[name].append(terms[name])
        found["part"].append(terms["total"] / loss(photograph).total.item())
    network.train()
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {name: round(value, 4 if name == "part" else None) for name, value in medians.items()}


if __name__ == "__main__":
    main()
