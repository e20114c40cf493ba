"""The command ``perceptual-edu webcam``: a camera's picture, painted, in a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import MendableError
from ..networks.catalogue import load_style
from .stylize import Network, Style, refuse_pictures
from .video import KeepColors, Steady, Strength, follow

if TYPE_CHECKING:
    from ..inference.video import PaintedFrame

PAGE = b"""<!doctype html><meta name="viewport" content="width=device-width">
<title>perceptual-edu webcam</title>
<body style="margin:0; background:#111; display:grid; place-items:center; height:100vh">
<img src="stream" alt="The camera's picture, painted" style="width:100vw; height:100vh;
object-fit:contain">"""


def webcam_command(
    style: Style,
    camera: Annotated[
        str | None, typer.Option(help="/dev/video1, 1, video=NAME; default: the first one.")
    ] = None,
    size: Annotated[int, typer.Option(min=16, help="Longer side, pixels.")] = 256,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Film to write as well (.mp4, ...).")
    ] = None,
    strength: Strength = 1.0,
    keep_colors: KeepColors = False,
    steady: Steady = 0.8,
    port: Annotated[int, typer.Option(min=0, help="Of the page; 0: a free one.")] = 8000,
    network: Network = None,
    driver: Annotated[
        str | None, typer.Option(help="FFmpeg's input device, if not the system's own.")
    ] = None,
) -> None:
    """Paint what a camera sees, as fast as this machine can, and show it in a browser.

    The page is for this machine only (127.0.0.1). Ctrl-C ends it. Frames that come while one is
    painted are left out.
    """
    from ..devices import device
    from ..inference.cameras import open_camera
    from ..inference.video import stylize_video

    refuse_pictures(style, network)
    page = _Page()
    with open_camera(camera, driver=driver, size=size) as clip, page.served(port):
        painter = load_style(style, network).to(device())
        how = dict(strength=strength, keep_colors=keep_colors, steady=steady)
        frames = stylize_video(painter, clip, out, **how)
        follow(page.shown(frames), None, out)


class _Page:
    """Frames for a browser: a picture without end, each JPEG of which replaces the last."""

    def __init__(self) -> None:
        self.jpeg, self.changed = b"", Condition()

    def shown(self, frames: Iterator[PaintedFrame]) -> Iterator[PaintedFrame]:
        """The frames, each shown."""
        from ..images import to_pil

        with closing(frames):
            for frame in frames:
                file = io.BytesIO()
                to_pil(frame.image).save(file, "JPEG", quality=90)
                with self.changed:
                    self.jpeg = file.getvalue()
                    self.changed.notify_all()
                yield frame

    def parts(self) -> Iterator[bytes]:
        while True:
            with self.changed:
                self.changed.wait()
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(self.jpeg)}\r\n\r\n"
            yield b"--frame\r\n" + head.encode() + self.jpeg + b"\r\n"

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Answer browsers while the body runs."""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                live = self.path == "/stream"
                self.send_response(200)
                kind = "multipart/x-mixed-replace; boundary=frame" if live else "text/html"
                self.send_header("Content-Type", kind)
                self.end_headers()
                with suppress(OSError):  # the browser went away
                    for part in page.parts() if live else [PAGE]:
                        self.wfile.write(part)

            def log_message(self, *_: object) -> None:
                pass

        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise MendableError(f"--port {port}: {error.strerror}; name another one") from None
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"{address} shows the picture; Ctrl-C ends it", flush=True)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
