"""Which photographs the networks were trained on, and that none of them is judged with.

    python experiments/photographs.py FOLDER

FOLDER holds train/, val/, content/ and sr/Set5, sr/Set14, sr/BSD100, each with a SOURCES.tsv that
says where every file came from. Writes data/photographs.tsv, a line for each photograph: set, file,
source, path there, the SHA-256 of the file there (16 digits), and a perceptual hash of the picture
(63 bits), which survives scaling and compression. data/results/photographs.json has, for every
set and for the pictures of data/photos, the pairs that are nearest to a photograph of training,
mirrored or not, and their correlation: pictures that are the same have about 1.

Cropped pictures may have another hash: it finds copies, not every part of a picture.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.fft import dctn
from tqdm import tqdm

from perceptual_edu import assets
from perceptual_edu.evaluation import make_report, write_report
from perceptual_edu.files import written_atomically

SETS = ("train", "val", "content", "sr/Set5", "sr/Set14", "sr/BSD100")
COLUMNS = ("set", "file", "source", "path", "sha256", "phash")
LISTED = 3
"""Nearest pairs that are reported of each set."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows, thumbnails = [], {}
    for name in SETS:
        for row in read_tsv(folder / name / "SOURCES.tsv"):
            small = thumbnail(folder / name / row["file"])
            key = Path(name).name
            thumbnails.setdefault(key, {})[row["file"]] = small
            code = f"{perceptual_hash(small):016x}"
            rows.append(
                (key, row["file"], row["repo"], row["path"], row["sha256_of_original"][:16], code)
            )
    with written_atomically(assets.data_folder() / "photographs.tsv") as temporary:
        temporary.write_text("".join("\t".join(row) + "\n" for row in (COLUMNS, *rows)))
    thumbnails["photos"] = {path.name: thumbnail(path) for path in assets.photos()}
    trained = thumbnails.pop("train")
    found = {name: nearest(small, trained) for name, small in tqdm(thumbnails.items())}
    what = "photographs of training nearest to a picture of a set, by perceptual hash"
    settings = {"bits": 63, "thumbnail": 32, "mirrored": True, "photographs": len(trained)}
    report = make_report(what, settings, sets=found)
    write_report(report, assets.data_folder() / "results" / "photographs.json")


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def thumbnail(path: Path) -> np.ndarray:
    """Brightness, 32 x 32."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS), float)


def perceptual_hash(small: np.ndarray) -> int:
    """Which of the 63 lowest frequencies but the mean are above their median, as bits."""
    low = dctn(small, norm="ortho")[:8, :8].flatten()[1:]
    return int("".join("1" if x else "0" for x in low > np.median(low)), 2)


def nearest(pictures: dict[str, np.ndarray], trained: dict[str, np.ndarray]) -> dict:
    """Of a set: how many pictures, the fewest bits apart, and the nearest pairs."""
    codes = {file: perceptual_hash(small) for file, small in trained.items()}
    pairs = []
    for name, small in pictures.items():
        for mirrored in (False, True):
            seen = small[:, ::-1] if mirrored else small
            code = perceptual_hash(seen)
            bits, file = min(((code ^ other).bit_count(), file) for file, other in codes.items())
            likeness = float(np.corrcoef(seen.flatten(), trained[file].flatten())[0, 1])
            pairs.append([bits, round(likeness, 3), name, file, mirrored])
    pairs.sort(key=lambda pair: pair[:2])
    return {"n": len(pictures), "fewest bits apart": pairs[0][0], "nearest pairs": pairs[:LISTED]}


if __name__ == "__main__":
    main()
