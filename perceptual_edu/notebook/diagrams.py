"""The book's diagrams: curves, bars, dots, labelled points and heat maps, in the style of figures.

Each takes numbers by name and returns a matplotlib figure. What has no function here is drawn into
a :func:`~perceptual_edu.notebook.figures.panel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from .figures import BLUE, COLOURS, PAGE, RED, panel

Series = Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]]
_LINES = ("-", "--", "-.", ":")
_MARKS = "os^Dvp"


def curves(
    series: Series | Mapping[str, Series],
    *,
    x: str | Sequence[str] = "iteration",
    y: str | Sequence[str] = "objective",
    log: bool = True,
    log_x: bool = False,
    title: str = "",
    levels: Mapping[str, float] | None = None,
    width: float = PAGE,
) -> Figure:
    """Draw named curves into one diagram, or into several side by side.

    Parameters
    ----------
    series
        Name -> the y values (x counts from 1), or a pair (x values, y values). For several
        diagrams, the title of each -> its curves.
    x, y
        Labels of the axes; for several diagrams, one for all or one for each.
    log, log_x
        Logarithmic axes.
    title
        Of a single diagram.
    levels
        Name -> a value at which a thin horizontal line is drawn.
    width
        Width of the figure in inches.
    """
    several = isinstance(next(iter(series.values())), Mapping)
    diagrams = series if several else {title: series}
    figure, axes = panel(1, len(diagrams), width=width, squeeze=False)
    for i, (axis, (name, lines)) in enumerate(zip(axes[0], diagrams.items(), strict=True)):
        for k, (label, values) in enumerate(lines.items()):
            xs, ys = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
            xs, ys = ([float(v) for v in torch.as_tensor(list(n))] for n in (xs, ys))
            axis.plot(xs, ys, _LINES[k % 4] if several else "-", label=label)
        for (label, value), line in zip((levels or {}).items(), ("--", ":") * 2, strict=False):
            axis.axhline(value, color="black", linestyle=line, linewidth=1.2, label=label)
        labels = [word if isinstance(word, str) else word[i] for word in (x, y)]
        axis.set(xlabel=labels[0], ylabel=labels[1], title=name)
        axis.set_yscale("log" if log else "linear")
        axis.set_xscale("log" if log_x else "linear")
        axis.grid(which="both")
    axes[0, -1].legend()
    return figure


def bars(series: Mapping[str, Mapping[str, float]], *, y: str = "") -> Figure:
    """Groups of bars: series -> group -> height. The groups are those of the first series."""
    figure, axis = panel()
    groups = list(next(iter(series.values())))
    wide = 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        places = [k + wide * (i - (len(series) - 1) / 2) for k in range(len(groups))]
        axis.bar(places, [values[group] for group in groups], 0.92 * wide, label=name)
    axis.set_xticks(range(len(groups)), groups)
    axis.grid(False, axis="x")
    axis.set(ylabel=y)
    axis.legend()
    return figure


def dots(
    diagrams: Mapping[str, Mapping[str, Sequence[float]]], *, x: str = "", at: float | None = None
) -> Figure:
    """Rows of dots with their median, side by side.

    Parameters
    ----------
    diagrams
        Title -> row -> values. The rows are those of the first diagram, from bottom to top.
    x
        Label of the axis.
    at
        A value to compare with: a dashed line.
    """
    rows = list(next(iter(diagrams.values())))
    height = 0.8 + 0.27 * len(rows)
    figure, axes = panel(1, len(diagrams), height=height, squeeze=False, sharey=True)
    for axis, (title, values) in zip(axes[0], diagrams.items(), strict=True):
        for row, name in enumerate(rows):
            axis.plot(values[name], [row] * len(values[name]), "o", color=BLUE, alpha=0.6)
            axis.plot(median(values[name]), row, "|", color="black", markersize=16)
        if at is not None:
            axis.axvline(at, color=RED, linestyle="--", linewidth=1)
        axis.set(title=title, xlabel=x, xlim=(0, None))
        axis.grid(False, axis="x")
    axes[0, 0].set_yticks(range(len(rows)), rows)
    return figure


def points(
    diagrams: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    x: str = "",
    y: str = "",
    path: Mapping[str, tuple[float, float]] | None = None,
    width: float = PAGE,
) -> Figure:
    """Labelled points in a plane, in one diagram or several.

    Parameters
    ----------
    diagrams
        Title -> label -> (x, y). A label has the same colour and mark everywhere.
    x, y
        Labels of the axes.
    path
        Further points of the last diagram, small ones on a line, label -> (x, y).
    width
        Width of the figure in inches.
    """
    height = width / len(diagrams) * (0.6 if len(diagrams) == 1 else 0.9) + 0.4
    figure, axes = panel(1, len(diagrams), width=width, height=height, squeeze=False)
    names = list(dict.fromkeys(name for found in diagrams.values() for name in found))
    if path:
        last = axes[0, -1]
        last.plot(*zip(*path.values(), strict=True), "o-", color="0.4", markersize=4, linewidth=1.5)
        for label, place in path.items():
            how = dict(xytext=(5, -11), textcoords="offset points", fontsize=9)
            last.annotate(label, place, **how)
    for axis, (title, found) in zip(axes[0], diagrams.items(), strict=True):
        for name, (a, b) in found.items():
            i = names.index(name)
            axis.plot(a, b, _MARKS[i], color=COLOURS[i], markersize=8, label=name)
        axis.set(xlabel=x, title=title)
        axis.margins(0.2)
    axes[0, 0].set_ylabel(y)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def heat(
    maps: Mapping[str, Tensor],
    *,
    limits: tuple[float, float] | None = None,
    extent: tuple[float, float, float, float] | None = None,
    x: str = "",
    y: str = "",
    label: str = "",
    form: str = "",
) -> Figure:
    """Tables of numbers as colours, side by side.

    Parameters
    ----------
    maps
        Title -> a tensor (H, W). At most four stand in a row.
    limits
        The values of the darkest and the lightest colour; for each map its own by default.
    extent
        What the edges stand for: left, right, bottom, top. Without it no ticks are drawn.
    x, y, label
        Of the axes, and of the bar of colours, which is left out without a label.
    form
        How to write each number into its place, for example ``".0f"``; not at all by default.
    """
    rows = -(-len(maps) // 4)
    columns = -(-len(maps) // rows)
    height = rows * (PAGE / columns + 0.25) + (0.6 if label else 0)
    figure, axes = panel(rows, columns, height=height, squeeze=False)
    low, high = limits or (None, None)
    for axis in axes.flat[len(maps) :]:
        axis.axis("off")
    for axis, (title, values) in zip(axes.flat, maps.items(), strict=False):
        image = axis.imshow(values.numpy(), cmap="cividis", vmin=low, vmax=high, extent=extent)
        axis.grid(False)
        axis.set(title=title, xlabel=x, ylabel=y if axis is axes[0, 0] else "")
        if extent is None:
            axis.set(xticks=[], yticks=[])
        else:
            axis.locator_params(nbins=4)
            for each in (axis.xaxis, axis.yaxis):  # the shortest words, or they touch
                each.set_major_formatter("{x:g}")
        for (i, k), value in np.ndenumerate(values.double().numpy() if form else []):
            ink = "white" if image.norm(value) < 0.6 else "black"
            axis.text(k, i, format(value, form), ha="center", va="center", color=ink)
    if label:
        figure.colorbar(image, ax=axes, label=label, location="bottom", shrink=0.5, aspect=40)
    return figure
