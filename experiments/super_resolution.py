"""The paper's super-resolution tables, with ours (section 4.2, chapter 8).

    python experiments/super_resolution.py FOLDER [--out OUT.json]

FOLDER holds Set5, Set14 and BSD100 (perceptual-edu photos sr-benchmarks -o FOLDER). Each network in
data/checkpoints/ and bicubic enlargement, x4 and x8, without and with the paper's blur, without and
with histogram matching: PSNR and SSIM on Y; without either, also a perceptual distance. For every
picture.

Networks that the file of results already has from this machine are not scored again: interrupt it
as you like, train one network again. Another --out begins anew.
"""

from itertools import product
from operator import itemgetter
from pathlib import Path

from shared import digest, kept, networks_for, result_parser, save
from tqdm import tqdm

from perceptual_edu import LossNetwork, load_network
from perceptual_edu.datasets import PAPER_BLUR
from perceptual_edu.datasets.sr_benchmarks import SETS, differing
from perceptual_edu.devices import hardware
from perceptual_edu.evaluation import JUDGES, mean_scores, read_report, score_pictures
from perceptual_edu.networks import FACTORS

# What makes a row of the tables another one.
identity = itemgetter("set", "model", "factor", "blur", "histogram", "digest")


def main() -> None:
    parser = result_parser(__doc__, "super_resolution")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    phi = LossNetwork.fast()
    here = arguments.out.exists() and read_report(arguments.out)["machine"] == hardware()
    known = {identity(table): table for table in kept(arguments.out, "tables") if here}
    tables = []
    for factor, blur, histogram, name in product(FACTORS, (0.0, PAPER_BLUR), (False, True), SETS):
        how = {"factor": factor, "blur": blur, "histogram": histogram}
        files = networks_for(factor)
        wanted = [
            {"set": name, "model": model, **how, "digest": digest(path)}
            for model, path in files.items()
        ]
        todo = [table["model"] for table in wanted if identity(table) not in known]
        networks = {model: files[model] and load_network(files[model]) for model in todo}
        judge = None if histogram or blur else phi
        found = scored(arguments.folder / name, networks, how, judge)
        for table in wanted:
            tables.append(known.pop(identity(table), table | found.get(table["model"], {})))
        if todo:
            print(how, name, {model: round(found[model]["psnr"], 2) for model in todo})
            write(arguments.out, tables + list(known.values()), arguments.folder)
    write(arguments.out, tables, arguments.folder)  # without networks that are no more


def write(out: Path, tables: list[dict], folder: Path) -> None:
    what = "super-resolution: PSNR (dB) and SSIM on Y, distance in phi's " + ", ".join(JUDGES)
    settings = {"shave": "factor", "not the pictures of the book": differing(folder)}
    save(out, what, settings, compact=True, tables=tables)


def scored(folder: Path, networks: dict, how: dict, judge: LossNetwork | None) -> dict[str, dict]:
    """Model -> its means over the pictures of a folder, and the scores of each picture."""
    if not networks:
        return {}
    run = score_pictures(folder, networks, **how, phi=judge)
    total = SETS[folder.name] * len(networks)
    rows = list(tqdm(run, desc=f"{folder.name} x{how['factor']}", total=total))
    found = {
        model: {name: round(value, 4) for name, value in mean.items()} | {"pictures": {}}
        for model, mean in mean_scores(rows).items()
    }
    digits = {"psnr": 3, "ssim": 4, "distance": 4}
    for row in rows:
        pictures = found[row["model"]]["pictures"]
        pictures[row["picture"]] = [round(row[s], digits[s]) for s in digits if s in row]
    return found


if __name__ == "__main__":
    main()
