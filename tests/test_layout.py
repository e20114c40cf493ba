"""The library's layout: imports run downwards only, modules and functions stay small."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[1] / "perceptual_edu"
PATHS = {
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LIBRARY.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text()) for name, path in PATHS.items()}
FUNCTIONS = [
    (f"{name.removeprefix('perceptual_edu.')}.{node.name}", node)
    for name, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef)
]

# From the ground up; a module imports from its own floor or from those before it.
FLOORS = (
    "lazy errors version files pictures images devices scale assets cache "
    "vgg_weights winograd loss_network losses lbfgs optimize",
    "networks",
    "datasets",
    "training",
    "inference",
    "evaluation",
    "notebook",
    "cli",
)

# What is too long today. These lists may only become shorter.
LONG_MODULES = set()
LONG_FUNCTIONS = set()

every_module = pytest.mark.parametrize("name", PATHS)


def imported(name):
    """(module, name in it, or None for the module itself) of every import from the library."""
    package = name if PATHS[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(TREES[name]):
        if not isinstance(node, ast.ImportFrom):
            continue
        source = node.module or ""
        if node.level:
            parts = package.split(".")
            source = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [source])])
        if source.split(".")[0] != "perceptual_edu":
            continue
        for alias in node.names:
            if f"{source}.{alias.name}" in PATHS and not is_defined(source, alias.name):
                yield f"{source}.{alias.name}", None
            else:
                yield source, alias.name


def is_defined(module, name):
    """Whether a package's `__init__` gives the name to something else than to its module."""
    nodes = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.ImportFrom)]
    return any(name == (alias.asname or alias.name) for node in nodes for alias in node.names)


def floor(name):
    first = name.split(".")[1]
    return next(number for number, names in enumerate(FLOORS) if first in names.split())


def test_no_modules_import_each_other_in_a_circle():
    graph = {name: {source for source, _ in imported(name)} for name in PATHS}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@every_module
def test_imports_run_downwards(name):
    if name in ("perceptual_edu", "perceptual_edu.__main__"):
        return
    for source, _ in imported(name):
        assert source != "perceptual_edu", "a module imports from its own place, not from the top"
        assert floor(source) <= floor(name), f"imports from {source}, which is above it"


@every_module
def test_no_private_name_is_imported(name):
    names = [part for source, what in imported(name) for part in (source.split(".")[-1], what)]
    assert [n for n in names if n and n.startswith("_") and not n.startswith("__")] == []


# `scale` and `main` are what one wants of these two.
HIDDEN = {"perceptual_edu.scale", "perceptual_edu.cli.main"}


@every_module
def test_no_name_hides_a_module(name):
    hidden = {f"{name}.{what}" for _, what in imported(name)} & PATHS.keys()
    assert hidden <= HIDDEN


@every_module
def test_a_module_has_a_docstring(name):
    if name != "perceptual_edu.__main__":
        assert ast.get_docstring(TREES[name])


@every_module
def test_a_module_is_short(name):
    lines = len(PATHS[name].read_text().splitlines())
    assert lines <= 300 or name.removeprefix("perceptual_edu.") in LONG_MODULES


def is_long(function):
    """More than 40 lines below the docstring."""
    first = function.body[1:2] if ast.get_docstring(function) else function.body[:1]
    return bool(first) and function.end_lineno - first[0].lineno + 1 > 40


def test_functions_are_short():
    assert {name for name, node in FUNCTIONS if is_long(node)} <= LONG_FUNCTIONS


def test_the_lists_of_what_is_too_long_name_nothing_that_is_not():
    long = {n for n, path in PATHS.items() if len(path.read_text().splitlines()) > 300}
    assert {n.removeprefix("perceptual_edu.") for n in long} >= LONG_MODULES
    assert {name for name, node in FUNCTIONS if is_long(node)} >= LONG_FUNCTIONS
