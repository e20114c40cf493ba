"""Measurements as files: ``data/results/*.json``, from which the book takes its numbers.

A file holds one report or a list of them. A report says what was measured, on which machine, with
which versions and settings, and when; beside that stand the raw values, under any names.
``published.json`` alone is different: it holds the paper's numbers.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import torch

from ..assets import data_folder
from ..devices import hardware
from ..errors import MendableError
from ..files import written_atomically

HEAD = {"what": str, "machine": str, "versions": dict, "settings": dict, "when": str}
"""What every report has, and of which type."""

AS_COLUMNS = "rows, by column"
"""Under this name alone a compact file holds rows: a list of values for each of their names."""


class ResultError(MendableError):
    """A file of results is missing or is not one."""


def make_report(what: str, settings: dict, **measured: object) -> dict:
    """A report of this machine, now.

    Parameters
    ----------
    what
        What the values are, with their unit.
    settings
        What somebody needs to measure it again.
    measured
        The raw values and what was made of them; anything that JSON holds.
    """
    head = {
        "what": what,
        "machine": hardware(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "settings": settings,
    }
    return head | measured | {"when": datetime.now(UTC).isoformat(timespec="seconds")}


def write_report(report: dict | list, path: str | Path, *, compact: bool = False) -> None:
    """Write a report or a list of reports.

    Parameters
    ----------
    compact
        For files of many numbers: without line breaks, and rows of the same names as columns, each
        of which says its name once. :func:`read_report` gives the rows back.
    """
    if compact and isinstance(report, dict):
        report = {name: _as_table(value) for name, value in report.items()}
    how = {"separators": (",", ":")} if compact else {"indent": 1}
    with written_atomically(Path(path)) as temporary:
        temporary.write_text(json.dumps(report, **how) + "\n")


def read_report(name: str | Path) -> dict | list:
    """Read and check a file of results.

    Parameters
    ----------
    name
        A file, or the name of one in ``data/results/``, for example ``"figure5"``.

    Raises
    ------
    ResultError
        If the file is missing, or a report in it lacks something.
    """
    path = Path(name)
    if not path.suffix:
        path = data_folder() / "results" / f"{name}.json"
    try:
        found = json.loads(path.read_text(), object_hook=_as_rows)
    except FileNotFoundError:
        raise ResultError(f"{path}: no such file; the script of that name measures it") from None
    except ValueError as error:
        raise ResultError(f"{path}: not JSON ({error})") from None
    for report in found if isinstance(found, list) else [found]:
        _check(report, path)
    return found


def _as_table(value: object) -> object:
    """Several dictionaries of the same names as columns; anything else as it is."""
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], dict):
        return value
    names = list(value[0])
    if not names or any(not isinstance(row, dict) or list(row) != names for row in value):
        return value
    return {AS_COLUMNS: {name: _as_table([row[name] for row in value]) for name in names}}


def _as_rows(value: dict) -> dict | list[dict]:
    """The other way round; of what is nested, the inner first."""
    if value.keys() != {AS_COLUMNS}:
        return value
    columns = value[AS_COLUMNS]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _check(report: object, path: Path) -> None:
    if not isinstance(report, dict):
        raise ResultError(f"{path}: a report is an object, not {type(report).__name__}")
    for name, kind in HEAD.items():
        if not isinstance(report.get(name), kind) or not report[name]:
            raise ResultError(f"{path}: {name!r} is missing; wanted is a {kind.__name__}")
    if not {"python", "torch"} <= report["versions"].keys():
        raise ResultError(f"{path}: 'versions' must name python and torch")
    if report.keys() == HEAD.keys():
        raise ResultError(f"{path}: nothing was measured")
    try:
        datetime.fromisoformat(report["when"])
    except ValueError:
        raise ResultError(f"{path}: 'when' is {report['when']!r}, not a date") from None
