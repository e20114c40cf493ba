"""Pictures in, pictures out: what ``perceptual-edu stylize`` and ``upscale`` have in common."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

import typer
from PIL import Image
from tqdm import tqdm

from .. import assets
from ..images import check_output
from ..pictures import ImageError, one_line

# Formats that photographs come in and that Pillow writes well; others become .jpg.
_KEPT = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def sources_and_results(pictures: Sequence[str], out: Path) -> tuple[list[Path], list[Path]]:
    """Files, folders, patterns and bundled names to files, and where each one's result goes.

    Raises :class:`ImageError` if there are none, or if a result would overwrite a photograph.
    """
    sources = _expand(pictures)
    return sources, _results(pictures, sources, out)


def for_each(
    sources: list[Path], results: list[Path], out: Path, work: Callable[[Path, Path], str]
) -> None:
    """Do the work, which says what it did; several pictures with a progress bar.

    Of several, those that cannot be done are named and skipped, and the exit code is 1.
    """
    if results == [out]:
        print(work(sources[0], out))
        return
    out.mkdir(parents=True, exist_ok=True)
    failed = _all(sources, results, work)
    print(f"{out}: {len(sources) - failed} of {len(sources)} pictures")
    if failed:
        raise typer.Exit(1)


def _all(sources: list[Path], results: list[Path], work: Callable[[Path, Path], str]) -> int:
    """How many failed."""
    failed = 0
    with tqdm(zip(sources, results, strict=True), total=len(sources), unit="picture") as bar:
        for source, result in bar:
            try:
                work(source, result)
            except Exception as error:  # whatever it is, the next picture may be a good one
                failed += 1
                name = "" if str(source) in str(error) else f"{source}: "
                bar.write(f"skipped {name}{one_line(error)}", file=bar.fp)
    return failed


def _expand(pictures: Sequence[str]) -> list[Path]:
    """Folders, patterns that no shell expanded and bundled names to files; each file once."""
    found: list[Path] = []
    for name in pictures:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = [p for p in sorted(path.iterdir()) if _looks_like_a_picture(p)]
            if not inside:
                raise ImageError(f"{path}: no pictures in this folder")
            found += inside
        elif glob.has_magic(name) and not path.exists():
            inside = sorted(Path(p) for p in glob.glob(str(path), recursive=True))
            inside = [p for p in inside if p.is_file()]
            if not inside:
                raise ImageError(f"{name}: no file fits this pattern")
            found += inside
        else:
            found.append(assets.file_or_bundled(name, assets.photo))
    return list({path.resolve(): path for path in found}.values())


def _looks_like_a_picture(path: Path) -> bool:
    return is_picture_name(path) and path.is_file() and not path.name.startswith(".")


def _results(pictures: Sequence[str], sources: list[Path], out: Path) -> list[Path]:
    """Where each picture goes: ``[out]`` itself, or files in the folder ``out``."""
    may_be_several = len(pictures) > 1 or Path(pictures[0]).expanduser().is_dir()
    may_be_several |= glob.has_magic(pictures[0])
    if len(sources) == 1 and not out.is_dir() and (not may_be_several or is_picture_name(out)):
        check_output(out)
        results = [out]
    else:
        results = _names_in(out, sources)
    originals = {source.resolve() for source in sources}
    for result in results:
        if result.resolve() in originals:
            raise ImageError(f"{result}: is one of the photographs; choose another place for -o")
    return results


def is_picture_name(path: Path) -> bool:
    """True if Pillow reads the format that the name's suffix stands for."""
    return Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN


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
