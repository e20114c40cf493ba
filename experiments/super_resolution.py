"""The paper's super-resolution tables, with ours (section 4.2, chapter 8).

    python experiments/super_resolution.py FOLDER [--out OUT.json]

FOLDER holds Set5, Set14 and BSD100 (perceptual-edu photos sr-benchmarks -o FOLDER). Each network in
data/checkpoints/ and bicubic enlargement, x4 and x8, without and with the paper's blur, without and
with histogram matching: PSNR and SSIM on Y; without either, also a perceptual distance. For every
picture.
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from perceptual_edu import LossNetwork, assets, device, fast_dtype, load_network
from perceptual_edu.benchmarks import SETS, differing
from perceptual_edu.networks import FACTORS
from perceptual_edu.results import make_report, write_report
from perceptual_edu.scoring import mean_scores, score_pictures
from perceptual_edu.superres import JUDGES, PAPER_BLUR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    out = assets.data_folder() / "results" / "super_resolution.json"
    parser.add_argument("--out", type=Path, default=out)
    arguments = parser.parse_args()
    phi = LossNetwork(dtype=fast_dtype()).to(device())
    tables = []
    for factor in FACTORS:
        networks = {"bicubic": None} | {
            path.stem.removeprefix(f"x{factor}_"): load_network(path)
            for path in assets.checkpoints()
            if path.stem.startswith(f"x{factor}_")
        }
        for blur in (0.0, PAPER_BLUR):
            for histogram in (False, True):
                for name in SETS:
                    how = {"factor": factor, "blur": blur, "histogram": histogram}
                    judge = None if histogram or blur else phi
                    run = score_pictures(arguments.folder / name, networks, **how, phi=judge)
                    rows = list(
                        tqdm(run, desc=f"{name} x{factor}", total=SETS[name] * len(networks))
                    )
                    means = mean_scores(rows)
                    for model, mean in means.items():
                        tables.append(
                            {"set": name, "model": model, **how, **_rounded(mean)}
                            | {"pictures": _by_picture(rows, model)}
                        )
                    print(how, name, {m: round(s["psnr"], 2) for m, s in means.items()})
    what = "super-resolution: PSNR (dB) and SSIM on Y, distance in phi's " + ", ".join(JUDGES)
    settings = {"shave": "factor", "not the pictures of the book": differing(arguments.folder)}
    write_report(make_report(what, settings, tables=tables), arguments.out, compact=True)


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
