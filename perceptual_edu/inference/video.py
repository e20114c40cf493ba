"""Apply a trained style network to films, animations and folders of frames, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ..images import load_image
from ..networks.style import StyleNet
from .clips import Clip, ClipError, Frame
from .recording import check_recording, frame_name, is_folder, recording
from .steadiness import STEADY, Steadiness
from .stylization import stylize


class PaintedFrame(NamedTuple):
    """What :func:`stylize_video` yields of each frame once it is written."""

    number: int
    """From 1."""
    time: float
    """Seconds since the clip's start."""
    image: Tensor
    """Tensor of shape (1, 3, H, W), RGB, in [0, 255], float32."""


def stylize_video(
    network: StyleNet,
    clip: Clip,
    out: str | Path | None = None,
    *,
    steady: float = STEADY,
    resume: bool = False,
    strength: float = 1.0,
    keep_colors: bool = False,
) -> Iterator[PaintedFrame]:
    """Paint a clip, and write it with its own times and its sound.

    A film or an animation appears under its name only when it is complete, or when the run ends
    early after some frames: Ctrl-C, the end of this generator (``close()``), or a clip that is
    damaged. It is then shorter, and can be played. After any other error, or when the program is
    killed, what was there before is left. A folder of frames has the frames so far.

    Parameters
    ----------
    network, strength, keep_colors
        As for :func:`~perceptual_edu.inference.stylization.stylize`; a network of one style.
    clip
        Open (:func:`~perceptual_edu.inference.clips.open_clip`).
    out
        What to write: a film (:data:`~perceptual_edu.inference.recording.FILMS`), a ``.gif``, or a
        folder, made if need be, for ``frame_000001.png`` and so on. By default nothing is written.
    steady
        How much of what stands still, or moves as a whole, is taken from the frame before, against
        flicker; from 0, none, to below 1 (:mod:`~perceptual_edu.inference.steadiness`).
    resume
        Go on behind the frames that the folder ``out`` holds already. Otherwise it must hold none.

    Yields
    ------
    PaintedFrame
        Each frame, once it is written.

    Raises
    ------
    ClipError
        If ``out`` cannot be written, before anything is painted; if the clip is damaged, once all
        that can be read is painted.
    """
    done = 0
    if out is not None:
        out = Path(out)
        check_recording(out, clip.path)
        if is_folder(out):  # its frames, up to the first gap
            done = next(n for n in count() if not (out / frame_name(n + 1)).exists())
        if done and not resume:
            raise ClipError(f"{out}: holds frames already; choose another folder, or resume")
        if resume and not is_folder(out):
            raise ClipError(f"{out}: only a folder of frames can be resumed; it is started again")
    paint = partial(stylize, network, strength=strength, keep_colors=keep_colors)
    return _painted(clip, out, done, Steadiness(steady), paint)


def _painted(
    clip: Clip,
    out: Path | None,
    done: int,
    blend: Steadiness,
    paint: Callable[[Tensor], Tensor],
) -> Iterator[PaintedFrame]:
    written, early = 0, None
    with recording(out, clip, done) as film:
        try:
            number = 0
            for item in clip:
                if not isinstance(item, Frame):
                    film.copy(item)
                    continue
                number += 1
                if number <= done:
                    if number == done:
                        blend.memory = item.image, load_image(out / frame_name(number))
                    continue
                image = blend.blend(item.image, paint(item.image))
                film.add(image, item.time, item.duration)
                written += 1
                yield PaintedFrame(number, float(item.time), image)
        except (KeyboardInterrupt, GeneratorExit, ClipError) as error:
            if not written:
                raise
            early = error  # once what there is has become a film
    if early is not None:
        raise early
