"""A sheet of every style of a network on six photographs, to be looked at.

    python experiments/style_sheet.py [--network styles] [--out book/images/styles]

A row a style, a column a bundled photograph; the first row are the photographs. Eight styles a
picture: OUT_1.avif, OUT_2.avif, ...
"""

import argparse
from pathlib import Path

import torch
from shared import AVIF_QUALITY, painted_sheet

from perceptual_edu import checkpoint, load_network, save_image
from perceptual_edu.assets import file_or_bundled

PHOTOGRAPHS = """neuschwanstein_castle cat_chelsea new_york_1961 mariachi_musicians penguin
clouds_after_rain"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="styles", help="a shipped network, or a file")
    parser.add_argument("--side", type=int, default=320, help="of the squares that are painted")
    parser.add_argument("--out", type=Path, default=Path("book/images/styles"))
    arguments = parser.parse_args()
    network = load_network(file_or_bundled(arguments.network, checkpoint))
    for first in range(0, len(network.styles), 8):
        styles = network.styles[first : first + 8]
        whole = painted_sheet(network, styles, PHOTOGRAPHS.split(), arguments.side)
        half = torch.nn.functional.interpolate(whole, scale_factor=0.5, mode="area")
        save_image(half, f"{arguments.out}_{first // 8 + 1}.avif", quality=AVIF_QUALITY)


if __name__ == "__main__":
    main()
