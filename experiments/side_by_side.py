"""Figures 6 and 7 of the paper: photographs, Gatys' optimisation and one pass, side by side.

    python experiments/side_by_side.py --paintings FOLDER [--side 256] [--styles NAME ...]
    python experiments/side_by_side.py --paintings FOLDER --side 512 --alone --folder PHOTOGRAPHS

A block a style, with its painting; above the photographs, below them what projected L-BFGS makes of
the network's own objective, then what the network makes in one pass. The painting of NAME is
FOLDER/NAME.avif. Of a folder of photographs, which need not be ours to publish, only the results
are drawn, a row a photograph: the optimisation, and one pass. Writes the picture and, in the
results, a fingerprint of the networks' file, both objectives, and how many evaluations of L-BFGS
one pass is worth (null: more than were spent).
"""

import argparse
from pathlib import Path

import torch
from shared import SHEET_QUALITY, digest, load_trained, save, sheet
from tqdm import tqdm

from perceptual_edu import LossNetwork, device, load_image, noise_like, optimize_image, photo
from perceptual_edu.assets import data_folder, file_or_bundled, style
from perceptual_edu.evaluation.super_resolution import picture_files
from perceptual_edu.images import bicubic, save_image
from perceptual_edu.inference import stylize
from perceptual_edu.networks import trained_styles
from perceptual_edu.scale import scale

PHOTOGRAPHS = ("neuschwanstein_castle", "cat_chelsea", "new_york_1961", "penguin")
STYLES = ("starry_night", "udnie", "composition_vii", "great_wave")
SHOWN = 384  # pixels of a result in a folder's sheet
BOOK = Path(__file__).resolve().parents[1] / "book" / "images"


def main() -> None:
    arguments = parsed()
    phi, steps = LossNetwork.fast(), scale(smoke=3, laptop=100, gpu=500)
    networks = trained_styles()
    # A name's last entry counts: one of many in its file, or turned round the style's own network.
    shipped = {each.name: each for each in (reversed(networks) if arguments.alone else networks)}
    bundled = [photo(name) for name in PHOTOGRAPHS[: arguments.photographs]]
    paths = picture_files(arguments.folder) if arguments.folder else bundled
    photographs = {path.stem: load_image(path, square=arguments.side) for path in paths}
    blank = torch.full((1, 3, arguments.side, arguments.side), 255.0)
    pictures, rows = [] if arguments.folder else [[blank, *photographs.values()]], []
    for name in arguments.styles:
        network, recipe = load_trained(shipped[name], arguments.paintings)
        loss, pairs = recipe.loss(phi), []
        for title, photograph in tqdm(photographs.items(), desc=name, unit="photograph"):
            optimised, row = compare(network.to(device()), loss, photograph, steps)
            rows.append({"style": name, "photograph": title} | row)
            pairs.append((optimised, stylize(network, photograph)))
        if arguments.folder:
            pictures += [[bicubic(picture, SHOWN, SHOWN) for picture in pair] for pair in pairs]
        else:
            painting = load_image(file_or_bundled(recipe.style, style), square=arguments.side)
            pictures += [[painting, *(a for a, _ in pairs)], [blank, *(b for _, b in pairs)]]
    path = arguments.pictures / f"{arguments.name}.avif"
    # Where nothing is, the page shows through, be it light or dark.
    opacity = [
        [torch.full_like(each[:, :1], 255 * (each is not blank)) for each in row]
        for row in pictures
    ]
    alpha = None if arguments.folder else sheet(opacity)
    save_image(sheet(pictures), path, alpha=alpha, quality=SHEET_QUALITY)
    files = [shipped[name].file for name in arguments.styles]
    settings = {"side": arguments.side, "evaluations": steps}
    settings["networks"] = {file.stem: digest(file) for file in files}
    what = "objective of a pass and of Gatys' optimisation, as parts of the photograph's"
    save(arguments.out, what, settings, rows=rows)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paintings", type=Path, required=True, help="folder with the paintings")
    parser.add_argument("--side", type=int, default=256, help="of the square pictures, pixels")
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--photographs", type=int, default=len(PHOTOGRAPHS), help="how many")
    parser.add_argument("--folder", type=Path, help="other photographs; all of its")
    parser.add_argument("--alone", action="store_true", help="networks of one style")
    parser.add_argument("--name", default="figure6", help="of picture and results")
    parser.add_argument("--pictures", type=Path, default=BOOK, help="where the picture goes")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    arguments.out = arguments.out or data_folder() / "results" / f"{arguments.name}.json"
    return arguments


@torch.no_grad()
def compare(network, loss, photograph: torch.Tensor, steps: int) -> tuple[torch.Tensor, dict]:
    """Gatys' result for a photograph; and both objectives, as parts of the photograph's own."""
    photograph = photograph.to(device())
    loss.set_content(photograph)
    own = float(loss(photograph).total)
    reached = float(loss(network(photograph).round()).total)
    with torch.enable_grad():
        history = list(optimize_image(loss, noise_like(photograph.cpu()).to(device()), steps=steps))
    below = [step.evaluations for step in history if step.terms["total"] <= reached]
    parts = {"pass": reached / own, "optimised": history[-1].terms["total"] / own}
    return history[-1].image, parts | {"worth": below[0] if below else None}


if __name__ == "__main__":
    main()
