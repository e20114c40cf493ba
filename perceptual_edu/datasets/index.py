"""What is in a pack, and where.

A pack is a folder ``NAME.photos`` of two files. ``pixels.u8`` holds the 8-bit RGB pixels of all
photographs, one after the other. ``index.jsonl`` says in its first line how the pack was made, and
has then one line per file, in sorted order: either ``name, height, width, offset, crc32``, or
``name, skipped`` with the reason. Each line ends in a checksum of its own, so that a wrong byte is
noticed wherever it is.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import MendableError

PIXELS, INDEX = "pixels.u8", "index.jsonl"
FORMAT = 2


class PhotosError(MendableError):
    """Photographs cannot be had, packed or sampled; the message says why in one line."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors in here are the disk's, and are said so: trying again at once will not help."""
    try:
        yield
    except OSError as error:
        raise PhotosError(
            f"{path}: cannot be written ({error.strerror or error}); "
            "the same command goes on from there once that is mended"
        ) from None


class Item(NamedTuple):
    """A file to pack."""

    name: str
    size: int
    read: Callable[[], bytes]


def make_header(items: list[Item], short_side: int) -> dict:
    """What must agree for two packs to be of the same photographs."""
    listing = json.dumps([(item.name, item.size) for item in items]).encode()
    digest = hashlib.sha256(listing).hexdigest()
    return {"format": FORMAT, "short_side": short_side, "files": len(items), "listing": digest}


def make_entry(name: str, result: np.ndarray | str, offset: int) -> dict:
    """A file's line in the index."""
    if isinstance(result, str):
        return {"name": name, "skipped": result}
    height, width, _ = result.shape
    crc = zlib.crc32(result.data)
    return {"name": name, "height": height, "width": width, "offset": offset, "crc32": crc}


def index_line(record: dict) -> bytes:
    """A record as JSON, and the checksum of that in 8 hexadecimal digits."""
    text = json.dumps(record).encode()
    return text + b" %08x\n" % zlib.crc32(text)


def read_line(line: bytes) -> dict | None:
    """The record of a line; None if the line is torn or damaged."""
    text, _, checksum = line.rpartition(b" ")
    return json.loads(text) if checksum == b"%08x\n" % zlib.crc32(text) else None


def index_digest(header: dict, entries: list[dict]) -> str:
    """12 hexadecimal digits that stand for names, order and pixels of all photographs."""
    return hashlib.sha256(b"".join(map(index_line, [header, *entries]))).hexdigest()[:12]


def read_index(pack: Path) -> tuple[dict, list[dict], tuple[int, int]]:
    """Header, entries, and how many bytes of index and pixels they take.

    It ends before the first line that is torn or damaged, or whose pixels are not all there.
    """
    available = (pack / PIXELS).stat().st_size
    records: list[dict] = []
    length = end = 0
    for line in (pack / INDEX).read_bytes().splitlines(keepends=True):
        record = read_line(line)
        if record is None:
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
    if header.get("format") != FORMAT or len(entries) != header.get("files"):
        state = f"{len(entries):,} of {header.get('files', '?'):,} files" if header else "not begun"
        raise PhotosError(f"{pack}: is not finished ({state}); repeat the command that packs it")
    if not any("offset" in entry for entry in entries):
        raise PhotosError(f"{pack}: none of its {len(entries):,} files was a photograph")
    return header, entries
