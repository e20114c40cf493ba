"""What the pages say of themselves: how long a chapter takes, where it runs, what a cell is.

- Below a chapter's title stands how long it takes to read and to run. Both are computed: from the
  words and lines on the page, and from what book/tools/execute.py recorded in the notebook.
- Sections that are marked as deeper are folded (_static/deeper.js): a button below the mark shows
  the rest. Without JavaScript, and on paper, there is no button and everything is seen.
- On a phone, a table of words is set as cards, a row each (book.css). For that, each of its cells
  carries the name of its column.
- What Sphinx and the notebooks' renderer write that a screen reader stumbles over is mended: empty
  headings of columns, names of folds that differ from their text, lists that are none.
- How long the page Try it takes is a table (`{try-times}`) of data/results/try_times.json.
- Where the environment variable REPOSITORY_URL says where the book is published, chapters have
  buttons that open them on Colab and on Binder; elsewhere such buttons would lead nowhere.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config

from perceptual_edu.errors import MendableError
from perceptual_edu.evaluation import read_report

WORDS, LINES = 100, 20  # of technical prose, and of code, that one reads in a minute


def is_folded(node: nodes.Node) -> bool:
    """Whether a reader has to open it first: a solution, or code behind "show"."""
    classes = node.get("classes", []) if isinstance(node, nodes.Element) else []
    return {"dropdown", "tag_hide-input", "cell_output"} & set(classes) != set()


def is_deeper(node: nodes.Node) -> bool:
    """Whether a section is marked as one that can be left out the first time."""
    marked = isinstance(node, nodes.section) and len(node) > 1
    return marked and node[1].astext().startswith("Deeper.")


QUESTIONS = ("Do you remember?", "Exercises")


def is_extra(node: nodes.Node) -> bool:
    """Whether a section is marked as deeper, or holds the questions at the end."""
    asks = isinstance(node, nodes.section) and node[0].astext() in QUESTIONS
    return asks or is_deeper(node)


def minutes_to_read(node: nodes.Node, core: bool = False) -> float:
    """Minutes for all that is on the page, formulas and pictures not counted.

    With ``core``, deeper sections and the questions at the end are not counted either.
    """
    if (core and is_extra(node)) or (is_folded(node) and "cell" not in node["classes"]):
        return 0.0
    if isinstance(node, nodes.literal_block):
        lines = [line for line in node.astext().splitlines() if line.strip()]
        return len(lines) / LINES
    if isinstance(node, nodes.math | nodes.math_block | nodes.comment | nodes.raw):
        return 0.0
    if isinstance(node, nodes.Text):
        return len(re.findall(r"\w[\w'’-]*", node)) / WORDS
    hidden = "cell_input" if is_folded(node) else None
    return sum(
        minutes_to_read(child, core)
        for child in node.children
        if not (isinstance(child, nodes.Element) and hidden in child.get("classes", []))
    )


def rounded(minutes: float) -> str:
    step = 1 if minutes < 10 else 5
    count = max(1, step * round(minutes / step))
    return f"{count} minute{'s' if count > 1 else ''}"


def add_times(app: Sphinx, doctree: nodes.document) -> None:
    """Put the times below a chapter's title; other pages have none."""
    source = Path(app.env.doc2path(app.env.docname))
    if source.suffix != ".ipynb":
        return
    run = json.loads(source.read_text())["metadata"].get("perceptual_edu", {})
    core = rounded(minutes_to_read(doctree, core=True))
    text = (
        f"About {rounded(minutes_to_read(doctree))} to read, "
        f"{core} without what is marked as deeper and the questions at the end"
    )
    if run:
        text += f"; {rounded(run['seconds'] / 60)} to run at {run['scale']} scale"
    title = next(doctree.findall(nodes.title))
    line = nodes.paragraph("", f"{text}.", classes=["times"])
    title.parent.insert(title.parent.index(title) + 1, line)


BUTTON = (
    '<button type="button" class="deeper-button" aria-controls="{}" aria-expanded="true" hidden>'
    "Hide this section</button>"
)
ALL = ' <button type="button" class="deeper-all" hidden>Hide all deeper sections</button>'


def fold_deeper(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put what follows a chapter's marks of deeper sections into parts, each below a button.

    Only now, since the table of contents was collected from sections directly within sections.
    """
    deeper = list(doctree.findall(is_deeper)) if docname.startswith("notebooks/") else []
    for section in deeper:
        name = f"deeper-{section['ids'][0]}"
        part = nodes.container("", *section[2:], ids=[name], classes=["deeper-part"])
        section[2:] = [nodes.raw("", BUTTON.format(name), format="html"), part]
    if deeper:
        times = next(p for p in doctree.findall(nodes.paragraph) if "times" in p["classes"])
        times += nodes.raw("", ALL, format="html")


def add_deeper(app: Sphinx, pagename, templatename, context, doctree) -> None:
    """Not deferred: parts are folded while the page arrives."""
    if 'class="deeper-button"' in context.get("body", ""):
        app.add_css_file("deeper.css")
        app.add_js_file("deeper.js")


TABLE = re.compile(r"<table[ >].*?</table>", re.DOTALL)
CARDS = 4  # columns from which on a table of words does not fit a phone


def with_labels(match: re.Match) -> str:
    """A table whose cells know their columns, if it is one of words and wide."""
    head, end, body = match[0].partition("</thead>")
    names = [re.sub(r"<[^>]+>", "", th).strip() for th in re.findall(r"<th[^>]*>(.*?)</th>", head)]
    cells = [re.sub(r"<[^>]+>", "", td) for td in re.findall(r"<td.*?</td>", body, re.DOTALL)]
    if len(names) < CARDS or max(map(len, cells), default=0) < 40 or "colspan" in body:
        return match[0]

    def labelled(row: re.Match) -> str:
        name = iter(names)  # a row may begin with a heading of its own, which takes one
        return re.sub(r"<t[dh]\b", lambda cell: f'{cell[0]} data-label="{next(name)}"', row[0])

    body = re.sub(r"<tr.*?</tr>", labelled, body, flags=re.DOTALL)
    return head.replace('<table class="', '<table class="cards ', 1) + end + body


OPTION = re.compile(r'<span class="pre">(?=--?\w[\w-]{0,24}</span>)')


def label_cells(app, pagename, templatename, context, doctree) -> None:
    if "body" in context:
        body = OPTION.sub('<span class="pre option">', context["body"])  # not broken after "--"
        context["body"] = spoken(TABLE.sub(with_labels, body))


EMPTY_HEADING = re.compile(r"<th\b([^>]*)>(?:\s|<p></p>|&nbsp;)*</th>")
# A signature of several lines: descriptions without a term.
LINES_OF_SIGNATURE = re.compile(r"<dl>\s*((?:<dd>(?:(?!</?d[dtl]\b).)*</dd>\s*)+)</dl>", re.DOTALL)
ROLES_OF_CITATIONS = re.compile(r' role="(?:doc-biblioentry|doc-backlink|list)"')


def spoken(page: str) -> str:
    """The same page for the eye, without what a screen reader reads wrong."""
    page = page.replace(' aria-label="Toggle hidden content"', "")
    page = EMPTY_HEADING.sub(lambda th: f"<td{th[1].replace(SCOPE, '')}></td>", page)
    page = LINES_OF_SIGNATURE.sub(in_plain_lines, page)
    if 'class="citation-list"' in page or 'class="citation"' in page:
        page = ROLES_OF_CITATIONS.sub("", page)
    return page


SCOPE = ' scope="col"'


def in_plain_lines(match: re.Match) -> str:
    lines = match[1].replace("<dd>", '<div class="sig-line">').replace("</dd>", "</div>")
    return f"<div>{lines}</div>"


class TryTimes(Directive):
    """What experiments/try_times.py measured, as a table."""

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        path = Path(env.srcdir) / "data" / "results" / "try_times.json"
        env.note_dependency(str(path))
        try:
            lines = list(times_of_try(read_report(path)))
        except MendableError as error:
            raise self.error(str(error)) from None
        box = nodes.Element()
        self.state.nested_parse(StringList(lines, source=str(path)), self.content_offset, box)
        return box.children


WORK = {"paint": "paint", "enlarge": "enlarge four times, both networks"}


def times_of_try(report: dict) -> Iterator[str]:
    """Lines of Markdown: the table, and what it was measured with."""
    settings = report["settings"]
    first = [row["first picture, from the press"] for row in report["rows"]]
    yield "| what | pixels | seconds | fastest and slowest |"
    yield "|---|---|---:|---:|"
    for row in report["rows"]:
        low, high = min(row["seconds"]), max(row["seconds"])
        side = row["side"]
        yield (
            f"| {WORK[row['work']]} | {side} × {side} | {row['median']:.2f} "
            f"| {low:.2f} to {high:.2f} |"
        )
    yield ""
    yield (
        f"Medians of {settings['count']}; {report['machine']}; {settings['browser']}; "
        f"{settings['runtime']}, one thread of WebAssembly. The style's network has width "
        f"{settings['width']}. The first picture, with the fetching from the same machine and the "
        f"start of the runtime, took {min(first):.1f} to {max(first):.1f} s. "
        "`python experiments/try_times.py` measures it again."
    )


def add_launch_buttons(app: Sphinx, config: Config) -> None:
    """On the branch `colab`, notebooks install what they need (.github/workflows/pages.yml)."""
    address = os.environ.get("REPOSITORY_URL")
    if address:
        config.html_theme_options |= {
            "repository_url": address,
            "repository_branch": "colab",
            "use_repository_button": True,
            "launch_buttons": {
                "notebook_interface": "jupyterlab",
                "binderhub_url": "https://mybinder.org",
                "colab_url": "https://colab.research.google.com",
            },
        }


def setup(app: Sphinx) -> dict:
    app.add_directive("try-times", TryTimes)
    app.connect("config-inited", add_launch_buttons)
    app.connect("doctree-read", add_times)
    app.connect("doctree-resolved", fold_deeper)
    app.connect("html-page-context", add_deeper)
    app.connect("html-page-context", label_cells)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
