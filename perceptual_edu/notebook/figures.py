"""The book's pictures: a row, a labelled grid, curves. All return a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ..images import to_pil

_BACKGROUND = "white"  # also in the book's dark mode, where transparent figures lose their text


def show(
    images: Tensor | Sequence[Tensor],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    width: float = 10.0,
) -> Figure:
    """Show images side by side.

    Parameters
    ----------
    images
        One image (1, 3, H, W) in [0, 255], a batch, or a list of single images of any sizes.
    titles
        One line or more above each.
    columns
        Images in a row; all in one row by default.
    width
        Width of the whole figure in inches.
    """
    pictures = [to_pil(image) for image in images]
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    aspect = max(p.height / p.width for p in pictures)
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    height = rows * (width / columns * aspect + 0.22 * lines)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width, height),
        squeeze=False,
        layout="constrained",
        facecolor=_BACKGROUND,
    )
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, title in zip(
        axes.flat, pictures, titles or [""] * len(pictures), strict=False
    ):
        axis.imshow(picture)
        axis.set_title(title, fontsize=10)
    plt.close(figure)  # the cell shows the returned figure; without this it would appear twice
    return figure


def grid(
    images: Sequence[Sequence[Tensor]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_label: str = "",
    column_label: str = "",
    width: float = 9.0,
) -> Figure:
    """Show a table of images, one row of ``images`` a row, with labels at the left and on top.

    Parameters
    ----------
    images
        ``images[i][j]`` is an image (1, 3, H, W) in [0, 255].
    rows, columns
        Labels of the rows and the columns.
    row_label, column_label
        What varies down and across.
    width
        Width of the whole figure in inches.
    """
    aspect = images[0][0].shape[-2] / images[0][0].shape[-1]
    cell = width / (len(columns) + 0.3)
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(width, len(rows) * cell * aspect + 0.6),
        squeeze=False,
        layout="constrained",
        facecolor=_BACKGROUND,
    )
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            axis = axes[i, j]
            axis.imshow(to_pil(image))
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            if i == 0:
                axis.set_title(columns[j], fontsize=10)
            if j == 0:
                axis.set_ylabel(rows[i], fontsize=10)
    figure.supxlabel(column_label, fontsize=11)
    figure.supylabel(row_label, fontsize=11)
    plt.close(figure)
    return figure


def curves(
    series: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    *,
    x: str = "iteration",
    y: str = "objective",
    log: bool = True,
    log_x: bool = False,
    title: str = "",
    width: float = 7.0,
) -> Figure:
    """Draw named curves into one diagram.

    Parameters
    ----------
    series
        Name -> the y values (x counts from 1), or a pair (x values, y values).
    x, y
        Labels of the axes.
    log, log_x
        Logarithmic axes.
    """
    figure, axis = plt.subplots(
        figsize=(width, width * 0.55), layout="constrained", facecolor=_BACKGROUND
    )
    for name, values in series.items():
        xs, ys = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
        axis.plot(list(xs), [float(v) for v in torch.as_tensor(ys)], label=name, linewidth=1.8)
    axis.set(xlabel=x, ylabel=y, title=title)
    axis.set_yscale("log" if log else "linear")
    axis.set_xscale("log" if log_x else "linear")
    axis.grid(alpha=0.3, which="both", linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    plt.close(figure)
    return figure
