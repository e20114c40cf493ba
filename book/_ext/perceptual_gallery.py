"""A wall of the book's own figures, taken from the outputs of the notebooks.

    ```{gallery}
    notebooks/02_gatys fig-02-result The first painting
    ```

A line for each picture: the chapter, the figure's name, a title. Nothing is stored twice: the
picture is copied from the notebook when the page is written, and leads to its figure.
"""

import base64
import html
import json
import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


class Gallery(Directive):
    has_content = True

    def run(self) -> list[nodes.Node]:
        self.env = self.state.document.settings.env
        wall = nodes.container(classes=["gallery"])
        for line in self.content:
            chapter, name, title = line.split(maxsplit=2)
            wall += self.piece(chapter, name, title)
        return [wall]

    def piece(self, chapter: str, name: str, title: str) -> nodes.container:
        source = Path(self.env.srcdir) / f"{chapter}.ipynb"
        self.env.note_dependency(str(source))
        try:
            picture, alt = picture_of(source, name)
        except LookupError as error:
            raise self.error(str(error)) from None
        folder = Path(self.env.app.outdir) / "_images"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.avif").write_bytes(picture)
        one_page = self.env.app.builder.name == "singlehtml"
        root = "" if one_page else "../" * self.env.docname.count("/")
        target = f"#{name}" if one_page else f"{root}{chapter}.html#{name}"
        piece = nodes.container(classes=["piece"])
        piece += nodes.raw(
            "",
            f'<a href="{target}"><img src="{root}_images/{name}.avif" alt="{html.escape(alt)}" '
            'loading="lazy"></a>',
            format="html",
        )
        text, _ = self.state.inline_text(f"{{numref}}`{name}`: {title}", self.lineno)
        piece += nodes.paragraph("", "", *text)
        return piece


def picture_of(notebook: Path, name: str) -> tuple[bytes, str]:
    """The picture that the figure of this name shows, and its description."""
    for cell in json.loads(notebook.read_text())["cells"]:
        how = cell["metadata"].get("mystnb", {})
        if how.get("figure", {}).get("name") == name:
            for output in cell["outputs"]:
                stored = "".join(output.get("data", {}).get("text/html", ""))
                if found := re.search(r"data:image/\w+;base64,([^\"]+)", stored):
                    return base64.b64decode(found[1]), how["image"]["alt"]
    raise LookupError(f"{notebook.name} has no picture {name}; see its cells' metadata")


def setup(app: Sphinx) -> dict:
    app.add_directive("gallery", Gallery)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
