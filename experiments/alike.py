"""The two losses of super-resolution, trained alike (section 4.2, chapter 8).

    python experiments/alike.py FOLDER --work WORK [--out OUT.json]

The shipped networks differ in how long they were trained and from what. The queue of train_all.py
also trains each network with each loss from the same random weights, for equal steps on equal
patches, into WORK, and one feature network from where the pixel loss has ended. Here these are
scored, with the blur that they were trained with. FOLDER holds Set5, Set14 and BSD100
(perceptual-edu photos sr-benchmarks -o FOLDER).

Beside the scores: the scores when the output's histogram is matched to the input's, as the paper
does, and the ripple on flat grey, which is what a lattice is measured by.
"""

import statistics
from pathlib import Path

import torch
from shared import result_parser, save
from torch import nn
from tqdm import tqdm
from train_all import stage_file, super_resolution

from perceptual_edu import load_network, read_card
from perceptual_edu.datasets.sr_benchmarks import SETS
from perceptual_edu.evaluation import score_pictures

SCORES = ("psnr", "ssim")
AFTER = "_after_pixel"
STARTS = {"feature": "random weights", "feature" + AFTER: "the pixel network"}


def main() -> None:
    parser = result_parser(__doc__, "alike")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where train_all.py trained")
    arguments = parser.parse_args()
    rows = []
    for factor, architecture, start, files in pairs(arguments.work):
        recipe = read_card(files["pixel"])["recipe"]
        networks = {loss: load_network(file) for loss, file in files.items()}
        row = {"factor": factor, "architecture": architecture, "feature began as": start}
        row |= {name: recipe[name] for name in ("blur", "steps", "batch", "size", "seed")}
        row["ripple"] = {loss: round(ripple(f_w, factor), 3) for loss, f_w in networks.items()}
        for name, pictures in SETS.items():
            how = {"factor": factor, "blur": recipe["blur"]}
            plain = scores(arguments.folder / name, networks, **how)
            matched = scores(arguments.folder / name, networks, histogram=True, **how)
            found = compared(plain) | {"matched": means(of_each_loss(matched))}
            rows.append(row | {"set": name, "pictures": pictures, **found})
    what = "PSNR (dB) and SSIM on Y: both losses, trained alike"
    save(arguments.out, what, {"shave": "factor"}, rows=rows)


def pairs(work: Path) -> list[tuple[int, str, str, dict[str, Path]]]:
    """Factor, architecture, what the feature network began as, and the file of each loss.

    Only where both were trained to their end.
    """
    files: dict[tuple[int, str, str], Path] = {}
    for name, training in super_resolution().items():
        recipe, path = training.stages[0], stage_file(work, name, 1)
        wanted = training.after is None or name.endswith(AFTER)
        if wanted and path.exists() and read_card(path)["steps"] == recipe.steps:
            loss = recipe.loss + AFTER * name.endswith(AFTER)
            files[recipe.factor, recipe.architecture, loss] = path
    return [
        (factor, network, start, {"pixel": files[factor, network, "pixel"], "feature": path})
        for (factor, network, loss), path in files.items()
        if (start := STARTS.get(loss)) and (factor, network, "pixel") in files
    ]


def scores(folder: Path, networks: dict[str, nn.Module], **how) -> list[dict]:
    """A row for each picture and network, with a bar."""
    total = SETS[folder.name] * len(networks)
    return list(tqdm(score_pictures(folder, networks, **how), desc=folder.name, total=total))


@torch.no_grad()
def ripple(network: nn.Module, factor: int) -> float:
    """Standard deviation, in grey levels, of the answer to flat grey, away from the borders."""
    flat = network.eval()(torch.full((1, 3, 24, 24), 128.0))
    border = 6 * factor
    return flat[:, :, border:-border, border:-border].std(dim=(2, 3)).mean().item()


def of_each_loss(rows: list[dict]) -> dict[str, dict[str, dict]]:
    """Loss -> picture -> its scores."""
    found: dict[str, dict[str, dict]] = {}
    for row in rows:
        found.setdefault(row["model"], {})[row["picture"]] = row
    return found


def means(by_loss: dict[str, dict[str, dict]]) -> dict[str, dict[str, float]]:
    """Loss -> score -> its mean over the pictures."""
    return {
        loss: {s: round(statistics.fmean(row[s] for row in found.values()), 4) for s in SCORES}
        for loss, found in by_loss.items()
    }


def compared(rows: list[dict]) -> dict:
    """Each loss' means, and the feature loss less the pixel loss: mean and half a 95 % interval."""
    by_loss = of_each_loss(rows)
    return means(by_loss) | {"difference": {s: mean_and_error(by_loss, s) for s in SCORES}}


def mean_and_error(by_loss: dict, score: str) -> list[float]:
    """Of the pictures' differences: their mean, and 1.96 standard errors of it."""
    pixel, feature = by_loss["pixel"], by_loss["feature"]
    differences = [feature[name][score] - pixel[name][score] for name in pixel]
    error = 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    return [round(statistics.fmean(differences), 4), round(error, 4)]


if __name__ == "__main__":
    main()
