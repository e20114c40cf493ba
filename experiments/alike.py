"""The two losses of super-resolution, trained alike (section 4.2, chapter 8).

    python experiments/alike.py FOLDER --work WORK [--out OUT.json]

The shipped networks differ in how long they were trained and from what. The queue of train_all.py
also trains each network with each loss from the same random weights, for equal steps on equal
patches, into WORK. Here these are scored, with the blur that they were trained with. FOLDER holds
Set5, Set14 and BSD100 (perceptual-edu photos sr-benchmarks -o FOLDER).
"""

import statistics
from pathlib import Path

from shared import result_parser, save
from tqdm import tqdm
from train_all import stage_file, super_resolution

from perceptual_edu import load_network, read_card
from perceptual_edu.datasets.sr_benchmarks import SETS
from perceptual_edu.evaluation import score_pictures

SCORES = ("psnr", "ssim")


def main() -> None:
    parser = result_parser(__doc__, "alike")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where train_all.py trained")
    arguments = parser.parse_args()
    rows = []
    for factor, architecture, files in pairs(arguments.work):
        recipe = read_card(files["pixel"])["recipe"]
        networks = {loss: load_network(file) for loss, file in files.items()}
        row = {"factor": factor, "architecture": architecture}
        row |= {name: recipe[name] for name in ("blur", "steps", "batch", "size", "seed")}
        for name, pictures in SETS.items():
            scoring = score_pictures(
                arguments.folder / name, networks, factor=factor, blur=recipe["blur"]
            )
            what = f"x{factor}, {architecture}, {name}"
            found = list(tqdm(scoring, desc=what, total=pictures * len(networks)))
            rows.append(row | {"set": name, "pictures": pictures, **compared(found)})
    what = "PSNR (dB) and SSIM on Y: both losses, trained alike"
    save(arguments.out, what, {"histogram": False, "shave": "factor"}, rows=rows)


def pairs(work: Path) -> list[tuple[int, str, dict[str, Path]]]:
    """Factor, architecture and the file of each loss, where both were trained to their end."""
    found: dict[tuple[int, str], dict[str, Path]] = {}
    for name, training in super_resolution().items():
        (recipe,), path = training.stages, stage_file(work, name, 1)
        alone = training.after is None and recipe.architecture != "srcnn"
        if alone and path.exists() and read_card(path)["steps"] == recipe.steps:
            found.setdefault((recipe.factor, recipe.architecture), {})[recipe.loss] = path
    return [(*key, files) for key, files in found.items() if len(files) == 2]


def compared(rows: list[dict]) -> dict:
    """Each loss' means, and the feature loss less the pixel loss: mean and half a 95 % interval."""
    by_loss = {
        loss: {row["picture"]: row for row in rows if row["model"] == loss}
        for loss in ("pixel", "feature")
    }
    means = {
        loss: {s: round(statistics.fmean(row[s] for row in found.values()), 4) for s in SCORES}
        for loss, found in by_loss.items()
    }
    return means | {"difference": {s: mean_and_error(by_loss, s) for s in SCORES}}


def mean_and_error(by_loss: dict, score: str) -> list[float]:
    """Of the pictures' differences: their mean, and 1.96 standard errors of it."""
    pixel, feature = by_loss["pixel"], by_loss["feature"]
    differences = [feature[name][score] - pixel[name][score] for name in pixel]
    error = 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return [round(statistics.fmean(differences), 4), round(error, 4)]


if __name__ == "__main__":
    main()
