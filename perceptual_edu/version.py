"""Which version of the library this is."""

from __future__ import annotations

from pathlib import Path


def version() -> str:
    """The version as installed; of a clone that is not installed, what its pyproject.toml says.

    ``"unknown"`` where neither is to be found, for example in a copy of the folder alone.
    """
    import tomllib  # these here, because few programs ask
    from importlib import metadata

    try:
        return metadata.version("perceptual_edu")
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[1] / "pyproject.toml"
    try:
        return tomllib.loads(project.read_text("utf-8"))["project"]["version"]
    except (OSError, KeyError, ValueError):
        return "unknown"
