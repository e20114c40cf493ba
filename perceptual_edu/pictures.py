"""Picture files as Pillow pictures: upright, 8-bit, sRGB, whatever the file holds.

Of a file's metadata only orientation and colour profile are looked at.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, TiffImagePlugin

from .errors import MendableError, one_line

T = TypeVar("T")

_LARGEST = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # where Pillow refuses to go on
# Pillow refuses a PNG whose text or profile is longer than 1 MB, as a guard of memory.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 2**28

_ONLY_NAMED = ("BUFR", "GRIB", "HDF5", "MPEG")  # formats that Pillow knows but does not decode

_BITS, _KIND = TiffImagePlugin.BITSPERSAMPLE, TiffImagePlugin.SAMPLEFORMAT

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(MendableError):
    """A picture cannot be read or written; the message names the file and says why."""


def decode(file: BinaryIO, convert: Callable[[Image.Image], T]) -> T:
    """Open a picture and convert it: the one place where decoders run.

    From an open file, not from its name: under a name Pillow 13 maps grey TIFF files that have to
    be turned into memory with width and height exchanged.

    Raises
    ------
    ImageError
        Whatever the decoder raised, as a reason to follow the file's name.
    """
    try:
        with Image.open(file) as picture:
            return convert(picture)
    except Image.UnidentifiedImageError:
        raise ImageError("not a picture in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise ImageError(f"more than {_LARGEST / 1e6:.0f} megapixels; shrink it") from None
    except MemoryError:  # not the file's fault
        raise
    except Exception as error:  # files that are cut short or corrupt raise nearly anything
        raise ImageError(f"cannot be decoded ({one_line(error)})") from None


def is_picture_name(path: Path) -> bool:
    """Whether Pillow reads the format that the name's suffix stands for."""
    name = Image.registered_extensions().get(path.suffix.lower())
    return name in Image.OPEN and name not in _ONLY_NAMED


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder, as far as names tell, in their order.

    Hidden files are none: macOS puts a ``._x.png`` beside each ``x.png`` on foreign disks.
    """
    paths = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [path for path in paths if is_picture_name(path) and path.is_file()]


def upright(picture: Image.Image) -> Image.Image:
    """Decode, to 8 bits a channel, and turn as the tag Orientation says.

    No other tag of the EXIF is looked at.
    """
    _check_planes(picture)
    picture.load()  # turns TIFF files by itself, and forgets their tag
    orientation = None
    with suppress(Exception):  # damaged metadata is no reason to refuse a good photograph
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture)
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def to_srgb(picture: Image.Image, keep_alpha: bool = False) -> Image.Image:
    """8-bit sRGB from any of Pillow's modes; transparency is laid over white, or kept."""
    profile, alpha = picture.info.get("icc_profile"), None
    if picture.has_transparency_data:
        grey = picture.mode in ("L", "LA", "La")
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture = picture.convert("RGB").convert("L" if grey else "RGB")
    picture = _apply_profile(picture, profile).convert("RGB")
    if alpha is None:
        return picture
    if keep_alpha:
        picture.putalpha(alpha)
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), alpha)


def _check_planes(picture: Image.Image) -> None:
    tags = _tiff_tags(picture)
    planes = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    if planes and max(tags.get(_BITS, (8,))) > 8 and picture.tile[0][0] == "raw":
        raise ImageError("planes of 16 bits, of which Pillow would read the half; save it as PNG")


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Grey pictures of more bits or of floats; Pillow's own conversion clips them at 255."""
    tags, values = _tiff_tags(picture), np.asarray(picture)
    signed = tags.get(_KIND) == (2,)
    if picture.mode == "F":
        values = np.nan_to_num(values, nan=0, posinf=np.inf, neginf=-np.inf)
        ranges = 1, 255  # both are in use
    elif tags.get(_BITS) == (32,):
        values = values if signed else values.view(np.uint32)
        ranges = 255, 65535, 2**31 - 1, 2**32 - 1  # what programs save so is often of fewer bits
    else:
        ranges = (32767 if signed else 65535,)
    white = next((top for top in ranges if values.max() <= top), ranges[-1])
    light = values.astype(np.float64) / white
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        light = 1 - light  # a negative, as fax machines send; Pillow knows it of 8 bits only
    grey = Image.fromarray((light * 255).clip(0, 255).round().astype(np.uint8))
    grey.info["icc_profile"] = picture.info.get("icc_profile")
    clear = picture.info.get("transparency")  # of PNG: the one level that is not seen
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return grey


def _tiff_tags(picture: Image.Image) -> Mapping:
    return getattr(picture, "tag_v2", None) or {}


def _apply_profile(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB or grey values as the profile understands them, to sRGB."""
    try:
        if picture.mode == "LAB":  # is a profile of its own
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
            colors = source.profile.xcolor_space == "RGB "
            if picture.mode not in ("CMYK", "L") or (picture.mode == "L" and colors):
                picture = picture.convert("RGB")
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile is no reason to refuse a good photograph
