"""Fetch the scripts that the book's pages need, so that a reader's browser asks nobody else.

MathJax draws the formulas, html-manager draws the ipywidgets, and onnxruntime-web runs networks on
the page Try it; axe-core checks the pages in the tests, and is no part of them. They come from npm
as packages of a fixed version. The archive must match the SHA-512 recorded here, and only the files
listed here leave it. Without npm, or without a network, the build still works:
book/_ext/perceptual_book.py then leaves Sphinx's default, a public CDN, in place, and the page Try
it says that it was built without a runtime.

Not `npm ci` with a lock: html-manager's script is complete in itself, but its package names 130
others, and all of them, 150 MB installed, would be fetched and locked for nothing.

    python book/tools/vendor.py          fetch what is missing
"""

import argparse
import base64
import fnmatch
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).resolve().parents[1] / "_static" / "vendor"


class Package(NamedTuple):
    """One npm package, and the part of it that we serve."""

    label: str  # NAME@VERSION, for npm
    sha512: str  # base64, as npm prints it in `dist.integrity`
    root: str  # the folder in the archive that becomes ours
    files: tuple[str, ...]  # patterns below it
    without: str = "The book will load this script from a public CDN"

    @property
    def folder(self) -> Path:
        return VENDOR / self.label.rpartition("@")[0].rpartition("/")[2]


PACKAGES = (
    Package(
        "mathjax@3.2.2",
        sha512="Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        root="package/",
        files=(
            "LICENSE",
            "es5/tex-chtml.js",
            # MathJax loads these when a page uses a rarer command such as \boldsymbol.
            "es5/input/tex/extensions/*.js",
            "es5/output/chtml/fonts/woff-v2/*.woff",
        ),
    ),
    Package(
        "@jupyter-widgets/html-manager@1.0.15",
        sha512="5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        root="package/dist/",
        files=("embed.js", "embed.js.LICENSE.txt", "*.woff2"),
    ),
    # The page Try it: a runtime for the processor, and one that knows WebGPU too.
    Package(
        "onnxruntime-web@1.24.3",
        sha512="41dDq7fxtTm0XzGE7N0d6m8FcOY8EWtUA65GkOixJPB/G7DGzBmiDAnVVXHznRw9bgUZpb+4/1lQK/PNxGpbrQ==",
        root="package/dist/",
        files=(
            "ort.wasm.min.js",
            "ort-wasm-simd-threaded.mjs",
            "ort-wasm-simd-threaded.wasm",
            "ort.jspi.min.js",
            "ort-wasm-simd-threaded.jspi.mjs",
            "ort-wasm-simd-threaded.jspi.wasm",
        ),
        without="The page Try it will only say so",
    ),
    # Not for the pages: the tests ask it whether everybody can use them.
    Package(
        "axe-core@4.14.1",
        sha512="FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        root="package/",
        files=("axe.min.js", "LICENSE"),
        without="Nobody will check whether the pages suit screen readers",
    ),
)


class VendorError(Exception):
    """A package could not be fetched; the message says which one, why, and what to do."""


def is_present(package: Package) -> bool:
    """The marker is written last, so a folder with the right marker is complete."""
    marker = package.folder / "VERSION"
    return marker.is_file() and marker.read_text().strip() == package.label


def download(package: Package, folder: Path) -> bytes:
    """The package's archive, as `npm pack` delivers it, after the check of its hash."""
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError(
            "npm is not installed. Install Node.js (Debian, Ubuntu: apt-get install npm)"
        )
    command = [npm, "pack", package.label, "--loglevel=error", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        raise VendorError(f"npm could not fetch {package.label} within 3 minutes") from None
    if done.returncode:
        # The first line that npm prints after the error's code is its reason.
        lines = [line.removeprefix("npm").strip() for line in done.stderr.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("error code", "warn"))]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise VendorError(f"npm could not fetch {package.label}: {reason}")
    data = b"".join(path.read_bytes() for path in folder.glob("*.tgz"))
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != package.sha512:
        raise VendorError(
            f"{package.label} has SHA-512 {found[:16]}..., expected {package.sha512[:16]}...; "
            "the archive was not used"
        )
    return data


def extract(package: Package, data: bytes, target: Path) -> None:
    """Write the wanted files below `target`."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix(package.root)
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in package.files):
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.extractfile(member).read())


def fetch(package: Package) -> None:
    """Fetch one package; its folder appears complete or not at all."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=VENDOR) as name:
        work = Path(name)
        fresh = work / "files"
        extract(package, download(package, work), fresh)
        (fresh / "VERSION").write_text(package.label + "\n")
        if package.folder.exists():
            package.folder.rename(work / "old")
        fresh.rename(package.folder)


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for package in PACKAGES:
        if is_present(package):
            continue
        try:
            fetch(package)
            print(f"fetched {package.label}")
        except (VendorError, OSError) as error:
            print(f"Offline pages: {error}. {package.without}.", file=sys.stderr)


if __name__ == "__main__":
    main()
