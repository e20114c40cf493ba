"""The paper's super-resolution tables, with ours (section 4.2, chapter 8).

    python experiments/super_resolution.py FOLDER [--out OUT.json]

FOLDER holds Set5, Set14 and BSD100 (perceptual-edu photos sr-benchmarks -o FOLDER). Each network in
data/checkpoints/ and bicubic enlargement, x4 and x8, without and with the paper's blur, without and
with histogram matching: PSNR and SSIM on Y; without either, also a perceptual distance. For every
picture.

Networks that the file of results already has from this machine are not scored again: interrupt it
as you like, train one network again. Another --out begins anew.
"""

import argparse
import hashlib
from itertools import product
from pathlib import Path

from shared import result_parser
from tqdm import tqdm

from perceptual_edu import LossNetwork, assets, load_network
from perceptual_edu.datasets import PAPER_BLUR
from perceptual_edu.datasets.sr_benchmarks import SETS, differing
from perceptual_edu.devices import hardware
from perceptual_edu.evaluation import (
    JUDGES,
    make_report,
    mean_scores,
    read_report,
    score_pictures,
    write_report,
)
from perceptual_edu.networks import FACTORS


def main() -> None:
    parser = result_parser(__doc__, "super_resolution")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    phi = LossNetwork.fast()
    before = read_report(arguments.out) if arguments.out.exists() else {"machine": None}
    known = before["tables"] if before["machine"] == hardware() else []
    known = {identity(table): table for table in known}
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
            save(tables + list(known.values()), arguments)
    save(tables, arguments)  # without what was known of networks that are no more


def networks_for(factor: int) -> dict[str, Path | None]:
    """Bicubic enlargement (None) and the files of all trained networks for this factor."""
    files = [p for p in assets.checkpoints() if p.stem.startswith(f"x{factor}_")]
    return {"bicubic": None} | {path.stem.removeprefix(f"x{factor}_"): path for path in files}


def identity(table: dict) -> tuple:
    """What makes a row of the tables another one."""
    return tuple(table[n] for n in ("set", "model", "factor", "blur", "histogram", "digest"))


def digest(path: Path | None) -> str | None:
    """A fingerprint of the network's file: trained again, it is another network."""
    return path and hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def save(tables: list[dict], arguments: argparse.Namespace) -> None:
    what = "super-resolution: PSNR (dB) and SSIM on Y, distance in phi's " + ", ".join(JUDGES)
    settings = {"shave": "factor", "not the pictures of the book": differing(arguments.folder)}
    write_report(make_report(what, settings, tables=tables), arguments.out, compact=True)


def scored(folder: Path, networks: dict, how: dict, judge: LossNetwork | None) -> dict[str, dict]:
    """Model -> its means over the pictures of a folder, and the scores of each picture."""
    if not networks:
        return {}
    run = score_pictures(folder, networks, **how, phi=judge)
    total = SETS[folder.name] * len(networks)
    rows = list(tqdm(run, desc=f"{folder.name} x{how['factor']}", total=total))
    return {
        model: _rounded(mean) | {"pictures": _by_picture(rows, model)}
        for model, mean in mean_scores(rows).items()
    }


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}


def _by_picture(rows: list[dict], model: str) -> dict[str, list[float]]:
    """Picture -> PSNR, SSIM, distance."""
    return {
        row["picture"]: [
            round(row[s], 3 if s == "psnr" else 4) for s in ("psnr", "ssim", "distance") if s in row
        ]
        for row in rows
        if row["model"] == model
    }


if __name__ == "__main__":
    main()
