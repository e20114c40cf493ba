"""Pictures in, pictures out: what ``perceptual-edu stylize`` and ``upscale`` have in common."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from .. import assets
from ..errors import one_line, printable
from ..files import check_destination
from ..pictures import ImageError, is_picture_name, pictures_in

# Formats that photographs come in and that Pillow writes well; others become .jpg.
_KEPT = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def sources_and_results(pictures: Sequence[str], out: Path) -> tuple[list[Path], list[Path]]:
    """Files, folders, patterns and bundled names to files, and where each one's result goes.

    Raises :class:`ImageError` if there are none, or if a result would overwrite a photograph.
    """
    from ..images import check_output

    sources, first = _expand(pictures), Path(pictures[0]).expanduser()
    may_be_several = len(pictures) > 1 or first.is_dir() or _is_pattern(first)
    if len(sources) == 1 and not out.is_dir() and (not may_be_several or is_picture_name(out)):
        check_output(out)
        results = [out]
    else:
        results = _names_in(out, sources)
    check_not_among(sources, *results)
    return sources, results


def for_each(
    sources: list[Path], results: list[Path], out: Path, work: Callable[[Path, Path], str]
) -> None:
    """Do the work, which says what it did; several pictures with a progress bar.

    Of several, those that cannot be done are named and skipped, and the exit code is 1.
    """
    if results == [out]:
        try:
            print(printable(work(sources[0], out)))
        except (MemoryError, RuntimeError) as error:
            if not _is_of_memory(error):
                raise
            raise ImageError(f"{sources[0]}: {_reason(error)}") from None
        return
    out.mkdir(parents=True, exist_ok=True)
    failed = each(sources, results, work)
    print(printable(str(out)) + f": {len(sources) - failed} of {len(sources)} pictures")
    if failed:
        raise typer.Exit(1)


def each(sources: list[Path], results: list[Path], work: Callable[[Path, Path], object]) -> int:
    """Do the work on all of them, whatever happens to one; name those that fail, and count them."""
    failed = 0
    with tqdm(zip(sources, results, strict=True), total=len(sources), unit="picture") as bar:
        for source, result in bar:
            try:
                work(source, result)
            except Exception as error:  # whatever it is, the next picture may be a good one
                failed += 1
                name = "" if str(source) in str(error) else f"{source}: "
                bar.write(printable(f"skipped {name}{_reason(error)}"), file=bar.fp)
    return failed


def _reason(error: Exception) -> str:
    return "not enough memory; make it smaller" if _is_of_memory(error) else one_line(error)


def _is_of_memory(error: Exception) -> bool:
    """PyTorch raises RuntimeError where Python raises MemoryError."""
    return isinstance(error, MemoryError) or ("memory" in str(error) and "alloc" in str(error))


def _expand(pictures: Sequence[str]) -> list[Path]:
    """Folders, patterns that no shell expanded and bundled names to files; each file once."""
    found: list[Path] = []
    for path in (Path(name).expanduser() for name in pictures):
        if path.is_dir():
            inside, missing = pictures_in(path), "no pictures in this folder"
        elif _is_pattern(path):
            inside, missing = _fitting(path), "no file fits this pattern"
        else:
            inside, missing = [assets.file_or_bundled(path, assets.photo)], ""
        if not inside:
            raise ImageError(f"{path}: {missing}")
        found += inside
    return list({os.path.realpath(path): path for path in found}.values())


def _is_pattern(path: Path) -> bool:
    return glob.has_magic(str(path)) and not os.path.lexists(path)


def _fitting(pattern: Path) -> list[Path]:
    """The files that fit. Brackets may be part of a name: ``photos [2019]/*.jpg``.

    So the folders that exist as they are written are taken as they are written; then brackets
    stand for themselves, and only if nothing is called like that for a choice of letters.
    """
    folder = next(parent for parent in pattern.parents if parent.is_dir())
    rest = str(pattern.relative_to(folder))
    for start, choice in ((folder, rest.replace("[", "[[]")), (folder, rest), (None, str(pattern))):
        names = sorted(glob.glob(choice, root_dir=start, recursive=True))
        inside = [path for name in names if (path := Path(start or "", name)).is_file()]
        if inside:
            return inside
    return []


def check_not_among(sources: Iterable[Path], *results: Path) -> None:
    """Raise :class:`ImageError` if a result would be one of the pictures that are read."""
    read = set(map(os.path.realpath, sources))
    for result in results:
        if os.path.realpath(result) in read:
            raise ImageError(f"{result}: is one of the photographs; choose another place for -o")


def _check_table(out: Path | None) -> Path | None:
    """Raise OSError or :class:`ImageError` now if a table could not be written as ``out`` later."""
    if out and is_picture_name(out):
        raise ImageError(f"{out}: is a picture's name; a table is written as .json")
    if out:
        check_destination(out)
    return out


TableOut = Annotated[  # looked at before minutes of work
    Path | None, typer.Option("-o", "--out", help="JSON file to write.", callback=_check_table)
]
"""The option for a file of numbers."""


def _names_in(folder: Path, sources: list[Path]) -> list[Path]:
    """Each picture under its own name, or as NAME-2, NAME-3 ... if that is taken."""
    if not folder.is_dir() and (folder.exists() or is_picture_name(folder)):
        raise ImageError(f"{folder}: is not a folder, which is wanted for {len(sources)} pictures")
    taken: set[str] = set()
    results = []
    for source in sources:
        suffix = source.suffix if source.suffix.lower() in _KEPT else ".jpg"
        name, number = source.stem + suffix, 2
        while name.lower() in taken:  # there are file systems that ignore case
            name, number = f"{source.stem}-{number}{suffix}", number + 1
        taken.add(name.lower())
        results.append(folder / name)
    return results
