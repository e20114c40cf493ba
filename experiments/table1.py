"""Table 1: seconds of L-BFGS and of one forward pass, on this machine (section 4.1, chapter 7).

    python experiments/table1.py [--out OUT.json]

For squares of 256, 512 and 1024 pixels: seconds of an evaluation of projected L-BFGS with all that
belongs to an iteration, of a pass through three networks (the shipped ones of half width, our full
width, the paper's own), and both once more as one would write them first: float32, no switch. The
two ways take turns, and every single time is kept. Without a GPU fewer iterations are timed than
the table names: its seconds for 100, 300 and 500 are the median of one, times as many. Also a pass
at 1920 x 1080. The time does not depend on what the weights are, and so they are random.
"""

import copy
import statistics
from collections.abc import Callable
from functools import partial

import torch
from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import StyleNet, device, fast_dtype, load_image, photo, scale, stylize
from perceptual_edu.evaluation.plain import plainly
from perceptual_edu.evaluation.speed import bench_gatys
from perceptual_edu.evaluation.timing import in_turns

SIZES = scale(smoke=(64,), laptop=(256, 512, 1024), gpu=(256, 512, 1024))
ITERATIONS = scale(smoke=(3,), laptop=(100, 50, 16), gpu=(500, 500, 500))
REPEATS = scale(smoke=2, laptop=7, gpu=50)
MARKS = (100, 300, 500)
VIDEO = (1080, 1920)
NETWORKS: dict[str, Callable[[], StyleNet]] = {
    "half width": lambda: StyleNet(width=16),
    "full width": StyleNet,
    "the paper's": StyleNet.paper,
}


def main() -> None:
    arguments = result_parser(__doc__, "table1").parse_args()
    rows = []
    for size, count in zip(SIZES, ITERATIONS, strict=True):
        image = load_image(photo("neuschwanstein_castle"), square=size).to(device())
        *_, evaluations = tqdm(bench_gatys(size, count), desc=f"L-BFGS {size}", total=count)
        one_pass = {name: passes(make(), image) for name, make in NETWORKS.items()}
        spent = rounded(evaluations["seconds"])
        rows.append({"height": size, "width": size, "evaluation": spent, "pass": one_pass})
    video = torch.rand(1, 3, *scale(smoke=(54, 96), laptop=VIDEO, gpu=VIDEO), device=device())
    half = passes(StyleNet(width=16), video * 255, plain=False)
    rows.append({"height": VIDEO[0], "width": VIDEO[1], "pass": {"half width": half}})
    settings = {
        "phi": str(fast_dtype()),
        "style": "starry_night, 512 pixels",
        "iterations timed": dict(zip(map(str, SIZES), ITERATIONS, strict=True)),
    }
    what = "seconds of an evaluation of L-BFGS and of one pass; ours, and plain float32"
    table = [summary(row) for row in rows if "evaluation" in row]
    save(arguments.out, what, settings, compact=True, table=table, rows=rows)
    print(*table, sep="\n")


def passes(network: StyleNet, image: torch.Tensor, *, plain: bool = True) -> dict:
    """Seconds of each pass: the library's stylize, and the network as it comes."""
    network = network.to(device()).eval()
    naive = torch.no_grad()(plainly(copy.deepcopy(network)).forward)
    network.to(memory_format=torch.channels_last)
    ways = {"plain": partial(naive, image)} if plain else {}
    ways["ours"] = partial(stylize, network, image, margin=0)
    *_, (spent, _) = in_turns(ways, REPEATS)
    return rounded(spent)


def rounded(ways: dict[str, list[float]]) -> dict[str, list[float]]:
    return {way: [round(seconds, 5) for seconds in spent] for way, spent in ways.items()}


def summary(row: dict) -> dict:
    """The table's line: medians, and what follows from them."""
    evaluation = medians(row["evaluation"])
    one_pass = {name: medians(ways) for name, ways in row["pass"].items()}
    ours = {name: ways["ours"] for name, ways in one_pass.items()}

    def speed_up(way: str) -> dict:
        return {
            name: {str(n): n * evaluation[way] / ways[way] for n in MARKS}
            for name, ways in one_pass.items()
        }

    return {
        "size": row["height"],
        "evaluation": evaluation,
        "gatys": {str(n): n * evaluation["ours"] for n in MARKS},
        "pass": one_pass,
        "speed-up": speed_up("ours"),
        "speed-up, both plain": speed_up("plain"),
        "pass as a part of an evaluation": {n: s / evaluation["ours"] for n, s in ours.items()},
        "frames per second": {name: 1 / seconds for name, seconds in ours.items()},
    }


def medians(ways: dict[str, list[float]]) -> dict[str, float]:
    return {way: statistics.median(spent) for way, spent in ways.items()}


if __name__ == "__main__":
    main()
