"""Figure 5: how many iterations of L-BFGS one forward pass is worth (section 4.1, chapter 7).

    python experiments/figure5.py FOLDER [--network starry_night] [--size 256] [--count 50]

For each photograph: the objective (equation 5 with the network's own weights) of the photograph
itself, of one pass through the trained network, and of projected L-BFGS from white noise after
every evaluation. A photograph is its central square. Where the objective of L-BFGS falls below
that of the pass, that many evaluations are what the pass is worth.

Photographs that data/results/figure5.json already has are not computed again: interrupt it as you
like, add sizes and networks. When a network has been trained again towards the same objective,
only its pass is. --workers computes several photographs at a time.
"""

import hashlib
import json
import statistics
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import torch
from shared import load_trained, result_parser
from tqdm import tqdm

from perceptual_edu import (
    ImageError,
    LossNetwork,
    StyleRecipe,
    SuperResolutionError,
    device,
    fast_dtype,
    load_image,
    noise_like,
    optimize_image,
    photos,
    style,
)
from perceptual_edu.assets import file_or_bundled
from perceptual_edu.evaluation import make_report, read_report, write_report
from perceptual_edu.evaluation.super_resolution import picture_files
from perceptual_edu.networks import TrainedStyle, trained_styles

SETTINGS = {
    "objective": "equation 5, with the weights and the style picture that the network's card names",
    "start": "white noise, seed 0",
    "photographs": "the central square of each",
    "phi": str(fast_dtype()),
}


def main() -> None:
    parser = result_parser(__doc__, "figure5")
    parser.add_argument("folder", type=Path, nargs="?", help="default: the bundled photographs")
    parser.add_argument(
        "--network", default="starry_night", help="a shipped style; of many in a file: FILE/STYLE"
    )
    parser.add_argument("--paintings", type=Path, help="folder with paintings, if not bundled")
    parser.add_argument("--size", type=int, default=256, help="width and height, pixels")
    parser.add_argument("--count", type=int, default=50, help="photographs")
    parser.add_argument("--evaluations", type=int, default=150)
    parser.add_argument("--workers", type=int, default=1, help="photographs at a time")
    arguments = parser.parse_args()
    try:
        pictures = picture_files(arguments.folder) if arguments.folder else photos()
    except (ImageError, SuperResolutionError) as error:
        parser.error(str(error))
    rows = read_report(arguments.out)["rows"] if arguments.out.exists() else []
    task = {
        "network": arguments.network,
        "digest": digest(trained(arguments.network).file.read_bytes()),
        "target": target(load_trained(trained(arguments.network), arguments.paintings)[1]),
        "size": arguments.size,
        "evaluations": arguments.evaluations,
        "paintings": arguments.paintings,
    }
    done = {identity(row) for row in rows}
    todo = [
        p
        for p in pictures[: arguments.count]
        if identity(task | {"photograph": p.stem}) not in done
    ]
    curves = {
        (row["target"], row["size"], row["photograph"]): row
        for row in rows
        if len(row["objective"]) >= arguments.evaluations
    }
    threads = max(1, torch.get_num_threads() // arguments.workers)
    with ProcessPoolExecutor(
        arguments.workers,
        mp_context=get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    ) as pool:
        jobs = [
            pool.submit(measure, p, curves.get((task["target"], task["size"], p.stem)), **task)
            for p in todo
        ]
        for job in tqdm(as_completed(jobs), total=len(jobs), unit="photograph"):
            row = job.result()
            rows = [known for known in rows if place(known) != place(row)] + [row]
            rows.sort(key=identity)
            report = make_report(
                "objective of L-BFGS after each evaluation, of one pass, and of the photograph",
                SETTINGS,
                summary=summary(rows),
                rows=rows,
            )
            write_report(report, arguments.out, compact=True)
    for line in summary(rows):
        print(line)


def place(row: dict) -> tuple:
    """Where a measurement belongs; a network that was trained again takes its place."""
    return tuple(row[name] for name in ("network", "size", "photograph"))


def identity(row: dict) -> tuple:
    """What makes a measurement another one."""
    return *place(row), row["digest"]


def digest(data: bytes) -> str:
    """A fingerprint: of a network's file, which is another one when trained again."""
    return hashlib.sha256(data).hexdigest()[:12]


def trained(network: str) -> TrainedStyle:
    """The shipped style: NAME of one that is alone in a file, FILE/NAME of one of many."""
    for found in trained_styles():
        alone = found.number is None
        if network == (found.name if alone else f"{found.file.stem}/{found.name}"):
            return found
    raise SystemExit(f"{network}: no such style ships; see perceptual-edu styles")


def target(recipe: StyleRecipe) -> str:
    """A fingerprint of the objective: the painting and what weighs it."""
    names = ("style_size", "content_layer", "content_weight", "style_layers", "style_weight", "tv")
    names += ("relative_gram",) * recipe.relative_gram
    weights = json.dumps([asdict(recipe)[name] for name in names])
    return digest(file_or_bundled(recipe.style, style).read_bytes() + weights.encode())


@cache
def objective_of(network: str, paintings: Path | None):
    """The network and the objective it was trained with; kept by each worker."""
    f_w, recipe = load_trained(trained(network), paintings)
    return f_w.to(device()), recipe.loss(LossNetwork.fast())


def measure(
    path: Path, known: dict | None, network, digest, target, size, evaluations, paintings
) -> dict:
    """One photograph: itself, one pass, and L-BFGS, unless that is known."""
    f_w, loss = objective_of(network, paintings)
    photograph = load_image(path, square=size).to(device())
    loss.set_content(photograph)
    with torch.no_grad():
        itself = loss(photograph).floats()
        one_pass = loss(f_w(photograph)).floats()
    objective = known["objective"] if known else lbfgs(loss, photograph, evaluations)
    better = (i for i, value in enumerate(objective, 1) if value <= one_pass["total"])
    return {
        "network": network,
        "digest": digest,
        "target": target,
        "size": size,
        "photograph": path.stem,
        "itself": round(itself["total"]),
        "pass": {name: round(value) for name, value in one_pass.items() if value},
        "worth": next(better, None),
        "objective": [round(value) for value in objective],
    }


def lbfgs(loss, photograph: torch.Tensor, evaluations: int) -> list[float]:
    """The objective from white noise after 1, 2, ... evaluations."""
    start = noise_like(photograph.cpu(), uniform=True).to(device())
    objective = [0.0] * evaluations
    for step in optimize_image(loss, start, steps=evaluations):
        remaining = evaluations - step.evaluations + 1
        objective[step.evaluations - 1 :] = [step.terms["total"]] * remaining
    return objective


def summary(rows: list[dict]) -> list[dict]:
    """For each network and size the median worth of a pass, and its quartiles."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault((row["network"], row["digest"], row["size"]), []).append(row)
    return [
        {
            "network": network,
            "size": size,
            "photographs": len(group),
            "evaluations": min(len(row["objective"]) for row in group),
            "worth": quartiles([row["worth"] or len(row["objective"]) for row in group]),
            "never reached": sum(row["worth"] is None for row in group),
            "pass as a part of the photograph": quartiles(
                [row["pass"]["total"] / row["itself"] for row in group]
            ),
        }
        for (network, _, size), group in groups.items()
    ]


def quartiles(values: list[float]) -> list[float]:
    """The first quartile, the median and the third."""
    if len(values) == 1:
        return values * 3
    return [round(q, 6) for q in statistics.quantiles(values, n=4, method="inclusive")]


if __name__ == "__main__":
    main()
