"""The book's pictures: one style for all figures, rows and grids of pictures, details of them.

Every figure is as wide as the page of the book, `PAGE` inches, or narrower, with at most four
panels in a row: then its words can be read, on a phone as well. Diagrams are in
:mod:`~perceptual_edu.notebook.diagrams`, tables in :mod:`~perceptual_edu.notebook.tables`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from ..images import to_pil

PAGE = 7.0  # inches, 1120 pixels: what the page shows without enlarging it
LARGEST = 3.5  # inches, 560 pixels: a picture alone

# Okabe and Ito's colours, which colour-blind readers tell apart, in the order of their use.
BLUE, RED, GREEN, ORANGE, PINK, GREY = COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#666666"),
)
STYLE = {
    "figure.dpi": 160,
    "figure.facecolor": "white",  # in dark mode too, where a transparent figure loses its text
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.8,
}
_LETTER = 0.082  # inches: the mean width of a letter in a title
_LINE = 0.175  # inches: a line of a title


def style() -> None:
    """Use the book's style in a notebook, for all figures."""
    plt.rcParams.update(STYLE)


def panel(
    rows: int = 1, columns: int = 1, *, width: float = PAGE, height: float | None = None, **how
) -> tuple[Figure, Axes | np.ndarray]:
    """A figure in the book's style, and its axes, as ``plt.subplots`` gives them.

    Parameters
    ----------
    rows, columns
        Of the diagrams in it.
    width, height
        Of the figure in inches, at most `PAGE` wide. Without a height, a diagram is 0.6 times as
        high as wide, or a little more where several stand in a row.
    how
        What else ``plt.subplots`` takes.
    """
    width = min(width, PAGE)
    if height is None:
        height = rows * width / columns * (0.6 if columns == 1 else 0.85)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), **how)
    plt.close(figure)  # a cell shows the figure that it returns; open, it would appear twice
    return figure, axes


def show(
    images: Tensor | Sequence[Tensor],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    width: float = PAGE,
) -> Figure:
    """Show images side by side.

    Parameters
    ----------
    images
        One image (1, 3, H, W) in [0, 255], a batch, or a list of single images of any sizes. Maps
        (H, W) are drawn in grey, from their least value to their largest.
    titles
        What stands above each; long lines are broken.
    columns
        Images in a row; by default as many as make full rows of at most four.
    width
        Width of the whole figure in inches, at most `PAGE`.
    """
    images = list(images)
    columns = columns or _columns(len(images))
    rows = -(-len(images) // columns)
    width = min(width, PAGE, columns * LARGEST)
    titles = [_broken(title, width / columns) for title in titles or [""] * len(images)]
    lines = max(title.count("\n") + 1 for title in titles) if any(titles) else 0
    above = _LINE * lines + 0.2 * bool(lines)
    height = rows * (width / columns * max(map(_aspect, images)) + above)
    figure, axes = panel(rows, columns, width=width, height=height, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        _draw(axis, image)
        axis.set_title(title)
    return figure


def grid(
    images: Sequence[Sequence[Tensor]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    captions: Sequence[Sequence[str]] | None = None,
    row_label: str = "",
    column_label: str = "",
    width: float = PAGE,
) -> Figure:
    """Show a table of images, one row of ``images`` a row, with labels at the left and on top.

    Parameters
    ----------
    images
        ``images[i][j]`` is an image (1, 3, H, W) in [0, 255], or a map (H, W), drawn in grey.
    rows, columns
        Labels of the rows and the columns.
    captions
        ``captions[i][j]`` stands below that image.
    row_label, column_label
        What varies down and across.
    width
        Width of the whole figure in inches, at most `PAGE`.
    """
    width = min(width, PAGE, len(columns) * LARGEST)
    cell = width / (len(columns) + 0.3)
    tops = [_broken(column, cell) for column in columns]
    below = [[_broken(text, cell) for text in row] for row in captions or []]
    lines = max((text.count("\n") + 1 for row in below for text in row if text), default=0)
    height = sum(cell * max(map(_aspect, row)) + _LINE * lines for row in images)
    height += _LINE * max(top.count("\n") + 2 for top in tops)
    figure, axes = panel(len(rows), len(columns), width=width, height=height, squeeze=False)
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            axis = axes[i, j]
            _draw(axis, image)
            axis.set(xticks=[], yticks=[], xlabel=below[i][j] if below else "")
            axis.spines[:].set_visible(False)
            if i == 0:
                axis.set_title(tops[j])
            if j == 0:
                axis.set_ylabel(rows[i])
    figure.supxlabel(column_label, fontsize=10)
    figure.supylabel(row_label, fontsize=10)
    return figure


def zoom(image: Tensor, top: int, left: int, side: int, times: int = 1) -> Tensor:
    """A square of an image (B, C, H, W), each of its pixels drawn as ``times`` x ``times``."""
    detail = image[..., top : top + side, left : left + side]
    return detail.repeat_interleave(times, -2).repeat_interleave(times, -1)


def framed(image: Tensor, top: int, left: int, side: int) -> Tensor:
    """A copy of an image (B, C, H, W) with a thin white frame around a square, where it fits."""
    image = image.clone()
    height, width = image.shape[-2:]
    top, left, bottom, right = max(0, top - 1), max(0, left - 1), top + side, left + side
    image[..., [top, min(bottom, height - 1)], left : right + 1] = 255
    image[..., top : bottom + 1, [left, min(right, width - 1)]] = 255
    return image


def mosaic(images: Tensor, columns: int, gap: int = 2) -> Tensor:
    """Small images (B, 3, H, W) in full rows of so many, as one image with white gaps."""
    rows = F.pad(images, (0, gap, 0, gap), value=255.0).split(columns)
    return torch.cat([torch.cat(list(row), dim=-1) for row in rows], dim=-2)[None, :, :-gap, :-gap]


def _columns(count: int) -> int:
    """Of the fewest rows of at most four, the number that leaves the fewest places empty."""
    return -(-count // -(-count // 4))


def _aspect(image: Tensor) -> float:
    return image.shape[-2] / image.shape[-1]


def _broken(title: str, inches: float) -> str:
    """A title in lines that fit into this width."""
    fits = max(8, int(inches / _LETTER))
    return "\n".join(
        textwrap.fill(line, fits, break_long_words=False) for line in title.split("\n")
    )


def _draw(axis: Axes, image: Tensor) -> None:
    axis.grid(False)
    if image.ndim == 2:
        axis.imshow(image.detach().float().cpu().numpy(), cmap="gray", interpolation="nearest")
    else:
        axis.imshow(to_pil(image))
