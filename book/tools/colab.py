"""Copies of the notebooks for machines that do not have the library, such as Colab's.

    python book/tools/colab.py https://github.com/OWNER/NAME FOLDER

Each copy begins with a cell that installs the library from that address if it is missing. The
notebooks themselves have no such cell: at home the library is there, and nothing is installed
behind anybody's back.
"""

import argparse
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
INSTALL = """# Installs the book's library where it is missing: a minute or two, once per machine.
import importlib.util

if importlib.util.find_spec("perceptual_edu") is None:
    %pip install --quiet "git+{address}"
"""


def prepare(notebook: Path, address: str, folder: Path) -> Path:
    """Write the copy of one notebook; returns its path."""
    content = nbformat.read(notebook, as_version=4)
    cell = nbformat.v4.new_code_cell(INSTALL.format(address=address), id="install")
    content.cells.insert(0, cell)
    path = folder / notebook.name
    nbformat.write(content, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="of the repository, for git")
    parser.add_argument("folder", type=Path, help="where the copies go")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        print(prepare(notebook, options.address, options.folder))


if __name__ == "__main__":
    main()
