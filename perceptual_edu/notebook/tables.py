"""Tables that a cell returns: HTML for a page, aligned text for a terminal."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

_NUMBER = re.compile(r"^[<>]?[-+−–]?\d")


class Table:
    """A table with a header row, and a name at the start of each row."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str):
        self.columns, self.rows, self.caption = columns, rows, caption
        self.numeric = [_is_numeric(column) for column in zip(*rows, strict=True)]

    def _repr_html_(self) -> str:
        # The class gives the book's and JupyterLab's own look, light and dark.
        head = [self._cell("th", k, name, ' scope="col"') for k, name in enumerate(self.columns)]
        body = [
            self._cell("th", 0, row[0], ' scope="row"')
            + "".join(self._cell("td", k, cell) for k, cell in enumerate(row[1:], 1))
            for row in self.rows
        ]
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        lines = "\n".join(f"<tr>{row}</tr>" for row in body)
        return (
            f'<table class="dataframe" style="font-variant-numeric: tabular-nums">{caption}\n'
            f"<thead><tr>{''.join(head)}</tr></thead>\n"
            f"<tbody>\n{lines}\n</tbody></table>"
        )

    def _cell(self, tag: str, column: int, text: str, more: str = "") -> str:
        side = "right" if self.numeric[column] else "left"
        return f'<{tag}{more} style="text-align: {side}">{html.escape(text)}</{tag}>'

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                f"{cell:{'>' if right else '<'}{width}}"
                for cell, width, right in zip(line, widths, self.numeric, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption] * bool(self.caption) + text)


def table(
    rows: Mapping[str, Sequence[object]] | Sequence[Sequence[object]],
    columns: Sequence[str],
    form: str | Sequence[str] = ".2f",
    *,
    caption: str = "",
) -> Table:
    """A table of numbers and words, as the value of a cell.

    Parameters
    ----------
    rows
        Name of the row -> its cells, or a list of rows whose first cells are the names. ``None``
        leaves a cell empty.
    columns
        The header: of the names first, then of the cells.
    form
        How to write a float: one format for all, or one for each column after the first; the last
        of them goes on. Whole numbers get commas.
    caption
        What the table is about, above it.

    Raises
    ------
    ValueError
        If a row has another number of cells than the header.

    Examples
    --------
    >>> table({"noise": [0.22, 1234], "blur": [0.5, 7]}, ["copy", "loss", "steps"])
    copy   loss  steps
    noise  0.22  1,234
    blur   0.50      7
    """
    if isinstance(rows, Mapping):
        rows = [[name, *cells] for name, cells in rows.items()]
    forms = [form] if isinstance(form, str) else list(form)
    found = []
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"the row {row[0]!r} has {len(row)} cells, the header has {len(columns)}"
            )
        cells = zip_longest(row[1:], forms[: len(row) - 1], fillvalue=forms[-1])
        found.append([_written(row[0], ".4g"), *(_written(cell, how) for cell, how in cells)])
    return Table(list(columns), found, caption)


def _written(cell: object, form: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return cell if isinstance(cell, str) else format(cell, form)


def _is_numeric(column: Sequence[str]) -> bool:
    words = [cell for cell in column if cell]
    return bool(words) and all(_NUMBER.match(cell) for cell in words)
