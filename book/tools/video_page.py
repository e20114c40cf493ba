"""Write book/video.md: films, their flicker and how fast they are painted, from data/results/.

    python book/tools/video_page.py            write the page
    python book/tools/video_page.py --check    exit 1 if it does not fit the data

The words are in video_page.txt beside this script; numbers come from flicker.json and
table1.json, or are counted in the network.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from perceptual_edu.assets import data_folder
from perceptual_edu.evaluation import read_report
from perceptual_edu.files import written_atomically
from perceptual_edu.networks import StyleNet

PAGE = Path(__file__).resolve().parents[1] / "video.md"
TEMPLATE = Path(__file__).with_suffix(".txt")
CLIPS = ("still, noise", "moving", "moving, noise")
STYLE = "starry_night"
EXERCISE = """\
A network can also be asked to be calm. As an exercise, train the scales and shifts of a network on
with a second term beside equation 5: the mean squared difference of two paintings, of a photograph,
and of the same photograph with noise and moved by a few pixels (`experiments/flicker.py --steps
200` does it). How much calmer does it become, and what does that cost in equation 5 of a photograph
that was not trained on?"""
TRAINED = """\
A network can also be asked to be calm. The {weights trained:,} scales and shifts of the network for
*The Starry Night* were trained on for {steps} steps ({processor seconds:.0f} processor seconds).
Beside equation 5 stood the mean squared difference of two paintings, of a photograph, and of the
same photograph with noise and moved by a few pixels. That takes away {still:.0%} of the flicker of
what stands still and {moving:.0%} where the camera moves, without any blend, and equation 5 of
photographs that were not trained on changes by {price:+.1%}. As an exercise, train for longer and
weigh calm more (`ALIKE` in `experiments/flicker.py`): what does it cost then?"""
WAYS = {"alone": "each frame alone", "blend": "blended"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    text = page(read_report("flicker"))
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if arguments.check:
        print(f"{PAGE}: does not fit flicker.json; run python {Path(__file__).name}")
        return 1
    with written_atomically(PAGE) as temporary:
        temporary.write_text(text)
    return 0


def page(report: dict) -> str:
    before = report["flicker"][STYLE]
    published = json.loads((data_folder() / "results" / "published.json").read_text())
    paper = {row["size"]: row["ours_seconds"] for row in published["table1"]}
    return TEMPLATE.read_text().format(
        **{name: value for name, value in report.items() if name != "flicker"},
        flickers="\n".join(flicker_rows(report)),
        speeds="\n".join(speed_rows(report, paper)),
        training_for_calm=training_for_calm(report, before),
        blend_helps=1 - before["still, noise"]["blend"] / before["still, noise"]["alone"],
        blend_moving=1 - before["moving"]["blend"] / before["moving"]["alone"],
        paper_rate=round(1 / paper[512]),
        reading=1000 * report["reading_and_writing"]["reading"],
        writing=1000 * report["reading_and_writing"]["writing"],
        full=multiplications(32),
        half=multiplications(16),
        needed=20 * multiplications(32),
    )


def training_for_calm(report: dict, before: dict) -> str:
    """What the training brought, or, if there was none, an exercise."""
    training = report["training"]
    if not training:
        return EXERCISE
    after, objective = report["flicker"][f"{STYLE}, trained on"], training["objective"]
    return TRAINED.format(
        **training,
        still=1 - after["still, noise"]["alone"] / before["still, noise"]["alone"],
        moving=1 - after["moving"]["alone"] / before["moving"]["alone"],
        price=objective["after"] / objective["before"] - 1,
    )


def flicker_rows(report: dict) -> Iterator[str]:
    film = " | ".join(f"{report['film'][clip]:.1f}" for clip in CLIPS)
    yield f"| the film itself | | {film} |"
    for name, rows in report["flicker"].items():
        for way, words in WAYS.items():
            values = " | ".join(f"{rows[clip][way]:.1f}" for clip in CLIPS)
            yield f"| {name.replace('_', ' ')} | {words} | {values} |"


def speed_rows(report: dict, paper: dict[int, float]) -> Iterator[str]:
    hardware = "GTX Titan X (the paper, Table 1)"
    yield f"| {hardware} | 32 | float32 | {1 / paper[256]:.0f} | {1 / paper[512]:.0f} |"
    table1 = read_report("table1")
    seconds = {row["size"]: row["pass"] for row in table1["table"]}
    for width, name in ((16, "half width"), (32, "full width")):
        for way, form in (("plain", "float32"), ("ours", "bfloat16")):
            values = " | ".join(f"{1 / seconds[size][name][way]:.1f}" for size in (256, 512))
            yield f"| {table1['machine']}, with AMX | {width} | {form} | {values} |"
    rows = {(r["width"], r["format"], r["size"]): r["processor seconds"] for r in report["speed"]}
    sizes = sorted({size for _, _, size in rows})
    amx = "with" if report["settings"]["format"] == "bfloat16" else "without"
    for width, form in dict.fromkeys((width, form) for width, form, _ in rows):
        values = " | ".join(f"{1 / rows[width, form, size]:.1f}" for size in sizes)
        yield f"| {report['machine']}, {amx} AMX | {width} | {form} | {values} |"


def multiplications(width: int) -> float:
    """Billions, for a frame of 512 x 512; counted in the plain form of the network."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = StyleNet(width=width)
        for module in network.modules():
            module.fast = False
        network(torch.zeros(1, 3, 512, 512))
    return counter.get_total_flops() / 2e9


if __name__ == "__main__":
    sys.exit(main())
