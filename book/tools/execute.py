"""Execute the book's notebooks and remember what their outputs were made from.

    python book/tools/execute.py --stale            those whose outputs no longer fit their code
    python book/tools/execute.py --all              all of them
    python book/tools/execute.py notebooks/01_x.ipynb ...
    python book/tools/execute.py --check            list the stale ones; exit 1 if there are any

A notebook's metadata keeps a hash of its code cells, without their imports, and the library's
`BEHAVIOUR` number, which is raised whenever the library's results change. A notebook is stale when
either differs from what is there now. Text may be edited freely, and a name may be imported from
another place; outputs are made anew only when they could differ.

Figures are stored as AVIF with their descriptions, which takes a third of the space of PNG. Kernels
know no such output, so each becomes an HTML image.

The scale is this machine's, or PERCEPTUAL_EDU_SCALE. A notebook that fails keeps its old outputs.
"""

import argparse
import ast
import base64
import datetime
import hashlib
import html
import io
import json
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from PIL import Image

from perceptual_edu import BEHAVIOUR
from perceptual_edu.files import written_atomically
from perceptual_edu.notebook.encoding import stored_uri
from perceptual_edu.scale import scale_name

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KEY = "perceptual_edu"  # where the record lies in a notebook's metadata
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class ExecuteError(Exception):
    """One notebook could not be executed; the message names the cell and the error."""


def code_hash(notebook: nbformat.NotebookNode) -> str:
    """A hash of the sources of all code cells, in order. Text cells and outputs do not count.

    Nor do imports: a name that comes from another place computes nothing else, and that it is
    there is what the tests find out when they run every notebook.
    """
    sources = [without_imports(c.source) for c in notebook.cells if c.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:32]


def without_imports(source: str) -> str:
    """A cell's source without its `import` and `from` statements, and the blank lines around them.

    Only those that stand alone on their lines, and not in functions. A cell that is not plain
    Python (`%magic`, `!command`) stays as it is.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError):
        return source
    imported, kept = set(), set()
    for statement in statements:
        which = imported if isinstance(statement, ast.Import | ast.ImportFrom) else kept
        which.update(range(statement.lineno, statement.end_lineno + 1))
    pieces = [[]]  # of lines between imports
    for number, line in enumerate(source.split("\n"), 1):
        if number in imported - kept:
            pieces.append([])
        else:
            pieces[-1].append(line)
    texts = ["\n".join(piece).strip("\n") for piece in pieces] if len(pieces) > 1 else [source]
    return "\n".join(text for text in texts if text)


def why_stale(notebook: nbformat.NotebookNode, behaviour: int) -> str | None:
    """The reason why the stored outputs do not belong to the code, or None if they do."""
    record = notebook.metadata.get(KEY)
    if record is None:
        return "never executed"
    if record.get("code_hash") != code_hash(notebook):
        return "its code has changed"
    if record.get("behaviour") != behaviour:
        return f"the library's behaviour is {behaviour}, its outputs are from {record['behaviour']}"
    return None


def read(path: Path) -> nbformat.NotebookNode:
    """The notebook in `path`, in the current format, with the ids of its cells."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise ExecuteError(f"{path}: no such notebook") from None
    except (ValueError, nbformat.reader.NotJSONError) as error:
        raise ExecuteError(f"{path}: not a readable notebook: {error}") from None


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Replace `path` in one step, so that a reader never sees half a notebook."""
    with written_atomically(path) as temporary:
        nbformat.write(notebook, temporary)


def clean(notebook: nbformat.NotebookNode) -> None:
    """Drop metadata that differs from run to run without saying anything about the outputs."""
    for cell in notebook.cells:
        for name in ("execution", "ExecuteTime", "collapsed", "jupyter"):
            if name == "jupyter" and cell.metadata.get(name):
                continue  # `source_hidden` and `outputs_hidden` are choices, not noise
            cell.metadata.pop(name, None)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.kernelspec = kernel
    notebook.metadata.language_info = {"name": "python"}


def store_figures(notebook: nbformat.NotebookNode) -> None:
    """Replace every PNG and JPEG by a smaller AVIF, with what `mystnb.image.alt` says of it."""
    for cell in notebook.cells:
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in data.keys() & {"image/png", "image/jpeg"}:
                picture = Image.open(io.BytesIO(base64.b64decode(data.pop(kind))))
                source = stored_uri(picture, speed=4)
                data["text/html"] = f'<img src="{source}" alt="{html.escape(alt)}">'
                output.metadata.pop(kind, None)


def shorten_widgets(notebook: nbformat.NotebookNode) -> None:
    """Leave out what the layouts of widgets do not set: forty lines of null for each."""
    for view in notebook.metadata.get("widgets", {}).values():
        for model in view["state"].values():
            if model["model_name"] == "LayoutModel":
                state = model["state"]
                model["state"] = {key: state[key] for key in state if state[key] is not None}


def kernel_manager_class() -> type:
    """A manager that starts this interpreter's kernel, whatever kernels are installed."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(
                argv=[
                    *(sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"),
                    # Its warnings (ports on this machine, not encrypted) would tear the bar apart.
                    "--log-level=ERROR",
                ],
                display_name="Python 3",
                language="python",
            )

    return ThisInterpreter


def execute(path: Path, scale: str) -> None:
    """Run one notebook from its top and store its outputs."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from tqdm import tqdm

    notebook = read(path)
    notebook.metadata.pop("widgets", None)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    begun = []

    def started(cell, **_):
        if cell.cell_type == "code":
            begun.append(cell)

    with tqdm(total=len(code), desc=path.name, unit="cell") as bar:
        client = NotebookClient(
            notebook,
            kernel_manager_class=kernel_manager_class(),
            timeout=None,  # training cells may take hours
            record_timing=False,
            coalesce_streams=True,  # a progress bar leaves its last state, not a thousand lines
            resources={"metadata": {"path": str(path.parent)}},  # the kernel's working folder
            on_cell_start=started,
            on_cell_executed=lambda **_: bar.update(),
        )
        begin = time.perf_counter()
        try:
            client.execute(env={**os.environ, "PERCEPTUAL_EDU_SCALE": scale})
        except (CellExecutionError, DeadKernelError) as error:
            text = "the kernel died (out of memory?)"
            if isinstance(error, CellExecutionError):
                text = ANSI.sub("", f"{error.ename}: {error.evalue}")
            first = begun[-1].source.strip().partition("\n")[0] if begun else ""
            raise ExecuteError(
                f"{path}: code cell {len(begun)} (`{first}`) failed: {text}. "
                "The notebook was left as it was."
            ) from None
        seconds = time.perf_counter() - begin
    clean(notebook)
    store_figures(notebook)
    shorten_widgets(notebook)
    notebook.metadata[KEY] = {
        "code_hash": code_hash(notebook),
        "behaviour": BEHAVIOUR,
        "scale": scale,
        "seconds": round(seconds, 1),
        "executed": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%MZ"),
    }
    write(notebook, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stale", action="store_true", help="execute the stale notebooks")
    what.add_argument("--all", action="store_true", help="execute every notebook")
    what.add_argument("--check", action="store_true", help="only list the stale notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path, help="execute these notebooks")
    options = parser.parse_args()
    if not (options.stale or options.all or options.check or options.notebooks):
        parser.error("say --stale, --all, --check, or name notebooks")

    paths = [path.resolve() for path in options.notebooks] or sorted(NOTEBOOKS.glob("*.ipynb"))
    failed = False
    try:
        if options.stale or options.check:
            reasons = {path: why_stale(read(path), BEHAVIOUR) for path in paths}
            paths = [path for path in paths if reasons[path]]
            for path in paths:
                print(f"stale: {path.name} ({reasons[path]})", flush=True)
        if options.check:
            return 1 if paths else 0
        scale = scale_name() if paths else ""
        for path in paths:
            try:
                execute(path, scale)
            except ExecuteError as error:
                failed = True
                print(error, file=sys.stderr)
    except (ExecuteError, ValueError) as error:  # not a notebook; not a scale
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the notebook that was running is as it was before", file=sys.stderr)
        return 130
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
