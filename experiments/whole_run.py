"""Table 1's 500 iterations, run to their end (section 4.1, chapter 7).

    python experiments/whole_run.py [--out OUT.json]

Table 1's seconds for 500 iterations are the median of one, times 500. Here all 500 are run, at 256
and 512 pixels, with a pass through the shipped network of many styles before and after.
"""

import statistics
import time
from itertools import pairwise

from shared import result_parser, save
from torch import Tensor
from tqdm import tqdm

from perceptual_edu import checkpoint, gatys, load_image, load_network, photo, scale, style, stylize
from perceptual_edu.devices import device
from perceptual_edu.evaluation.timing import seconds_of
from perceptual_edu.networks import StyleNet

SIZES = scale(smoke=(32,), laptop=(256, 512), gpu=(256, 512, 1024))
ITERATIONS = scale(smoke=4, laptop=500, gpu=500)


def main() -> None:
    arguments = result_parser(__doc__, "whole_run").parse_args()
    rows = [whole_run(size) for size in SIZES]
    what = "seconds of all iterations of L-BFGS, one after another, and of one pass"
    save(arguments.out, what, {"iterations": ITERATIONS, "style": "starry_night, 512"}, rows=rows)
    print(*rows, sep="\n")


def whole_run(size: int) -> dict:
    """All evaluations at one size; the first, which also loads the weights, is not counted."""
    image = load_image(photo("neuschwanstein_castle"), square=size).to(device())
    painting = load_image(style("starry_night"), long_side=512).to(device())
    network = load_network(checkpoint("styles")).to(device())
    passes = [passing(network, image) for _ in range(4)][1:]
    steps = gatys(image, painting, steps=1 + ITERATIONS)
    first = next(steps)
    moments, done = [time.perf_counter()], [first.evaluations]
    for step in tqdm(steps, desc=f"L-BFGS {size}", unit="step"):
        moments.append(time.perf_counter())
        done.append(step.evaluations)
    passes += [passing(network, image) for _ in range(3)]
    each = [
        (later - sooner) / (more - fewer)
        for (sooner, later), (fewer, more) in zip(pairwise(moments), pairwise(done), strict=True)
    ]
    whole, one_pass = moments[-1] - moments[0], statistics.median(passes)
    return {
        "size": size,
        "evaluations": done[-1] - done[0],
        "seconds": round(whole, 2),
        "median of one, times as many": round(statistics.median(each) * (done[-1] - done[0]), 2),
        "a pass": round(one_pass, 4),
        "passes for it": round(whole / one_pass),
    }


def passing(network: StyleNet, image: Tensor) -> float:
    """Seconds of a pass."""
    return seconds_of(lambda: stylize(network, image, "starry_night", margin=0))[0]


if __name__ == "__main__":
    main()
