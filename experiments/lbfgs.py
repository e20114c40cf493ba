"""How far L-BFGS gets in 300 evaluations of Gatys' objective: ours, SciPy's, and naive clamping.

    python experiments/lbfgs.py [PHOTOGRAPH PAINTING] [--out OUT.json]

The photograph is cropped to 256 x 256, the painting's longer side is 512; the authors' weights.
Every picture is scored in float32, whatever the number format of the run. Each begins in the
authors' faint noise, and in uniform noise. Without arguments the bundled photograph of a castle and
The Starry Night are used.
"""

import time
from functools import partial
from pathlib import Path

import torch
from shared import clamped_lbfgs, result_parser, save

from perceptual_edu import (
    LossNetwork,
    PerceptualLoss,
    StyleRecipe,
    device,
    fast_dtype,
    load_image,
    noise_like,
    optimize_image,
    photo,
    style,
)
from perceptual_edu.lbfgs import scipy_lbfgsb

SIZE, STYLE_SIZE = 256, 512
EVALUATIONS = 300
MARKS = (50, 100, 200, 300)


def main() -> None:
    parser = result_parser(__doc__, "lbfgs")
    bundled = photo("neuschwanstein_castle"), style("starry_night")
    parser.add_argument("photograph", type=Path, nargs="?", default=bundled[0])
    parser.add_argument("painting", type=Path, nargs="?", default=bundled[1])
    arguments = parser.parse_args()
    content = load_image(arguments.photograph, square=SIZE).to(device())
    recipe = StyleRecipe(str(arguments.painting), style_size=STYLE_SIZE)  # the authors' weights
    exact, fast = (
        recipe.loss(LossNetwork(dtype=dtype).to(device())).set_content(content)
        for dtype in (torch.float32, fast_dtype())
    )
    runs = {
        f"{name}, from {where}": partial(run, fast, start)
        for where, start in {
            "noise": noise_like(content).to(device()),
            "uniform noise": noise_like(content, uniform=True).to(device()),
        }.items()
        for name, run in {
            "ours": partial(optimize_image, steps=EVALUATIONS),
            "SciPy's L-BFGS-B": partial(scipy_lbfgsb, steps=EVALUATIONS),
            "PyTorch's, clamped every 20": partial(clamped_lbfgs, steps=EVALUATIONS, every=20),
            "PyTorch's, clamped every time": partial(clamped_lbfgs, steps=EVALUATIONS),
        }.items()
    }
    runs["ours, from the photograph"] = partial(optimize_image, fast, content, steps=EVALUATIONS)
    settings = {
        "photograph": arguments.photograph.stem,
        "painting": arguments.painting.stem,
        "phi": str(fast_dtype()),
        "size": SIZE,
        "style_size": STYLE_SIZE,
        "content": recipe.content_weight,
        "style": recipe.style_weight,
        "tv": recipe.tv,
    }
    measured = {
        "photograph itself": score(exact, content),
        "objective": {name: measure(run, exact) for name, run in runs.items()},
    }
    what = "Gatys' objective after so many evaluations, scored in float32"
    save(arguments.out, what, settings, **measured)


def measure(run, exact: PerceptualLoss) -> dict:
    """The objective of the last picture within each number of evaluations, and the seconds."""
    begin = time.perf_counter()
    at = {}
    for step in run():
        at |= {mark: step.image for mark in MARKS if step.evaluations <= mark}
    seconds = time.perf_counter() - begin
    lowest, highest = float(step.image.min()), float(step.image.max())
    found = {str(mark): score(exact, image) for mark, image in at.items()}
    return found | {"seconds": round(seconds, 1), "range": [lowest, highest]}


@torch.no_grad()
def score(exact: PerceptualLoss, image) -> float:
    return round(float(exact(image).total))


if __name__ == "__main__":
    main()
