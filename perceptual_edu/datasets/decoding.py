"""Files to pixels, in threads: what goes into a pack, or the reason why a file is skipped."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
from PIL import Image

from ..errors import one_line
from ..pictures import ImageError, decode, to_srgb, upright
from .index import Item, PhotosError

SMALLEST = 64
"""Pictures with a shorter side of fewer pixels are icons rather than photographs: skipped."""


_PAUSES = (0.1, 1.0)  # seconds to wait after a file could not be read


def decode_all(
    items: list[Item], short_side: int, workers: int | None = None
) -> Iterator[np.ndarray | str]:
    """For each file (height, width, 3) uint8 as it goes into a pack, or why it is skipped.

    Raises
    ------
    PhotosError
        If a file cannot be read, or memory does not suffice: either may pass.
    """
    return in_order(partial(_decode_or_reason, short_side), items, workers or os.cpu_count() or 1)


def _decode_or_reason(short_side: int, item: Item) -> np.ndarray | str:
    """Only what is wrong with its content is a reason to skip a file: that will not pass."""
    data = _read(item)
    if not data:
        return "the file is empty"
    try:
        return decode(io.BytesIO(data), partial(_pixels, short_side))
    except ImageError as error:
        return one_line(error)
    except MemoryError:
        raise PhotosError(
            f"{item.name}: not enough memory to decode it; the same command goes on from there "
            "when there is more, or with --workers 1"
        ) from None


def _read(item: Item) -> bytes:
    """Disks and networks come back: try three times, then stop rather than skip the file."""
    for pause in (*_PAUSES, None):
        try:
            return item.read()
        except OSError as error:
            reason = error.strerror or error
        if pause is not None:
            time.sleep(pause)
    raise PhotosError(
        f"{item.name}: cannot be read ({reason}); "
        "the same command goes on from there once that is mended"
    )


def _pixels(short_side: int, picture: Image.Image) -> np.ndarray | str:
    width, height = picture.size
    if min(width, height) < SMALLEST:
        return f"only {width} x {height} pixels; the least is {SMALLEST}"
    # JPEG decoders can reduce by 2, 4 or 8 as they go. Twice the size we want leaves the
    # last step to the better filter below. For other formats this does nothing.
    picture.draft(None, (2 * short_side, 2 * short_side))
    picture = upright(picture)
    # Colour profiles are applied to the reduced picture: the same result, much sooner.
    plain = picture.mode in ("RGB", "L", "CMYK")
    picture = _reduce(picture if plain else to_srgb(picture), short_side)
    return np.asarray(to_srgb(picture) if plain else picture)


def _reduce(picture: Image.Image, short_side: int) -> Image.Image:
    """Never enlarges; cuts the middle 4/3 out of panoramas."""
    short = min(short_side, *picture.size)
    scale = short / min(picture.size)
    size = tuple(min(round(side * scale), short * 4 // 3) for side in picture.size)
    spans = [_middle(side, part / scale) for side, part in zip(picture.size, size, strict=True)]
    (left, right), (top, bottom) = spans
    return picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))


def _middle(side: int, part: float) -> tuple[float, float]:
    start = max(0, (side - part) // 2)
    return start, min(side, start + part)


def in_order(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Map in threads. Unlike Executor.map, never runs far ahead of who takes the results."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
