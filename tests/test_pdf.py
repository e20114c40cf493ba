"""The book on paper: pages of the built book, printed as `make pdf` prints all of them."""

import re
import subprocess
import sys

import pytest
from built_book import ROOT, browser, needs

pytestmark = needs()


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """Two pages in one PDF: what the tool said, and the file."""
    path = tmp_path_factory.mktemp("printed") / "two.pdf"
    pages = [word for page in ("book/intro", "notebooks/05_network") for word in ("--page", page)]
    command = [sys.executable, ROOT / "book" / "tools" / "pdf.py", "--out", path, *pages]
    return subprocess.run(command, capture_output=True, text=True, check=False), path


def test_no_code_is_cut_off(printed):
    done, _ = printed
    assert done.returncode == 0, done.stderr


def test_a_pdf_has_pages_bookmarks_and_links_within_it(printed):
    data = printed[1].read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", data)) > 10
    assert b"/Outlines" in data
    assert b"/Dest" in data


def test_nothing_is_left_beside_the_book(printed):
    assert not list(browser.HTML.parent.glob("*-print.html"))
