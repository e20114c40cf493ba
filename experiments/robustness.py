"""A run is killed, the disk is full, a byte is wrong: what is lost (data/results/robustness.json).

    python experiments/robustness.py [--kills 100] [--flips 40] [--out FILE]

Training, packing and stylising a folder are killed (SIGKILL) at random moments and begun again, as
often as asked for; what is there after each kill must be whole, and in the end everything must be
what an undisturbed run makes, bit for bit. Then the disk is full (a small tmpfs, which only root
can mount), and one byte is changed in each kind of file. It takes ten minutes or so.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import torch
from fuzz_pictures import formats, fuzz
from shared import result_parser, save

from perceptual_edu.assets import photos
from perceptual_edu.cli import main as command_line
from perceptual_edu.datasets.crops import RandomCrops
from perceptual_edu.datasets.packing import pack_photos
from perceptual_edu.images import load_image, save_image
from perceptual_edu.loss_network import LossNetwork
from perceptual_edu.networks import StyleNet, load_network, save_network
from perceptual_edu.training import StyleRecipe, train
from perceptual_edu.vgg_weights import read_vgg16, vgg16_weights

RECIPE = StyleRecipe(style="starry_night", style_size=64, width=4, size=32, batch=2, steps=12)
# Forked, a run need not import anything first: nearly all of its time is its work.
FORK = multiprocessing.get_context("fork")


# ---------------------------------------------------------------- the three kinds of work


def prepare(place: Path) -> None:
    """Small photographs and a network, for stylising."""
    (place / "small").mkdir()
    for path in photos()[:12]:
        save_image(load_image(path, long_side=160), place / "small" / f"{path.stem}.png")
    save_network(StyleNet(width=4), place / "style.safetensors")


@cache
def phi() -> LossNetwork:
    """Loaded before the first fork, for all."""
    return LossNetwork()


def bank(place: Path) -> RandomCrops:
    return RandomCrops.from_folder(place / "small", short_side=40, size=32, batch=2)


def training(place: Path, folder: Path) -> None:
    """A few steps, each of them saved."""
    for _ in train(RECIPE, bank(place), folder / "net.safetensors", save_every=1, phi=phi()):
        pass


def packing(place: Path, folder: Path) -> None:
    """All small photographs into one pack."""
    for _ in pack_photos(place / "small", folder / "all.photos", short_side=64, workers=1):
        pass


def stylising(place: Path, folder: Path) -> None:
    """A folder of small photographs; by the command line in this process, silently."""
    where = (str(place / "small"), "-s", str(place / "style.safetensors"))
    sys.argv = ["perceptual-edu", "stylize", *where, "-o", str(folder / "painted")]
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    command_line()


WORK = {"training": training, "packing": packing, "stylising": stylising}


def contents(folder: Path) -> dict[str, object]:
    """Everything that the work left, in a form that can be compared: bytes, or weights.

    A network's file also says how long its training took.
    """
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith(".") or path.name.endswith("lock"):
            continue
        name = str(path.relative_to(folder))
        if path.suffix == ".safetensors":
            weights = load_network(path).state_dict()
            found[name] = b"".join(t.contiguous().numpy().tobytes() for t in weights.values())
        else:
            found[name] = path.read_bytes()
    return found


# ---------------------------------------------------------------- killing


def killed(work: Callable[[Path], None], folder: Path, after: float) -> bool:
    """Run the work in a process of its own and kill it, unless it ends sooner."""
    process = FORK.Process(target=work, args=(folder,))
    process.start()
    process.join(after)
    was_alive = process.is_alive()
    if was_alive:
        process.kill()
    process.join()
    if not was_alive and process.exitcode:
        raise SystemExit(f"{work} failed with exit code {process.exitcode}")
    return was_alive


def kill_often(name: str, kills: int, place: Path, rng: random.Random) -> dict:
    """Kill and begin again until there were enough kills; compare with an undisturbed run."""
    work = partial(WORK[name], place)
    whole, folder = new(place / f"{name}, whole"), new(place / f"{name}, killed")
    began = time.perf_counter()
    killed(work, whole, after=600)
    seconds, wanted = time.perf_counter() - began, contents(whole)
    counts = {"kills": 0, "finished": 0, "different": 0, "half files": 0}
    while counts["kills"] < kills or contents(folder) != wanted:
        if killed(work, folder, rng.uniform(0.02, 1) * seconds):
            counts["kills"] += 1
            counts["half files"] += count_half(folder, wanted, name)
            continue
        counts["finished"] += 1
        counts["different"] += contents(folder) != wanted
        if counts["kills"] < kills:
            shutil.rmtree(folder)
            new(folder)
    return counts | {"undisturbed seconds": round(seconds, 2)}


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def count_half(folder: Path, wanted: dict, name: str) -> int:
    """How many files a kill left that are neither whole nor a beginning that is known as one."""
    if name != "stylising":
        contents(folder)  # a network that is not whole cannot be loaded
        return 0
    return sum(wanted[path] != found for path, found in contents(folder).items())


# ---------------------------------------------------------------- a full disk


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system in memory that is soon full."""
    with tempfile.TemporaryDirectory() as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place]
        subprocess.run(mount, check=True, capture_output=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", place], check=True)


def full_disk(name: str, size: str, place: Path) -> dict:
    """Fill the disk during the work, make room, and go on: nothing may be lost."""
    work, whole, reason = partial(WORK[name], place), new(place / f"{name}, at once"), None
    work(whole)
    with small_disk(size) as folder:
        try:
            work(folder)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".replace(str(folder), "DISK")
        subprocess.run(["mount", "-o", "remount,size=1g", str(folder)], check=True)
        work(folder)
        same = contents(folder) == contents(whole)
    return {"stopped with": reason, "the same result after making room": same}


# ---------------------------------------------------------------- a wrong byte


def flips(path: Path, read: Callable[[], object], count: int, rng: random.Random) -> dict:
    """Change one byte, read, and change it back: how often it was noticed."""
    data, caught = path.read_bytes(), 0
    for _ in range(count):
        at = rng.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :])
        try:
            read()
        except Exception as error:
            if "\n" in str(error):
                raise
            caught += 1
        path.write_bytes(data)
    return {"flips": count, "caught": caught}


def flip_all(count: int, place: Path, rng: random.Random) -> dict:
    """One byte in a network, a training state, both files of a pack, and VGG-16's weights."""
    net, pack = place / "net.safetensors", place / "all.photos"
    steps = train(RECIPE, bank(place), net, save_every=1, phi=phi())
    next(steps), next(steps)
    steps.close()
    packing(place, place)

    def read_pack() -> None:
        RandomCrops(pack, size=32, batch=12).batch(0)

    def resume() -> None:
        steps = train(RECIPE, bank(place), net, save_every=10**6, phi=phi())
        if next(steps).step != 3:
            raise ValueError("began anew")

    weights = place / "vgg16.safetensors"
    shutil.copy(vgg16_weights(), weights)
    return {
        "network": flips(net, partial(load_network, net), count, rng),
        "training state": flips(net.with_suffix(".training.pt"), resume, count, rng),
        "VGG-16": flips(weights, partial(read_vgg16, weights), min(count, 10), rng),
        "pack, index": flips(pack / "index.jsonl", read_pack, count, rng),
        "pack, pixels": flips(pack / "pixels.u8", read_pack, count, rng),
    }


def main() -> None:
    parser = result_parser(__doc__, "robustness")
    parser.add_argument("--kills", type=int, default=100, help="of each kind of work")
    parser.add_argument("--flips", type=int, default=40, help="in each kind of file")
    parser.add_argument("--pictures", type=int, default=1000, help="damaged ones, of each format")
    parser.add_argument("--seed", type=int, default=0)
    settings = vars(parser.parse_args())
    out, rng = settings.pop("out"), random.Random(settings["seed"])
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    phi()
    found: dict[str, dict] = {"killed": {}, "disk full": {}}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place)
        for name in WORK:
            found["killed"][name] = kill_often(name, settings["kills"], place, rng)
            print(f"{name}: {found['killed'][name]}", flush=True)
        for name, size in (("training", "100k"), ("packing", "80k")):
            try:
                found["disk full"][name] = full_disk(name, size, place)
                print(f"disk full, {name}: {found['disk full'][name]}", flush=True)
            except (subprocess.CalledProcessError, OSError) as error:
                print(f"disk full, {name}: not tried, for nothing can be mounted here ({error})")
        found["damaged pictures"] = {
            suffix: dict(fuzz(suffix, settings["pictures"], settings["seed"])[0])
            for suffix in formats()
        }
        print(found["damaged pictures"], flush=True)
        found["one byte changed"] = flip_all(settings["flips"], place, rng)
        print(found["one byte changed"])
    what = "how often interrupted work was lost, and how often a damaged file went unnoticed"
    save(out, what, settings, **found)


if __name__ == "__main__":
    main()
