"""Damage pictures of each format at random, and count what reading them does (robustness.py does).

A damaged file may be read (most bytes are pixels) or refused with an ImageError of one line. What
else happens is a fault, and listed.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections import Counter
from pathlib import Path

from PIL import Image, ImageCms, features

from perceptual_edu import ImageError, assets
from perceptual_edu.images import load_with_alpha

FORMATS = ("jpg", "png", "webp", "avif", "tif", "gif", "bmp", "ppm")


def formats() -> list[str]:
    """Those that this Pillow writes."""
    return [suffix for suffix in FORMATS if suffix != "avif" or features.check("avif")]


def fuzz(suffix: str, files: int, seed: int) -> tuple[Counter, list[str]]:
    """How many files were read, refused, or did something else; and what that was."""
    rng, whole = random.Random(f"{suffix} {seed}"), sample(suffix)
    counts: Counter = Counter(read=0, refused=0, fault=0)
    faults = []
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 1_000_000  # of damaged sizes
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"x.{suffix}"
            for number in range(files):
                path.write_bytes(damaged(whole, rng))
                found = outcome(path)
                counts[found if found in counts else "fault"] += 1
                if found not in counts:
                    faults.append(f"{suffix} {number} of seed {seed}: {found}")
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return counts, faults


def sample(suffix: str) -> bytes:
    """A small photograph with orientation and profile, where the format has them."""
    with Image.open(assets.photo("kingfisher")) as picture:
        picture = picture.convert("RGB").resize((64, 40))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112], exif[0x011A] = 6, 72.0
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kind = Image.registered_extensions()[f".{suffix}"]
    how = {"compression": "tiff_lzw"} if suffix == "tif" else {}
    picture.save(file, kind, exif=exif, icc_profile=profile, **how)
    return file.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, a piece cut out or doubled, or the end cut off; the head more often."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at = rng.randrange(rng.choice((32, 600, len(found))) if len(found) > 600 else len(found))
        found[at % len(found)] = rng.choice((0, 255, rng.randrange(256)))
    a, b = sorted(rng.randrange(len(found)) for _ in range(2))
    match rng.randrange(6):
        case 0:
            del found[max(a, 1) :]
        case 1:
            del found[a : min(b, a + 50)]
        case 2:
            found[a:a] = found[a : min(b, a + 50)]
    return bytes(found)


def outcome(path: Path) -> str:
    """One of "read", "refused", or the exception that should not have been."""
    try:
        load_with_alpha(path)
    except ImageError as error:
        return "refused" if "\n" not in str(error) else f"several lines: {error!r}"
    except Exception as error:
        return repr(error)
    return "read"
