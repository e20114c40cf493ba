"""Write book/video.md: films, their flicker and how fast they are painted, from data/results/.

    python book/tools/video_page.py            write the page
    python book/tools/video_page.py --check    exit 1 if it does not fit the data

The words are in video_page.txt beside this script; numbers come from flicker.json and
table1.json, or are counted in the network.
"""

from collections.abc import Iterator
from pathlib import Path

import pages
import torch
from torch.utils.flop_counter import FlopCounterMode

from perceptual_edu.evaluation import read_report
from perceptual_edu.networks import StyleNet

TEMPLATE = Path(__file__).with_suffix(".txt")
CLIPS = ("still, noise", "moving", "moving, noise")
STYLE = "starry_night"
WAYS = {"alone": "each frame alone", "blend": "blended"}


def page() -> str:
    report = read_report("flicker")
    paper = {row["size"]: row["ours_seconds"] for row in pages.published()["table1"]}
    before, after = (report["flicker"][name] for name in (STYLE, f"{STYLE}, trained on"))
    objective = report["training"]["objective"]
    return TEMPLATE.read_text().format(
        **report,
        flickers="\n".join(flicker_rows(report)),
        speeds="\n".join(speed_rows(report, paper)),
        blended={clip: less(rows["alone"], rows["blend"]) for clip, rows in before.items()},
        calmed={clip: less(rows["alone"], after[clip]["alone"]) for clip, rows in before.items()},
        price=-less(objective["before"], objective["after"]),
        paper_rate=round(1 / paper[512]),
        reading=1000 * report["reading_and_writing"]["reading"],
        writing=1000 * report["reading_and_writing"]["writing"],
        full=multiplications(32),
        half=multiplications(16),
        needed=20 * multiplications(32),
    )


def less(before: float, after: float) -> float:
    """By which part something became less."""
    return 1 - after / before


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
    pages.main(__doc__, "video.md", page)
