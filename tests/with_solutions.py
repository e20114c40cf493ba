"""Copies of the chapters that end with the code of their folded solutions, for nbval to run.

    python tests/with_solutions.py FOLDER [NOTEBOOK ...]

A solution runs after its whole chapter, as a reader runs it, and does not see what other solutions
define. So no chapter has to run twice for its solutions to be checked.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
SOLUTION = re.compile(r"(`{3,})\{solution\} *(\S+)\n(.*?)\n\1", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def solutions(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Every block of Python in a folded solution: (label of the exercise, code)."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    bodies = [body for text in texts for body in SOLUTION.findall(text)]
    return [(label, code) for _, label, body in bodies for code in PYTHON.findall(body)]


def cell(label: str, code: str) -> nbformat.NotebookNode:
    """A code cell that runs ``code`` with the chapter's names and keeps its own to itself."""
    lines = ",\n".join(f"    {line!r}" for line in code.splitlines())
    return new_code_cell(
        f"# The solution of {label}, after its chapter.\n"
        f"lines = [\n{lines},\n]\n"
        f"exec(compile('\\n'.join(lines), {label!r}, 'exec'), dict(globals()))"
    )


def with_solutions(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [cell(label, code) for label, code in solutions(notebook)]
    return notebook


def main(folder: str | Path, *notebooks: str | Path) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.ipynb"):
        old.unlink()
    for path in map(Path, notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))):
        nbformat.write(with_solutions(path), target / path.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
