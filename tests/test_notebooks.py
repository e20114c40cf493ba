"""The committed notebooks: complete chapters whose outputs belong to their code."""

import base64
import html
import io
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from built_book import ROOT, tool
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

import perceptual_edu

EXECUTE = ROOT / "book" / "tools" / "execute.py"
execute = tool("execute")
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 900_000  # bytes: a repository with pictures stays small only if every file does

# What each chapter has, as a pattern that its text cells must contain.
PARTS = {
    "goals": r"^(#+|[`:]{3,}\{admonition\}) .*\b[Gg]oals?\b",
    "a prediction": r"[Pp]redict",
    "what goes wrong": r"^#+ What goes wrong",
    "a summary": r"^#+ Summary",
    "exercises": r"^#+ Exercises",
}
# Folders of somebody's machine.
MACHINE_PATH = re.compile(r"(?:/home/\w|/root/|/Users/\w|/tmp/|/opt/\w|/mnt/\w|[A-Z]:\\\\?Users)")
DATA_URI = re.compile(r"base64,[A-Za-z0-9+/=\\n]+")

# What a reader sees of the code: on one screen, without scrolling sideways. Folded cells are free.
LINES, MEAN_LINES, CHARACTERS = 15, 10, 80

every_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@every_notebook
def test_outputs_belong_to_the_code(path):
    reason = execute.why_stale(execute.read(path), perceptual_edu.BEHAVIOUR)
    assert reason is None, f"{reason}: run `make execute NOTEBOOK=notebooks/{path.name}`"


@every_notebook
def test_a_chapter_has_its_parts(path):
    text = text_of(execute.read(path))
    missing = [name for name, part in PARTS.items() if not re.search(part, text, re.MULTILINE)]
    assert missing == []


@every_notebook
def test_every_exercise_has_a_folded_solution(path):
    text = text_of(execute.read(path))
    exercises = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n(?:[^\n]*\n)*?:label: *(\S+)", text)
    solutions = dict(
        re.findall(r"\{solution(?:-start)?\} *(\S+)\n((?::[^\n]*\n)*)", text),
    )
    assert exercises
    assert sorted(solutions) == sorted(exercises)
    for label, options in solutions.items():
        assert re.search(r":class: *dropdown", options), f"the solution of {label} is not folded"


@every_notebook
def test_a_chapter_asks_four_questions_with_one_right_answer_each(path):
    text = text_of(execute.read(path))
    # A fence of backticks ends its first line at the next backtick: such a question needs tildes.
    assert not re.search(r"```\{recall\} .*`", text), "write ~~~{recall}"
    questions = re.findall(r"(```|~~~)\{recall\} (.+)\n((?:.+\n)+?)\1", text)
    assert len(questions) == 4
    for _, question, answers in questions:
        verdicts = [line.split(":")[0] for line in answers.splitlines()]
        assert sorted(verdicts) == ["no", "no", "yes"], question
        assert all(" | " in line for line in answers.splitlines()), question


SOLUTION = re.compile(r"(`{3,})\{solution\} *(\S+)\n(.*?)\n\1", re.DOTALL)


@every_notebook
def test_the_code_of_solutions_is_python(path):
    solutions = SOLUTION.findall(text_of(execute.read(path)))
    codes = [
        (label, code)
        for _, label, body in solutions
        for code in re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    ]
    assert codes
    for label, code in codes:
        compile(code, label, "exec")


@every_notebook
def test_the_last_cell_says_where_the_outputs_come_from(path):
    last = code_cells(execute.read(path))[-1]
    assert "provenance()" in last.source
    assert any("Computed at" in str(output) for output in last.outputs)


@every_notebook
def test_every_cell_ran_and_none_failed(path):
    cells = code_cells(execute.read(path))
    assert all(cell.execution_count for cell in cells if cell.source.strip())
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert [output.ename for output in outputs if output.output_type == "error"] == []


@every_notebook
def test_visible_code_is_seen_at_a_glance(path):
    cells = [
        cell.source.splitlines()
        for cell in code_cells(execute.read(path))
        if "hide-input" not in cell.metadata.get("tags", [])
    ]
    long = [f"{len(cell)} lines from {cell[0]!r}" for cell in cells if len(cell) > LINES]
    long += [line for cell in cells for line in cell if len(line) > CHARACTERS]
    mean = sum(map(len, cells)) / len(cells)
    long += [f"{mean:.1f} lines a cell on average"] if mean >= MEAN_LINES else []
    assert long == []


@every_notebook
def test_a_notebook_is_small(path):
    assert path.stat().st_size < LARGEST


@every_notebook
def test_figures_are_stored_small_and_described(path):
    for cell in code_cells(execute.read(path)):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert not kinds & {"image/png", "image/jpeg"}
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
        pictures = [
            output.data["text/html"]
            for output in cell.outputs
            if output.get("data", {}).get("text/html", "").startswith("<img ")
        ]
        assert len(pictures) == bool(alt)
        assert all(picture.endswith(f' alt="{html.escape(alt)}">') for picture in pictures)


@every_notebook
def test_outputs_name_no_folder_of_the_machine(path):
    for number, cell in enumerate(code_cells(execute.read(path)), 1):
        text = DATA_URI.sub("", str(cell.outputs))
        found = MACHINE_PATH.search(text)
        assert str(ROOT) not in text, f"code cell {number} shows {ROOT}"
        assert not found, f"code cell {number}: {text[max(0, found.start() - 40) :][:120]}"


def test_the_table_of_contents_lists_every_notebook():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = {chapter["file"] for part in contents["parts"] for chapter in part["chapters"]}
    assert {f"notebooks/{path.stem}" for path in PATHS} <= files


def test_the_readme_lists_the_chapters_by_number_and_title():
    rows = re.findall(r"^\| (\d) \| \[(.+)\]\((.+)\) \|", (ROOT / "README.md").read_text(), re.M)
    titles = [re.search(r"^# (.+)", text_of(execute.read(path)), re.M)[1] for path in PATHS]
    names = [f"notebooks/{path.name}" for path in PATHS]
    numbers = [str(n) for n in range(1, len(PATHS) + 1)]
    assert rows == list(zip(numbers, titles, names, strict=True))


# ---------------------------------------------------------------- the tool that executes them


@pytest.fixture
def notebook(tmp_path):
    """A small notebook that was never executed."""
    path = tmp_path / "small.ipynb"
    cells = [new_markdown_cell("# Text"), new_code_cell("print(6 * 7)"), new_code_cell("x = 1")]
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.fixture
def executed(notebook):
    """The same, marked as executed."""
    record = {
        "code_hash": execute.code_hash(execute.read(notebook)),
        "behaviour": perceptual_edu.BEHAVIOUR,
    }
    edit(notebook, lambda content: content.metadata.update(perceptual_edu=record))
    return notebook


def edit(path, change):
    content = execute.read(path)
    change(content)
    execute.write(content, path)


def run(*arguments):
    return subprocess.run(
        [sys.executable, EXECUTE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def is_stale(path):
    return execute.why_stale(execute.read(path), perceptual_edu.BEHAVIOUR) is not None


def test_a_notebook_that_never_ran_is_stale(notebook):
    assert is_stale(notebook)


def test_editing_code_makes_a_notebook_stale(executed):
    assert not is_stale(executed)
    edit(executed, lambda content: content.cells[1].update(source="print(6 * 8)"))
    assert is_stale(executed)
    check = run("--check", executed)
    assert check.returncode == 1
    assert "its code has changed" in check.stdout


def test_editing_text_does_not_make_a_notebook_stale(executed):
    edit(executed, lambda content: content.cells[0].update(source="# Other text"))
    assert not is_stale(executed)
    assert run("--check", executed).returncode == 0


IMPORTS = """import math

from perceptual_edu.networks import (  # f_W
    LUMA,
    StyleNet,
)
"""


@pytest.mark.parametrize(
    "imports",
    ["", "import math\n", "from perceptual_edu import StyleNet\n\nimport math\n\n\n"],
)
def test_importing_from_another_place_does_not_make_a_notebook_stale(executed, imports):
    code = "# A comment counts.\nx = math.pi\n\n\ny = StyleNet()"
    edit(executed, lambda content: content.cells[1].update(source=IMPORTS + code))
    record = {"code_hash": execute.code_hash(execute.read(executed))}
    edit(executed, lambda content: content.metadata.perceptual_edu.update(record))
    edit(executed, lambda content: content.cells[1].update(source=imports + code))
    assert not is_stale(executed)
    edit(executed, lambda content: content.cells[1].update(source=imports + f"{code[:-1]}32)"))
    assert is_stale(executed)


@pytest.mark.parametrize(
    "source",
    [
        "import math; x = 1",
        "def f():\n    import math",
        "%matplotlib inline\nimport math",
        "import math\n!ls",
        'text = """\nimport math\n\n"""',
        "\n\nx = 1\n",
        "import = 1",
    ],
)
def test_of_a_cell_nothing_but_whole_imports_is_left_out_of_the_hash(source):
    assert execute.without_imports(source) == source


def test_layouts_of_widgets_are_stored_without_what_they_do_not_set():
    def model(name, **state):
        return {"model_name": name, "state": state}

    models = {
        "a": model("LayoutModel", _view_name="LayoutView", width="24rem", height=None),
        "b": model("ImageModel", width="", value=None),
    }
    content = new_notebook(metadata={"widgets": {"the MIME type": {"state": models}}})
    execute.shorten_widgets(content)
    (view,) = content.metadata.widgets.values()
    assert view["state"]["a"]["state"] == {"_view_name": "LayoutView", "width": "24rem"}
    assert view["state"]["b"] == model("ImageModel", width="", value=None)


def test_other_behaviour_of_the_library_makes_a_notebook_stale(executed):
    content = execute.read(executed)
    assert "behaviour" in execute.why_stale(content, perceptual_edu.BEHAVIOUR + 1)


@every_notebook
def test_editing_a_chapter_is_noticed(path, tmp_path):
    copy = shutil.copy(path, tmp_path / path.name)
    edit(copy, lambda content: code_cells(content)[0].update(source="changed = True"))
    assert is_stale(copy)


def test_executing_stores_outputs_and_their_origin(notebook):
    ids = [cell.id for cell in execute.read(notebook).cells]
    done = run(notebook)
    assert done.returncode == 0, done.stderr
    content = execute.read(notebook)
    assert content.cells[1].outputs[0].text == "42\n"
    assert [cell.id for cell in content.cells] == ids
    assert all("execution" not in cell.metadata for cell in content.cells)
    assert set(content.metadata.perceptual_edu) == {
        *("code_hash", "behaviour", "scale", "seconds", "executed")
    }
    assert not is_stale(notebook)
    assert [path.name for path in notebook.parent.iterdir()] == [notebook.name]


DRAWING = """
import matplotlib.pyplot as plt
plt.figure(figsize=(1, 1)).gca().plot([1, 2])
"""


def test_a_figure_is_stored_as_avif_with_its_description(notebook):
    def draw(content):
        content.cells[1].update(source="%matplotlib inline" + DRAWING)
        content.cells[1].metadata["mystnb"] = {"image": {"alt": 'A "line" < 2.'}}

    edit(notebook, draw)
    done = run(notebook)
    assert done.returncode == 0, done.stderr
    [figure] = [o for o in execute.read(notebook).cells[1].outputs if o.output_type != "stream"][
        -1:
    ]
    assert set(figure.data) == {"text/html", "text/plain"}
    found = re.fullmatch(
        r'<img src="data:image/avif;base64,([^"]+)" alt="A &quot;line&quot; &lt; 2.">',
        figure.data["text/html"],
    )
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        assert picture.format == "AVIF"
        assert min(picture.size) > 50


def test_a_failing_cell_is_named_and_the_notebook_is_left_alone(notebook):
    edit(notebook, lambda content: content.cells[2].update(source="1 / 0"))
    before = notebook.read_bytes()
    failed = run(notebook)
    assert failed.returncode == 1
    assert "code cell 2 (`1 / 0`) failed: ZeroDivisionError: division by zero" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert notebook.read_bytes() == before
