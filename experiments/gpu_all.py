"""Everything that wants a GPU, in one command that may be run again and again.

    python experiments/gpu_all.py --pack gpu.zip --photos FOLDER [--paintings FOLDER]
    python experiments/gpu_all.py --minutes 9 [--only ITEM ...]
    python experiments/gpu_all.py --collect gpu_results
    python experiments/gpu_all.py --list

The first line is for a machine with the photographs: it packs what a box without internet lacks,
VGG-16 in half precision and photographs, 60 MiB at most, and numbers of this library on a
processor to compare with. The second line, in a clone on the box with gpu.zip in it, works through
the items in order, stops in time and goes on from there when it is run again; without gpu.zip it
takes the bundled photographs. First comes a check against the processor's numbers: if it fails,
nothing else is done. Each result is written at once into gpu_results, a handful of files of less
than 16 MiB. The third line takes such a folder's reports into data/results (gpu_ITEM.json) and its
networks into data/checkpoints.

Besides PyTorch and torchvision (2.11 and 0.26 or newer) the box needs safetensors, scipy,
scikit-image, psutil, filelock and tqdm; pytest for the suite's own tests on a GPU.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import torch
from train_all import STYLES, super_resolution

from perceptual_edu import assets
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import device, fast_dtype, hardware, tf32
from perceptual_edu.evaluation import make_report, read_report, write_report
from perceptual_edu.evaluation.speed import bench_gatys, bench_stylize, bench_train
from perceptual_edu.files import written_atomically
from perceptual_edu.images import load_image, save_image
from perceptual_edu.inference import stylize, upscale
from perceptual_edu.loss_network import LAYERS, LossNetwork
from perceptual_edu.losses import gram_matrix
from perceptual_edu.networks import load_network, read_card
from perceptual_edu.optimize import gatys, invert_features, reconstruct_style
from perceptual_edu.scale import scale, scale_name
from perceptual_edu.training import PerformanceOptions, StyleRecipe, SuperResolutionRecipe, train
from perceptual_edu.training.recipes import Recipe
from perceptual_edu.vgg_weights import read_vgg16, vgg16_weights

ROOT = Path(__file__).resolve().parents[1]
MARGIN = 15  # seconds that are kept to write what there is
LARGEST = 60 * 2**20  # bytes of a pack
STEPS = scale(smoke=4, laptop=20, gpu=40_000)
SR_STEPS = scale(smoke=4, laptop=20, gpu=200_000)


class Box:
    """Where the work is done, in gpu_work: what was packed, how long there is still time."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes
        self.work = Path("gpu_work").resolve()  # scripts run elsewhere
        self.packed, self.pictures = self.work / "packed", self.work / "pictures"
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.photographs = assets.data_folder() / "photos"
        if Path("gpu.zip").exists() and not self.packed.exists():
            with zipfile.ZipFile("gpu.zip") as archive:
                archive.extractall(self.packed)
        if self.packed.exists():
            os.environ["PERCEPTUAL_EDU_VGG16"] = str(self.packed / "vgg16.safetensors")
            self.photographs = self.packed / "photographs"

    def left(self) -> float:
        """Seconds, without those that are kept to write what there is."""
        return self.end - time.monotonic() - MARGIN

    def painting(self, name: str) -> str | None:
        """The bundled style's name, or the packed painting's file; None if it is neither."""
        path = self.packed / "paintings" / f"{name}.jpg"
        bundled = name in {path.stem for path in assets.styles()}
        return name if bundled else str(path) if path.exists() else None


# ---------------------------------------------------------------- 0: does it run at all


def probe(where: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """A number of one of everything."""
    phi = LossNetwork(dtype=dtype).to(where)
    size, half = scale(smoke=32, laptop=64, gpu=64), dtype != torch.float32
    options = PerformanceOptions(bfloat16=half, tf32=half)
    image = load_image(assets.photo("neuschwanstein_castle"), square=size).to(where)
    painting = load_image(assets.style("starry_night"), long_side=size).to(where)
    features = phi(image, ["relu3_3", "relu4_3"])
    first, *_, last = gatys(image, painting, steps=scale(smoke=4, laptop=20, gpu=20), phi=phi)
    found = {
        "features": features["relu4_3"].float().norm(),
        "Gram matrix": gram_matrix(features["relu3_3"]).norm(),
        "objective of noise": first.terms["total"],
        "after a few evaluations": last.terms["total"],
    }
    network = load_network(assets.checkpoint("starry_night")).to(where)
    for strip in (None, 16):
        found[f"stylised, strip {strip}"] = stylize(network, image, dtype=dtype, strip=strip).std()
    enlarge = load_network(assets.checkpoint("x4_pixel")).to(where)
    found["enlarged"] = upscale(enlarge, image, dtype=dtype).float().std()
    for name, recipe in {
        "adam": StyleRecipe("starry_night", style_size=size, width=8, size=size, steps=6),
        "muon": StyleRecipe(
            "starry_night", style_size=size, width=8, size=size, steps=6, optimizer="muon"
        ),
        "x4": SuperResolutionRecipe(size=size, steps=6),
    }.items():
        bank = RandomCrops.from_folder(assets.photos()[:4], size=size, batch=4, device=where)
        steps = train(recipe, bank, options=options, phi=phi)
        found[f"training, {name}"] = [step.terms.total for step in steps][-1]
    return {name: float(value) for name, value in found.items()}


def check(box: Box, name: str) -> Iterator[dict]:
    """One of everything against the processor's numbers, and the suite's tests on a GPU."""
    path = box.packed / "expected.json"
    expected = json.loads(path.read_text()) if path.exists() else {}
    seen: dict[str, dict] = {"expected": expected, "found": {}, "worst": {}}
    how = {"float32": "TF32 off", "errors": "relative, of the processor's float32"}
    for form, dtype, most in (("float32", torch.float32, 0.02), ("fast", fast_dtype(), 0.2)):
        with tf32(False):
            found = seen["found"][form] = probe(device(), dtype)
        errors = {k: abs(found[k] - v) / abs(v) for k, v in expected.items()}
        worst, error = max(errors.items(), key=lambda e: e[1], default=("nothing", 0.0))
        seen["worst"][form] = worst, error
        yield make_report("one of everything", how, **seen)
        if error > most:
            raise ValueError(f"{form}: {worst} differs by {error:.1%}")
    if device().type == "cuda" and find_spec("pytest"):  # what fails there is told, no more
        parts = ("training", "optimize", "loss_network", "stylize", "photos")
        files = [f"tests/test_{part}.py" for part in parts]
        suite = ("pytest", "-q", "-m", "gpu", "--continue-on-collection-errors", *files)
        _, printed = run("-m", *suite, timeout=min(box.left(), 200))
        yield make_report("one of everything", how, **seen, tests=printed[-3000:])


def run(*command: object, timeout: float) -> tuple[int, str]:
    """Run Python with these arguments: -> exit code and what was printed; -1 if it is too slow."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'experiments'}"}
    how = dict(cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, check=False)
    line = [sys.executable, *map(str, command)]
    try:
        done = subprocess.run(line, timeout=max(1, timeout), stderr=subprocess.STDOUT, **how)
    except subprocess.TimeoutExpired:
        return -1, f"more than {timeout:.0f} seconds"
    return done.returncode, done.stdout


# ---------------------------------------------------------------- 1: where the time goes


def speed(box: Box, name: str, width: int, **how) -> Iterator[dict]:
    size, batch, repeats = scale(smoke=(16, 2, 1), laptop=(128, 4, 2), gpu=(256, 4, 30))
    yield from bench_train(size, batch, scale(smoke=2, laptop=16, gpu=width), repeats, **how)


def iterations_and_passes(box: Box, name: str) -> Iterator[dict]:
    sizes = scale(smoke=(32,), laptop=(256,), gpu=(256, 512, 1024))
    found, repeats = {}, scale(smoke=1, laptop=3, gpu=30)
    for size in sizes:
        *_, found[f"L-BFGS {size}"] = bench_gatys(size, repeats)
    for width in (16, 32):
        for size, report in zip(sizes, bench_stylize(sizes, width, repeats), strict=True):
            found[f"pass {size}, width {width}"] = report
        yield make_report("seconds of iterations and passes", {"sizes": sizes}, reports=found)


def script(box: Box, name: str, *arguments: object, of: str = "") -> Iterator[dict]:
    """What one of the other scripts reports; figure5 goes on where it was."""
    path = box.work / f"{name}.json"
    how = (*arguments, "--out", path)
    code, printed = run(f"experiments/{of or name}.py", *how, timeout=box.left())
    if path.exists():
        yield read_report(path)
    if code > 0:
        raise ValueError(printed[-500:])


def figure5(box: Box, name: str, size: int, count: int) -> Iterator[dict]:
    evaluations = scale(smoke=5, laptop=50, gpu=500)
    side, count = scale(smoke=(32, 1), laptop=(128, 2), gpu=(size, count))
    how = ("--size", side, "--count", count, "--evaluations", evaluations)
    yield from script(box, name, *how, of="figure5")


# ---------------------------------------------------------------- 2 and 3: training


def styles(box: Box, *names: str, width: int) -> Recipe:
    """Relative Gram matrices: one weight serves all paintings; those that are at hand."""
    pictures = tuple(picture for picture in map(box.painting, names) if picture)
    if not pictures:
        raise ValueError(f"the painting {names[0]} is not in the pack: --pack with --paintings")
    small = scale(smoke={"width": 2, "size": 16}, laptop={"size": 64}, gpu={"size": 256})
    how = dict(width=width, steps=STEPS, relative_gram=True, style_weight=5e5, tv=1e-4) | small
    return StyleRecipe.quick(pictures if len(pictures) > 1 else pictures[0], **how)


def paper(box: Box) -> Recipe:
    small = scale(smoke={"width": 2, "size": 44}, laptop={"size": 64}, gpu={})
    return StyleRecipe.paper("starry_night", steps=STEPS, **small)


def enlarging(box: Box, name: str) -> Recipe:
    small = scale(smoke={"size": 24}, laptop={"size": 48}, gpu={"size": 288})
    return replace(super_resolution()[name].stages[0], batch=4, steps=SR_STEPS, **small)


def training(box: Box, name: str, recipe: Callable[[Box], Recipe]) -> Iterator[dict]:
    """Train as far as time allows; the state stays in the work folder."""
    out = box.work / f"{'gpu_' * name.startswith('x')}{name}.safetensors"  # x4_pixel ships
    steps = train(recipe(box), box.photographs, out)
    for _ in steps:
        if box.left() < 0:
            steps.close()  # which saves
    card = read_card(out)
    yield make_report("a training: its network's card", {"recipe": card["recipe"]}, card=card)


# ---------------------------------------------------------------- 5: pictures


def optimised(box: Box, name: str) -> Iterator[dict]:
    """Gatys at 512 and 1024, inversion and style reconstruction of all layers; pictures too."""
    evaluations = scale(smoke=3, laptop=30, gpu=500)
    phi, found, settings = LossNetwork.fast(), {}, {"evaluations": evaluations}
    sizes = scale(smoke=(32,), laptop=(128,), gpu=(512, 1024))
    side = scale(smoke=32, laptop=64, gpu=256)

    def photograph(size: int) -> torch.Tensor:
        return load_image(assets.photo("neuschwanstein_castle"), square=size)

    painting = load_image(assets.style("starry_night"), long_side=2 * side)
    runs = {
        f"gatys_{size}": partial(gatys, photograph(size), painting, start="content")
        for size in sizes
    }
    runs |= {f"inversion_{j}": partial(invert_features, photograph(side), j) for j in LAYERS}
    for depth in range(1, 5):
        layers = [f"relu{block}_{2 if block < 3 else 3}" for block in range(1, depth + 1)]
        runs[f"style_{layers[-1]}"] = partial(
            reconstruct_style, painting, layers, size=(side, side)
        )
    for what, begin in runs.items():
        started, curve = time.perf_counter(), []
        for step in begin(steps=evaluations, phi=phi):
            curve.append(round(step.terms["total"], 3))
        found[what] = {"objective": curve, "seconds": round(time.perf_counter() - started, 2)}
        save_image(step.image, box.pictures / f"{what}.jpg", quality=90)
        yield make_report("objectives of minimisations over pixels", settings, runs=found)


# ---------------------------------------------------------------- all of it


class Item(NamedTuple):
    """Something to measure: ``run(box, name)`` yields reports, each better than the one before."""

    what: str
    seconds: float
    """Estimated: an H100 in bfloat16 does about a sixth of what its data sheet says."""
    run: Callable[[Box, str], Iterator[dict]]


def trained(what: str, seconds: float, recipe: Callable[..., Recipe], *arguments, **how) -> Item:
    return Item(what, seconds, partial(training, recipe=lambda box: recipe(box, *arguments, **how)))


ITEMS = {
    "check": Item("one of everything against a processor's numbers", 120, check),
    "speed": Item("a training step, switch by switch", 60, partial(speed, width=32)),
    "speed_half": Item("the same, half width", 50, partial(speed, width=16)),
    "speed_muon": Item("the same with Muon", 60, partial(speed, width=32, optimizer="muon")),
    "iterations": Item("L-BFGS and passes, ours and plain", 60, iterations_and_passes),
    "profile_step": Item("where a step's time goes", 40, script),
    "styles": trained("sixteen styles, one network of half width", 126, styles, *STYLES, width=16),
    **{
        f"{name}_full": trained(f"{name} alone, full width", 172, styles, name, width=32)
        for name in ("starry_night", "the_scream")
    },
    "starry_night_paper": trained("the paper's network and recipe", 172, paper),
    **{
        f"x{factor}{whose}_{loss}": trained(
            f"x{factor}, {loss} loss" + (", the paper's network" if whose else ""),
            seconds,
            enlarging,
            f"x{factor}{whose}_{loss}",
        )
        for factor in (4, 8)
        for whose in ("", "_paper")
        for loss, seconds in (("pixel", 200), ("feature", 336))
    },
    **{
        f"figure5_{size}": Item(
            f"Figure 5 at {size}, {count} photographs",
            seconds,
            partial(figure5, size=size, count=count),
        )
        for size, count, seconds in ((256, 50, 62), (512, 20, 25), (1024, 10, 39))
    },
    "table1": Item("Table 1", 120, script),
    "optimised": Item("Gatys, inversion and style reconstruction, converged", 25, optimised),
    "compiled": Item("torch.compile", 150, partial(speed, width=32, compiled=True)),
}


def work_through(box: Box, out: Path, names: list[str]) -> None:
    """The items that are not done, in order, as long as there is time."""
    out.mkdir(parents=True, exist_ok=True)
    known = [path for folder in (out, box.work) if (path := folder / "results.json").exists()]
    results: dict[str, dict] = json.loads(known[0].read_text()) if known else {}

    def left() -> list[str]:
        return [name for name in names if not results.get(name, {}).get("done")]

    def keep(name: str, **what: object) -> None:
        results[name] = results.get(name, {}) | what
        write(results, box, out)

    for name in left():
        if box.left() < 1:
            break
        print(f"{name}: {ITEMS[name].what}", flush=True)
        began, error = time.monotonic(), None
        try:
            for report in ITEMS[name].run(box, name):
                keep(name, report=report, done=False)
                if box.left() < 0:
                    break
        except Exception as raised:  # whatever it was: the other items are worth their time
            error = "".join(traceback.format_exception(raised))[-2000:]
            print(error, file=sys.stderr)
        done = error is None and box.left() >= 0
        keep(name, done=done, error=error, seconds=round(time.monotonic() - began, 1))
        if error and name == "check":
            break
    print(f"left: {', '.join(left()) or 'nothing'}; the same command goes on", flush=True)


def write(results: dict[str, dict], box: Box, out: Path) -> None:
    """A handful of files: reports (also in the work folder), networks and pictures."""
    for folder in (box.work, out):
        with written_atomically(folder / "results.json") as temporary:
            temporary.write_text(json.dumps(results, separators=(",", ":")))
    networks = sorted(box.work.glob("*.safetensors"))
    kinds = {
        "styles.zip": [path for path in networks if not path.name.startswith("gpu_x")],
        "super_resolution.zip": [path for path in networks if path.name.startswith("gpu_x")],
        "pictures.zip": sorted(box.pictures.glob("*.jpg")),
    }
    for archive, paths in kinds.items():
        if paths:
            zipped(out / archive, {path.name: path for path in paths})


def zipped(out: Path, files: dict[str, Path]) -> None:
    with written_atomically(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, path in files.items():
            archive.write(path, name)


# ---------------------------------------------------------------- packing and collecting


def pack(out: Path, photographs: Path, paintings: Path | None) -> None:
    """Write what a box without internet lacks; the numbers are of a processor in float32."""
    from safetensors.torch import save_file

    with TemporaryDirectory() as temporary, patch("torch.cuda.is_available", lambda: False):
        folder = Path(temporary)
        weights = {name: t.half() for name, t in read_vgg16(vgg16_weights()).items()}
        save_file(weights, folder / "vgg16.safetensors")
        os.environ["PERCEPTUAL_EDU_VGG16"] = str(folder / "vgg16.safetensors")
        (folder / "expected.json").write_text(json.dumps(probe(device(), torch.float32)))
        kinds = {"paintings": (paintings, 512), "photographs": (photographs, 384)}
        for kind, (source, side) in kinds.items():
            (folder / kind).mkdir()
            for path in sorted(source.glob("*.jpg")) if source else ():
                target = folder / kind / path.name
                save_image(load_image(path, long_side=side), target, quality=85)
                if sum(file.stat().st_size for file in folder.rglob("*")) > 0.98 * LARGEST:
                    target.unlink()
                    break
        zipped(out, {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()})
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")


def collect(folder: Path, data: Path) -> None:
    """Reports to data/results, networks to data/checkpoints."""
    for name, item in json.loads((folder / "results.json").read_text()).items():
        if item.get("done"):
            write_report(item["report"], data / "results" / f"gpu_{name}.json", compact=True)
            print(data / "results" / f"gpu_{name}.json")
    for archive in ("styles.zip", "super_resolution.zip"):
        if (folder / archive).exists():
            with zipfile.ZipFile(folder / archive) as opened:
                opened.extractall(data / "checkpoints")
                print(*opened.namelist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9, help="time there is")
    parser.add_argument("--only", nargs="+", choices=ITEMS, default=list(ITEMS), metavar="ITEM")
    parser.add_argument("--list", action="store_true", help="items and estimated seconds")
    parser.add_argument("--pack", type=Path, metavar="FILE", help="write what a box lacks")
    bundled = assets.data_folder() / "photos"
    parser.add_argument("--photos", type=Path, default=bundled, help="with --pack: a folder")
    parser.add_argument("--paintings", type=Path, help="with --pack: a folder of NAME.jpg")
    parser.add_argument("--collect", type=Path, metavar="FOLDER", help="take results into data/")
    parser.add_argument("--data", type=Path, default=assets.data_folder(), help="with --collect")
    arguments = parser.parse_args()
    if arguments.list:
        for name, item in ITEMS.items():
            print(f"{item.seconds:7.0f} s  {name:20} {item.what}")
        print(f"{sum(item.seconds for item in ITEMS.values()):7.0f} s  at gpu scale, estimated")
    elif arguments.pack:
        pack(arguments.pack, arguments.photos, arguments.paintings)
    elif arguments.collect:
        collect(arguments.collect, arguments.data)
    else:
        print(f"{hardware()}, {fast_dtype()}, {scale_name()} scale")
        work_through(Box(arguments.minutes), Path("gpu_results"), arguments.only)


if __name__ == "__main__":
    main()
