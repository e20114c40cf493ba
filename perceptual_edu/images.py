"""Photographs to tensors and back.

An image is a float32 tensor of shape (1, 3, H, W), RGB, with values in [0, 255]: the range
that the paper and the original VGG-16 use.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from .devices import free_memory
from .errors import one_line
from .files import check_destination, written_atomically
from .pictures import ImageError, decode, to_srgb, upright

LUMA = (0.299, 0.587, 0.114)
"""Brightness from R, G, B (Rec. 601, as in YIQ and YCbCr)."""

_SEEN = 4  # opacity below which a pixel's colour is noise: 8 bits divided by nearly nothing

_WRITTEN = {  # format -> the longest side it holds, and whether it holds transparency
    "AVIF": (65_536, True),
    "BMP": (2**31 - 1, False),
    "GIF": (65_535, False),  # a pixel is opaque or not: no soft edges
    "JPEG": (65_500, False),
    "PNG": (2**31 - 1, True),
    "PPM": (2**31 - 1, False),
    "TIFF": (2**31 - 1, True),
    "WEBP": (16_383, True),
}


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
    path = Path(path)
    picture = _open_picture(path)
    if square is not None:
        _check_memory(path, square, square)
        picture = ImageOps.fit(picture, (square, square), Image.Resampling.LANCZOS)
    elif long_side is not None:
        picture = _resized(path, picture, long_side)
    else:
        _check_memory(path, *picture.size)
    return _as_tensor(picture)


def load_with_alpha(
    path: str | Path, *, long_side: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """Read a picture and its transparency apart; else as :func:`load_image`.

    What is hidden gets the colour of the nearest pixel that is seen, so that no network makes
    the one bleed into the other.

    Returns
    -------
    tuple[Tensor, Tensor | None]
        (1, 3, H, W), RGB, and (1, 1, H, W), opacity, both in [0, 255]; None if all is opaque.
    """
    path = Path(path)
    picture = _open_picture(path, keep_alpha=True)
    if long_side is not None:
        picture = _resized(path, picture, long_side)  # Pillow weights colours with their opacity
    else:
        _check_memory(path, *picture.size)
    pixels = _as_tensor(picture)
    if picture.mode == "RGB" or pixels[:, 3].min() == 255:
        return pixels[:, :3].contiguous(), None
    rgb, alpha = pixels[:, :3], pixels[:, 3:].contiguous()
    hidden = alpha[0, 0].numpy() < _SEEN
    if hidden.all():
        return torch.full_like(rgb, 255), alpha
    rows, columns = distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return rgb[:, :, torch.from_numpy(rows), torch.from_numpy(columns)].contiguous(), alpha


def _resized(path: Path, picture: Image.Image, long_side: int) -> Image.Image:
    ratio = long_side / max(picture.size)
    size = tuple(max(1, round(side * ratio)) for side in picture.size)
    _check_memory(path, *size)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _check_memory(path: Path, width: int, height: int) -> None:
    """Refuse a size now that the system would kill the program for."""
    needed = 36 * width * height  # of Pillow, of NumPy, and float32 in two layouts
    if needed > free_memory():
        raise ImageError(
            f"{path}: {width:,} x {height:,} pixels take about {needed / 1e9:.1f} GB of memory, "
            f"and {free_memory() / 1e9:.1f} GB are free; make it smaller"
        )


def _as_tensor(picture: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(picture))
    return pixels.permute(2, 0, 1).unsqueeze(0).float().contiguous()


def _open_picture(path: Path, keep_alpha: bool = False) -> Image.Image:
    if not path.exists():
        raise ImageError(f"{path}: no such file")
    if path.is_dir():
        raise ImageError(f"{path}: is a folder, not a picture")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures long before it stops
            with path.open("rb") as file:
                return decode(file, partial(_decoded, keep_alpha))
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise ImageError(f"{path}: not enough memory to decode it; make it smaller") from None


def _decoded(keep_alpha: bool, picture: Image.Image) -> Image.Image:
    width, height = picture.size
    if 12 * width * height > free_memory():  # Pillow's pixels, and those that are converted
        raise MemoryError
    return to_srgb(upright(picture), keep_alpha)


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


def check_output(path: Path, *, size: tuple[int, int] = (1, 1), transparent: bool = False) -> None:
    """Raise :exc:`~perceptual_edu.pictures.ImageError` if ``path`` could not be written later.

    ``size`` is the picture's width and height, ``transparent`` whether it has an alpha channel.
    """
    name = Image.registered_extensions().get(path.suffix.lower())
    if name is None:
        raise ImageError(f"{path}: no picture format has this suffix; try .png or .jpg")
    if name not in _WRITTEN or name not in Image.SAVE:
        raise ImageError(f"{path}: photographs are not written as {name}; try .png or .jpg")
    longest = _WRITTEN[name][0]
    if max(size) > longest:
        raise ImageError(
            f"{path}: would be {size[0]} x {size[1]} pixels, {name} holds {longest:,}; try .png"
        )
    if transparent and not holds_transparency(path):
        raise ImageError(f"{path}: {name} does not hold transparency; try .png")
    try:
        check_destination(path)
    except OSError as error:
        raise ImageError(str(error)) from None


def holds_transparency(path: Path) -> bool:
    """Whether the format of this suffix does."""
    name = Image.registered_extensions().get(path.suffix.lower(), "")
    return _WRITTEN.get(name, (0, False))[1]


def save_image(
    image: Tensor, path: str | Path, *, alpha: Tensor | None = None, quality: int = 95
) -> None:
    """Write a tensor (1, 3, H, W) in [0, 255] as a picture, in the format of the suffix.

    ``alpha`` (1, 1, H, W) in [0, 255] is its opacity. The file appears under its name only when it
    is complete.

    Raises
    ------
    ImageError
        If no photographs are written under the suffix, the folder cannot be written, or the format
        does not hold the picture's size or its transparency.
    """
    path = Path(path)
    picture = to_pil(image)
    check_output(path, size=picture.size, transparent=alpha is not None)
    if alpha is not None:
        opacity = alpha[0, 0].clamp(0, 255).round().to("cpu", torch.uint8)
        picture.putalpha(Image.fromarray(opacity.numpy()))
    try:
        with written_atomically(path) as temporary:
            picture.save(temporary, quality=quality)
    except Exception as error:  # encoders raise nearly anything, as decoders do
        reason = getattr(error, "strerror", None) or one_line(error)
        raise ImageError(f"{path}: cannot be written ({reason})") from None


def to_8_bit(image: Tensor) -> Tensor:
    """Whole numbers from 0 to 255, still as float32."""
    return image.float().clamp(0, 255).round()


def luma(image: Tensor) -> Tensor:
    """The brightness Y on which super-resolution is scored, (B, 1, H, W).

    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, from 16 to 235 (Rec. 601, as in MATLAB's
    ``rgb2ycbcr``). Scored on 0 .. 255 instead, every PSNR would come out 1.32 dB lower.
    """
    weights = torch.tensor([65.481, 128.553, 24.966], device=image.device).view(1, 3, 1, 1) / 255
    return 16 + (image.float() * weights).sum(1, keepdim=True)


def brightness(image: Tensor) -> Tensor:
    """R, G, B weighted by :data:`LUMA`: (B, 3, H, W) to (B, 1, H, W).

    Adding as much to R, G and B makes a picture brighter by it and leaves its colours.
    """
    # No tensor of weights: on a GPU it would be copied there each time, and in no CUDA graph.
    red, green, blue = (weight * x for weight, x in zip(LUMA, image.split(1, dim=1), strict=True))
    return red + green + blue
