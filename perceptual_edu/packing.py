"""Photographs packed once into one file of bytes, so that training need not decode them.

A pack is a folder ``NAME.photos`` of two files. ``pixels.u8`` holds the 8-bit RGB pixels of all
photographs, one after the other. ``index.jsonl`` says in its first line how the pack was made, and
has then one line per file, in sorted order: either ``name, height, width, offset, crc32``, or
``name, skipped`` with the reason.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from PIL import Image

from .pictures import ImageError, decode, one_line, to_srgb, upright

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
SMALLEST = 64
"""Pictures with a shorter side of fewer pixels are icons rather than photographs: skipped."""

PIXELS, INDEX = "pixels.u8", "index.jsonl"
_TOGETHER = 64  # photographs between two flushes to disk: the most that a kill can cost

Source = str | Path | Iterable[str | Path]
"""A folder, or several, or files."""


class PhotosError(Exception):
    """Photographs cannot be had, packed or sampled; the message says why in one line."""


@dataclass(frozen=True)
class Packed:
    """One file has been packed, or skipped."""

    done: int
    """Files dealt with so far, with those of earlier, interrupted runs."""
    total: int
    """Files there are."""
    path: str
    """This file, relative to its folder."""
    error: str | None
    """Why it was skipped; None if it is in the pack."""


@dataclass(frozen=True)
class Item:
    """A file to pack."""

    name: str
    size: int
    read: Callable[[], bytes]


def pack_photos(
    folders: Source, out: str | Path, *, short_side: int = 288, workers: int | None = None
) -> Iterator[Packed]:
    """Pack all photographs below some folders, in sorted order; yield a record for each file.

    Orientation and colour profile are applied. The shorter side is reduced to ``short_side``
    (smaller photographs keep their size), and of the longer side the middle is kept, at most 4/3
    of the shorter. What cannot be read, or has a side of fewer than 64 pixels, is skipped; the
    index says why.

    The work may be killed at any moment: repeating the call goes on where it stood, and the
    finished pack has the same bytes as one that was never interrupted.

    Parameters
    ----------
    folders
        A folder, or several, or files; folders are searched recursively for JPEG, PNG, WebP,
        TIFF and BMP.
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
        ``short_side``, if another process is packing it, or if the disk is full.
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
            if member.filename.lower().endswith(SUFFIXES)
        ]
        if not items:
            raise PhotosError(f"{archive}: no photographs in there ({', '.join(SUFFIXES)})")
        yield from _pack(sorted(items, key=_name), Path(out), short_side, workers)


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
    if not items:
        places = ", ".join(map(str, roots))
        raise PhotosError(f"{places}: no photographs in there ({', '.join(SUFFIXES)})")
    return sorted(items, key=_name)


def _name(item: Item) -> str:
    return item.name


def _text(path: Path) -> str:
    """A file name need not be valid Unicode; the index must be."""
    return os.fsencode(path.as_posix()).decode(errors="replace")


def _below(folder: Path) -> list[Path]:
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return [path for path in files if path.name.lower().endswith(SUFFIXES) and path.is_file()]


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise PhotosError(
            f"{archive.filename}: is damaged at {member.filename} ({error}); delete it and repeat"
        ) from None


# ---------------------------------------------------------------- decoding


def decode_all(
    items: list[Item], short_side: int, workers: int | None = None
) -> Iterator[np.ndarray | str]:
    """For each file (height, width, 3) uint8 as it goes into a pack, or why it is skipped."""
    return in_order(partial(_decode_or_reason, short_side), items, workers or os.cpu_count() or 1)


def _decode_or_reason(short_side: int, item: Item) -> np.ndarray | str:
    try:
        data = item.read()  # raises PhotosError of a damaged archive: not this photograph's fault
        if not data:
            return "the file is empty"
        return decode(io.BytesIO(data), partial(_pixels, short_side))
    except (ImageError, MemoryError, OSError) as error:
        return one_line(error)


def _pixels(short_side: int, picture: Image.Image) -> np.ndarray | str:
    width, height = picture.size
    if min(width, height) < SMALLEST:
        return f"only {width} x {height} pixels; the least is {SMALLEST}"
    # JPEG decoders can reduce by 2, 4 or 8 as they go. Twice the size we want leaves the
    # last step to the better filter below. For other formats this does nothing.
    picture.draft(None, (2 * short_side, 2 * short_side))
    picture = upright(picture)
    # Colour profiles are applied to the reduced picture: the same result, much sooner.
    plain = picture.mode in ("RGB", "L", "CMYK")
    picture = _reduce(picture if plain else to_srgb(picture), short_side)
    return np.asarray(to_srgb(picture) if plain else picture)


def _reduce(picture: Image.Image, short_side: int) -> Image.Image:
    """Never enlarges; cuts the middle 4/3 out of panoramas."""
    short = min(short_side, *picture.size)
    scale = short / min(picture.size)
    size = tuple(min(round(side * scale), short * 4 // 3) for side in picture.size)
    spans = [_middle(side, part / scale) for side, part in zip(picture.size, size, strict=True)]
    (left, right), (top, bottom) = spans
    return picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))


def _middle(side: int, part: float) -> tuple[float, float]:
    start = max(0, (side - part) // 2)
    return start, min(side, start + part)


def in_order(function: Callable, items: Iterable, workers: int) -> Iterator:
    """Map in threads. Unlike Executor.map, never runs far ahead of who takes the results."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 4 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


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
                lines = [] if begun else [_line(header)]
                try:
                    for done, result in enumerate(results, begun + 1):
                        entry = make_entry(items[done - 1].name, result, pixels.tell())
                        if not isinstance(result, str):
                            pixels.write(result.data)
                        lines.append(_line(entry))
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
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise PhotosError(f"{out}: another process is working on it") from None
    except OSError as error:
        raise PhotosError(f"{out}: cannot be written ({error.strerror or error})") from None
    try:
        yield
    finally:
        lock.release()


def _resume(out: Path, header: dict) -> int:
    """How many files an earlier run has finished; cut off what is half written after them."""
    index, pixels = out / INDEX, out / PIXELS
    try:
        index.touch()
        pixels.touch()
        found, entries, (length, size) = read_index(out)
        if found and found != header:
            raise PhotosError(f"{out}: {_difference(found, header)}; delete it or choose another")
        os.truncate(index, length)
        os.truncate(pixels, size)
    except OSError as error:
        raise PhotosError(f"{out}: cannot be written ({error.strerror or error})") from None
    return len(entries)


def _difference(found: dict, wanted: dict) -> str:
    was, now = (
        f"{header.get('files', 0):,} files, short side {header.get('short_side')}"
        for header in (found, wanted)
    )
    if was != now:
        return f"was begun with {was}; now it would be {now}"
    return f"was begun when some of the {found['files']:,} files had other names or contents"


# ---------------------------------------------------------------- the index


def make_header(items: list[Item], short_side: int) -> dict:
    """What must agree for two packs to be of the same photographs."""
    listing = json.dumps([(item.name, item.size) for item in items]).encode()
    digest = hashlib.sha256(listing).hexdigest()
    return {"format": 1, "short_side": short_side, "files": len(items), "listing": digest}


def make_entry(name: str, result: np.ndarray | str, offset: int) -> dict:
    """A file's line in the index."""
    if isinstance(result, str):
        return {"name": name, "skipped": result}
    height, width, _ = result.shape
    crc = zlib.crc32(result.data)
    return {"name": name, "height": height, "width": width, "offset": offset, "crc32": crc}


def _line(record: dict) -> bytes:
    return json.dumps(record).encode() + b"\n"


def index_digest(header: dict, entries: list[dict]) -> str:
    """12 hexadecimal digits that stand for names, order and pixels of all photographs."""
    return hashlib.sha256(b"".join(map(_line, [header, *entries]))).hexdigest()[:12]


def read_index(pack: Path) -> tuple[dict, list[dict], tuple[int, int]]:
    """Header, entries, and how many bytes of index and pixels they take.

    It ends before the first line that is torn or whose pixels are not all there.
    """
    available = (pack / PIXELS).stat().st_size
    records: list[dict] = []
    length = end = 0
    for line in (pack / INDEX).read_bytes().splitlines(keepends=True):
        try:
            record = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            record = None
        if not isinstance(record, dict):
            break
        if "offset" in record:
            if record["offset"] != end or entry_end(record) > available:
                break
            end = entry_end(record)
        records.append(record)
        length += len(line)
    return (records[0] if records else {}), records[1:], (length, end)


def entry_end(entry: dict) -> int:
    """Where in ``pixels.u8`` a photograph ends."""
    return entry["offset"] + 3 * entry["height"] * entry["width"]


def is_pack(path: str | Path) -> bool:
    """Whether ``path`` is a pack, be it finished or not."""
    return (Path(path) / INDEX).is_file() and (Path(path) / PIXELS).is_file()


def finished_index(pack: Path) -> tuple[dict, list[dict]]:
    """Header and entries of a finished pack; :class:`PhotosError` says what else it is."""
    if not is_pack(pack):
        what = "is not a pack" if pack.exists() else "no such pack"
        raise PhotosError(f"{pack}: {what}; make one with: perceptual-edu photos pack FOLDER")
    header, entries, _ = read_index(pack)
    if header.get("format") != 1 or len(entries) != header.get("files"):
        state = f"{len(entries):,} of {header.get('files', '?'):,} files" if header else "not begun"
        raise PhotosError(f"{pack}: is not finished ({state}); repeat the command that packs it")
    if not any("offset" in entry for entry in entries):
        raise PhotosError(f"{pack}: none of its {len(entries):,} files was a photograph")
    return header, entries
