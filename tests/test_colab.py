"""Copies of the notebooks that install the library where it is missing, and nothing where it is."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).resolve().parents[1]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ADDRESS = "https://example.org/book"


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


colab = module(ROOT / "book" / "tools" / "colab.py")
pages = module(ROOT / "book" / "_ext" / "perceptual_pages.py")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_copy_is_the_notebook_after_one_cell(path, tmp_path):
    copy = nbformat.read(colab.prepare(path, ADDRESS, tmp_path), as_version=4)
    original = nbformat.read(path, as_version=4)
    assert [cell.source for cell in copy.cells[1:]] == [cell.source for cell in original.cells]
    assert ADDRESS in copy.cells[0].source
    nbformat.validate(copy)


@pytest.mark.parametrize(
    ("library", "installs"),
    [("perceptual_edu", []), ("not_there_at_all", [f'install --quiet "git+{ADDRESS}"'])],
)
def test_the_first_cell_installs_only_what_is_missing(library, installs):
    shell, asked = InteractiveShell(), []
    shell.register_magic_function(asked.append, magic_name="pip")
    cell = colab.INSTALL.replace("perceptual_edu", library).format(address=ADDRESS)
    assert shell.run_cell(cell).success
    assert asked == installs


def test_the_workflow_makes_the_copies_and_publishes_the_pages():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "pages.yml").read_text())
    job = workflow["jobs"]["publish"]
    steps = " ".join(step.get("run", step.get("uses", "")) for step in job["steps"])
    assert "REPOSITORY_URL" in job["env"]
    for wanted in ("make book", "book/tools/colab.py", "actions/deploy-pages"):
        assert wanted in steps


def test_cards_name_the_columns_of_their_cells_after_headings_of_rows_too():
    long = "a description that is too long for the narrow column of a phone"
    head = "".join(f"<th>{name}</th>" for name in ("field", "type", "default", "what"))
    rows = [f"<tr><th>{name}</th><td>int</td><td>1</td><td>{long}</td></tr>" for name in ("a", "b")]
    table = f'<table class="x"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    labelled = pages.TABLE.sub(pages.with_labels, table)
    assert labelled.startswith('<table class="cards x">')
    names = re.findall(r'<(t[dh]) data-label="(.*?)"', labelled)
    row = [("th", "field"), ("td", "type"), ("td", "default"), ("td", "what")]
    assert names == row * 2
    # Two columns fit, however many rows have a heading.
    narrow = re.sub(r"<td>(int|1)</td>|<th>(type|default)</th>", "", table)
    assert pages.TABLE.sub(pages.with_labels, narrow) == narrow


def test_pages_have_buttons_only_where_these_lead_somewhere(monkeypatch):
    config = SimpleNamespace(html_theme_options={})
    monkeypatch.delenv("REPOSITORY_URL", raising=False)
    pages.add_launch_buttons(None, config)
    assert config.html_theme_options == {}
    monkeypatch.setenv("REPOSITORY_URL", ADDRESS)
    pages.add_launch_buttons(None, config)
    assert config.html_theme_options["repository_url"] == ADDRESS
    assert set(config.html_theme_options["launch_buttons"]) == {
        *("notebook_interface", "binderhub_url", "colab_url")
    }
