"""Table 1: seconds of L-BFGS and of one forward pass, on this machine (section 4.1, chapter 7).

    python experiments/table1.py [--out OUT.json]

For squares of 256, 512 and 1024 pixels: seconds of an evaluation of projected L-BFGS with all that
belongs to an iteration, of a pass through three networks (the shipped ones of half width, our full
width, the paper's own), and both once more as one would write them first: float32, no switch. Every
single time is kept. Without a GPU fewer iterations are timed than the table names: its seconds for
100, 300 and 500 are the median of one, times as many. Also a pass at 1920 x 1080. The time does not
depend on what the weights are, and so they are random.
"""

import copy
import statistics
from collections.abc import Callable

import torch
from shared import result_parser
from tqdm import tqdm

from perceptual_edu import (
    CONTENT_LAYER,
    StyleNet,
    device,
    fast_dtype,
    gatys,
    load_image,
    noise_like,
    photo,
    scale,
    style,
    stylize,
)
from perceptual_edu.devices import tf32
from perceptual_edu.evaluation import make_report, write_report
from perceptual_edu.evaluation.plain import plain_objective, plainly
from perceptual_edu.evaluation.timing import endlessly, seconds_of, value_and_gradient

SIZES = scale(smoke=(64,), laptop=(256, 512, 1024), gpu=(256, 512, 1024))
ITERATIONS = scale(smoke=(3,), laptop=(100, 50, 16), gpu=(500, 500, 500))
REPEATS = scale(smoke=2, laptop=7, gpu=50)
MARKS = (100, 300, 500)
WARM_UP = 3
VIDEO = (1080, 1920)
NETWORKS: dict[str, Callable[[], StyleNet]] = {
    "half width": lambda: StyleNet(width=16),
    "full width": StyleNet,
    "the paper's": StyleNet.paper,
}


def main() -> None:
    arguments = result_parser(__doc__, "table1").parse_args()
    rows = []
    for size, iterations in zip(SIZES, ITERATIONS, strict=True):
        photograph = load_image(photo("neuschwanstein_castle"), square=size).to(device())
        rows.append(
            {
                "height": size,
                "width": size,
                "evaluation": {
                    "ours": evaluations(photograph, iterations),
                    "plain": plain_evaluations(photograph),
                },
                "pass": {name: passes(make(), photograph) for name, make in NETWORKS.items()},
            }
        )
    video = torch.rand(1, 3, *scale(smoke=(54, 96), laptop=VIDEO, gpu=VIDEO), device=device())
    half = {"ours": passes(StyleNet(width=16), video * 255, plain=False)["ours"]}
    rows.append({"height": VIDEO[0], "width": VIDEO[1], "pass": {"half width": half}})
    settings = {
        "phi": str(fast_dtype()),
        "style": "starry_night, 512 pixels",
        "warm-up": WARM_UP,
        "iterations timed": dict(zip(map(str, SIZES), ITERATIONS, strict=True)),
    }
    what = "seconds of an evaluation of L-BFGS and of one pass; ours, and plain float32"
    table = [summary(row) for row in rows if "evaluation" in row]
    report = make_report(what, settings, table=table, rows=rows)
    write_report(report, arguments.out)
    for line in table:
        print(line)


def painting() -> torch.Tensor:
    return load_image(style("starry_night"), long_side=512).to(device())


def evaluations(photograph: torch.Tensor, count: int) -> list[float]:
    """Seconds of each of our evaluations, the work between them shared out."""
    painted = painting()
    run = endlessly(lambda: gatys(photograph, painted, steps=10 * (count + WARM_UP)))
    spent = []
    for _ in tqdm(range(count + WARM_UP), desc=f"L-BFGS {photograph.shape[-1]}"):
        seconds, evaluated = seconds_of(lambda: next(run))
        spent += [seconds / evaluated]
    return [round(seconds, 5) for seconds in spent[WARM_UP:]]


def plain_evaluations(photograph: torch.Tensor) -> list[float]:
    features, objective = plain_objective(painting())
    with torch.no_grad():
        content = features(photograph)[CONTENT_LAYER]
    image = noise_like(photograph.cpu(), uniform=True).to(device())
    with tf32(False):
        return repeated(lambda: value_and_gradient(lambda x: objective(x, content), image))


def passes(network: StyleNet, photograph: torch.Tensor, *, plain: bool = True) -> dict:
    """Seconds of each pass: the library's stylize, and the network as it comes."""
    network = network.to(device()).eval()
    spent = {}
    if plain:
        naive = plainly(copy.deepcopy(network))
        with torch.no_grad(), tf32(False):
            spent["plain"] = repeated(lambda: naive(photograph))
    network.to(memory_format=torch.channels_last)
    return spent | {"ours": repeated(lambda: stylize(network, photograph, margin=0))}


def repeated(work: Callable) -> list[float]:
    times = [seconds_of(work)[0] for _ in range(REPEATS + 2)]
    return [round(seconds, 5) for seconds in times[2:]]


def summary(row: dict) -> dict:
    """The table's line: medians, and what follows from them."""
    iteration = statistics.median(row["evaluation"]["ours"])
    plain = statistics.median(row["evaluation"]["plain"])
    one_pass = {
        name: {way: statistics.median(spent) for way, spent in ways.items()}
        for name, ways in row["pass"].items()
    }
    return {
        "size": row["height"],
        "evaluation": {"ours": iteration, "plain": plain},
        "gatys": {str(n): n * iteration for n in MARKS},
        "pass": one_pass,
        "speed-up": {
            name: {str(n): n * iteration / ways["ours"] for n in MARKS}
            for name, ways in one_pass.items()
        },
        "speed-up, both plain": {
            name: {str(n): n * plain / ways["plain"] for n in MARKS}
            for name, ways in one_pass.items()
        },
        "pass as a part of an evaluation": {
            name: ways["ours"] / iteration for name, ways in one_pass.items()
        },
        "frames per second": {name: 1 / ways["ours"] for name, ways in one_pass.items()},
    }


if __name__ == "__main__":
    main()
