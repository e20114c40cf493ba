"""Figure 5: how many iterations of L-BFGS one forward pass is worth (section 4.1, chapter 7).

    python experiments/figure5.py FOLDER [--network starry_night] [--size 256] [--start noise]

For each photograph: the objective (equation 5 with the network's own weights) of the photograph
itself, of one pass through the trained network, and of L-BFGS from white noise after every
evaluation: the authors' faint noise, or "uniform". Its bounds are part of the step ("projected"),
or the pixels are clamped behind its back after every iteration ("clamped"), as the paper has it. A
photograph is its central square. Where the objective of L-BFGS falls below that of the pass, that
many evaluations are what the pass is worth.

Photographs that data/results/figure5.json already has are not computed again: interrupt it as you
like, add sizes and networks. When a network has been trained again towards the same objective,
only its pass is. --workers computes several photographs at a time. Each row names its machine, and
the number format of phi there.
"""

import hashlib
import json
import statistics
from argparse import Namespace
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache, partial
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path

import torch
from shared import clamped_lbfgs, digest, full_name, kept, load_trained, result_parser, save
from tqdm import tqdm

from perceptual_edu import LossNetwork, device, load_image, noise_like, optimize_image, photos
from perceptual_edu.assets import AssetError, file_or_bundled, style
from perceptual_edu.errors import MendableError
from perceptual_edu.evaluation.super_resolution import picture_files
from perceptual_edu.evaluation.timing import machine
from perceptual_edu.networks import TrainedStyle, trained_styles
from perceptual_edu.training import StyleRecipe

WHAT = "objective of L-BFGS after each evaluation, of one pass, and of the photograph"
WHOLE = 100_000
SETTINGS = {
    "objective": "equation 5, with the weights and the style picture that the network's card names",
    "start": "white noise, seed 0: of deviation 1 around the mean colour, or uniform over [0, 255]",
    "photographs": "the central square of each",
    "unit": f"L-BFGS's is told in {WHOLE:,}ths of the photograph's own",
}

# Of a row: where it belongs, for a network that was trained again takes the older one's place; what
# makes it another measurement; and what makes another way of L-BFGS, which networks share.
place = itemgetter("network", "size", "bounds", "start", "photograph")
identity = itemgetter("network", "size", "bounds", "start", "photograph", "digest")
curve = itemgetter("target", "size", "bounds", "start", "photograph")
group = itemgetter("network", "digest", "size", "bounds", "start")


def main() -> None:
    parser = result_parser(__doc__, "figure5")
    parser.add_argument("folder", type=Path, nargs="?", help="default: the bundled photographs")
    parser.add_argument(
        "--network", default="starry_night", help="a shipped style; of many in a file: FILE/STYLE"
    )
    parser.add_argument("--paintings", type=Path, help="folder with paintings, if not bundled")
    parser.add_argument("--size", type=int, default=256, help="width and height, pixels")
    parser.add_argument("--count", type=int, default=50, help="photographs")
    parser.add_argument("--bounds", choices=("projected", "clamped"), default="projected")
    parser.add_argument("--start", choices=("noise", "uniform"), default="noise")
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--workers", type=int, default=1, help="photographs at a time")
    arguments = parser.parse_args()
    try:
        pictures = picture_files(arguments.folder) if arguments.folder else photos()
        network = trained(arguments.network)
        fingerprint = target(load_trained(network, arguments.paintings)[1])
    except MendableError as error:
        parser.error(str(error))
    task = {
        "network": arguments.network,
        "digest": digest(network.file),
        "target": fingerprint,
        "size": arguments.size,
        "bounds": arguments.bounds,
        "start": arguments.start,
    }
    rows = kept(arguments.out)
    done = {identity(row) for row in rows}
    paths = {path.stem: path for path in pictures[: arguments.count]}
    tasks = [task | {"photograph": name} for name in paths]
    todo = [each for each in tasks if identity(each) not in done]
    long = [row for row in rows if len(row["objective"]) >= arguments.evaluations]
    curves = {curve(row): row for row in long}
    known = [curves.get(curve(each)) for each in todo]
    work = partial(measure, paths, arguments, machine())
    threads = max(1, torch.get_num_threads() // arguments.workers)
    with ProcessPoolExecutor(
        arguments.workers, get_context("spawn"), torch.set_num_threads, (threads,)
    ) as pool:
        for row in tqdm(pool.map(work, todo, known), total=len(todo), unit="photograph"):
            rows = [other for other in rows if place(other) != place(row)] + [row]
            rows.sort(key=identity)
            where = each_once(other["machine"] for other in rows)
            found = {"machine": where, "summary": summary(rows), "rows": rows}
            save(arguments.out, WHAT, SETTINGS, compact=True, **found)
    print(*summary(rows), sep="\n")


def trained(network: str) -> TrainedStyle:
    """The shipped style: NAME of one that is alone in a file, FILE/NAME of one of many."""
    shipped = {full_name(found): found for found in trained_styles()}
    if network not in shipped:
        raise SystemExit(f"{network}: no such style ships; see perceptual-edu styles")
    return shipped[network]


def target(recipe: StyleRecipe) -> str:
    """A fingerprint of the objective: the painting and what weighs it.

    Raises
    ------
    AssetError
        If the painting is not at hand.
    """
    names = ("style_size", "content_layer", "content_weight", "style_layers", "style_weight", "tv")
    names += ("relative_gram",) * recipe.relative_gram
    told = asdict(recipe)
    if isinstance(told["style_weight"], int):
        told["style_weight"] = float(told["style_weight"])  # 12 weighs as much as 12.0
    weights = json.dumps([told[name] for name in names])
    painting = file_or_bundled(recipe.style, style)
    if not painting.is_file():
        raise AssetError(f"{painting}: no such painting; --paintings names the folder it is in")
    data = painting.read_bytes() + weights.encode()
    return hashlib.sha256(data).hexdigest()[:12]


@cache
def objective_of(network: str, paintings: Path | None):
    """The network and the objective it was trained with; kept by each worker."""
    f_w, recipe = load_trained(trained(network), paintings)
    return f_w.to(device()), recipe.loss(LossNetwork.fast())


def measure(paths: dict, arguments: Namespace, where: str, task: dict, known: dict | None) -> dict:
    """One photograph: itself, one pass, and L-BFGS, unless that is known."""
    f_w, loss = objective_of(arguments.network, arguments.paintings)
    image = load_image(paths[task["photograph"]], square=arguments.size).to(device())
    loss.set_content(image)
    with torch.no_grad():
        itself = loss(image).floats()
        one_pass = loss(f_w(image)).floats()
    unit = itself["total"] / WHOLE
    objective = known["objective"] if known else lbfgs(loss, image, unit, arguments)
    better = (i for i, value in enumerate(objective, 1) if value * unit <= one_pass["total"])
    return {
        **task,
        "machine": each_once([known["machine"], where]) if known else where,
        "itself": round(itself["total"]),
        "pass": {name: round(value) for name, value in one_pass.items() if value},
        "worth": next(better, None),
        "objective": objective,
    }


def lbfgs(loss, image: torch.Tensor, unit: float, arguments: Namespace) -> list[int]:
    """The objective from white noise after 1, 2, ... evaluations, in ``unit``."""
    start = noise_like(image.cpu(), uniform=arguments.start == "uniform").to(device())
    steps = arguments.evaluations
    if arguments.bounds == "clamped":
        objective = [step.terms["total"] for step in clamped_lbfgs(loss, start, steps)]
    else:
        objective = [0.0] * steps
        for step in optimize_image(loss, start, steps=steps):
            remaining = steps - step.evaluations + 1
            objective[step.evaluations - 1 :] = [step.terms["total"]] * remaining
    return [round(value / unit) for value in objective]


def each_once(machines: Iterable[str]) -> str:
    """One or more machines, "; " between them, of several such lists."""
    return "; ".join(dict.fromkeys("; ".join(machines).split("; ")))


def summary(rows: list[dict]) -> list[dict]:
    """For each network, size and kind of L-BFGS the median worth of a pass, and its quartiles."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    return [
        {
            "network": network,
            "size": size,
            "bounds": bounds,
            "start": start,
            "photographs": len(found),
            "evaluations": min(len(row["objective"]) for row in found),
            "worth": quartiles([row["worth"] or len(row["objective"]) for row in found]),
            "never reached": sum(row["worth"] is None for row in found),
            "pass as a part of the photograph": quartiles(
                [row["pass"]["total"] / row["itself"] for row in found]
            ),
        }
        for (network, _, size, bounds, start), found in groups.items()
    ]


def quartiles(values: list[float]) -> list[float]:
    """The first quartile, the median and the third."""
    if len(values) == 1:
        return values * 3
    return [round(q, 6) for q in statistics.quantiles(values, n=4, method="inclusive")]


if __name__ == "__main__":
    main()
