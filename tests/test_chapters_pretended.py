"""Every chapter and its solutions at smoke scale on a pretended GPU: no device is mixed."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PATHS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))

PROGRAM = """
import sys
from pathlib import Path

import matplotlib
from IPython.core.interactiveshell import InteractiveShell
from pretended_cuda import pretended_cuda
from with_solutions import with_solutions

matplotlib.use("agg")
shell = InteractiveShell.instance()
with pretended_cuda():
    for number, cell in enumerate(with_solutions(Path(sys.argv[1])).cells):
        if cell.cell_type == "code":
            result = shell.run_cell(cell.source)
            if not result.success:
                sys.exit(f"cell {number} ({cell.id})")
"""


@pytest.fixture(scope="module")
def runs():
    """Every chapter's program, two at a time: each computes with one core."""
    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(run, path) for path in PATHS}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_chapter_runs_on_a_pretended_gpu(runs, path):
    done = runs[path].result()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def run(path):
    here = str(Path(__file__).parent)
    environment = os.environ | {"PERCEPTUAL_EDU_SCALE": "smoke", "PYTHONPATH": here}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        capture_output=True,
        text=True,
        env=environment,
        cwd=path.parent,
    )
