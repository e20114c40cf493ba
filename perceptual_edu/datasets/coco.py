"""Large downloads that go on where they broke off, and COCO 2014, the paper's photographs.

``torch.hub.download_url_to_file`` begins again at every interruption: no way to get 13 GB.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NamedTuple

from .index import PhotosError, finished_index, writing
from .packing import Packed, locked, pack_archive

log = logging.getLogger(__name__)

COCO_2014 = "http://images.cocodataset.org/zips/train2014.zip"
COCO_2014_BYTES = 13_510_573_713
_CHUNK = 1 << 20


class Downloaded(NamedTuple):
    """Bytes so far, with those of earlier, interrupted runs, and in all (None: not known)."""

    done: int
    total: int | None


def coco_2014(
    folder: str | Path,
    *,
    short_side: int = 288,
    workers: int | None = None,
    url: str = COCO_2014,
    size: int | None = COCO_2014_BYTES,
) -> Iterator[Downloaded | Packed]:
    """Download COCO 2014's 82,783 training photographs and pack them as the paper crops them.

    Needs 13.5 GB for ``train2014.zip``, which may be deleted afterwards, and 28 GB for
    ``train2014.photos``, both in ``folder``. Killed at any moment and repeated, it goes on.

    Parameters
    ----------
    folder
        Made if need be. An archive that is already there is used.
    short_side, workers
        As in :func:`~perceptual_edu.datasets.packing.pack_photos`.
    url
        Another place that has the archive.
    size
        Bytes that the archive must have; None: whatever the server says.

    Raises
    ------
    PhotosError
        If the server has no such file, or another one; if it cannot be reached after several
        attempts; if the archive is damaged or the disk full.
    """
    archive = archive_in(folder, url)
    pack = archive.with_suffix(".photos")
    found = None
    with suppress(PhotosError):  # not finished, or not begun
        found = finished_index(pack)[0]["short_side"]
    if found not in (None, short_side):
        raise PhotosError(
            f"{pack}: has a shorter side of {found}, not {short_side}; "
            "delete it or choose another folder"
        )
    if found is None:
        with locked(pack):
            yield from download(url, archive, size=size)
        yield from pack_archive(archive, pack, short_side=short_side, workers=workers)


def archive_in(folder: str | Path, url: str = COCO_2014) -> Path:
    """Where :func:`coco_2014` keeps the archive; the pack beside it ends in ``.photos``."""
    return Path(folder, Path(urllib.parse.urlsplit(url).path).name)


def download(
    url: str, path: Path, *, size: int | None = None, attempts: int = 6, pause: float = 1.0
) -> Iterator[Downloaded]:
    """Fetch ``url``, after an interruption only the rest of it; yield a record per megabyte.

    The bytes go to ``NAME.part``, which gets its name when it is complete. Beside it lies
    ``NAME.part.json``, which identifies the file at the server (ETag or date, and length): if it
    changed in between, or the server cannot continue, the download starts again.

    Parameters
    ----------
    url, path
        From where, and to which file. If the file is there, nothing is done.
    size
        Bytes it must have, if that is known.
    attempts
        How many times in a row the connection may fail without bringing a single byte.
    pause
        Seconds to wait after the first failure; twice as many after each further one.

    Raises
    ------
    PhotosError
        As for :func:`coco_2014`.
    """
    if path.exists():
        if size not in (None, found := path.stat().st_size):
            raise PhotosError(f"{path}: has {found:,} bytes instead of {size:,}; delete it")
        return
    part, failures = path.with_name(path.name + ".part"), 0
    with writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
    while failures < attempts:
        before = _length(part)
        try:
            yield from _fetch(url, part, size)
            break
        except (OSError, HTTPException) as error:
            reason = _reason(url, error, part)
        failures = 1 if _length(part) > before else failures + 1
        if failures < attempts:
            wait = pause * 2 ** (failures - 1)
            log.warning("%s: %s; trying again in %.0f s", url, reason, wait)
            time.sleep(wait)
    else:
        raise PhotosError(
            f"{url}: {reason} ({attempts} times in a row; {_length(part) / 1e6:,.0f} MB so far); "
            "the same command goes on from there"
        )
    with writing(part):
        part.replace(path)
        _identity(part).unlink(missing_ok=True)


def _reason(url: str, error: Exception, part: Path) -> str:
    """What went wrong, if trying again may help; else a PhotosError."""
    if not isinstance(error, urllib.error.HTTPError):
        return str(getattr(error, "reason", None) or error or type(error).__name__)
    error.close()
    said = f"the server says {error.code} {error.reason}"
    if error.code == 416:  # it has fewer bytes than we do: another file by now
        part.unlink(missing_ok=True)
    elif error.code < 500 and error.code not in (408, 429):
        raise PhotosError(f"{url}: {said}") from None
    return said


def _fetch(url: str, part: Path, size: int | None) -> Iterator[Downloaded]:
    """One connection's worth. Raises ConnectionError if it ends too early."""
    try:
        known = json.loads(_identity(part).read_text())
    except (FileNotFoundError, ValueError):  # not begun, or killed while writing it
        known = {}
    start = _length(part) if known else 0
    if start and start == known["length"]:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "perceptual-edu"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if known["tag"]:  # "only if it is still the same file, else send all of it"
            request.add_header("If-Range", known["tag"])
    with urllib.request.urlopen(request, timeout=30) as response:
        first, found = _identify(response, known)
        if response.status == 206 and (first, found) != (start, known):
            part.unlink()
            raise ConnectionError("the file changed during the download")
        _check_size(url, part, found["length"], size, start := first)
        with writing(part):
            file = part.open("ab")
            file.truncate(start)
            _identity(part).write_text(json.dumps(found))
        with file:
            while chunk := response.read(_CHUNK):
                with writing(part):
                    file.write(chunk)
                    file.flush()
                start += len(chunk)
                yield Downloaded(start, found["length"])
    total = found["length"] or size or start
    if start != total:
        raise ConnectionError(f"broke off after {start:,} of {total:,} bytes")


def _identify(response: HTTPResponse, known: dict) -> tuple[int | None, dict]:
    """Where the bytes begin, and what tells this file from another one at the same address."""
    tag = response.headers.get("ETag", "W/")
    if tag.startswith("W/"):  # "weak": not for byte ranges
        tag = response.headers.get("Last-Modified")
    if response.status != 206:
        return 0, {"tag": tag, "length": response.length}
    span = re.match(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    first, total = map(int, span.groups()) if span else (None, None)
    # A 206 need not repeat the tag that we asked for.
    return first, {"tag": tag or known["tag"], "length": total}


def _check_size(url: str, part: Path, total: int | None, size: int | None, start: int) -> None:
    if None not in (total, size) and total != size:
        raise PhotosError(f"{url}: has {total:,} bytes instead of {size:,}: another file")
    free = shutil.disk_usage(part.parent).free
    if total and total - start > free:
        need = (total - start) / 1e9
        raise PhotosError(f"{part.parent}: {need:,.1f} GB are to come, {free / 1e9:,.1f} are free")


def _identity(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
