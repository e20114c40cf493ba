"""What the tests of the built book share: its tools, its browser, axe-core and the dark mode."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "book" / "_static"
AXE = STATIC / "vendor" / "axe-core" / "axe.min.js"
DARK = "document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'dark'"


def tool(name):
    """A script of the book's tools as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


browser = tool("browser")

needs_axe = pytest.mark.skipif(
    not AXE.is_file(), reason="axe-core was not fetched (`make setup` says more)"
)


def needs(page="", none="NO BROWSER CHECKS"):
    """Marks of tests that want this page of the built book, and a Chromium."""
    return [
        pytest.mark.skipif(not (browser.HTML / page).exists(), reason=f"{none}: `make book`"),
        pytest.mark.skipif(not browser.find_chromium(), reason=f"{none}. {browser.HOW_TO_GET}"),
    ]


def keep_errors(tab, errors):
    """Append to a list whatever the scripts of a page complain about."""
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))


BARRIERS = """async (where) => {
    // After a change of mode a colour may still be on its way to the other one.
    const changes = document.getAnimations().filter((each) => each instanceof CSSTransition);
    await Promise.allSettled(changes.map((each) => each.finished));
    return (await axe.run(where ?? document)).violations;
}"""


def barriers(tab, where=None):
    """What axe-core finds that keeps some readers from using a page, or a part of it."""
    tab.evaluate(AXE.read_text() + "; null")
    found = tab.evaluate(BARRIERS, where)
    return [(kind["id"], node["html"]) for kind in found for node in kind["nodes"]]
