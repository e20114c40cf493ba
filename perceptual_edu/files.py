"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success flush it to disk and rename it.

    If the body raises, or the program is interrupted, ``path`` is left as it was. A link stays,
    and what it points at is replaced; a file that is replaced keeps its permissions. A device or a
    pipe (``/dev/stdout``) cannot be replaced and is written to.

    The temporary name keeps the suffix, because image libraries choose the format by it, and is
    short otherwise, because ``path`` may have as long a name as the file system allows.
    """
    suffix = path.suffix if len(os.fsencode(path.suffix)) < 50 else ""
    special = path.exists() and not path.is_file()
    try:
        yield from _written_through(path, suffix) if special else _replaced(path, suffix)
    except OSError as error:
        if error.errno and not error.filename:  # such as a full disk
            error.filename = str(path)
        raise


def _replaced(path: Path, suffix: str) -> Iterator[Path]:
    target = destination(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}{suffix}")
    temporary.touch(exist_ok=False)  # with the permissions that new files get here
    mode = stat.S_IMODE((target if target.exists() else temporary).stat().st_mode)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(OSError):  # some network shares have no permissions
            temporary.chmod(mode)  # libraries that rename a file of their own made others
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def destination(path: Path) -> Path:
    """Where the bytes of ``path`` are to go: itself, or what the link points at."""
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(f"{path}: is a link that leads back to itself")
    return target


def check_destination(path: Path) -> None:
    """Raise OSError now if :func:`written_atomically` could not write ``path`` later.

    Its text is one line that begins with the path.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):  # no such file yet, or see below
        pass
    except OSError as error:  # a name that is too long
        raise OSError(f"{path}: {error.strerror}") from None
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; wanted is the name of a file")
    folder = destination(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"{path}: the folder {folder} does not exist")
    # What is neither a file nor a folder is a device: written to, not replaced.
    written = path if path.exists() and not path.is_file() else folder
    if not os.access(written, os.W_OK):
        raise PermissionError(
            f"{path}: {'the folder ' * written.is_dir()}{written} cannot be written"
        )


def _written_through(path: Path, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, f"file{suffix}")
        yield temporary
        with temporary.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
