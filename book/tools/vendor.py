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
    python book/tools/vendor.py --check  exit 1 if something is missing
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
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "_static" / "vendor"


@dataclass(frozen=True)
class Package:
    """One npm package, and the part of it that we serve."""

    name: str
    version: str
    sha512: str  # base64, as npm prints it in `dist.integrity`
    folder: str  # below VENDOR
    files: tuple[str, ...]  # patterns inside the archive
    strip: str  # leading path that is dropped
    without: str = "The book will load this script from a public CDN"

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


PACKAGES = (
    Package(
        name="mathjax",
        version="3.2.2",
        sha512="Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        folder="mathjax",
        files=(
            "package/LICENSE",
            "package/es5/tex-chtml.js",
            # MathJax loads these when a page uses a rarer command such as \boldsymbol.
            "package/es5/input/tex/extensions/*.js",
            "package/es5/output/chtml/fonts/woff-v2/*.woff",
        ),
        strip="package/",
    ),
    Package(
        name="@jupyter-widgets/html-manager",
        version="1.0.15",
        sha512="5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        folder="html-manager",
        files=(
            "package/dist/embed.js",
            "package/dist/embed.js.LICENSE.txt",
            "package/dist/*.woff2",
        ),
        strip="package/dist/",
    ),
    # The page Try it: a runtime for the processor, and one that knows WebGPU too.
    Package(
        name="onnxruntime-web",
        version="1.24.3",
        without="The page Try it will only say so",
        sha512="41dDq7fxtTm0XzGE7N0d6m8FcOY8EWtUA65GkOixJPB/G7DGzBmiDAnVVXHznRw9bgUZpb+4/1lQK/PNxGpbrQ==",
        folder="onnxruntime-web",
        files=(
            "package/dist/ort.wasm.min.js",
            "package/dist/ort-wasm-simd-threaded.mjs",
            "package/dist/ort-wasm-simd-threaded.wasm",
            "package/dist/ort.jspi.min.js",
            "package/dist/ort-wasm-simd-threaded.jspi.mjs",
            "package/dist/ort-wasm-simd-threaded.jspi.wasm",
        ),
        strip="package/dist/",
    ),
    # Not for the pages: the tests ask it whether everybody can use them.
    Package(
        name="axe-core",
        version="4.14.1",
        without="Nobody will check whether the pages suit screen readers",
        sha512="FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        folder="axe-core",
        files=("package/axe.min.js", "package/LICENSE"),
        strip="package/",
    ),
)


class VendorError(Exception):
    """A package could not be fetched; the message says which one, why, and what to do."""


def is_present(package: Package) -> bool:
    """The marker is written last, so a folder with the right marker is complete."""
    marker = VENDOR / package.folder / "VERSION"
    return marker.is_file() and marker.read_text().strip() == package.label


def download(package: Package, folder: Path) -> bytes:
    """The package's archive, as `npm pack` delivers it, after the check of its hash."""
    npm = shutil.which("npm")
    if npm is None:
        raise VendorError(
            "npm is not installed. Install Node.js (Debian, Ubuntu: apt-get install npm)"
        )
    try:
        subprocess.run(
            [npm, "pack", package.label, "--loglevel=error", "--ignore-scripts"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=180,
        )
    except subprocess.TimeoutExpired:
        raise VendorError(f"npm could not fetch {package.label} within 3 minutes") from None
    except subprocess.CalledProcessError as error:
        # The first line that npm prints after the error's code is its reason.
        lines = [line.removeprefix("npm").strip() for line in error.stderr.splitlines()]
        lines = [line for line in lines if line and not line.startswith(("error code", "warn"))]
        reason = lines[0] if lines else f"exit status {error.returncode}"
        raise VendorError(f"npm could not fetch {package.label}: {reason}") from None
    archives = list(folder.glob("*.tgz"))
    if len(archives) != 1:
        raise VendorError(f"npm delivered {len(archives)} archives for {package.label}, not one")
    data = archives[0].read_bytes()
    found = base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != package.sha512:
        raise VendorError(
            f"{package.label} has SHA-512 {found[:16]}..., expected {package.sha512[:16]}...; "
            "the archive was not used"
        )
    return data


def extract(package: Package, data: bytes, target: Path) -> int:
    """Write the wanted files below `target`; returns how many."""
    count = 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            wanted = any(fnmatch.fnmatchcase(member.name, pattern) for pattern in package.files)
            if not (wanted and member.isfile()) or ".." in Path(member.name).parts:
                continue
            path = target / member.name.removeprefix(package.strip).removeprefix("package/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.extractfile(member).read())
            count += 1
    return count


def fetch(package: Package) -> None:
    """Fetch one package; its folder appears complete or not at all."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=VENDOR) as name:
        work = Path(name)
        data = download(package, work)
        fresh = work / "files"
        if extract(package, data, fresh) < len(package.files) - 1:
            raise VendorError(f"{package.label} does not hold the files that were expected")
        (fresh / "VERSION").write_text(package.label + "\n")
        target = VENDOR / package.folder
        if target.exists():
            target.rename(work / "old")
        fresh.rename(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    missing = [package for package in PACKAGES if not is_present(package)]
    if arguments.check:
        for package in missing:
            print(f"missing: {package.label}")
        return 1 if missing else 0
    for package in missing:
        try:
            fetch(package)
        except (VendorError, OSError) as error:
            print(
                f"Offline pages: {error}. {package.without}.",
                file=sys.stderr,
            )
        else:
            print(f"fetched {package.label}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
