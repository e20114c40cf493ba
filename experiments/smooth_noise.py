"""What smooth noise beneath the photograph does to a pass (chapter 6, "Dull, empty skies").

    python experiments/smooth_noise.py FOLDER [--paintings FOLDER] [--out OUT.json]

Each photograph (the central square, 512 pixels) goes through each style's network four times,
beneath it noise of 0, 10, 20 and 40 grey levels. The result is scored under the objective that the
network was trained with, its content that of the photograph without noise, as a part of the
photograph's own. A style whose picture is not at hand is left out. Draws a picture as well: some of
the styles, over a bundled photograph as it is and over noise of 20 grey levels.
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

SIDE = scale(smoke=64, laptop=512, gpu=512)
LEVELS = (0, 10, 20, 40)
SHOWN, PHOTOGRAPH = scale(smoke=64, laptop=384, gpu=384), "eiffel_tower"
STYLES = ("starry_night", "udnie", "great_wave", "wheat_field_with_cypresses")
BOOK = Path(__file__).resolve().parents[1] / "book" / "images"


def main() -> None:
    parser = result_parser(__doc__, "smooth_noise")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings")
    parser.add_argument("--pictures", type=Path, default=BOOK, help="where the picture goes")
    arguments = parser.parse_args()
    paths = picture_files(arguments.folder)
    photographs = {path.stem: load_image(path, square=SIDE).to(device()) for path in paths}
    phi, rows = LossNetwork.fast(), []
    for trained in tqdm(trained_styles(), unit="style"):
        network, recipe = load_trained(trained, arguments.paintings)
        try:
            loss = recipe.loss(phi)
        except (AssetError, ImageError):
            print(f"{trained.name}: its style picture is not at hand")
            continue
        painter = network.to(device())
        each = {name: parts(painter, loss, image) for name, image in photographs.items()}
        columns = zip(*each.values(), strict=True)
        medians = [round(statistics.median(column), 5) for column in columns]
        row = {"style": full_name(trained), "digest": digest(trained.file), "medians": medians}
        rows.append(row | {"photographs": each})
    what = "objective after a pass over a photograph with smooth noise, as a part of its own"
    save(arguments.out, what, {"side": SIDE, "grey levels": LEVELS}, compact=True, rows=rows)
    draw(arguments.pictures / "smooth_noise.avif")


def draw(path: Path) -> None:
    """A row for each of :data:`STYLES`: without noise, and with it."""
    image = load_image(photo(PHOTOGRAPH), square=SHOWN).to(device())
    networks = [load_style(name, "styles").to(device()) for name in STYLES]
    rows = [[stylize(each, image, noise=level) for level in (0, 20)] for each in networks]
    save_image(sheet(rows), path, quality=SHEET_QUALITY)


@torch.no_grad()
def parts(network: StyleNet, loss: PerceptualLoss, image: torch.Tensor) -> list[float]:
    """The objective for each of :data:`LEVELS`, as a part of the photograph's own."""
    own = float(loss.set_content(image)(image).total)
    painted = (stylize(network, image, noise=level).round() for level in LEVELS)
    return [round(float(loss(picture).total) / own, 5) for picture in painted]


if __name__ == "__main__":
    main()
