"""Public names that are imported when they are first used, because PyTorch takes seconds.

A package writes its imports as ever, below ``if TYPE_CHECKING:``, where editors and readers find
them, and gets the functions that Python asks for a name it does not find (PEP 562)::

    if TYPE_CHECKING:
        from .losses import gram_matrix

    __getattr__, __dir__ = on_demand(__name__, __file__)
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path


def on_demand(package: str, file: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package; ``file`` is its ``__init__.py``."""
    homes = _homes(file)

    def getattr_(name: str) -> object:
        try:
            if name in homes:
                value = getattr(import_module(f".{homes[name]}", package), name)
            else:
                value = import_module(f".{name}", package)
        except ModuleNotFoundError as error:
            if error.name != f"{package}.{name}":  # something else is missing
                raise
            raise AttributeError(f"module {package!r} has no attribute {name!r}") from None
        setattr(sys.modules[package], name, value)  # the next time, it is found
        return value

    return getattr_, lambda: sorted({*vars(sys.modules[package]), *homes})


def _homes(file: str) -> dict[str, str]:
    """Name to module, of the imports below ``if TYPE_CHECKING:``."""
    tree = ast.parse(Path(file).read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}
