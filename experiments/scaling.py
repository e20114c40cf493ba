"""How time and memory grow with pixels and with the batch (chapter 7).

    python experiments/scaling.py [--out OUT.json]

A forward pass through the half-width network (whole, and in the library's strips), an evaluation of
L-BFGS and a training step, each at several sizes, the training step also with several batches. Each
is measured in a fresh process, so that its peak of memory is its own: what it takes above what the
process held before. An exponent of 1 is linear in the number of pixels or photographs.
"""

import statistics
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import (
    RandomCrops,
    StyleNet,
    StyleRecipe,
    device,
    fast_dtype,
    gatys,
    load_image,
    photo,
    photos,
    scale,
    style,
    stylize,
    train,
)
from perceptual_edu.devices import autocast
from perceptual_edu.evaluation.timing import seconds_of

SIDES = scale(smoke=(32, 64), laptop=(64, 128, 256, 512, 1024), gpu=(64, 128, 256, 512, 1024, 2048))
TRAINED = SIDES[:-1] if len(SIDES) > 2 else SIDES
BATCHES = scale(smoke=(1, 2), laptop=(1, 2, 4, 8, 16), gpu=(1, 2, 4, 8, 16, 32))
REPEATS = scale(smoke=1, laptop=5, gpu=20)
WIDTH = 16


def main() -> None:
    arguments = result_parser(__doc__, "scaling").parse_args()
    wide = (*SIDES, 2 * SIDES[-1])
    points = [(kind, side, 1) for kind in ("pass", "pass in strips") for side in wide]
    points += [("evaluation of L-BFGS", side, 1) for side in SIDES]
    points += [("training step", side, 4) for side in TRAINED]
    points += [("training step, batch", TRAINED[-2], batch) for batch in BATCHES]
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        rows = list(tqdm(pool.imap(measure, points), total=len(points), unit="point"))
    settings = {"phi": str(fast_dtype()), "width": WIDTH, "repeats": REPEATS}
    what = "seconds and bytes of a pass, of an evaluation and of a training step, by size and batch"
    found = exponents(rows)
    save(arguments.out, what, settings, exponents=found, rows=rows)
    print(*found, sep="\n")


def measure(point: tuple[str, int, int]) -> dict:
    """Seconds of each repetition and the peak of memory, bytes (None where it is not known)."""
    kind, side, batch = point
    work = {
        "pass": whole_pass,
        "pass in strips": pass_in_strips,
        "evaluation of L-BFGS": evaluation,
        "training step": training,
        "training step, batch": training,
    }[kind](side, batch)
    forget_peak()
    before = peak()
    seconds = [seconds_of(work)[0] for _ in range(REPEATS + 1)][1:]
    # Linux sums the pages of its processors now and then: a small peak may read below the start.
    memory = max(0, peak() - before) if before is not None else None
    return {"kind": kind, "side": side, "batch": batch, "seconds": seconds, "bytes": memory}


def network() -> StyleNet:
    return StyleNet(width=WIDTH).to(device(), memory_format=torch.channels_last).eval()


def photograph(side: int) -> torch.Tensor:
    return load_image(photo("neuschwanstein_castle"), square=side).to(device())


def whole_pass(side: int, _: int):
    f_w, image = network(), photograph(side)

    def work():
        with torch.inference_mode(), autocast(device(), fast_dtype()):
            f_w(image)

    return work


def pass_in_strips(side: int, _: int):
    f_w, image = network(), photograph(side)
    return lambda: stylize(f_w, image, margin=0)


def evaluation(side: int, _: int):
    painting = load_image(style("starry_night"), long_side=256)
    run = gatys(photograph(side), painting, steps=100)
    return lambda: next(run)


def training(side: int, batch: int):
    recipe = StyleRecipe("starry_night", width=WIDTH, size=side, batch=batch)
    bank = RandomCrops.from_folder(photos(), size=side, batch=batch, device=device())
    run = train(recipe, bank)
    return lambda: float(next(run).terms.total)


def forget_peak() -> None:
    """Let the peak of memory begin anew."""
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    elif Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int | None:
    """The peak of memory since then, bytes; None where the system does not say (not Linux)."""
    if device().type == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def exponents(rows: list[dict]) -> list[dict]:
    """Slopes on logarithmic axes, over all points and over the largest three."""
    found = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        group = [row for row in rows if row["kind"] == kind]
        by_batch = kind.endswith("batch")
        x = [row["batch"] if by_batch else row["side"] ** 2 for row in group]
        values = {
            "seconds": [statistics.median(row["seconds"]) for row in group],
            "bytes": [row["bytes"] for row in group],
        }
        found.append({"kind": kind, "of": "photographs" if by_batch else "pixels"})
        for name, y in values.items():
            if all(y):
                slopes = (slope(x, y), slope(x[-3:], y[-3:]))
                found[-1][name] = {"all": slopes[0], "largest three": slopes[1]}
    return found


def slope(x: list[float], y: list[float]) -> float:
    return round(float(np.polyfit(np.log(x), np.log(y), 1)[0]), 3)


if __name__ == "__main__":
    main()
