"""Set5, Set14 and BSD100: the pictures on which super-resolution is compared."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from ..assets import data_folder
from ..files import written_atomically
from .coco import Downloaded, archive_in, download
from .index import PhotosError, writing

# The collection of Lim et al. (EDSR, 2017), 250 MB; other sets in it are left there.
BENCHMARKS = "https://cv.snu.ac.kr/research/EDSR/benchmark.tar"

SETS = {"Set5": 5, "Set14": 14, "BSD100": 100}
"""Name of each set and how many pictures it has."""

_CALLED = {"B100": "BSD100", "BSDS100": "BSD100"}  # in some archives


def sr_benchmarks(folder: str | Path, *, url: str = BENCHMARKS) -> Iterator[Downloaded]:
    """Download the three sets to ``folder/Set5``, ``folder/Set14`` and ``folder/BSD100``.

    Killed at any moment and repeated, it goes on. When it is done, the archive is no longer
    needed.

    Parameters
    ----------
    folder
        Made if need be.
    url
        A tar archive with the pictures in folders ``Set5/HR``, ``Set14/HR`` and ``B100/HR``
        (or without ``HR``).

    Yields
    ------
    Downloaded
        While downloading.

    Raises
    ------
    PhotosError
        If the archive cannot be had or is damaged, or if a set is not complete.
    """
    folder = Path(folder)
    if not any(_missing(folder).values()):
        return
    archive = archive_in(folder, url)
    yield from download(url, archive)
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = _place(folder, member)
                if path and not path.exists():
                    data = tar.extractfile(member).read()
                    with writing(path):
                        path.parent.mkdir(exist_ok=True)
                        with written_atomically(path) as temporary:
                            temporary.write_bytes(data)
    except (tarfile.TarError, EOFError, OSError) as error:
        passing = getattr(error, "errno", None)  # the disk's fault, not the archive's
        advice = "repeat once that is mended" if passing else "delete it and repeat"
        raise PhotosError(f"{archive}: cannot be unpacked ({error}); {advice}") from None
    for name, count in _missing(folder).items():
        if count:
            raise PhotosError(f"{archive}: {count} of the {SETS[name]} pictures of {name} missing")


def differing(folder: str | Path) -> list[str]:
    """The pictures that are not those on which the book's tables were measured, by name.

    Pixels are compared, not files; what is left over beyond a multiple of 24 does not count,
    because some collections are cropped.

    Raises
    ------
    PhotosError
        If a set is missing or one of its files is not a picture.
    """
    known = json.loads((data_folder() / "sr_benchmarks.json").read_text())
    found = []
    for name in SETS:
        files = _pictures(Path(folder, name))
        if not files:
            raise PhotosError(f"{Path(folder, name)}: no pictures")
        found += [f"{name}/{path.name}" for path in files if fingerprint(path) not in known[name]]
    return found


def fingerprint(path: Path) -> str:
    """8 hexadecimal digits that stand for a picture's pixels, cropped to multiples of 24."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise PhotosError(f"{path}: cannot be decoded ({error})") from None
    height, width = (side - side % 24 for side in pixels.shape[:2])
    digest = hashlib.sha256(f"{height} {width} ".encode())
    digest.update(pixels[:height, :width].tobytes())
    return digest.hexdigest()[:8]


def _place(folder: Path, member: tarfile.TarInfo) -> Path | None:
    """Where a member of the archive goes, if it is one of the pictures."""
    parts = [part for part in PurePosixPath(member.name).parts if part != "HR"]
    if not member.isfile() or len(parts) < 2 or not _is_picture(parts[-1]):
        return None
    name = _CALLED.get(parts[-2], parts[-2])
    return folder / name / parts[-1] if name in SETS else None


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if _is_picture(path.name))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(".png") and not name.startswith(".")


def _missing(folder: Path) -> dict[str, int]:
    return {name: max(0, count - len(_pictures(folder / name))) for name, count in SETS.items()}
