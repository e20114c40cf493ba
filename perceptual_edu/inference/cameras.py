"""What a camera sees, as a clip: of all its frames, as many as are asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

import av

from .clips import Clip, ClipError, film_in, opened

T = TypeVar("T")


@contextmanager
def open_camera(
    camera: str | None = None, *, driver: str | None = None, size: int | None = None
) -> Iterator[Clip]:
    """Open a camera, through what the system has for it (Video4Linux, AVFoundation, DirectShow).

    Parameters
    ----------
    camera
        ``/dev/video0``, ``0`` or ``video=NAME``, by the system; by default the first one.
    driver
        FFmpeg's name of another input device.

    Raises
    ------
    ClipError
        If there is none, or it cannot be opened.
    """
    drivers = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
    driver = driver or drivers.get(sys.platform, "v4l2")
    camera = camera or {"v4l2": "/dev/video0", "avfoundation": "0"}.get(driver) or _first(driver)
    # Apple's cameras refuse the rate that FFmpeg asks for unless told.
    options = {"framerate": "30"} if driver == "avfoundation" else {}
    with opened(Path(camera), f"{camera}: no camera", format=driver, options=options) as found:
        clip = film_in(Path(camera), found, size)
        with closing(newest(clip.items)) as clip.items:
            yield clip


def _first(driver: str) -> str:
    found = av.enumerate_input_devices(driver)
    names = [device.description for device in found if "video" in device.media_types]
    if not names:
        raise ClipError(f"no camera was found through {driver}")
    return f"video={names[0]}"


def newest(items: Iterator[T]) -> Iterator[T]:
    """Of what comes too fast, the newest: what arrives while one is worked on is left out."""
    latest: Queue = Queue(1)
    stopped = Event()

    def read() -> None:
        try:
            for item in items:
                with suppress(Empty):
                    latest.get_nowait()
                latest.put((item, None))
                if stopped.is_set():
                    return
            end = StopIteration()
        except Exception as error:
            end = error
        latest.put((None, end))

    thread = Thread(target=read, daemon=True)
    thread.start()
    try:
        while True:
            item, end = latest.get()
            if isinstance(end, StopIteration):
                return
            if end is not None:
                raise end
            yield item
    finally:
        stopped.set()
        with suppress(Empty):
            latest.get_nowait()  # it may be waiting for room
        thread.join()
