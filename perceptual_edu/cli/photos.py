"""The commands ``perceptual-edu photos ...``: photographs to train with."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Generator
from itertools import chain, groupby
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
    _summary(out, speed)


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
    _summary(archive_in(out, url).with_suffix(".photos"), speed)


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
    speed = ""
    try:
        for kind, stage in groupby(records, type):
            first = next(stage)
            how = dict(desc="download", initial=first.done, unit="B", unit_scale=True)
            if kind is Packed:
                how = dict(desc="packing", initial=first.done - 1, unit=" files")
            with tqdm(total=first.total, **how) as bar:
                for record in chain([first], stage):
                    bar.update(record.done - bar.n)
                if kind is Packed:
                    rate = (bar.n - bar.initial) / bar.format_dict["elapsed"]
                    speed = f", {rate:,.0f} files/s"
    except KeyboardInterrupt:
        records.close()  # writes what has been decoded
        print("interrupted; the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None
    return speed


def _summary(pack: Path, speed: str = "", listed: int | None = 20) -> None:
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
