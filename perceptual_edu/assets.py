"""Where things are: bundled photographs, styles and checkpoints."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from .errors import MendableError

log = logging.getLogger(__name__)


class AssetError(MendableError):
    """A file that the library needs is missing or is not what it should be."""


# ---------------------------------------------------------------- bundled files


def data_folder() -> Path:
    """The folder ``data/``: of the checkout, or as installed with the package."""
    here = Path(__file__).parent
    for folder in (here.parent / "data", here / "data"):
        if (folder / "photos").is_dir():
            return folder
    raise AssetError(f"no data folder beside {here}; install from a clone of the repository")


def _bundled(kind: str, name: str) -> Path:
    files = {path.stem: path for path in _bundled_files(kind)}
    if name not in files:
        raise unknown(kind.rstrip("s"), name, files)
    return files[name]


def unknown(kind: str, name: str, known: Iterable[str]) -> AssetError:
    """The error that nothing is called so, with what is called similarly, or else with all."""
    known = list(dict.fromkeys(known))
    similar = [each for each in known if name and name in each]
    similar = similar or difflib.get_close_matches(name, known) or known
    return AssetError(
        f"no {kind} is called {name!r}; there are: {', '.join(similar) or 'none yet'}"
    )


def _bundled_files(kind: str) -> list[Path]:
    suffixes = {".jpg", ".png", ".safetensors"}
    # Hidden files are none: macOS puts a ._x.jpg beside each x.jpg on foreign disks.
    files = (data_folder() / kind).glob("[!.]*")
    return sorted(path for path in files if path.suffix in suffixes)


def photo(name: str) -> Path:
    """The bundled photograph of this name, for example ``photo("cat_chelsea")``.

    Raises :class:`AssetError`, which lists the names there are, for another one.
    """
    return _bundled("photos", name)


def style(name: str) -> Path:
    """The bundled style picture of this name, for example ``style("starry_night")``."""
    return _bundled("styles", name)


def checkpoint(name: str) -> Path:
    """The bundled trained network of this name."""
    return _bundled("checkpoints", name)


def file_or_bundled(name: str | Path, bundled: Callable[[str], Path]) -> Path:
    """The file of this name, or else what ``bundled`` (:func:`photo`, :func:`style`,
    :func:`checkpoint`) knows by it. A name with a suffix is always a file's."""
    path = Path(name).expanduser()
    return path if path.exists() or path.suffix else bundled(str(name))


def photos() -> list[Path]:
    """All bundled photographs, in the order of their names."""
    return _bundled_files("photos")


def styles() -> list[Path]:
    """All bundled style pictures, in the order of their names."""
    return _bundled_files("styles")


def checkpoints() -> list[Path]:
    """All bundled trained networks, in the order of their names."""
    return _bundled_files("checkpoints")
