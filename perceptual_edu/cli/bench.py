"""The commands ``perceptual-edu bench ...``: how fast this machine is, and each of our switches."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from ..assets import data_folder
from ..files import check_destination
from .paths import TableOut

app = typer.Typer(help="Measure this machine.", rich_markup_mode=None)

Repeats = Annotated[int, typer.Option(min=1, help="Measurements of each.")]
Width = Annotated[int, typer.Option(min=1, help="Filters of the first layer.")]


def history_file() -> Path:
    """Our own speed-ups, one report a time."""
    return data_folder() / "results" / "history.json"


@app.callback(invoke_without_command=True)
def everything_command(
    context: typer.Context,
    repeats: Repeats = 3,
    out: TableOut = None,
    record: Annotated[bool, typer.Option(help="Add it to data/results/history.json.")] = False,
) -> None:
    """Without a subcommand: everything, quickly (two minutes or three), and what got slower.

    Ours against plain float32, both in turns. A speed-up that has fallen below 85 % of what it was
    on this machine before, in the same number format, is marked.
    """
    if context.invoked_subcommand:
        return
    if record:
        check_destination(history_file())
    from ..evaluation.reports import make_report, read_report, write_report
    from ..evaluation.speed import bench_all

    print(f"{'':40} {'plain':>9} {'ours':>9}  speed-up")
    medians, speed_ups = {}, {}
    for name, report in bench_all(repeats):
        *_, way = report["medians"]  # the last one has all switches
        medians[name] = {"plain": report["medians"]["plain"], "ours": report["medians"][way]}
        speed_ups[name] = report["speed-up"][way]
        plain, ours = medians[name].values()
        print(f"{name:40} {plain:7.3f} s {ours:7.3f} s {speed_ups[name]:7.2f} x", flush=True)
    iteration, _, one_pass, *_ = (spent["ours"] for spent in medians.values())
    passes, machine = 500 * iteration / one_pass, report["machine"]
    print(f"{machine}: 500 iterations of L-BFGS cost as much as {passes:,.0f} passes")
    what = "seconds (medians) and speed-ups over plain float32 of everything, quickly"
    measured = {"medians": medians, "speed-up": speed_ups, "machine": machine}
    report = make_report(what, {"repeats": repeats}, **measured)
    history = read_report(history_file()) if history_file().exists() else []
    _compare(report, history)
    if record:
        write_report([*history, report], history_file())
    _save_report(report, out)


def _compare(report: dict, history: list[dict]) -> None:
    from ..evaluation.timing import fallen

    if not any(old["machine"] == report["machine"] for old in history):
        print("not measured on this machine before")
        return
    worse = fallen(report, history)
    for name, (before, now) in worse.items():
        print(f"slower than before: {name}, {now:.2f} x where it was {before:.2f} x")
    if not worse:
        print("no speed-up has fallen since it was measured here before")


@app.command("gatys")
def bench_gatys_command(
    size: Annotated[int, typer.Option(min=16, help="Width and height, pixels.")] = 256,
    repeats: Repeats = 15,
    out: TableOut = None,
) -> None:
    """Time an iteration of our L-BFGS against a plain float32 evaluation of the objective."""
    from ..evaluation.speed import bench_gatys

    *_, report = tqdm(bench_gatys(size, repeats), total=repeats, unit="pair")
    print(f"{report['machine']}, {size} x {size} pixels, median of {repeats}")
    print(f"plain float32 evaluation  {report['medians']['plain']:.3f} s")
    print(f"our iteration, all in     {report['medians']['ours']:.3f} s")
    print(f"ratio                     {report['ratio']:.2f}")
    _save_report(report, out)


@app.command("train")
def bench_train_command(
    size: Annotated[int, typer.Option(min=16, help="Of the crops, pixels.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Photographs a step.")] = 4,
    width: Width = 32,
    repeats: Repeats = 5,
    compiled: Annotated[bool, typer.Option("--compile", help="Also torch.compile.")] = False,
    out: TableOut = None,
) -> None:
    """Time a training step: plain float32, and our switches added one by one."""
    from ..evaluation.speed import bench_train

    rounds = bench_train(size, batch, width, repeats, compiled=compiled)
    *_, report = tqdm(rounds, total=repeats, unit="round")
    _save_report(_printed(report), out)


@app.command("stylize")
def bench_stylize_command(width: Width = 16, repeats: Repeats = 9, out: TableOut = None) -> None:
    """Time a pass through a style network: plain float32, and ours."""
    from ..evaluation.speed import bench_stylize

    _save_report([_printed(report) for report in bench_stylize(width=width, repeats=repeats)], out)


@app.command("upscale")
def bench_upscale_command(
    size: Annotated[int, typer.Option(min=16, help="Of the small picture, pixels.")] = 256,
    repeats: Repeats = 9,
    out: TableOut = None,
) -> None:
    """Time super-resolution x4, a pass and a training step: plain float32, and ours."""
    from ..evaluation.speed import bench_train_sr, bench_upscale

    reports = chain(bench_upscale(size, repeats=repeats), bench_train_sr(repeats=repeats))
    _save_report([_printed(report) for report in reports], out)


def _printed(report: dict) -> dict:
    settings = ", ".join(f"{name} {value}" for name, value in report["settings"].items())
    print(f"{report['what']} ({report['machine']})")
    print(f"{settings}; median of {len(report['seconds']['plain'])}")
    for name, seconds in report["medians"].items():
        print(f"{name:24} {seconds:8.3f} s {report['speed-up'][name]:6.2f} x")
    if "difference" in report:
        print(f"mean difference of the results: {report['difference']:.2f} of 255")
    if "waited" in report:
        print(f"waiting for photographs: {100 * report['waited']:.1f} % of the time")
    return report


def _save_report(report: dict | list, out: Path | None) -> None:
    if out:
        from ..evaluation.reports import write_report

        write_report(report, out)
