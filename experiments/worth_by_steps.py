"""What a pass is worth after more and more steps of training (chapter 7).

    python experiments/worth_by_steps.py FOLDER NETWORK.safetensors ... [--paintings FOLDER]

Each NETWORK is the same style or styles at another moment of their training. The book's are what
ships and what shipped before, in the history of data/checkpoints/. The pass of each is compared
with the curves of L-BFGS that data/results/figure5.json has for the same objective (256 pixels,
projected, from uniform noise), on the photographs of FOLDER that have one. So nothing is optimised.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from figure5 import WHOLE, quartiles, target
from shared import digest, load_trained, result_parser, save
from tqdm import tqdm

from perceptual_edu import AssetError, LossNetwork, device, load_image, read_card
from perceptual_edu.evaluation import read_report
from perceptual_edu.evaluation.super_resolution import picture_files
from perceptual_edu.networks import TrainedStyle
from perceptual_edu.networks.catalogue import style_names

SIZE, START, BOUNDS = 256, "uniform", "projected"


def main() -> None:
    parser = result_parser(__doc__, "worth_by_steps")
    parser.add_argument("folder", type=Path)
    parser.add_argument("networks", type=Path, nargs="+", metavar="NETWORK")
    parser.add_argument("--paintings", type=Path, help="folder with paintings, if not bundled")
    arguments = parser.parse_args()
    paths = {path.stem: path for path in picture_files(arguments.folder)}
    known = [
        row
        for row in read_report("figure5")["rows"]
        if (row["size"], row["start"], row["bounds"]) == (SIZE, START, BOUNDS)
        if row["photograph"] in paths
    ]
    styles = [style for file in arguments.networks for style in styles_in(file)]
    phi = LossNetwork.fast()
    found = (worth(style, known, paths, phi, arguments.paintings) for style in tqdm(styles))
    what = "worth of a pass, and its part of the photograph's objective: quartiles"
    settings = {"size": SIZE, "start": START, "bounds": BOUNDS}
    save(arguments.out, what, settings, compact=True, rows=[row for row in found if row])


def worth(
    style: TrainedStyle, known: list, paths: dict, phi: LossNetwork, paintings: Path | None
) -> dict | None:
    """A row for a style; None where its painting, or a curve for it, is not at hand."""
    network, recipe = load_trained(style, paintings)
    try:
        wanted = target(recipe)
    except AssetError as error:
        print(error)
        return None
    curves = [row for row in known if row["target"] == wanted]
    if not curves:
        print(f"{style.file}: figure5.json has no curve for {style.name}")
        return None
    loss, network = recipe.loss(phi), network.to(device())
    found = [measured(network, loss, paths[row["photograph"]], row) for row in curves]
    parts, worths = zip(*found, strict=True)
    least = [w or len(row["objective"]) for w, row in zip(worths, curves, strict=True)]
    return {
        "style": Path(recipe.style).stem,
        "digest": digest(style.file),
        "styles": len(style_names(style.file)),
        "steps": own_steps(style.card),
        "width": style.card["recipe"]["width"],
        "photographs": len(curves),
        "part": quartiles(parts),
        "worth": quartiles(least),
        "never reached": worths.count(None),
    }


def styles_in(file: Path) -> Iterator[TrainedStyle]:
    names = style_names(file)
    for number, name in enumerate(names):
        yield TrainedStyle(name, file, read_card(file), number if len(names) > 1 else None)


def own_steps(card: dict) -> int:
    """The steps of all stages that trained these very styles."""
    steps, styles = 0, card["recipe"]["style"]
    while card and card["recipe"]["style"] == styles:
        steps, card = steps + card["steps"], card.get("before")
    return steps


@torch.no_grad()
def measured(network, loss, path: Path, row: dict) -> tuple[float, int | None]:
    """What a pass leaves of the photograph's objective, and what it is worth on this curve."""
    image = load_image(path, square=SIZE).to(device())
    loss.set_content(image)
    part = float(loss(network(image)).total) / float(loss(image).total)
    better = (i for i, value in enumerate(row["objective"], 1) if value / WHOLE <= part)
    return part, next(better, None)


if __name__ == "__main__":
    main()
