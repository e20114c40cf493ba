"""What smooth noise does to a pass (chapter 6, "Dull, empty skies").

    python experiments/smooth_noise.py FOLDER [--paintings FOLDER] [--out OUT.json]

Each photograph (the central square, 256 and 512 pixels) goes through each style's network as it is,
and twice with noise of 20 grey levels, from two seeds. The results are scored under the objective
that the network was trained with, its content that of the photograph without noise. A style whose
picture is not at hand is left out. Draws a picture as well: some of the styles, over a bundled
photograph as it is and with noise.
"""

import statistics
from pathlib import Path

import torch
from shared import SHEET_QUALITY, digest, full_name, load_trained, result_parser, save, sheet
from tqdm import tqdm

from perceptual_edu import (
    AssetError,
    ImageError,
    LossNetwork,
    device,
    load_image,
    photo,
    save_image,
)
from perceptual_edu.evaluation.super_resolution import picture_files
from perceptual_edu.inference import stylize
from perceptual_edu.losses import PerceptualLoss
from perceptual_edu.networks import StyleNet, load_style, trained_styles
from perceptual_edu.scale import scale

SIDES = scale(smoke=(48, 64), laptop=(256, 512), gpu=(256, 512))
LEVEL, SEEDS = 20, (0, 1)
SHOWN, PHOTOGRAPH = scale(smoke=64, laptop=384, gpu=384), "eiffel_tower"
STYLES = ("starry_night", "udnie", "great_wave", "wheat_field_with_cypresses")
BOOK = Path(__file__).resolve().parents[1] / "book" / "images"


def main() -> None:
    parser = result_parser(__doc__, "smooth_noise")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings")
    parser.add_argument("--pictures", type=Path, default=BOOK, help="where the picture goes")
    arguments = parser.parse_args()
    paths, phi, rows = picture_files(arguments.folder), LossNetwork.fast(), []
    for trained in tqdm(trained_styles(), unit="style"):
        network, recipe = load_trained(trained, arguments.paintings)
        try:
            loss = recipe.loss(phi)
        except (AssetError, ImageError):
            print(f"{trained.name}: its style picture is not at hand")
            continue
        painter = network.to(device())
        for side in SIDES:
            images = (load_image(path, square=side).to(device()) for path in paths)
            found = [compare(painter, loss, image) for image in images]
            row = {"style": full_name(trained), "digest": digest(trained.file), "side": side}
            rows.append(row | in_short(found))
    what = (
        "objective after a pass as a part of the photograph's, and how many times as large it, its "
        f"content and its style are with smooth noise of {LEVEL} grey levels (mean of the seeds); "
        "medians, and the values of each photograph"
    )
    settings = {"grey levels": LEVEL, "seeds": SEEDS, "photographs": [path.stem for path in paths]}
    save(arguments.out, what, settings, compact=True, rows=rows)
    draw(arguments.pictures / "smooth_noise.avif")


@torch.no_grad()
def compare(network: StyleNet, loss: PerceptualLoss, image: torch.Tensor) -> dict[str, float]:
    """What is left of a photograph's objective, and how many times as large noise makes it."""
    own = float(loss.set_content(image)(image).total)
    without = loss(stylize(network, image).round()).floats()
    painted = [stylize(network, image, noise=LEVEL, seed=seed).round() for seed in SEEDS]
    noisy = [loss(picture).floats() for picture in painted]
    times = {
        f"{name} with noise": statistics.fmean(terms[name] for terms in noisy) / without[name]
        for name in ("total", "content", "style")
    }
    return {"part": without["total"] / own} | times


def in_short(found: list[dict[str, float]]) -> dict:
    """The medians, and the ratio of each photograph."""
    medians = {k: round(statistics.median(each[k] for each in found), 4) for k in found[0]}
    return medians | {"each": [round(each["total with noise"], 3) for each in found]}


def draw(path: Path) -> None:
    """A row for each of :data:`STYLES`: without noise, and with it."""
    image = load_image(photo(PHOTOGRAPH), square=SHOWN).to(device())
    networks = [load_style(name, "styles").to(device()) for name in STYLES]
    rows = [[stylize(each, image, noise=level) for level in (0, LEVEL)] for each in networks]
    save_image(sheet(rows), path, quality=SHEET_QUALITY)


if __name__ == "__main__":
    main()
