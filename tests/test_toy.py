"""What one plays with in a chapter, used as a reader uses it: keys, mouse and fingers.

A page of the built book (`make book` first) lends its look; its text is replaced by the element
that the chapter has, and scripts and styles are those of the sources as they are now.
"""

import contextlib
import re

import pytest
from built_book import DARK, STATIC, barriers, browser, keep_errors, needs, needs_axe

PAGE = "book/choose.html"
CHAPTER = "notebooks/03_gram.html"
ELEMENT = '<div class="gram-toy" data-gram-toy></div>'
pytestmark = needs(PAGE)
PHONE = dict(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page():
    """The page's HTML, with nothing but the element in its article."""
    text = (browser.HTML / PAGE).read_text()
    files = (
        '<link rel="stylesheet" href="../_static/gram.css">'
        '<script src="../_static/gram.js" defer></script>'
    )
    article = rf"\1<h1>A toy</h1>{ELEMENT}{files}\2"
    text, count = re.subn(
        r"(<article[^>]*>).*(</article>)", article, text, count=1, flags=re.DOTALL
    )
    assert count == 1
    return text


@pytest.fixture
def visit(chromium, page):
    """A function: -> a tab with the element, in a fresh context."""
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(browser.served())
        errors = []

        def visit(**settings):
            context = stack.enter_context(
                contextlib.closing(browser.calm_context(chromium, **settings))
            )
            tab = context.new_page()
            tab.set_default_timeout(30_000)
            keep_errors(tab, errors)
            tab.route(
                "**/toy.html", lambda route: route.fulfill(body=page, content_type="text/html")
            )
            tab.route("**/gram.*", lambda route: route.fulfill(path=STATIC / name_in(route)))
            tab.goto(f"{address}/book/toy.html")
            return tab

        yield visit
        assert errors == []


def name_in(route):
    return route.request.url.rpartition("/")[2].partition("?")[0]


@pytest.fixture
def tab(visit):
    return visit()


def matrix(tab, name):
    rows = tab.get_by_role("table", name=name).locator("tbody tr").all()
    return [[float(cell) for cell in row.locator("td").all_inner_texts()] for row in rows]


def psi(tab):
    return matrix(tab, "ψ")


def gram(tab):
    return matrix(tab, "G, the Gram matrix")


def number(tab, c, place):
    return tab.get_by_label(f"φ{'₁₂'[c]} at position {place}", exact=True)


def handle(tab, place, c=0):
    return tab.get_by_role("button", name=f"Position {place},").nth(c)


def press(tab, name):
    tab.get_by_role("button", name=name, exact=True).click()


def status(tab):
    return tab.locator(".gram-status").inner_text()


def changed(tab):
    """Which entries of G are marked as changed."""
    cells = tab.get_by_role("table", name="G, the Gram matrix").locator("tbody td").all()
    return ["gram-changed" in (cell.get_attribute("class") or "") for cell in cells]


START = [[1, 2, 0, 1], [0, 1, 3, 1]]
G = [[0.75, 0.375], [0.375, 1.375]]
SWAPPED = [[0, 2, 1, 1], [3, 1, 0, 1]]  # positions a and c


def assert_swapped(tab):
    assert psi(tab) == SWAPPED
    assert [[number(tab, c, p).input_value() for p in "abcd"] for c in (0, 1)] == [
        [str(value) for value in row] for row in SWAPPED
    ]
    assert gram(tab) == G
    assert not any(changed(tab))
    assert "Positions a and c changed places" in status(tab)
    assert "G stayed the same" in status(tab)


def test_it_begins_with_the_example_of_the_chapter(tab):
    assert psi(tab) == START
    assert gram(tab) == G
    assert "G₁₂ = (1·0 + 2·1 + 0·3 + 1·1) / 8 = 0.375" in tab.locator(".gram-sums").inner_text()


def test_a_number_that_is_typed_or_stepped_changes_everything_at_once(tab):
    number(tab, 0, "c").fill("2")
    assert psi(tab) == [[1, 2, 2, 1], [0, 1, 3, 1]]
    assert gram(tab) == [[1.25, 1.125], [1.125, 1.375]]
    assert changed(tab) == [True, True, True, False]
    assert status(tab) == "G changed."
    number(tab, 1, "d").press("ArrowUp")
    assert gram(tab) == [[1.25, 1.25], [1.25, 1.75]]
    number(tab, 1, "d").press("ArrowDown")
    number(tab, 1, "d").press("ArrowDown")
    assert gram(tab) == [[1.25, 1], [1, 1.25]]


@pytest.mark.parametrize(
    ("typed", "kept"), [("-3", 0), ("", 0), ("1000", 99), ("1.2344", 1.234), ("0.5", 0.5)]
)
def test_what_is_typed_stays_within_bounds(tab, typed, kept):
    number(tab, 0, "a").fill(typed)
    assert psi(tab)[0][0] == kept
    number(tab, 0, "a").press("Tab")
    assert float(number(tab, 0, "a").input_value()) == kept


def test_positions_are_swapped_with_the_keyboard(tab):
    handle(tab, "a").focus()
    tab.keyboard.press("Enter")
    assert handle(tab, "a", 1).get_attribute("aria-pressed") == "true"
    handle(tab, "c", 1).focus()
    tab.keyboard.press("Space")
    assert_swapped(tab)
    assert handle(tab, "a").get_attribute("aria-pressed") == "false"


def test_a_choice_is_taken_back(tab):
    for take_back in (lambda: handle(tab, "b").click(), lambda: tab.keyboard.press("Escape")):
        handle(tab, "b").click()
        take_back()
        assert handle(tab, "b").get_attribute("aria-pressed") == "false"
    handle(tab, "d").click()
    assert psi(tab) == START


def test_a_handle_is_dragged_with_the_mouse(tab):
    handle(tab, "a").drag_to(handle(tab, "c", 1))
    assert_swapped(tab)
    handle(tab, "a").click()  # the drag is over: this is a choice
    assert handle(tab, "a").get_attribute("aria-pressed") == "true"


def test_a_drag_that_ends_elsewhere_changes_nothing(tab):
    handle(tab, "a").drag_to(tab.locator(".gram-hint"))
    handle(tab, "a").drag_to(number(tab, 0, "a"))
    handle(tab, "b").hover()
    tab.mouse.down()
    box = handle(tab, "c").bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 5, steps=3)
    assert tab.locator(".gram-target").count() == 2
    tab.keyboard.press("Escape")
    tab.mouse.up()
    assert psi(tab) == START
    assert not tab.locator(".gram-target, .gram-moving, .gram-picked").count()


def test_a_finger_drags_a_handle_and_the_page_stays(visit):
    tab = visit(**PHONE)
    fingers = tab.context.new_cdp_session(tab)
    handle(tab, "a").scroll_into_view_if_needed()
    ends = [handle(tab, place).bounding_box() for place in ("a", "c")]
    places = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in ends]
    before = tab.evaluate("scrollY")

    def touch(kind, *points):
        touched = [{"x": x, "y": y} for x, y in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    (x, y), (_, end) = places
    touch("touchStart", (x, y))
    for part in (0.2, 0.5, 1):
        touch("touchMove", (x, y + part * (end - y)))
    touch("touchEnd")
    assert_swapped(tab)
    assert tab.evaluate("scrollY") == before


def test_a_finger_taps_steps_and_positions(visit):
    tab = visit(**PHONE)
    tab.get_by_label("φ₁ at position a more").tap()
    tab.get_by_label("φ₂ at position c less").tap()
    assert psi(tab) == [[2, 2, 0, 1], [0, 1, 2, 1]]
    press(tab, "Reset")
    handle(tab, "a").tap()
    handle(tab, "c").tap()
    assert_swapped(tab)


@pytest.mark.parametrize("name", ["Swap positions", "Shuffle both"])
def test_moving_both_maps_alike_moves_columns_and_g_stays(tab, name):
    for _ in range(5):
        before = psi(tab)
        press(tab, name)
        assert psi(tab) != before
        assert sorted(zip(*psi(tab), strict=True)) == sorted(zip(*START, strict=True))
        assert gram(tab) == G
        assert not any(changed(tab))
        assert "G stayed the same" in status(tab)


def test_shuffling_one_map_changes_g_and_says_so(tab):
    for _ in range(5):
        before = gram(tab)
        press(tab, "Shuffle only φ₁")
        assert sorted(psi(tab)[0]) == sorted(START[0])
        assert psi(tab)[1] == START[1]
        assert gram(tab)[0][1] != before[0][1]
        assert changed(tab) == [False, True, True, False]
        assert "G₁₂ changed" in status(tab)
    press(tab, "Reset")
    assert (psi(tab), gram(tab)) == (START, G)


def test_where_every_order_gives_the_same_sum_it_says_so(tab):
    for place in "abcd":
        number(tab, 1, place).fill("2")
    press(tab, "Shuffle only φ₁")
    assert "G stayed the same" in status(tab)


def test_it_fits_a_phone(visit):
    tab = visit(**PHONE)
    for place in "abcd":
        for c in (0, 1):
            number(tab, c, place).fill("88.888")  # as wide as numbers get
    press(tab, "Shuffle only φ₁")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    for control in tab.locator(".gram-toy :is(button, input, table)").all():
        if control.is_visible():
            box = control.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 390


def test_without_javascript_nothing_is_shown(visit):
    tab = visit(java_script_enabled=False)
    assert tab.locator(".gram-toy").bounding_box()["height"] == 0
    assert tab.locator(".gram-toy").inner_text() == ""


@needs_axe
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("settings", [{}, PHONE], ids=["screen", "phone"])
def test_no_barrier_for_readers_who_see_or_steer_otherwise(visit, mode, settings):
    tab = visit(**settings)
    if mode == "dark":
        tab.evaluate(DARK)
    press(tab, "Shuffle only φ₁")
    handle(tab, "a").click()
    assert barriers(tab, {"include": [".gram-toy"]}) == []


def test_only_the_chapter_loads_it():
    html = {page: (browser.HTML / page).read_text() for page in browser.pages()}
    with_element = {page for page, text in html.items() if "data-gram-toy" in text}
    if not with_element:
        pytest.skip("no page has the element yet")
    assert with_element == {CHAPTER}
    for page, text in html.items():
        loads = ["_static/gram.js" in text, "_static/gram.css" in text]
        assert loads == [page in with_element] * 2
