"""A frame as FFmpeg decodes it, to the picture that it stands for."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from torch import Tensor

# Only with these is a flat colour converted to the nearest level.
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""How FFmpeg is to convert colours and to resize."""

HD_ROWS = 720
"""From this height on, a film that does not say how its colours are coded has those of HD
(BT.709), below those of television before it (BT.601): as players guess."""


def as_seen(picture: av.VideoFrame, video: av.VideoStream, size: int | None) -> Tensor:
    """RGB with square pixels, resized, upright, transparency laid over white."""
    aspect = video.sample_aspect_ratio or 1
    width, height = picture.width * aspect, picture.height
    if size is not None:
        width, height = (side * Fraction(size) / max(width, height) for side in (width, height))
    full = picture.format.is_rgb or picture.color_range == ColorRange.JPEG
    transparent = any(part.is_alpha for part in picture.format.components)
    rgb = picture.reformat(
        width=max(1, round(width)),
        height=max(1, round(height)),
        format="rgba" if transparent else "rgb24",
        src_colorspace=_coding(picture),
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
    )
    pixels = torch.from_numpy(rgb.to_ndarray()).permute(2, 0, 1).unsqueeze(0).float()
    if transparent:
        opacity = pixels[:, 3:] / 255
        pixels = pixels[:, :3] * opacity + 255 * (1 - opacity)
    return _upright(pixels, picture)


def _coding(picture: av.VideoFrame) -> int:
    """How brightness and colours make R, G, B: what the frame says, or a guess by its height."""
    known = {int(kind) for kind in Colorspace} | {6}  # 6 is 601 as well
    if picture.colorspace in known:
        return picture.colorspace
    return Colorspace.ITU709 if picture.height >= HD_ROWS else Colorspace.ITU601


def _upright(image: Tensor, picture: av.VideoFrame) -> Tensor:
    """Turned and mirrored as the frame's matrix says: x' = a x + c y, y' = b x + d y."""
    found = [data for data in picture.side_data if data.type.name == "DISPLAYMATRIX"]
    if found:
        a, b, _, c, d = np.frombuffer(bytes(found[0]), np.int32)[:5]
        if max(abs(b), abs(c)) > max(abs(a), abs(d)):
            image, a, d = image.transpose(2, 3), c, b
        image = image.flip([axis for axis, way in ((2, d), (3, a)) if way < 0])
    return image.contiguous()
