"""The pictures of book/choose.md: two enlargements of one photograph, to choose from blindly.

    python experiments/blind_choice.py

Photographs of data/photos in the public domain (or CC0), shrunk four times and enlarged by the
feature network (NAME-a.avif) and by SRCNN (NAME-b.avif). Of each 256 x 256 pixels are written to
book/_static/choose/, where the photograph has most detail.
"""

import argparse
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from perceptual_edu import checkpoint, degrade, load_image, load_network, photo, save_image
from perceptual_edu.datasets.degradation import crop_to_multiple
from perceptual_edu.evaluation import enlarge
from perceptual_edu.images import luma

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_static" / "choose"
SIZE, FACTOR = 256, 4
PHOTOS = """astronaut_eileen_collins cat_chelsea citrus_slices coral_reef hawa_mahal kingfisher
lemurs neuschwanstein_castle petra red_panda scarlet_macaw tiger_in_snow"""


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    FOLDER.mkdir(exist_ok=True)
    networks = {
        "a": load_network(checkpoint("x4_feature")),
        "b": load_network(checkpoint("x4_srcnn")),
    }
    for name in PHOTOS.split():
        truth = crop_to_multiple(load_image(photo(name)), FACTOR)
        top, left = most_detailed(truth)
        low = degrade(truth, FACTOR)
        for letter, network in networks.items():
            image = enlarge(network, low, FACTOR)[:, :, top : top + SIZE, left : left + SIZE]
            save_image(image, FOLDER / f"{name}-{letter}.avif", quality=75)


def most_detailed(image: Tensor) -> tuple[int, int]:
    """Top and left of the square that differs most from its own blurred version."""
    y = luma(image)
    difference = (y - F.avg_pool2d(y, 9, 1, 4, count_include_pad=False)).square()
    place = int(F.avg_pool2d(difference, SIZE, 1).argmax())
    return divmod(place, image.shape[3] - SIZE + 1)


if __name__ == "__main__":
    main()
