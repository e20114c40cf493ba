"""Find a Chromium for the browser checks, start it, and serve the built book to it.

python book/tools/browser.py          say which Chromium will be used, or how to get one
"""

import argparse
import contextlib
import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"

# The browser must neither need a screen nor talk to anybody but our server.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO_GET = (
    "Chromium is missing: the browser checks will be SKIPPED. Get it with "
    "`apt-get install chromium` (Debian, Ubuntu), or `.venv/bin/playwright install chromium`, "
    "or set CHROMIUM=/path/to/chromium"
)


def find_chromium() -> str | None:
    """The program: $CHROMIUM, one on the PATH, or the one that playwright downloaded."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    if installed := [found for name in NAMES if (found := shutil.which(name))]:
        return installed[0]
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def check_there_are_pages() -> None:
    """SystemExit that says what a picture of the book's pages lacks, and how to get it."""
    if not HTML.is_dir():
        sys.exit(f"{HTML} is missing: run `make book` first")
    if not find_chromium():
        sys.exit(HOW_TO_GET)


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator:
    """A headless Chromium with a fresh profile, and with more flags where a test wants them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


def calm_context(browser, **settings):
    """A fresh context, as for a reader who wants no motion.

    The theme scrolls smoothly otherwise, and a click may miss a button that is still on its way.
    """
    return browser.new_context(**({"reduced_motion": "reduce"} | settings))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def served(folder: Path = HTML) -> Iterator[str]:
    """Serve `folder` on a free port of this machine; yields the address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def pages(folder: Path = HTML) -> list[str]:
    """The book's pages, relative to `folder`, without those that Sphinx makes by itself."""
    made = {"genindex.html", "search.html", "py-modindex.html", "index.html"}
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.html")
        if path.relative_to(folder).parts[0] not in {"_static", "_modules", "_sources"}
        and path.relative_to(folder).as_posix() not in made
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quiet", action="store_true", help="only the exit status")
    quiet = parser.parse_args().quiet
    found = find_chromium()
    if not quiet:
        print(found or HOW_TO_GET, file=sys.stdout if found else sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
