"""The trained styles that there are, by name: alone in a file, or many in one."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..assets import checkpoint, checkpoints, file_or_bundled, unknown
from .cards import NetworkError, read_header

if TYPE_CHECKING:  # PyTorch takes seconds; to list styles, nobody should wait for it
    from .style import StyleNet


class TrainedStyle(NamedTuple):
    """A style that a file holds."""

    name: str
    file: Path
    card: dict
    """Of the file, see :func:`~perceptual_edu.networks.cards.read_card`."""
    number: int | None = None
    """Which one it is of a file of many, from 0; None if it is alone."""


def trained_styles() -> list[TrainedStyle]:
    """All bundled trained styles: those alone in a file, then those of files of many."""
    found = [style for file in checkpoints() for style in _styles_in(file)]
    return sorted(found, key=lambda style: style.number is not None)


def load_style(
    style: str | Path | Mapping[str, float], network: str | Path | None = None
) -> StyleNet:
    """A trained style, or a mixture of several, as a network of one style.

    Parameters
    ----------
    style
        A bundled style's name (:func:`trained_styles`), a mixture as
        ``{"the_scream": 0.7, "udnie": 0.3}`` or ``"the_scream:0.7+udnie:0.3"`` (without weights:
        equal parts), or the file of a network of one style. A style that is alone in a file comes
        before one of the same name in a file of many.
    network
        The file, or the bundled network's name, to take the styles from.

    Raises
    ------
    NetworkError
        If the file is not a style network, or holds several styles and none is named.
    AssetError
        If there is no style of this name.
    ValueError
        If a mixture cannot be read, or its weights are negative or all zero.

    Examples
    --------
    >>> load_style("the_scream").styles
    ('the_scream',)
    """
    file, mixture = find_style(style, network)
    if mixture is None and len(names := style_names(file)) > 1:
        raise NetworkError(
            f"{file}: holds {len(names)} styles: {', '.join(names)}; name one of them, and this "
            f"file as the network (perceptual-edu stylize ... --network {file} --style {names[0]})"
        )
    return load_style_network(file).only(mixture)


def load_style_network(file: Path) -> StyleNet:
    """A style network with all its styles."""
    from .serialization import load_network

    style_names(file)  # raises if it is another network
    return load_network(file)


def find_style(
    style: str | Path | Mapping[str, float], network: str | Path | None = None
) -> tuple[Path, dict[str, float] | None]:
    """The file that a style is in, and its name or mixture there; None for all of the file.

    As :func:`load_style`, which loads it.
    """
    if network is not None:
        file = file_or_bundled(network, checkpoint)
        names = style_names(file)
        alone = _own_names(file) if len(names) == 1 else []  # either name will do
        wanted = _chosen(style, [*names, *alone], f"style of {file}")
        return file, wanted if len(names) > 1 else None
    if not isinstance(style, Mapping):
        path = Path(style).expanduser()
        if path.is_file() or path.suffix[1:].isalpha() or len(path.parts) > 1:
            return path, None
        if whole := [file for file in checkpoints() if file.stem == str(style)]:
            return whole[0], None
    styles = trained_styles()
    wanted = _chosen(style, [each.name for each in styles], "style")
    for file in dict.fromkeys(each.file for each in styles):
        if wanted.keys() <= set(names := style_names(file)):
            return file, wanted if len(names) > 1 else None
    shared = [names for file in checkpoints() if len(names := _names_in(file)) > 1]
    raise NetworkError(
        f"{' and '.join(wanted)} are not in one network, which a mixture needs; "
        f"there can be mixed: {'; '.join(map(', '.join, shared)) or 'none yet'}"
    )


def style_names(file: str | Path) -> list[str]:
    """The styles that a file holds. A style that is alone has the file's name."""
    names = _names_in(file)
    if not names:
        kind = read_header(file)["architecture"].get("class")
        raise NetworkError(f"{file}: is a {kind}, not a style network")
    return names


def _names_in(file: str | Path) -> list[str]:
    names = _own_names(file)
    return [Path(file).stem] if len(names) == 1 else names


def _own_names(file: str | Path) -> list[str]:
    """What the network calls its styles; none if it is not one that paints."""
    architecture = read_header(file)["architecture"]
    if architecture.get("class") != "StyleNet":
        return []
    return list(architecture.get("styles", ["1"]))  # files of old have one, without a name


def _styles_in(file: Path) -> list[TrainedStyle]:
    names, card = _names_in(file), read_header(file)["card"]
    alone = len(names) == 1
    return [
        TrainedStyle(name, file, card, None if alone else number)
        for number, name in enumerate(names)
    ]


# ---------------------------------------------------------------- mixtures


def _chosen(style: str | Path | Mapping[str, float], names: list[str], kind: str) -> dict:
    """Weights by name, of a name or a mixture of these names."""
    if isinstance(style, Mapping):
        wanted = {name: float(weight) for name, weight in style.items()}
    else:
        wanted = {str(style): 1.0} if str(style) in names else _read_mixture(str(style))
    for name in wanted:
        if name not in names:
            raise unknown(kind, name, names)
    if not (all(weight >= 0 for weight in wanted.values()) and 0 < sum(wanted.values()) < inf):
        raise ValueError(f"weights of styles are {wanted}; wanted are positive numbers")
    return wanted


def _read_mixture(text: str) -> dict[str, float]:
    """``"the_scream:0.7+udnie:0.3"``, or ``"the_scream+udnie"`` for equal parts."""
    parts = [part.rpartition(":") if ":" in part else (part, "", "1") for part in text.split("+")]
    if len({colon for _, colon, _ in parts}) > 1:
        raise ValueError(f"{text}: give each style a weight, or none")
    if len({name.strip() for name, _, _ in parts}) < len(parts):
        raise ValueError(f"{text}: names a style twice")
    try:
        return {name.strip(): float(weight) for name, _, weight in parts}
    except ValueError:
        raise ValueError(
            f"{text}: has a weight that is no number; wanted is, for example, "
            "the_scream:0.7+udnie:0.3"
        ) from None
