"""The command ``perceptual-edu video``."""

from __future__ import annotations

import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..networks.catalogue import load_style
from .stylize import Network, Style, refuse_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..inference.video import PaintedFrame

Strength = Annotated[float, typer.Option(help="From 0, the film, to 1.")]
KeepColors = Annotated[bool, typer.Option(help="Keep the film's colours.")]
Steady = Annotated[
    float,
    typer.Option(help="Against flicker: from 0, each frame for itself, to below 1, calm."),
]


def video_command(
    film: Annotated[Path, typer.Argument(help="A film, a GIF, or a folder of frames.")],
    style: Style,
    out: Annotated[
        Path, typer.Option("-o", "--out", help=".mp4, .mov, .mkv, .webm, .gif, or a folder.")
    ],
    size: Annotated[int | None, typer.Option(min=16, help="Longer side, pixels.")] = None,
    strength: Strength = 1.0,
    keep_colors: KeepColors = False,
    steady: Steady = 0.8,
    rate: Annotated[
        float, typer.Option(min=0.01, help="Frames per second of a folder of frames.")
    ] = 25,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on behind the frames in the folder OUT.")
    ] = False,
    network: Network = None,
) -> None:
    """Paint a film in the style of a trained network, frame by frame.

    Each frame keeps its time, the film's sound is copied as it is, and a film that a telephone
    turned is turned. Transparency is laid over white.

    Ctrl-C stops early: OUT is then a film of the frames so far; so it is if the film turns out to
    be damaged. The same command starts again from the beginning. A run that is killed leaves no
    half of a film. To go on where a run ended, write a folder of frames, and --resume it.
    """
    from ..devices import device
    from ..inference.clips import open_clip
    from ..inference.video import stylize_video

    refuse_pictures(style, network)
    with open_clip(film, size=size, rate=Fraction(rate).limit_denominator(1001)) as clip:
        painter = load_style(style, network).to(device())
        how = dict(strength=strength, keep_colors=keep_colors, steady=steady, resume=resume)
        frames = stylize_video(painter, clip, out, **how)
        follow(frames, clip.frames, out)


def follow(frames: Iterator[PaintedFrame], total: int | None, out: Path | None) -> None:
    """Follow with a progress bar, and say what there is in the end.

    Raises :class:`typer.Exit`, code 130, if Ctrl-C ended it.
    """
    began, number, last = time.perf_counter(), 0, None
    try:
        with closing(frames), logging_redirect_tqdm(), tqdm(total=total, unit="frame") as bar:
            for last in frames:
                number += 1
                bar.update(last.number - bar.n)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        if last is not None:
            height, width = last.image.shape[2:]
            speed = number / (time.perf_counter() - began)
            what = f"{width} x {height}, {number} frames, {speed:.1f} a second"
            print(f"{out}: {what}" if out else what)
