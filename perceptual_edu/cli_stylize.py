"""The commands ``perceptual-edu stylize``, ``styles`` and ``export``: using trained networks."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from tqdm import tqdm

from . import assets
from .export import export_onnx
from .images import ImageError, check_output, load_image, save_image
from .networks import NetworkError, StyleNet, load_network, read_card
from .scale import device
from .stylize import stylize

# Formats that photographs come in and that Pillow writes well; others become .jpg.
_KEPT = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

StyleName = Annotated[str, typer.Option("-s", "--style", help="A name (see styles) or a file.")]


def stylize_command(
    pictures: Annotated[
        list[str], typer.Argument(help="Photographs: files, folders, patterns, bundled names.")
    ],
    style: StyleName,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture, or folder for several.")],
    size: Annotated[int | None, typer.Option(min=16, help="Longer side, pixels.")] = None,
    strength: Annotated[float, typer.Option(help="From 0, the photograph, to 1.")] = 1.0,
    keep_colors: Annotated[bool, typer.Option(help="Keep the photograph's colours.")] = False,
) -> None:
    """Paint photographs in the style of a trained network, in one forward pass each.

    Existing results are overwritten, photographs never. Several pictures go to a folder, made if
    need be, under their own names (.jpg if they cannot keep their format; NAME-2 if taken). Those
    that cannot be read are named and skipped; the exit code is then 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"--strength is {strength:g}; wanted is a number from 0 to 1")
    sources = _expand(pictures)
    results = _results(pictures, sources, out)
    network = _style_network(style).to(device())

    def paint(source: Path, result: Path) -> str:
        began = time.perf_counter()
        image = load_image(source, long_side=size)
        painted = stylize(network, image, strength=strength, keep_colors=keep_colors)
        save_image(painted, result)
        height, width = painted.shape[2:]
        return f"{result}: {width} x {height}, {time.perf_counter() - began:.1f} s"

    if results == [out]:
        print(paint(sources[0], out))
        return
    out.mkdir(parents=True, exist_ok=True)
    failed = _paint_all(sources, results, paint)
    print(f"{out}: {len(sources) - failed} of {len(sources)} pictures")
    if failed:
        raise typer.Exit(1)


def _paint_all(sources: list[Path], results: list[Path], paint: Callable[[Path, Path], str]) -> int:
    """Paint with a progress bar, name what cannot be painted; how many those were."""
    failed = 0
    with tqdm(zip(sources, results, strict=True), total=len(sources), unit="picture") as bar:
        for source, result in bar:
            try:
                paint(source, result)
            except (ImageError, ValueError, OSError) as error:
                failed += 1
                name = "" if str(source) in str(error) else f"{source}: "
                bar.write(f"skipped {name}{error}", file=bar.fp)
    return failed


def styles_command() -> None:
    """List the trained networks that come with this program, and how each was made."""
    folder = assets.data_folder() / "checkpoints"
    found = False
    for path in sorted(folder.glob("*.safetensors")):
        card = read_card(path)
        if "style" in card.get("recipe", {}):
            print(f"{path.stem:20} {_in_words(card)}")
            found = True
    print(f"in {folder}" if found else f"none yet in {folder}")


def export_command(
    style: Annotated[str, typer.Argument(help="A trained network: a name (see styles) or a file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="ONNX model to write (.onnx).")],
) -> None:
    """Write a trained network as ONNX: images (batch, 3, height, width), RGB, in [0, 255]."""
    export_onnx(_style_network(style), out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


# ---------------------------------------------------------------- networks


def _style_network(name: str) -> StyleNet:
    path = assets.file_or_bundled(name, assets.checkpoint)
    if _is_known(path):
        raise NetworkError(
            f"{path}: is a picture; wanted is a trained network (perceptual-edu styles "
            "lists them); perceptual-edu gatys paints in a picture's style without training"
        )
    network = load_network(path)
    if not isinstance(network, StyleNet):
        raise NetworkError(f"{path}: is a {type(network).__name__}, not a style network")
    return network


def _in_words(card: dict) -> str:
    """The one line about a network that fits a terminal."""
    recipe, losses = card["recipe"], card.get("losses", {})
    count = card.get("photographs", {}).get("count", 0)
    terms = ", ".join(f"{n} {losses[n]:,.0f}" for n in ("content", "style", "tv") if n in losses)
    return (
        f"{Path(str(recipe['style'])).stem}, {card.get('steps', 0):,} steps of "
        f"{recipe.get('batch', 0)} x {recipe.get('size', 0)} px, {count:,} photographs; {terms}"
    )


# ---------------------------------------------------------------- files


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
    return _is_known(path) and path.is_file() and not path.name.startswith(".")


def _results(pictures: Sequence[str], sources: list[Path], out: Path) -> list[Path]:
    """Where each picture goes: ``[out]`` itself, or files in the folder ``out``."""
    may_be_several = len(pictures) > 1 or Path(pictures[0]).expanduser().is_dir()
    may_be_several |= glob.has_magic(pictures[0])
    if len(sources) == 1 and not out.is_dir() and (not may_be_several or _is_known(out)):
        check_output(out)
        results = [out]
    else:
        results = _names_in(out, sources)
    originals = {source.resolve() for source in sources}
    for result in results:
        if result.resolve() in originals:
            raise ImageError(f"{result}: is one of the photographs; choose another place for -o")
    return results


def _is_known(path: Path) -> bool:
    return Image.registered_extensions().get(path.suffix.lower()) in Image.OPEN


def _names_in(folder: Path, sources: list[Path]) -> list[Path]:
    """Each picture under its own name, or as NAME-2, NAME-3 ... if that is taken."""
    if not folder.is_dir() and (folder.exists() or _is_known(folder)):
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
