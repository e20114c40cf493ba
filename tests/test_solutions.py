"""Every folded solution is run: `make test` gives nbval the copies that with_solutions.py makes."""

import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from with_solutions import NOTEBOOKS, main, solutions, with_solutions

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
EXERCISES = """
````{solution} ex-one
:class: dropdown
```python
a = 1
print(text, "a\\n", '''b''')
```
First this, then that:
```python
WHAT
```
````
"""


@pytest.fixture
def chapter(tmp_path):
    """A chapter in copy, and a function that replaces its second solution and runs it."""
    path = tmp_path / "small.ipynb"

    def run(what):
        text = new_markdown_cell(EXERCISES.replace("WHAT", what))
        nbformat.write(new_notebook(cells=[new_code_cell("text = 'x'"), text]), path)
        main(tmp_path / "made", path)
        options = ["-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env"]
        command = [sys.executable, "-m", "pytest", *options, tmp_path / "made"]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    return run


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_copy_holds_the_whole_chapter_and_every_solution(path):
    chapter = nbformat.read(path, as_version=4)
    copy = with_solutions(path)
    assert copy.cells[: len(chapter.cells)] == chapter.cells
    added = copy.cells[len(chapter.cells) :]
    assert len(added) == len(solutions(chapter)) > 0
    for cell, (label, _) in zip(added, solutions(chapter), strict=True):
        assert label in cell.source
        compile(cell.source, label, "exec")


def test_make_test_runs_the_copies():
    lines = (NOTEBOOKS.parent / "Makefile").read_text().splitlines()
    (made,) = [line for line in lines if "tests/with_solutions.py" in line]
    (run,) = [line for line in lines if "--nbval-lax" in line]
    assert run.split()[-1] == made.split()[-1]


def test_a_solution_runs_after_its_chapter(chapter):
    done = chapter("assert text == 'x'")
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_a_solution_that_fails_is_named(chapter):
    done = chapter("1 / 0")
    assert done.returncode == 1
    assert "The solution of ex-one" in done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_a_solution_does_not_see_what_another_one_defines(chapter):
    done = chapter("print(a)")
    assert done.returncode == 1
    assert "name 'a' is not defined" in done.stdout
