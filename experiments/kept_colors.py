"""What keeping the small picture's colours does to enlargements (chapter 8).

    python experiments/kept_colors.py FOLDER [--out OUT.json]

FOLDER holds Set5, Set14 and BSD100 (perceptual-edu photos sr-benchmarks -o FOLDER). Each picture is
shrunk four times and enlarged again by the feature network, without and with --keep-colors: PSNR on
Y; of the same picture in grey the largest difference between its channels; and how much darker a
white page comes back.
"""

import statistics
from functools import partial
from pathlib import Path

import torch
from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import load_image
from perceptual_edu.cli.upscale import upscaler
from perceptual_edu.datasets import crop_to_multiple, degrade
from perceptual_edu.datasets.sr_benchmarks import SETS, differing
from perceptual_edu.devices import device
from perceptual_edu.evaluation import is_grey_file, psnr_y
from perceptual_edu.evaluation.timing import machine
from perceptual_edu.inference import upscale

FACTOR = 4
WAYS = {"as it is": False, "kept": True}


def main() -> None:
    parser = result_parser(__doc__, "kept_colors")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    network = upscaler("feature", FACTOR).to(device())
    ways = {way: partial(upscale, network, keep_colors=kept) for way, kept in WAYS.items()}
    rows = [row for name in SETS for row in scored(arguments.folder / name, ways)]
    white = torch.full((1, 3, 64, 64), 255.0, device=device())
    means = {
        way: {name: mean(rows, way, name) for name in SETS}
        | {
            "largest tint": max(row[way]["tint"] for row in rows),
            "white": int(enlarge(white).min()),
        }
        for way, enlarge in ways.items()
    }
    what = "PSNR (dB) on Y, largest tint of grey pictures and level of white, enlarged x4"
    others = differing(arguments.folder)
    settings = {"network": "x4_feature", "not the pictures of the book": others}
    found = {"machine": machine(), "means": means, "rows": rows}
    save(arguments.out, what, settings, compact=True, **found)
    print(means)


def scored(folder: Path, ways: dict) -> list[dict]:
    """A row for each picture: way -> PSNR, and the tint of the picture without its colours."""
    rows = []
    for file in tqdm(sorted(folder.glob("*.png")), desc=folder.name):
        truth = crop_to_multiple(load_image(file), FACTOR).to(device())
        low = degrade(truth, FACTOR)
        grey = low.mean(1, keepdim=True).round().expand_as(low)
        row = {"set": folder.name, "picture": file.stem}
        for way, enlarge in ways.items():
            psnr = psnr_y(enlarge(low), truth, shave=FACTOR, grey=is_grey_file(file))
            levels = enlarge(grey).int()
            tint = int((levels.amax(1) - levels.amin(1)).max())
            row[way] = {"psnr": round(psnr, 3), "tint": tint}
        rows.append(row)
    return rows


def mean(rows: list[dict], way: str, name: str) -> float:
    return round(statistics.fmean(row[way]["psnr"] for row in rows if row["set"] == name), 3)


if __name__ == "__main__":
    main()
