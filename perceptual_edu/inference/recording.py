"""Tensors to moving pictures: films, GIF animations, folders of frames.

A film and an animation appear under their names only when they are complete and can be played; the
frames of a folder appear one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.codec.context import Flags
from av.video.reformatter import ColorRange, Colorspace
from torch import Tensor

from ..files import check_destination, written_atomically
from ..images import save_image, to_pil
from .clips import Clip, ClipError
from .frames import EXACT, HD_ROWS

log = logging.getLogger(__name__)

FILMS = {
    # bf: no frame refers to a later one, so that times and durations are exactly the clip's.
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv"), ("libx264", {"crf": "17", "bf": "0"})),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6"}),
}
"""Suffix -> encoder and its options."""

FASTEST_GIF = 2
"""Hundredths of a second. Browsers show what is asked to be quicker at a tenth of the speed."""


class Recording:
    """A clip that is being written; this one is written nowhere."""

    def add(self, image: Tensor, time: Fraction, duration: Fraction) -> None:
        """A frame, Tensor of shape (1, 3, H, W) in [0, 255], seen from a time on, in seconds."""

    def copy(self, sound: av.Packet) -> None:
        """A packet of the source's sound, as it is."""


def is_folder(out: Path) -> bool:
    """Whether a clip is to be written as a folder of frames."""
    return out.is_dir() or not out.suffix


def frame_name(number: int) -> str:
    """Of a folder's frame, from 1."""
    return f"frame_{number:06}.png"


def check_recording(out: Path, source: Path) -> None:
    """Raise now if ``out`` could not be written later.

    Raises
    ------
    ClipError
        If no clip is written under this suffix, or it is where the source is.
    OSError
        If the folder does not exist or cannot be written.
    """
    if out.resolve() == source.resolve():
        raise ClipError(f"{out}: is the clip itself; choose another place for -o")
    if not is_folder(out) and out.suffix.lower() not in (".gif", *FILMS):
        raise ClipError(
            f"{out}: no film is written under this suffix; wanted is one of "
            f"{', '.join(FILMS)}, .gif, or a folder"
        )
    if is_folder(out) and out.exists() and not out.is_dir():
        raise ClipError(f"{out}: is no folder; films have a suffix, for example .mp4")
    check_destination(out / frame_name(1) if out.is_dir() else out)


@contextmanager
def recording(out: Path | None, clip: Clip, done: int = 0) -> Iterator[Recording]:
    """Write a clip; if the body raises, a file is left as it was, a folder with its frames so far.

    ``clip`` says the rate, the unit of time and the sound. The size is that of the first frame;
    of an odd height or width, which films do not have, the last row or column is left out. A folder
    may have frames that were ``done`` before. None is nowhere.
    """
    if out is None:
        yield Recording()
        return
    if is_folder(out):
        out.mkdir(exist_ok=True)
        yield _Folder(out, done)
        return
    kind = _Gif if out.suffix.lower() == ".gif" else _Film
    with written_atomically(out) as temporary, ThreadPoolExecutor(1) as thread:
        # Ctrl-C never reaches this thread: no frame is left half-written.
        film = thread.submit(kind, temporary, clip).result()
        try:
            yield _InThread(film, thread)
            thread.submit(lambda: film.container.mux(film.video.encode())).result()
        except av.FFmpegError as error:
            raise ClipError(f"{out}: cannot be written ({error.strerror})") from None
        finally:
            thread.submit(film.container.close).result()


@dataclass
class _InThread(Recording):
    film: Recording
    thread: ThreadPoolExecutor
    size: torch.Size | None = None  # of the first frame

    def add(self, image: Tensor, time: Fraction, duration: Fraction) -> None:
        self.size = self.size or image.shape
        if image.shape != self.size:
            (height, width), (first_height, first_width) = image.shape[2:], self.size[2:]
            raise ClipError(
                f"the frame at {float(time):.2f} s is {width} x {height} pixels; wanted is "
                f"{first_width} x {first_height}, as the first one"
            )
        self.thread.submit(self.film.add, image, time, duration).result()

    def copy(self, sound: av.Packet) -> None:
        self.thread.submit(self.film.copy, sound).result()


@dataclass
class _Folder(Recording):
    folder: Path
    frames: int

    def add(self, image: Tensor, time: Fraction, duration: Fraction) -> None:
        self.frames += 1
        save_image(image, self.folder / frame_name(self.frames))


class _Film(Recording):
    def __init__(self, path: Path, clip: Clip) -> None:
        encoder, options = FILMS[path.suffix.lower()]
        self.container = av.open(str(path), "w")
        self.video = self.container.add_stream(encoder, rate=clip.rate, options=options)
        self.video.pix_fmt = "yuv420p"
        self.video.codec_context.time_base = clip.time_base
        self.video.codec_context.flags |= Flags.frame_duration
        self.sound: dict[av.AudioStream, av.AudioStream] = {}
        self.waiting: list[av.Packet] | None = []  # sound that comes before the first frame
        for stream in clip.sound:
            try:
                self.sound[stream] = self.container.add_stream_from_template(stream)
            except ValueError:
                kind = stream.codec_context.name
                log.warning(
                    f"the sound is left out: {path.suffix} does not hold {kind} as it is; "
                    ".mkv holds nearly everything"
                )

    def add(self, image: Tensor, time: Fraction, duration: Fraction) -> None:
        height, width = (side - side % 2 for side in image.shape[2:])
        how = self.video.codec_context
        if self.waiting is not None:  # this is the first frame
            how.width, how.height = width, height
            how.colorspace = Colorspace.ITU709 if height >= HD_ROWS else Colorspace.ITU601
            how.color_range = ColorRange.MPEG
            waiting, self.waiting = self.waiting, None
            for packet in waiting:
                self.copy(packet)
        pixels = np.array(to_pil(image[:, :, :height, :width]))
        picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
            format="yuv420p",
            dst_colorspace=how.colorspace,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=EXACT,
        )
        picture.pts, picture.time_base = round(time / how.time_base), how.time_base
        picture.duration = max(1, round(duration / how.time_base))
        self.container.mux(self.video.encode(picture))

    def copy(self, sound: av.Packet) -> None:
        if self.waiting is not None:
            self.waiting.append(sound)
        elif sound.stream in self.sound:
            sound.stream = self.sound[sound.stream]
            self.container.mux(sound)


class _Gif(Recording):
    unit = Fraction(1, 100)  # of time, in seconds

    def __init__(self, path: Path, clip: Clip) -> None:
        loop = -1 if clip.loop is None else clip.loop
        options = {"loop": str(loop), "final_delay": str(round(clip.last / self.unit))}
        self.container = av.open(str(path), "w", options=options)
        self.video = self.container.add_stream("gif", rate=100)
        self.video.pix_fmt = "pal8"
        self.next = 0

    def add(self, image: Tensor, time: Fraction, duration: Fraction) -> None:
        now = round(time / self.unit)
        if now < self.next:
            return  # browsers would show it, and all that follow, at a tenth of the speed
        self.next = now + FASTEST_GIF
        if not self.video.codec_context.is_open:
            self.video.height, self.video.width = image.shape[2:]
        picture = to_pil(image).quantize(256)
        colors = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
        palette = np.full((256, 4), 255, np.uint8)  # opacity, R, G, B
        palette[: len(colors), 1:] = colors
        frame = av.VideoFrame.from_ndarray((np.array(picture), palette), "pal8")
        frame.pts, frame.time_base = now, self.unit
        self.container.mux(self.video.encode(frame))
