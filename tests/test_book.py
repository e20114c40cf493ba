"""The built book, as a browser sees it: `make book` first, then these tests.

Every page is opened once in a headless Chromium that can reach nothing but our own server. What
was seen is kept, and each test asks one question about it.
"""

import functools
import re
from urllib.parse import unquote, urlsplit

import pytest
from built_book import AXE, DARK, STATIC, browser, keep_errors, needs, needs_axe

PAGES = browser.pages()
VENDORED = (STATIC / "vendor" / "mathjax").is_dir()

pytestmark = needs("book/intro.html")
needs_vendored_scripts = pytest.mark.skipif(
    not VENDORED, reason="pages use a CDN: npm was missing at set-up (`make setup` says more)"
)
on_every_page = pytest.mark.parametrize("page", PAGES or ["none"])

LOOK = """async () => {
    const all = (selector, root = document) => [...root.querySelectorAll(selector)];
    const images = all("img");
    for (const image of images) image.loading = "eager";
    await Promise.all(images.map((image) => image.decode().catch(() => {})));
    const formulas = all(".math");
    if (formulas.length && window.MathJax?.startup) await MathJax.startup.promise;
    const article = document.querySelector("article") ?? document.body;
    const words = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    let raw = "";
    while (words.nextNode()) {
        const holder = words.currentNode.parentElement;
        if (!holder.closest("pre, code, script, style, mjx-container"))
            raw += words.currentNode.textContent + "\\n";
    }
    const views = all("script[type='application/vnd.jupyter.widget-view+json']").length;
    const drawn = () => all(".jupyter-widgets").length;
    for (let wait = 0; wait < 100 && drawn() < views; wait++)
        await new Promise((done) => setTimeout(done, 100));
    // Sphinx writes the file's name where nobody described a picture. Widgets cannot describe any.
    const isNamed = (image) => image.alt && !/\\.(png|jpe?g|svg|gif|webp|avif)$/.test(image.alt);
    const start = (image) => image.src.slice(0, 99);
    return {
        raw,
        // The theme keeps a second one for paper.
        headings: all("h1").filter((h) => h.offsetParent !== null).length,
        brokenImages: images.filter((image) => !image.naturalWidth).map(start),
        undescribedImages: all("img", article).filter(
            (image) => !isNamed(image) && !image.closest(".jupyter-widgets")).map(start),
        undrawn: formulas.filter((f) => !f.querySelector("mjx-container")).map((f) => f.innerText),
        formulaErrors: all("mjx-merror, mjx-container [style*='color: red']").map(
            (e) => e.getAttribute("data-mjx-error") ?? e.textContent),
        links: all("a[href]").map((a) => a.href).filter((u) => u.startsWith(location.origin)),
        widgets: views,
        drawnWidgets: drawn(),
    };
}"""

# Kinds of faults in what is ours, on every page; the theme's own bars are alike on all.
RULES = [
    *("color-contrast", "image-alt", "heading-order", "empty-table-header", "list"),
    *("label", "button-name", "link-name", "aria-input-field-name", "label-content-name-mismatch"),
    *("aria-required-children", "scrollable-region-focusable", "definition-list", "dlitem"),
]
AUDIT = """async (rules) => {
    // Formulas and code are thousands of nodes in the same few colours.
    const where = {include: ["article"], exclude: ["mjx-container", "div.highlight"]};
    const found = await axe.run(where, {resultTypes: ["violations"], runOnly: rules});
    return found.violations.flatMap((kind) => kind.nodes.map(
        (node) => `${kind.id}: ${node.html.slice(0, 120)}`));
}"""
MOST_NODES = 20_000  # contrast of more than that takes half a minute: the library's reference

MOVE_SLIDERS = """() => [...document.querySelectorAll("figure.frames")].map((figure) => {
    const image = figure.querySelector("img");
    const seen = new Set([image.src + image.alt]);
    const sliders = [...figure.querySelectorAll("input")];
    const spoken = [];
    for (const slider of sliders) {
        slider.value = slider.value === slider.max ? slider.min : slider.max;
        slider.dispatchEvent(new Event("input", {bubbles: true}));
        seen.add(image.src + image.alt);
        spoken.push(slider.getAttribute("aria-valuetext"));
    }
    return {sliders: sliders.length, pictures: seen.size, spoken};
})"""


CUT_WIDGETS = """() => [...document.querySelectorAll(".jupyter-widgets")]
    .filter((widget) => widget.scrollWidth > widget.clientWidth + 1)
    .map((widget) => `${widget.className}: ${widget.innerText}`)"""


@functools.cache
def anchors(path):
    return set(re.findall(r'\b(?:id|name)="([^"]+)"', path.read_text()))


def leads_somewhere(url):
    """Whether a link within the book ends at a file, and at an anchor where it names one."""
    parts = urlsplit(url)
    path = browser.HTML / unquote(parts.path).lstrip("/")
    if not path.is_file():
        return False
    return not parts.fragment or unquote(parts.fragment) in anchors(path)


@pytest.fixture(scope="module")
def seen():
    """A function: page -> what the browser saw there."""
    with browser.served() as address, browser.chromium() as chromium:
        context = browser.calm_context(chromium, viewport={"width": 1280, "height": 900})

        @functools.cache
        def look(page):
            tab = context.new_page()
            errors, requests = [], []
            keep_errors(tab, errors)
            tab.on("request", lambda request: requests.append(request.url))
            tab.goto(f"{address}/{page}", wait_until="networkidle")
            for button in tab.locator(".deeper-all").all():  # "Show all deeper sections"
                button.click()
            tab.evaluate("window.MathJax?.startup?.promise.then(() => null)")  # all typeset
            record = tab.evaluate(LOOK)
            record["moved"] = tab.evaluate(MOVE_SLIDERS)
            record["barriers"] = barriers(tab) if AXE.is_file() else []
            tab.set_viewport_size({"width": 390, "height": 844})
            record["phone_width"] = tab.evaluate("document.documentElement.scrollWidth")
            record["cut_widgets"] = tab.evaluate(CUT_WIDGETS)
            record["errors"] = errors
            record["broken_links"] = sorted(
                url.removeprefix(address)
                for url in set(record["links"])
                if not leads_somewhere(url)
            )
            record["outside"] = [
                url for url in requests if not url.startswith((address, "data:", "blob:"))
            ]
            tab.close()
            return record

        yield look


def barriers(tab):
    """What keeps some readers from using a page, in light and in dark."""
    large = tab.evaluate("document.querySelectorAll('article *').length") > MOST_NODES
    tab.evaluate(AXE.read_text() + "; null")
    found = tab.evaluate(AUDIT, RULES[large:])
    if not large:
        tab.evaluate(DARK)
        found += tab.evaluate(AUDIT, RULES[:1])
    return found


@needs_axe
@on_every_page
def test_no_barrier_for_readers_who_see_or_steer_otherwise(seen, page):
    assert seen(page)["barriers"] == []


@on_every_page
def test_no_script_complains(seen, page):
    assert seen(page)["errors"] == []


@needs_vendored_scripts
@on_every_page
def test_nothing_is_asked_from_another_host(seen, page):
    assert seen(page)["outside"] == []


@on_every_page
def test_every_image_is_there_and_is_described(seen, page):
    assert seen(page)["brokenImages"] == []
    assert seen(page)["undescribedImages"] == []


@on_every_page
def test_every_image_is_a_file_that_the_browser_may_fetch_later(page):
    assert not re.search(r'<img [^>]*src="data:', (browser.HTML / page).read_text())


@needs_vendored_scripts
@on_every_page
def test_every_formula_is_drawn(seen, page):
    assert seen(page)["undrawn"] == []
    assert seen(page)["formulaErrors"] == []
    for mark in ("$$", "\\(", "\\[", "\\begin{"):
        assert mark not in seen(page)["raw"]


@needs_vendored_scripts
@on_every_page
def test_every_widget_is_drawn(seen, page):
    assert seen(page)["drawnWidgets"] >= seen(page)["widgets"]


@on_every_page
def test_every_slider_changes_its_picture(seen, page):
    for figure in seen(page)["moved"]:
        assert figure["sliders"] > 0
        assert figure["pictures"] == figure["sliders"] + 1
        assert all(figure["spoken"])


@on_every_page
def test_every_link_within_the_book_leads_somewhere(seen, page):
    assert seen(page)["broken_links"] == []


@on_every_page
def test_one_main_heading(seen, page):
    assert seen(page)["headings"] == 1


@on_every_page
def test_a_phone_does_not_scroll_sideways(seen, page):
    assert seen(page)["phone_width"] <= 390


@needs_vendored_scripts
@on_every_page
def test_a_phone_shows_every_widget_whole(seen, page):
    assert seen(page)["cut_widgets"] == []
