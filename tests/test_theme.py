"""The bars of the book's theme, which are alike on every page: axe-core finds no barrier there."""

import pytest
from built_book import DARK, barriers, browser, needs, needs_axe

PAGE = "book/intro.html"
pytestmark = needs(PAGE)


@needs_axe
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_in_the_bars_of_the_theme(width):
    with browser.served() as address, browser.chromium() as chromium:
        tab = chromium.new_page(viewport={"width": width, "height": 900})
        tab.goto(f"{address}/{PAGE}", wait_until="networkidle")
        assert barriers(tab) == []
        tab.evaluate(DARK)
        assert barriers(tab) == []
