"""The bars of the book's theme, which are alike on every page: axe-core finds no barrier there."""

import pytest
from built_book import DARK, barriers, browser, needs, needs_axe

PAGE = "book/intro.html"
pytestmark = needs(PAGE)


@needs_axe
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_in_the_bars_of_the_theme(width):
    with browser.served() as address, browser.chromium() as chromium:
        tab = browser.calm_context(chromium, viewport={"width": width, "height": 900}).new_page()
        tab.goto(f"{address}/{PAGE}", wait_until="networkidle")
        assert barriers(tab) == []
        tab.evaluate(DARK)
        assert barriers(tab) == []


def test_an_icon_that_becomes_a_picture_late_is_not_read():
    with browser.served() as address, browser.chromium() as chromium:
        tab = browser.calm_context(chromium, viewport={"width": 1280, "height": 900}).new_page()
        tab.goto(f"{address}/{PAGE}", wait_until="networkidle")
        late = (
            "<svg class='theme-switch' role='img' aria-labelledby='t'><title id='t'>A</title></svg>"
        )
        tab.evaluate("h => document.querySelector('.theme-switch-button').innerHTML = h", late)
        icon = tab.locator(".theme-switch-button svg").first
        assert icon.get_attribute("aria-hidden") == "true"
        assert icon.get_attribute("role") is None
        assert icon.locator("title").count() == 0
