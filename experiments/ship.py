"""Put a trained network where the book's networks are, its filters in one byte a weight.

    python experiments/ship.py NETWORK.safetensors [NAME] [--out OUT.json]

Writes data/checkpoints/NAME.safetensors (by default under the name it has) and says what rounding
costs: how far pictures of the rounded network are from those of the network as it was trained, as
PSNR. A style network paints twelve bundled photographs, each of its styles in turn; one for
super-resolution enlarges them. The rows of other networks stay in the file of results.
"""

import statistics
from itertools import cycle
from pathlib import Path

import torch
from shared import digest, kept, result_parser, save
from torch import Tensor, nn

from perceptual_edu import load_image, load_network, photos, save_network, stylize
from perceptual_edu.assets import data_folder
from perceptual_edu.networks import StyleNet, read_card

SIDE, PHOTOGRAPHS = 256, 12


def main() -> None:
    parser = result_parser(__doc__, "shipped")
    parser.add_argument("network", type=Path)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--folder", type=Path, default=data_folder() / "checkpoints")
    arguments = parser.parse_args()
    source, name = arguments.network, arguments.name or arguments.network.stem
    network, target = load_network(source), arguments.folder / f"{name}.safetensors"
    large = source.stat().st_size
    save_network(network, target, read_card(source), bits=8)
    pairs = zip(pictures(network), pictures(load_network(target)), strict=True)
    decibels = [psnr(*pair) for pair in pairs]
    row = {
        "network": name,
        "digest": digest(target),
        "bytes": {"16 bits a weight": large, "8 bits a weight": target.stat().st_size},
        "psnr": {"median": statistics.median(decibels), "least": min(decibels)},
    }
    rows = [other for other in kept(arguments.out) if other["network"] != name]
    what = "pictures of networks with 8 bits a weight, against those with 16: PSNR in dB"
    rows = sorted([*rows, row], key=lambda row: row["network"])
    save(arguments.out, what, {"photographs": PHOTOGRAPHS, "size": SIDE}, rows=rows)
    print(row)


@torch.no_grad()
def pictures(network: nn.Module) -> list[Tensor]:
    """What it makes of the photographs."""
    images = [load_image(path, square=SIDE) for path in photos()[:PHOTOGRAPHS]]
    if not isinstance(network, StyleNet):
        return [network(image) for image in images]
    styles = cycle(network.styles)
    return [stylize(network, image, next(styles)) for image in images]


def psnr(a: Tensor, b: Tensor) -> float:
    """Of pictures in [0, 255], decibels."""
    return float(10 * torch.log10(255**2 / (a - b).square().mean()))


if __name__ == "__main__":
    main()
