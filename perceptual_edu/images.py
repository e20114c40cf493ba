"""Photographs to tensors and back.

An image is a float32 tensor of shape (1, 3, H, W), RGB, with values in [0, 255]: the range
that the paper and the original VGG-16 use.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from .files import written_atomically

_LARGEST = 2 * (Image.MAX_IMAGE_PIXELS or 89_478_485)  # where Pillow refuses to go on


class ImageError(Exception):
    """A picture cannot be read or written; the message names the file and says why."""


def load_image(
    path: str | Path, *, long_side: int | None = None, square: int | None = None
) -> Tensor:
    """Read a photograph.

    Orientation (EXIF) and colour profile are applied, transparency is laid over white, 16-bit
    and grey pictures become 8-bit RGB, and of an animation the first frame is taken.

    Parameters
    ----------
    path
        JPEG, PNG, WebP, TIFF, GIF or anything else that Pillow opens.
    long_side
        Resize so that the longer side has this many pixels (aspect kept, up or down).
    square
        Crop the central square and resize it to this many pixels a side.

    Returns
    -------
    Tensor
        (1, 3, H, W), float32, RGB, in [0, 255].

    Raises
    ------
    ImageError
        If the file is missing, empty, truncated, not a picture, or has too many pixels.
    """
    picture = _open_picture(Path(path), _to_srgb)
    if square is not None:
        picture = ImageOps.fit(picture, (square, square), Image.Resampling.LANCZOS)
    elif long_side is not None:
        ratio = long_side / max(picture.size)
        size = tuple(max(1, round(side * ratio)) for side in picture.size)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return _as_tensor(picture)


def load_with_alpha(path: str | Path) -> tuple[Tensor, Tensor | None]:
    """Read a picture and its transparency apart; else as :func:`load_image`.

    Returns
    -------
    tuple[Tensor, Tensor | None]
        (1, 3, H, W), RGB, and (1, 1, H, W), opacity, both in [0, 255]; None if there is none.
    """
    picture = _open_picture(Path(path), partial(_to_srgb, keep_alpha=True))
    if picture.mode == "RGBA":
        pixels = _as_tensor(picture)
        return pixels[:, :3].contiguous(), pixels[:, 3:].contiguous()
    return _as_tensor(picture), None


def _as_tensor(picture: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(picture))
    return pixels.permute(2, 0, 1).unsqueeze(0).float().contiguous()


def _open_picture(path: Path, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    if not path.exists():
        raise ImageError(f"{path}: no such file")
    if path.is_dir():
        raise ImageError(f"{path}: is a folder, not a picture")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures long before it stops
            with Image.open(path) as picture:
                picture.load()
                return convert(ImageOps.exif_transpose(picture))
    except Image.UnidentifiedImageError:
        raise ImageError(f"{path}: not a picture in a format that Pillow reads") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{path}: more than {_LARGEST / 1e6:.0f} megapixels; shrink it") from None
    # Pillow's decoders raise all of these for files that are cut short or corrupt.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, MemoryError) as error:
        raise ImageError(f"{path}: cannot be decoded ({error})") from None


def _to_srgb(picture: Image.Image, keep_alpha: bool = False) -> Image.Image:
    """8-bit sRGB from any of Pillow's modes; transparency is laid over white, or kept."""
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture)
    if picture.mode in ("RGB", "CMYK", "L") and profile:
        picture = _apply_profile(picture, profile)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if keep_alpha:
            return picture
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits or of floats; Pillow's own conversion clips them at 255."""
    top = 255 if picture.mode == "F" else 65535
    grey = np.asarray(picture, dtype=np.float64) / top * 255
    return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8))


def _apply_profile(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, srgb, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError):
        return picture  # a broken profile is no reason to refuse a good photograph


def to_pil(image: Tensor) -> Image.Image:
    """Turn a tensor (1, 3, H, W) or (3, H, W) in [0, 255] into an 8-bit picture.

    Values outside the range are clipped, others rounded to the nearest.

    Raises
    ------
    ImageError
        If the shape is another one.
    """
    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or image.shape[0] != 3:
        raise ImageError(f"an image is (1, 3, H, W) or (3, H, W), not {tuple(image.shape)}")
    if image.dtype != torch.uint8:
        image = image.detach().float().clamp(0, 255).round().to(torch.uint8)
    return Image.fromarray(image.permute(1, 2, 0).cpu().numpy())


def bicubic(image: Tensor, height: int, width: int) -> Tensor:
    """Resize images (B, C, H, W) as MATLAB's ``imresize`` does, the way super-resolution is scored.

    Keys' cubic with a = -0.5, widened when it shrinks (antialiasing). Float32, not clipped: a
    cubic overshoots at edges.
    """
    return F.interpolate(image.float(), size=(height, width), mode="bicubic", antialias=True)


def check_output(path: Path) -> None:
    """Raise :class:`ImageError` now if :func:`save_image` could not write ``path`` later."""
    if path.suffix.lower() not in Image.registered_extensions():
        raise ImageError(f"{path}: no picture format has this suffix; try .png or .jpg")
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"{path}: the folder {path.parent} cannot be written")


def save_image(
    image: Tensor, path: str | Path, *, alpha: Tensor | None = None, quality: int = 95
) -> None:
    """Write a tensor (1, 3, H, W) in [0, 255] as a picture, in the format of the suffix.

    ``alpha`` (1, 1, H, W) in [0, 255] is its opacity. The file appears under its name only when it
    is complete.

    Raises
    ------
    ImageError
        If the suffix is unknown, the folder cannot be written, or the format has no transparency.
    """
    path = Path(path)
    picture = to_pil(image)
    check_output(path)
    if alpha is not None:
        opacity = alpha[0, 0].clamp(0, 255).round().to("cpu", torch.uint8)
        picture.putalpha(Image.fromarray(opacity.numpy()))
    try:
        with written_atomically(path) as temporary:
            picture.save(temporary, quality=quality)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be written ({error})") from None
