"""What a second layer and a little total variation add to the feature loss (chapter 8).

    python experiments/best_feature.py FOLDER --work WORK [--out OUT.json]

FOLDER holds photographs, for the book BSD100. WORK is where `experiments/train_all.py` trained
x4_feature_best and x8_feature_best: the first stage compares features at relu2_2, the second goes
on with relu3_3 as well and with total variation; and x4_feature_control, which goes on from the
first stage as before. Of the network after each stage: PSNR and SSIM on Y, the ripple on flat grey,
and what an independent judge sees, as in judge.py.
"""

from pathlib import Path

from alike import ripple
from judge import compared, looks, summary
from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import load_image, load_network
from perceptual_edu.datasets import crop_to_multiple, degrade
from perceptual_edu.evaluation import Judge, enlarge, psnr_y, ssim_y
from perceptual_edu.networks import read_card
from perceptual_edu.pictures import pictures_in

MEASURED = (
    ("x4_feature_best.1", 1),
    ("x4_feature_control.1", 2),
    ("x4_feature_best.2", 2),
    ("x8_feature_best.1", 1),
    ("x8_feature_best.2", 2),
)
"""Networks in WORK, and the stage that each ends."""


def main() -> None:
    parser = result_parser(__doc__, "best_feature")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="where train_all.py put networks")
    arguments = parser.parse_args()
    files = [(stage, arguments.work / f"{name}.safetensors") for name, stage in MEASURED]
    if missing := [path for _, path in files if not path.exists()]:
        parser.error(f"{missing[0]} is missing: experiments/train_all.py trains it")
    judge = Judge()
    rows = [{"stage": s} | measured(path, arguments.folder, judge) for s, path in files]
    what = "networks of the feature loss after relu2_2 alone, and after relu3_3 and TV as well"
    save(arguments.out, what, {"folder": arguments.folder.name}, rows=rows)


def measured(path: Path, folder: Path, judge: Judge) -> dict:
    """A row: how the network was trained last, and what its enlargements are worth."""
    network, recipe = load_network(path), read_card(path)["recipe"]
    factor = recipe["factor"]
    seen, scores = {}, []
    for picture in tqdm(pictures_in(folder), desc=path.stem):
        truth = crop_to_multiple(load_image(picture), factor)
        large = enlarge(network, degrade(truth, factor), factor)
        seen[picture.stem] = compared(looks(judge, truth), looks(judge, large))
        scores.append([score(large, truth, shave=factor) for score in (psnr_y, ssim_y)])
    psnr, ssim = (sum(column) / len(column) for column in zip(*scores, strict=True))
    return {
        "factor": factor,
        "layers": recipe.get("layers", ["relu2_2"]),
        "tv": recipe.get("tv", 0.0),
        "steps": recipe["steps"],
        "psnr": round(psnr, 3),
        "ssim": round(ssim, 4),
        "ripple": round(ripple(network, factor), 3),
        **summary(seen),
    }


if __name__ == "__main__":
    main()
