"""The bars of the book's theme, which are alike on every page: axe-core finds no barrier there."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

spec = importlib.util.spec_from_file_location("browser", ROOT / "book" / "tools" / "browser.py")
browser = importlib.util.module_from_spec(spec)
spec.loader.exec_module(browser)

AXE = ROOT / "book" / "_static" / "vendor" / "axe-core" / "axe.min.js"
DARK = "document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'dark'"
NONE = "NO BROWSER CHECKS"

pytestmark = [
    pytest.mark.skipif(not browser.HTML.is_dir(), reason=f"{NONE}: the book is not built"),
    pytest.mark.skipif(not browser.find_chromium(), reason=f"{NONE}. {browser.HOW_TO_GET}"),
]


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core was not fetched (`make setup` says more)")
@pytest.mark.parametrize("width", [1280, 390])
def test_no_barrier_in_the_bars_of_the_theme(width):
    with browser.served() as address, browser.chromium() as chromium:
        tab = chromium.new_page(viewport={"width": width, "height": 900})
        tab.goto(f"{address}/book/intro.html", wait_until="networkidle")
        tab.evaluate(AXE.read_text() + "; null")
        found = tab.evaluate("axe.run().then((found) => found.violations)")
        tab.evaluate(DARK)
        found += tab.evaluate("axe.run().then((found) => found.violations)")
    assert [(kind["id"], node["html"]) for kind in found for node in kind["nodes"]] == []
