"""Photographs packed once into one file of bytes, so that training need not decode them.

A pack is a folder ``NAME.photos``; :mod:`~perceptual_edu.datasets.index` says what is in it.
Packing may be killed at any moment and goes on where it stood.
"""

from __future__ import annotations

import io
import logging
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from .decoding import SMALLEST, decode_all
from .index import (
    INDEX,
    PIXELS,
    Item,
    PhotosError,
    index_line,
    make_entry,
    make_header,
    read_index,
    writing,
)

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")

_TOGETHER = 64  # photographs between two flushes to disk: the most that a kill can cost

Source = str | Path | Iterable[str | Path]
"""A folder, or several, or files."""


class Packed(NamedTuple):
    """One file has been packed, or skipped."""

    done: int
    """Files dealt with so far, with those of earlier, interrupted runs."""
    total: int
    """Files there are."""
    path: str
    """This file, relative to its folder."""
    error: str | None
    """Why it was skipped; None if it is in the pack."""


def pack_photos(
    folders: Source, out: str | Path, *, short_side: int = 288, workers: int | None = None
) -> Iterator[Packed]:
    """Pack all photographs below some folders, in sorted order; yield a record for each file.

    Orientation and colour profile are applied. The shorter side is reduced to ``short_side``
    (smaller photographs keep their size), and of the longer side the middle is kept, at most 4/3
    of the shorter. What cannot be decoded, or has a side of fewer than 64 pixels, is skipped; the
    index says why.

    The work may be killed at any moment: repeating the call goes on where it stood, and the
    finished pack has the same bytes as one that was never interrupted.

    Parameters
    ----------
    folders
        A folder, or several, or files; folders are searched recursively, and through links, for
        JPEG, PNG, WebP, TIFF and BMP.
    out
        The pack, a folder to be made: ``NAME.photos``.
    short_side
        Pixels.
    workers
        Threads that decode; default: one per processor. (Pillow decodes outside Python's lock.)

    Raises
    ------
    PhotosError
        If there are no photographs, if ``out`` was begun with others or with another
        ``short_side``, if another process is packing it, if the disk is full, or if a file cannot
        be read now, which may pass.
    """
    yield from _pack(find_photos(folders), Path(out), short_side, workers)


def pack_archive(
    archive: str | Path, out: str | Path, *, short_side: int = 288, workers: int | None = None
) -> Iterator[Packed]:
    """Pack the photographs of a ZIP archive without unpacking it; else like :func:`pack_photos`.

    Raises
    ------
    PhotosError
        Also if the archive is damaged: every file's checksum is verified as it is read.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise PhotosError(f"{archive}: cannot be opened as a ZIP archive ({error})") from None
    with opened:
        items = [
            Item(member.filename, member.file_size, partial(_read_member, opened, member))
            for member in opened.infolist()
            if _is_photo(member.filename)
        ]
        yield from _pack(_in_order(items, archive), Path(out), short_side, workers)


def find_photos(folders: Source) -> list[Item]:
    """All photographs in there, sorted by their names, which are relative to the folder.

    Raises
    ------
    PhotosError
        If a folder does not exist, or if there are none.
    """
    roots = [Path(folders)] if isinstance(folders, str | Path) else [Path(f) for f in folders]
    items = []
    for root in roots:
        if not root.exists():
            raise PhotosError(f"{root}: no such folder")
        paths = [root] if root.is_file() else _below(root)
        start = root.parent if root.is_file() or len(roots) > 1 else root
        items += [Item(_text(p.relative_to(start)), p.stat().st_size, p.read_bytes) for p in paths]
    return _in_order(items, ", ".join(map(str, roots)))


def _in_order(items: list[Item], places: object) -> list[Item]:
    if not items:
        raise PhotosError(f"{places}: no photographs in there ({', '.join(SUFFIXES)})")
    return sorted(items, key=attrgetter("name"))


def _text(path: Path) -> str:
    """A file name need not be valid Unicode; the index must be."""
    return os.fsencode(path.as_posix()).decode(errors="replace")


def _below(folder: Path) -> list[Path]:
    """What looks like a photograph, through links to folders too; each folder once.

    What is hidden is left out, and with a warning what cannot be read.
    """
    paths, seen = [], set()
    for place, folders, names in os.walk(folder, onerror=_left_out, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:  # a second way to it, or a loop
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(place, name) for name in names if not name.startswith("."))
        paths += [path for path in files if _is_there(path) and _is_photo(path.name)]
    return paths


def _is_photo(name: str) -> bool:
    # macOS puts a ._x.jpg beside each x.jpg on foreign disks.
    return name.lower().endswith(SUFFIXES) and not name.rpartition("/")[2].startswith(".")


def _is_there(path: Path) -> bool:
    if os.access(path, os.R_OK):
        return path.is_file()
    log.warning("%s: left out (%s)", path, "may not be read" if path.exists() else "a broken link")
    return False


def _left_out(error: OSError) -> None:
    if not isinstance(error, PermissionError):  # such as a network share that has gone away
        raise PhotosError(f"{error.filename}: cannot be read ({error.strerror})") from None
    log.warning("%s: left out (may not be read)", error.filename)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise PhotosError(
            f"{archive.filename}: is damaged at {member.filename} ({error}); delete it and repeat"
        ) from None
    except RuntimeError as error:  # encrypted, or compressed in an unusual way
        raise PhotosError(
            f"{archive.filename}: {member.filename} cannot be unpacked ({error}); "
            "unpack it by other means and pack the folder"
        ) from None


# ---------------------------------------------------------------- writing


def _pack(items: list[Item], out: Path, short_side: int, workers: int | None) -> Iterator[Packed]:
    if short_side < SMALLEST:
        raise PhotosError(f"a shorter side of {short_side} pixels: must be {SMALLEST} or more")
    header = make_header(items, short_side)
    with locked(out):
        done = begun = _resume(out, header)
        results = decode_all(items[begun:], short_side, workers)
        try:
            with (out / PIXELS).open("ab") as pixels, (out / INDEX).open("ab") as index:
                lines = [] if begun else [index_line(header)]
                try:
                    for done, result in enumerate(results, begun + 1):
                        entry = make_entry(items[done - 1].name, result, pixels.tell())
                        if not isinstance(result, str):
                            pixels.write(result.data)
                        lines.append(index_line(entry))
                        if len(lines) >= _TOGETHER:
                            _commit(pixels, index, lines)
                        yield Packed(done, len(items), entry["name"], entry.get("skipped"))
                finally:
                    results.close()
                    _commit(pixels, index, lines)
        except OSError as error:
            raise PhotosError(
                f"{out}: cannot be written ({error.strerror or error}) after {done:,} of "
                f"{len(items):,} files; the same command goes on from there once that is mended"
            ) from None
        if not (out / PIXELS).stat().st_size:
            raise PhotosError(f"none of the {len(items):,} files is a photograph; {out} lists why")


def _commit(pixels: io.BufferedWriter, index: io.BufferedWriter, lines: list[bytes]) -> None:
    """Pixels first: a line in the index promises that its pixels are on the disk."""
    text = b"".join(lines)
    lines.clear()  # now, so that Ctrl-C in the middle cannot have them written twice
    for file, data in ((pixels, b""), (index, text)):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder ``out`` and keep other processes from working on it."""
    lock = FileLock(out / "lock", timeout=0)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise PhotosError(f"{out}: another process is working on it") from None
    try:
        yield
    finally:
        lock.release()


def _resume(out: Path, header: dict) -> int:
    """How many files an earlier run has finished; cut off what is half written after them."""
    index, pixels = out / INDEX, out / PIXELS
    with writing(out):
        index.touch()
        pixels.touch()
        found, entries, (length, size) = read_index(out)
        if found and found != header:
            raise PhotosError(f"{out}: {_difference(found, header)}; delete it or choose another")
        os.truncate(index, length)
        os.truncate(pixels, size)
    return len(entries)


def _difference(found: dict, wanted: dict) -> str:
    was, now = (
        f"{header.get('files', 0):,} files, short side {header.get('short_side')}"
        for header in (found, wanted)
    )
    if was != now:
        return f"was begun with {was}; now it would be {now}"
    return f"was begun when some of the {found['files']:,} files had other names or contents"
