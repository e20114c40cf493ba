"""The commands ``perceptual-edu photos ...``: photographs to train with."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from ..datasets.coco import COCO_2014, COCO_2014_BYTES, Downloaded, archive_in, coco_2014
from ..datasets.index import PIXELS, PhotosError, finished_index, index_digest
from ..datasets.packing import Packed, pack_photos
from ..datasets.sr_benchmarks import BENCHMARKS, SETS, differing, sr_benchmarks
from ..errors import printable

app = typer.Typer(help="Photographs to train with.", no_args_is_help=True, rich_markup_mode=None)

_LISTED = 20  # skipped files named after packing; `info` names them all

ShortSide = Annotated[int, typer.Option(min=64, help="Shorter side in the pack, pixels.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads; default: all processors.")]


@app.command("pack")
def pack_command(
    folders: Annotated[list[Path], typer.Argument(help="Folders (searched recursively) or files.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Pack to make: NAME.photos.")],
    short_side: ShortSide = 288,
    workers: Workers = None,
) -> None:
    """Pack photographs into one file from which training reads fast.

    May be interrupted: the same command goes on from there.
    """
    if os.path.realpath(out) in map(os.path.realpath, folders):
        raise PhotosError(f"{out}: is the folder of photographs itself; name a pack: NAME.photos")
    speed = _run(pack_photos(folders, out, short_side=short_side, workers=workers))
    _summary(out, speed=speed, listed=_LISTED)


@app.command("coco")
def coco_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for archive and pack.")],
    short_side: ShortSide = 288,
    workers: Workers = None,
    url: Annotated[str, typer.Option(help="Where the archive is.")] = COCO_2014,
) -> None:
    """Download and pack COCO 2014's 82,783 training photographs (13.5 GB; packed 28 GB).

    May be interrupted: the same command goes on from there. When it is done, train2014.zip is no
    longer needed.
    """
    size = COCO_2014_BYTES if url == COCO_2014 else None
    speed = _run(coco_2014(out, short_side=short_side, workers=workers, url=url, size=size))
    _summary(archive_in(out, url).with_suffix(".photos"), speed=speed, listed=_LISTED)


@app.command("sr-benchmarks")
def sr_benchmarks_command(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the three sets.")],
    url: Annotated[str, typer.Option(help="Where the archive is.")] = BENCHMARKS,
) -> None:
    """Download Set5, Set14 and BSD100, on which super-resolution is compared (250 MB).

    May be interrupted: the same command goes on from there.
    """
    _run(sr_benchmarks(out, url=url))
    others = differing(out)
    if others:
        print(f"not the pictures of the book's tables: {', '.join(others)}")
    count = sum(len(list((out / name).glob("*.png"))) for name in SETS)
    print(f"{out}: {', '.join(SETS)}; {count - len(others)} of {count} pictures verified")


@app.command("info")
def info_command(pack: Annotated[Path, typer.Argument(help="A pack: NAME.photos.")]) -> None:
    """Say what is in a pack, and which files were skipped and why."""
    _summary(pack, listed=None)


def _run(records: Generator[Downloaded | Packed]) -> str:
    """Follow the work with a progress bar for each of its stages; say how fast packing was."""
    warnings.filterwarnings("ignore", module="PIL")  # what matters is in the records
    bar = last = None
    try:
        for record in records:
            if type(record) is not type(last):
                if bar is not None:
                    bar.close()
                bar, first, began = _bar(record), record, time.monotonic()
            bar.update(record.done - bar.n)
            last = record
    except KeyboardInterrupt:
        records.close()  # writes what has been decoded
        print("interrupted; the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        if bar is not None:
            bar.close()
    if not isinstance(last, Packed):
        return ""
    packed = last.done - first.done + 1
    return f", {packed / (time.monotonic() - began):,.0f} files/s"


def _bar(first: Downloaded | Packed) -> tqdm:
    if isinstance(first, Packed):
        return tqdm(desc="packing", total=first.total, initial=first.done - 1, unit=" files")
    return tqdm(desc="download", total=first.total, initial=first.done, unit="B", unit_scale=True)


def _summary(pack: Path, *, speed: str = "", listed: int | None = None) -> None:
    header, entries = finished_index(pack)
    skipped = [entry for entry in entries if "skipped" in entry]
    size = (pack / PIXELS).stat().st_size / 1e6
    print(
        f"{pack}: {len(entries) - len(skipped):,} photographs, shorter side at most "
        f"{header['short_side']}, {size:,.0f} MB, digest {index_digest(header, entries)}{speed}"
    )
    if skipped:
        print(f"skipped {len(skipped):,} of {len(entries):,} files:")
    for entry in skipped[:listed]:
        print(printable(f"  {entry['name']}: {entry['skipped']}"))
    if skipped[listed:] and listed is not None:
        print(f"  ... all of them: perceptual-edu photos info {pack}")
