"""Folded sections of the built book (`make book` first), used as a reader uses them."""

import contextlib
import re

import pytest
from built_book import DARK, STATIC, barriers, browser, keep_errors, needs, needs_axe

CHAPTERS = [page for page in browser.pages() if page.startswith("notebooks/")]
PAGE = "notebooks/03_gram.html"
pytestmark = needs(PAGE)
SHOW, HIDE = "Show this section", "Hide this section"
# As in a browser that does not search hidden text.
OLD = "delete HTMLElement.prototype.onbeforematch"
BOTH = pytest.mark.parametrize("before", ["", OLD], ids=["searched", "not searched"])
OPEN = "document.querySelectorAll('.deeper-part:not([hidden])').length"
# A folded section with a subsection: the names of its part and of the subsection.
WITHIN = """() => {
    const inner = document.querySelector(".deeper-part section[id]");
    return [inner.closest(".deeper-part").id, inner.id];
}"""
# Formulas, pictures and widgets: how large, and where in their column.
SIZES = """() => [...document.querySelectorAll(
    ".deeper-part :is(mjx-container, img, figure, table, .jupyter-widgets)")].map((node) => {
    const box = node.getBoundingClientRect();
    return [node.localName, Math.round(box.width), Math.round(box.height), Math.round(box.x)];
})"""
DRAWN = """() => document.querySelectorAll(".jupyter-widgets").length >= document.querySelectorAll(
    "script[type='application/vnd.jupyter.widget-view+json']").length"""
LOAD_ALL = """async () => {
    const images = [...document.images];
    for (const image of images) image.loading = "eager";
    await Promise.all(images.map((image) => image.decode().catch(() => {})));
    await window.MathJax?.startup?.promise;
}"""


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address():
    with browser.served() as address:
        yield address


@pytest.fixture
def visit(chromium, address):
    """A function: page -> a tab in a fresh context; script and style are the sources' of now."""
    with contextlib.ExitStack() as stack:
        errors = []

        def visit(page=PAGE, before="", script=True, formulas=False, **settings):
            context = stack.enter_context(
                contextlib.closing(browser.calm_context(chromium, **settings))
            )
            if before:
                context.add_init_script(before)
            tab = context.new_page()
            tab.set_default_timeout(30_000)
            keep_errors(tab, errors)
            tab.route("**/deeper.css*", lambda route: route.fulfill(path=STATIC / "deeper.css"))
            source = dict(path=STATIC / "deeper.js") if script else dict(body="")
            tab.route("**/deeper.js*", lambda route: route.fulfill(**source))
            if not formulas:  # they take most of a page's time
                tab.route("**/tex-chtml.js*", lambda route: route.fulfill(body=""))
            tab.goto(f"{address}/{page}", wait_until="load")
            return tab

        yield visit
        assert errors == []


def buttons(tab, name):
    return tab.get_by_role("button", name=name, exact=True)


def is_in_view(tab, name):
    """Whether a place has come to rest in the upper half of the window, below the theme's bar."""
    box = f"document.getElementById({name!r}).getBoundingClientRect()"
    tab.wait_for_function(
        f"""() => new Promise((done) => {{
            const before = {box}.y;
            setTimeout(() => done(before === {box}.y), 300);
        }})"""
    )
    return 0 <= tab.evaluate(f"{box}.y") < tab.viewport_size["height"] / 2


# ---------------------------------------------------------------- the button


@BOTH
def test_a_section_is_folded_until_its_button_is_pressed(visit, before):
    tab = visit(before=before)
    count = buttons(tab, SHOW).count()
    assert count == tab.locator(".deeper-part").count() > 0
    first = tab.locator(".deeper-button").first
    part = tab.locator(f"#{first.get_attribute('aria-controls')}")
    ways = (first.click, lambda: first.press("Enter"), lambda: first.press("Space"))
    for press in ways:
        assert first.inner_text() == SHOW
        assert first.get_attribute("aria-expanded") == "false"
        assert part.bounding_box()["height"] == 0
        press()
        assert first.inner_text() == HIDE
        assert first.get_attribute("aria-expanded") == "true"
        assert part.bounding_box()["height"] > 100
        assert part.locator("p").first.is_visible()
        assert buttons(tab, SHOW).count() == count - 1
        press()
    assert tab.evaluate("document.activeElement.className") == "deeper-button"


@BOTH
def test_the_keyboard_passes_by_what_is_folded(visit, before):
    tab = visit(before=before)
    folded = tab.locator(".deeper-part", has=tab.locator("a, button, input, summary")).first
    tab.locator(f"[aria-controls={folded.get_attribute('id')}]").focus()
    inside = "document.activeElement.closest('.deeper-part') !== null"
    tab.keyboard.press("Tab")
    assert not tab.evaluate(inside)
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate(inside)


def test_all_are_shown_and_hidden_at_once(visit):
    tab = visit()
    count = tab.locator(".deeper-part").count()
    buttons(tab, SHOW).first.click()
    buttons(tab, "Show all deeper sections").click()
    assert buttons(tab, HIDE).count() == count
    buttons(tab, "Hide all deeper sections").click()
    assert buttons(tab, SHOW).count() == count
    for button in buttons(tab, SHOW).all()[::-1]:
        button.click()
    assert buttons(tab, "Hide all deeper sections").is_visible()


# ---------------------------------------------------------------- links


@BOTH
def test_an_address_into_a_folded_section_opens_it(visit, before):
    part, name = visit().evaluate(WITHIN)
    tab = visit(f"{PAGE}#{name}", before)
    assert is_in_view(tab, name)
    assert not tab.evaluate(f"document.getElementById({part!r}).hidden")
    assert tab.evaluate(OPEN) == 1


@BOTH
def test_the_sidebar_leads_into_a_folded_section_time_and_again(visit, before):
    tab = visit(before=before, viewport={"width": 1400, "height": 900})
    part, name = tab.evaluate(WITHIN)
    own = part.removeprefix("deeper-")
    for place in (name, name, own, own):  # the second time, the address is there already
        tab.locator(f".toc-entry a[href='#{place}']").locator("visible=true").click()
        assert is_in_view(tab, place)
        assert tab.evaluate(OPEN) == 1
        tab.locator(f"[aria-controls={part}]").click()
        assert tab.evaluate(OPEN) == 0


@BOTH
def test_a_link_to_a_figure_in_a_folded_section_opens_it(visit, before):
    tab = visit(before=before)
    name = tab.evaluate("document.querySelector('.deeper-part figure[id]').id")
    tab.evaluate(
        "name => document.querySelector('.times').innerHTML += `<a href='#${name}'>Go</a>`", name
    )
    tab.locator(".times a").click()
    assert is_in_view(tab, name)
    assert tab.locator(f"#{name}").is_visible()


@BOTH
def test_back_to_an_address_in_a_section_that_was_folded_again(visit, before):
    tab = visit(before=before)
    part, name = tab.evaluate(WITHIN)
    tab.evaluate(f"location.hash = {name!r}")
    assert is_in_view(tab, name)
    tab.evaluate("location.hash = 'exercises'")
    assert is_in_view(tab, "exercises")
    tab.locator(f"[aria-controls={part}]").click()
    tab.go_back()
    assert is_in_view(tab, name)
    assert tab.evaluate(OPEN) == 1


def test_what_is_searched_for_is_found_in_a_folded_section(visit):
    """A link to a text takes the way of the browser's own search."""
    tab = visit()
    words = tab.evaluate(
        """() => [...document.querySelectorAll(".deeper-part p")].map((p) => p.textContent)
            .find((text) => /^[\\w ]{30,}/.test(text)).match(/^[\\w ]{30,}/)[0].trim()"""
    )
    tab = visit(f"{PAGE}#:~:text={words.replace(' ', '%20')}")
    tab.wait_for_function(f"{OPEN} === 1")
    assert buttons(tab, HIDE).count() == 1


# ---------------------------------------------------------------- what is remembered


def test_what_is_open_stays_open(visit, address):
    tab = visit()
    buttons(tab, SHOW).nth(1).click()
    name = tab.evaluate("document.querySelector('.deeper-part:not([hidden])').id")
    for leave in (
        tab.reload,
        lambda: (tab.goto(f"{address}/book/glossary.html"), tab.go_back()),
    ):
        leave()
        tab.wait_for_load_state("load")
        assert tab.evaluate(OPEN) == 1
        assert tab.locator(f"#{name}").bounding_box()["height"] > 100
    tab.goto(f"{address}/{CHAPTERS[0]}")
    assert tab.evaluate(OPEN) == 0  # it is this page's
    assert visit().evaluate(OPEN) == 0


@pytest.mark.parametrize("answer", ["throw 'none'", "return '7'"], ids=["none", "not ours"])
def test_no_storage_is_no_obstacle(visit, answer):
    get = f"(key) => {{ if (key.includes('deeper')) {answer}; return null; }}"
    storage = f"{{value: {{getItem: {get}, setItem: null}}}}"
    tab = visit(before=f"Object.defineProperty(window, 'sessionStorage', {storage})")
    buttons(tab, SHOW).first.click()
    assert tab.evaluate(OPEN) == 1


# ---------------------------------------------------------------- what is seen


@pytest.mark.parametrize("opened", [False, True], ids=["folded", "remembered"])
def test_no_section_is_seen_to_vanish_or_to_appear(visit, address, opened):
    """In no frame, while the page arrives, is a part in another state than in the end."""
    watch = """
        window.states = {};
        const look = () => {
            for (const part of document.querySelectorAll(".deeper-part"))
                (states[part.id] ??= new Set()).add(part.hasAttribute("hidden"));
            requestAnimationFrame(look);
        };
        requestAnimationFrame(look);"""
    tab = visit(before=watch)
    if opened:
        buttons(tab, "Show all deeper sections").click()
        tab.reload()
    tab.wait_for_timeout(300)
    states = tab.evaluate("Object.values(states).map((seen) => [...seen])")
    assert states == [[not opened]] * tab.locator(".deeper-part").count()


# Formulas and a table; widgets; sliders.
@pytest.mark.parametrize("name", ["03_gram", "02_gatys", "05_network"])
def test_an_opened_section_looks_as_if_it_had_never_been_folded(visit, name):
    seen = []
    for before, script in (("", True), (OLD, True), ("", False)):
        tab = visit(f"notebooks/{name}.html", before, script, formulas=True)
        tab.evaluate("window.MathJax?.startup?.promise.then(() => null)")
        tab.wait_for_function(DRAWN)
        if script:
            buttons(tab, "Show all deeper sections").click()
        tab.evaluate(LOAD_ALL)
        tab.wait_for_timeout(300)
        seen.append(tab.evaluate(SIZES))
        tab.close()
    assert seen[0] == seen[1] == seen[2] != []


@BOTH
def test_a_slider_in_an_opened_section_changes_its_picture(visit, before):
    tab = visit("notebooks/05_network.html", before)
    figure = tab.locator(".deeper-part figure.frames").first
    buttons(tab, "Show all deeper sections").click()
    picture = figure.locator("img").get_attribute("src")
    figure.get_by_role("slider").first.focus()
    tab.keyboard.press("End")
    tab.keyboard.press("Home")
    tab.keyboard.press("ArrowRight")
    assert figure.locator("img").get_attribute("src") != picture
    assert figure.locator("img").bounding_box()["width"] > 200


def test_without_javascript_everything_is_there(visit):
    tab = visit(java_script_enabled=False)
    assert not any(button.is_visible() for button in tab.locator(".deeper-button").all())
    assert not tab.locator(".deeper-all").is_visible()
    parts = tab.locator(".deeper-part").all()
    assert all(part.locator("p").first.is_visible() for part in parts)
    assert len(parts) == tab.get_by_text("Deeper. You can leave this section out").count() > 0


@BOTH
def test_on_paper_everything_is_there(visit, before):
    tab = visit(before=before, formulas=True)
    assert buttons(tab, SHOW).count() > 0
    tab.emulate_media(media="print")
    tab.evaluate(LOAD_ALL)
    assert buttons(tab, SHOW).count() == 0
    assert not tab.locator(".deeper-all").is_visible()
    parts = tab.locator(".deeper-part")
    assert all(part.bounding_box()["height"] > 100 for part in parts.all())
    assert all(part.locator("p").first.is_visible() for part in parts.all())
    plain = visit(script=False, formulas=True)
    plain.emulate_media(media="print")
    plain.evaluate(LOAD_ALL)
    count = [len(re.findall(rb"/Type /Page\b", page.pdf())) for page in (tab, plain)]
    assert count[0] == count[1] > 10


@needs_axe
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_and_no_sideways_scrolling(visit, width):
    tab = visit(viewport={"width": width, "height": 844})
    where = {"include": [".times", ".deeper-button"]}
    for _ in ("folded", "open"):
        for look in ("null", DARK):
            tab.evaluate(look)
            assert barriers(tab, where) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        box = buttons(tab, SHOW).or_(buttons(tab, HIDE)).first.bounding_box()
        assert box["height"] >= 24
        buttons(tab, "Show all deeper sections").or_(buttons(tab, HIDE)).first.click()


# ---------------------------------------------------------------- how long a chapter takes


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_without_what_can_be_left_out_takes_25_minutes_at_most(page):
    text = (browser.HTML / page).read_text()
    times = re.search(r'class="times">(.*?)</p>', text, re.DOTALL)[1]
    core = re.search(r"(\d+) minutes? without", times)[1]
    assert int(core) <= 25
