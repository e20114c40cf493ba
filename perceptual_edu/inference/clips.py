"""Moving pictures to tensors: films, GIF animations, folders of frames.

A clip yields its frames as they are to be seen: upright, with square pixels, RGB, and each with its
own time, for a film may have no constant rate. Between them come the packets of its sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from PIL import Image
from torch import Tensor

from ..errors import MendableError
from ..images import load_image
from ..pictures import is_picture_name, pictures_in
from .frames import as_seen

RATE = Fraction(25)
"""Frames per second where nothing says another number."""


class ClipError(MendableError):
    """A clip cannot be read or written; the message names the file and says why."""


class Frame(NamedTuple):
    """A picture of a clip."""

    image: Tensor
    """Tensor of shape (1, 3, H, W), RGB, in [0, 255]."""
    time: Fraction
    """Seconds since the clip's start."""
    duration: Fraction
    """Seconds for which it is seen, as far as the file says."""


@dataclass
class Clip:
    """A clip that is open, to be iterated over once."""

    path: Path
    items: Iterator[Frame | av.Packet]
    frames: int | None = None
    """How many, if the file says so."""
    rate: Fraction = RATE
    """Frames per second, on the average."""
    time_base: Fraction = 1 / RATE
    """Times are multiples of it, in seconds."""
    last: Fraction = 1 / RATE
    """Seconds for which the last frame is seen, as far as is known before."""
    loop: int | None = 0
    """Of an animation: how often it is repeated, 0 for ever, None not at all."""
    sound: list[av.AudioStream] = field(default_factory=list)

    def __iter__(self) -> Iterator[Frame | av.Packet]:
        return self.items


@contextmanager
def open_clip(path: Path, *, size: int | None = None, rate: Fraction = RATE) -> Iterator[Clip]:
    """Open a film, a GIF animation or a folder of frames.

    Parameters
    ----------
    path
        Of a folder, the pictures in the order of their names, numbers as numbers.
    size
        Longer side of the frames, pixels.
    rate
        Frames per second of a folder.

    Raises
    ------
    ClipError
        If it cannot be opened, or, from the iteration, if it is damaged or ends too early; all
        frames that could be read have been yielded then.
    """
    if path.is_dir():
        yield _folder(path, size, rate)
        return
    if is_picture_name(path) and path.suffix.lower() != ".gif":
        raise ClipError(f"{path}: is a picture, not a film (perceptual-edu stylize paints it)")
    with opened(path) as container:
        yield film_in(path, container, size)


@contextmanager
def opened(path: Path, name: str | None = None, **how) -> Iterator[av.container.InputContainer]:
    """Open what FFmpeg reads; ``name`` is what to call it in an error, ``how`` for ``av.open``."""
    try:
        container = av.open(str(path), **how)
    except (av.FFmpegError, ValueError) as error:
        raise ClipError(f"{name or path}: cannot be opened ({_reason(error)})") from None
    with container:
        yield container


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


# ---------------------------------------------------------------- folders of frames


def _folder(path: Path, size: int | None, rate: Fraction) -> Clip:
    pictures = sorted(pictures_in(path), key=_numbers_as_numbers)
    if not pictures:
        raise ClipError(f"{path}: no pictures in this folder")

    def items() -> Iterator[Frame]:
        for number, picture in enumerate(pictures):
            image = load_image(picture, long_side=size)
            yield Frame(image, number / rate, 1 / rate)

    return Clip(path, items(), len(pictures), rate, 1 / rate, 1 / rate)


def _numbers_as_numbers(path: Path) -> list:
    """``frame_9`` before ``frame_10``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


# ---------------------------------------------------------------- films


def film_in(path: Path, container: av.container.InputContainer, size: int | None) -> Clip:
    """The clip in an open container: its first film, with its sound."""
    cover = av.stream.Disposition.attached_pic  # of a song
    found = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not found:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise ClipError(f"{path}: holds no moving pictures, but {kinds}")
    video, sound = found[0], list(container.streams.audio)
    video.thread_type = "AUTO"
    rate = video.average_rate or video.guessed_rate or RATE
    clip = Clip(path, iter(()), video.frames or None, rate, video.time_base, 1 / rate, 0, sound)
    if container.format.name == "gif":  # what its header does not say, but its end
        with opened(path) as again:
            durations = [packet.duration for packet in again.demux() if packet.size]
        if durations:
            clip.frames, clip.last = len(durations), durations[-1] * clip.time_base
        with Image.open(path) as picture:
            clip.loop = picture.info.get("loop")
    clip.items = _items(clip, container, video, size)
    return clip


def _items(
    clip: Clip, container: av.container.InputContainer, video: av.VideoStream, size: int | None
) -> Iterator[Frame | av.Packet]:
    # Some containers do not start at 0; in those that start before it, sound does so on purpose.
    start = max(Fraction(container.start_time or 0, av.time_base), Fraction(0))
    time, end, damaged = -1 / clip.rate, Fraction(0), 0
    try:
        for packet in container.demux(video, *clip.sound):
            if packet.stream is not video:
                if packet.pts is not None:  # the last ones are empty
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base - start)
                    _shift(packet, start)
                    yield packet
                continue
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                damaged += 1
                continue
            for picture in decoded:
                damaged += picture.is_corrupt
                now = time + 1 / clip.rate
                if picture.pts is not None:
                    now = picture.pts * picture.time_base - start
                if now > time:  # there are files in which time stands still
                    time, duration = now, (picture.duration or 0) * video.time_base or 1 / clip.rate
                    end = max(end, time + duration)
                    yield Frame(as_seen(picture, video, size), time, duration)
    except av.FFmpegError as error:
        raise ClipError(f"{clip.path}: cannot be read to its end ({_reason(error)})") from None
    _check_end(clip, container, end, damaged)


def _shift(packet: av.Packet, start: Fraction) -> None:
    ticks = round(start / packet.time_base)
    packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks


def _check_end(
    clip: Clip, container: av.container.InputContainer, end: Fraction, damaged: int
) -> None:
    """Raise if something was missing. These two formats say how long they are."""
    says = re.search("mp4|matroska", container.format.name)
    length = Fraction(container.duration or 0, av.time_base) if says else 0
    if end < length - Fraction(1, 2):
        raise ClipError(
            f"{clip.path}: ends after {float(end):.1f} of {float(length):.1f} seconds; it was cut"
        )
    if damaged:
        raise ClipError(f"{clip.path}: is damaged in {damaged} places, and was read around them")
