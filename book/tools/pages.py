"""What the pages that are written from results share: the paper's numbers, tables, writing."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from perceptual_edu.assets import data_folder
from perceptual_edu.files import written_atomically

BOOK = Path(__file__).resolve().parents[1]


def published() -> dict:
    """The paper's numbers."""
    return json.loads((data_folder() / "results" / "published.json").read_text())


def table(head: Iterable, rows: Iterable[Iterable]) -> str:
    """In Markdown."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def main(doc: str, name: str, make: Callable[[], str]) -> None:
    """Write a page of the book, or with ``--check`` exit with 1 if it does not fit the data."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    page, text = BOOK / name, make()
    if page.exists() and page.read_text() == text:
        return
    if check:
        sys.exit(f"{page}: does not fit data/results; run python {Path(sys.argv[0]).name}")
    with written_atomically(page) as temporary:
        temporary.write_text(text)
