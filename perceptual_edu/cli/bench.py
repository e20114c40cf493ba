"""The commands ``perceptual-edu bench ...``: how fast this machine is, and each of our switches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from ..assets import data_folder
from ..files import check_destination
from .paths import check_table

app = typer.Typer(help="Measure this machine.", rich_markup_mode=None)

Out = Annotated[  # looked at before minutes of measuring
    Path | None, typer.Option("-o", "--out", help="JSON file to write.", callback=check_table)
]


def history_file() -> Path:
    """Our own speed-ups, one report a time."""
    return data_folder() / "results" / "history.json"


@app.callback(invoke_without_command=True)
def everything_command(
    context: typer.Context,
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 3,
    out: Out = None,
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
    medians, speed_ups, machine = {}, {}, ""
    for name, report in bench_all(repeats):
        *_, way = report["medians"]  # the last one has all switches
        medians[name] = {"plain": report["medians"]["plain"], "ours": report["medians"][way]}
        speed_ups[name], machine = report["speed-up"][way], report["machine"]
        plain, ours = medians[name].values()
        print(f"{name:40} {plain:7.3f} s {ours:7.3f} s {speed_ups[name]:7.2f} x", flush=True)
    iteration, _, one_pass, *_ = (spent["ours"] for spent in medians.values())
    passes = 500 * iteration / one_pass
    print(f"{machine}: 500 iterations of L-BFGS cost as much as {passes:,.0f} passes")
    what = "seconds (medians) and speed-ups over plain float32 of everything, quickly"
    report = make_report(what, {"repeats": repeats}, medians=medians, **{"speed-up": speed_ups})
    report["machine"] = machine
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
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 15,
    out: Out = None,
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
    width: Annotated[int, typer.Option(min=1, help="Filters of the first layer.")] = 32,
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 5,
    compiled: Annotated[bool, typer.Option("--compile", help="Also torch.compile.")] = False,
    out: Out = None,
) -> None:
    """Time a training step: plain float32, and our switches added one by one."""
    from ..evaluation.speed import bench_train

    rounds = bench_train(size, batch, width, repeats, compiled=compiled)
    *_, report = tqdm(rounds, total=repeats, unit="round")
    print(f"{report['machine']}, {batch} x {size} x {size}, width {width}, median of {repeats}")
    _print_speeds(report)
    print(f"waiting for photographs: {100 * report['waited']:.1f} % of the time")
    _save_report(report, out)


@app.command("stylize")
def bench_stylize_command(
    width: Annotated[int, typer.Option(min=1, help="Filters of the first layer.")] = 16,
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 9,
    out: Out = None,
) -> None:
    """Time a pass through a style network: plain float32, and ours."""
    from ..evaluation.speed import bench_stylize

    reports = []
    for report in bench_stylize(width=width, repeats=repeats):
        size = report["settings"]["size"]
        print(f"{report['machine']}, {size} x {size}, width {width}, median of {repeats}")
        _print_speeds(report)
        print(f"mean difference of the results: {report['difference']:.2f} of 255")
        reports.append(report)
    _save_report(reports, out)


@app.command("upscale")
def bench_upscale_command(
    size: Annotated[int, typer.Option(min=16, help="Of the small picture, pixels.")] = 256,
    repeats: Annotated[int, typer.Option(min=1, help="Measurements of each.")] = 9,
    out: Out = None,
) -> None:
    """Time super-resolution x4, a pass and a training step: plain float32, and ours."""
    from ..evaluation.speed import bench_train_sr, bench_upscale

    reports = []
    for report in bench_upscale(size, repeats=repeats):
        print(f"{report['machine']}, {size} x {size} x4, median of {repeats}")
        print(report["settings"]["network"])
        _print_speeds(report)
        print(f"mean difference of the results: {report['difference']:.2f} of 255")
        reports.append(report)
    for report in bench_train_sr(repeats=repeats):
        loss, batch, side = (report["settings"][name] for name in ("loss", "batch", "size"))
        print(f"a training step, l_{loss}, {batch} patches of {side} x {side}")
        _print_speeds(report)
        reports.append(report)
    _save_report(reports, out)


def _print_speeds(report: dict) -> None:
    for name, seconds in report["medians"].items():
        print(f"{name:20} {seconds:8.3f} s {report['speed-up'][name]:6.2f} x")


def _save_report(report: dict | list, out: Path | None) -> None:
    if out:
        from ..evaluation.reports import write_report

        write_report(report, out)
