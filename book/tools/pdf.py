"""Print the built book into one PDF: a table of contents, all chapters, page numbers, bookmarks.

    python book/tools/pdf.py [--out FILE] [--page book/intro ...]

The pages' articles are joined into one document, in the order of _toc.yml; links between them
become links within it. Chromium prints that document. Pages that only work in a browser are left
out. Folds are open on paper. Exit status 1 if code would be cut off at the paper's edge.
"""

import argparse
import posixpath
import sys
from pathlib import Path

import yaml
from browser import HTML, ROOT, check_there_are_pages, chromium, served
from bs4 import BeautifulSoup, Tag

OUT = ROOT / "_build" / "perceptual_edu.pdf"
ONLY_IN_A_BROWSER = {"book/try_it", "book/choose"}
NOT_ON_PAPER = "script, .headerlink, .copybtn, .jupyter-widgets, noscript"
PAPER = {"width": 673, "height": 980}  # pixels between the margins of A4 (print.css)
FOOTER = (
    '<div style="width: 100%; text-align: center; font: 8pt sans-serif">'
    '<span class="pageNumber"></span></div>'
)
READY = """async () => {
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
}"""
CUT_OFF = """() => [...document.querySelectorAll("pre")]
    .filter((code) => code.scrollWidth > code.clientWidth + 1)
    .map((code) => code.innerText.slice(0, 80))"""


def parts() -> list[tuple[str, list[str]]]:
    """The book's order: (caption, pages)."""
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    found = [("", [contents["root"]])]
    for part in contents["parts"]:
        pages = [chapter["file"] for chapter in part["chapters"]]
        found.append((part.get("caption", ""), pages))
    return found


def anchor(page: str, name: str = "") -> str:
    """The name, in the joined document, of a place on a page."""
    return page.replace("/", "-") + (f"--{name}" if name else "")


def article(page: str, printed: list[str]) -> Tag:
    """A page's article with names of its own; it links to what is printed with it."""
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(), "html.parser")
    found = soup.select_one("article")
    for node in found.select(NOT_ON_PAPER):
        node.decompose()
    for node in found.select("[id]"):
        node["id"] = anchor(page, node["id"])
    for node in found.select("details"):
        node["open"] = ""
    for node in found.select("[src]"):
        if not node["src"].startswith("data:"):
            node["src"] = address(page, node["src"])
            node["loading"] = "eager"
    for node in found.select("a[href]"):
        node["href"] = within(page, node["href"], printed)
    return found


def address(page: str, link: str) -> str:
    """A page's relative link, as seen from the joined document."""
    return posixpath.normpath(posixpath.join("html", posixpath.dirname(page), link))


def within(page: str, link: str, printed: list[str]) -> str:
    path, _, name = link.partition("#")
    if ":" in path:
        return link
    target = address(page, path).removeprefix("html/").removesuffix(".html") if path else page
    return f"#{anchor(target, name)}" if target in printed else "#"


def joined(pages: list[str]) -> str:
    """The whole document: title, table of contents, articles."""
    soup = BeautifulSoup((HTML / f"{pages[0]}.html").read_text(), "html.parser")
    styles = [link for link in soup.select("link[rel=stylesheet]") if "//" not in link["href"]]
    for link in styles:
        link["href"] = address(pages[0], link["href"])
    math = [s for s in soup.select("script") if "mathjax" in f"{s.get('src')}{s.string}".lower()]
    for script in math:
        if "//" not in script.get("src", "//"):
            script["src"] = address(pages[0], script["src"])
    articles = {page: article(page, pages) for page in pages}
    body = "".join(f'<section id="{anchor(page)}">{articles[page]}</section>' for page in pages)
    head = "".join(map(str, [*styles, *math]))
    contents = table_of_contents({page: title(articles[page]) for page in pages})
    return (
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><meta charset="utf-8">'
        f"<title>{soup.title.string}</title>{head}"
        f'<body><main class="bd-content"><div class="bd-article">{contents}{body}</div></main>'
    )


def title(page: Tag) -> str:
    return page.select_one("h1").get_text().strip()


def table_of_contents(titles: dict[str, str]) -> str:
    lines = ['<nav class="printed-contents"><h1>Contents</h1>']
    for caption, pages in parts():
        items = [f'<li><a href="#{anchor(p)}">{titles[p]}</a></li>' for p in pages if p in titles]
        if items:
            lines += [f"<p>{caption}</p>" if caption else "", "<ul>", *items, "</ul>"]
    return "".join([*lines, "</nav>"])


def print_book(pages: list[str], out: Path) -> list[str]:
    """Write the PDF; -> the beginnings of what is cut off."""
    source = HTML.parent / f"{out.stem}-print.html"
    source.write_text(joined(pages))
    try:
        with served(HTML.parent) as server, chromium() as browser:
            tab = browser.new_page(viewport=PAPER)
            tab.set_default_timeout(600_000)
            tab.emulate_media(media="print")
            tab.goto(f"{server}/{source.name}", wait_until="load")
            tab.evaluate(READY)
            cut = tab.evaluate(CUT_OFF)
            out.parent.mkdir(parents=True, exist_ok=True)
            tab.pdf(
                path=out,
                prefer_css_page_size=True,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
                outline=True,
                tagged=True,
            )
    finally:
        source.unlink()
    return cut


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--page", action="append", help="only this page; may be repeated")
    options = parser.parse_args()
    check_there_are_pages()
    everything = [page for _, pages in parts() for page in pages if page not in ONLY_IN_A_BROWSER]
    cut = print_book(options.page or everything, options.out)
    for code in cut:
        print(f"cut off: {code!r}", file=sys.stderr)
    print(options.out)
    return 1 if cut else 0


if __name__ == "__main__":
    sys.exit(main())
