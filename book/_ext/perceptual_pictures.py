"""Figures of the notebooks, which are HTML images with their bytes inside, as files of the book.

A page then is small, and a browser fetches a picture when it is scrolled to. The pictures that wait
behind a slider stay inside the page, so that it moves without a delay.
"""

import base64
import hashlib
import re
from pathlib import Path

from sphinx.application import Sphinx

INSIDE = re.compile(r'(<img [^>]*?\bsrc=)"data:image/(\w+);base64,([^"]+)"')


def move_pictures_to_files(app, pagename, templatename, context, doctree) -> None:
    """Write each picture of a page's body below _images/, and name the file there."""
    folder = Path(app.outdir) / "_images"

    def moved(found: re.Match) -> str:
        data = base64.b64decode(found[3])
        name = f"{hashlib.sha256(data).hexdigest()[:32]}.{found[2]}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        return f'{found[1]}"{context["pathto"](f"_images/{name}", 1)}"'

    if "body" in context:
        context["body"] = INSIDE.sub(moved, context["body"])


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", move_pictures_to_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
