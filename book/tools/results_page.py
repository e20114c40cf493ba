"""Write book/results.md: what the paper reports, and what was measured here, from data/results/.

    python book/tools/results_page.py            write the page
    python book/tools/results_page.py --check    exit 1 if it does not fit the data

Every number of ours and every verdict is computed here from the files of results, from the cards of
the trained networks, or from the networks themselves. What can only be seen is called "to be seen"
and linked to the chapter that shows it.
"""

import argparse
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from perceptual_edu.assets import checkpoint, data_folder
from perceptual_edu.evaluation import read_report
from perceptual_edu.files import written_atomically
from perceptual_edu.networks import SRCNN, StyleNet, SuperResolutionNet, read_card

PAGE = Path(__file__).resolve().parents[1] / "results.md"
YES, PARTLY, NO, SEEN = "**reproduced**", "partly", "not", "to be seen"
PAPER = "the paper's"  # as table1.json names its network
PAPER_STEPS, PAPER_SR_STEPS = 40_000, 200_000
SETS = ("Set5", "Set14", "BSD100")
MODELS = {"bicubic": "bicubic", "pixel": "pixel loss", "feature": "feature loss", "srcnn": "SRCNN"}

HEAD = """# Results

Every number, figure and claim of the paper {cite:p}`johnson2016perceptual`, and what was measured
here. A script (`book/tools/results_page.py`) writes this page from the files in `data/results/`;
the verdicts are computed there too, by the rule beside each table. Published values are as quoted
in `data/results/published.json`.

- **reproduced**: the published claim holds in our measurement; for a number, ours is as good or
  better.
- partly: the direction is right, the size is not; the row says what we found.
- not: it was not measured, or it does not hold here; the row says which.
- to be seen: a picture without a number; the chapter computes ours.
"""


@dataclass
class Row:
    """One claim: what is claimed, the paper's value, ours, the verdict."""

    claim: str
    published: str
    ours: str
    verdict: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    text = page()
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if arguments.check:
        print(
            f"{PAGE}: does not fit data/results; run python {Path(__file__).name}", file=sys.stderr
        )
        return 1
    with written_atomically(PAGE) as temporary:
        temporary.write_text(text)
    return 0


def page() -> str:
    published = json.loads((data_folder() / "results" / "published.json").read_text())
    parts = [HEAD, networks(), optimisation(), one_pass(published), speed(published)]
    parts += [training(), super_resolution(published), pictures(), again()]
    return "\n".join(parts)


def section(title: str, text: str, rows: list[Row]) -> str:
    lines = [
        f"## {title}",
        "",
        text,
        "",
        "| claim | published | here | verdict |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.claim} | {row.published} | {row.ours} | {row.verdict} |" for row in rows]
    return "\n".join(lines) + "\n"


def yes_if(holds: bool, otherwise: str = PARTLY) -> str:
    return YES if holds else otherwise


# ---------------------------------------------------------------- the parts


def networks() -> str:
    counted = {
        "style transfer, full width": (StyleNet.paper(), 1_679_235),
        "style transfer, half width, as released": (StyleNet.paper(width=16), 424_899),
        "super-resolution x4": (SuperResolutionNet.paper(4), 401_859),
        "super-resolution x8": (SuperResolutionNet.paper(8), 438_915),
        "SRCNN (9-5-5)": (SRCNN(4), 57_281),
    }
    rows = []
    for name, (network, wanted) in counted.items():
        found = sum(p.numel() for p in network.parameters())
        rows.append(
            Row(f"parameters, {name}", f"{wanted:,}", f"{found:,}", yes_if(found == wanted, NO))
        )
    with FlopCounterMode(display=False) as wide:
        nn.Conv2d(8, 8, 3, padding=1)(torch.zeros(1, 8, 64, 64))
    with FlopCounterMode(display=False) as deep:
        nn.Conv2d(32, 32, 3, padding=1)(torch.zeros(1, 32, 16, 16))
    a, b = (counter.get_total_flops() // 2 for counter in (wide, deep))
    rows.append(
        Row(
            "3 × 3 convolutions with C filters at full size, and with 4 C filters at a quarter of "
            "height and width, cost the same (section 3.1)",
            "equal",
            f"{a:,} and {b:,} multiplications for C = 8 at 64 × 64",
            yes_if(a == b, NO),
        )
    )
    return section(
        "The networks",
        "Counted in the networks that the library builds; [chapter 5](../notebooks/05_network) and "
        "[chapter 8](../notebooks/08_superres) draw them. The published numbers follow from the "
        "supplement's tables. Rule: equal.",
        rows,
    )


def optimisation() -> str:
    report = read_report("lbfgs")
    own, runs = report["photograph itself"], report["objective"]
    ours, scipy = runs["ours, from noise"], runs["SciPy's L-BFGS-B, from noise"]
    rest = ours["200"] / ours["300"] - 1
    low, high = ours["range"]
    rows = [
        Row(
            "projected L-BFGS from noise minimises equation 5, the pixels staying in [0, 255]",
            "converges within 500 iterations",
            f"{ours['300'] / own:.1%} of the photograph's own objective after 300 evaluations; "
            f"the last 100 bring {rest:.1%}; pixels from {low:g} to {high:g}",
            yes_if(rest < 0.05 and low >= 0 and high <= 255),
        ),
        Row(
            "the same minimum by another implementation (SciPy's L-BFGS-B)",
            "none",
            f"{scipy['300']:,} against our {ours['300']:,}",
            yes_if(ours["300"] < 1.01 * scipy["300"]),
        ),
    ]
    return section(
        "The baseline",
        f"One photograph, *The Starry Night*, 256 × 256, {report['machine']}; "
        "[chapter 2](../notebooks/02_gatys), `data/results/lbfgs.json`. Rules: the last 100 of 300 "
        "evaluations lower the objective by less than 5 %; within 1 % of SciPy's.",
        rows,
    )


def one_pass(published: dict) -> str:
    report, rows, main, others = read_report("figure5"), [], [], []
    low_high = published["figure5"]["iterations_of_gatys_with_the_same_objective"]
    # Those that were trained longer, and measured on more photographs.
    longer = {"starry_night": "The Starry Night", "the_scream": "The Scream"}
    first = next(iter(longer))
    for line in report["summary"]:
        (main if line["network"] in longer else others).append(line)
    for line in main:
        low, median, high = line["worth"]
        part = line["pass as a part of the photograph"][1]
        rows.append(
            Row(
                f"evaluations of L-BFGS that one pass of *{longer[line['network']]}* is worth, "
                f"{line['size']} × {line['size']}",
                f"{low_high[0]} to {low_high[1]}",
                f"{median:.3g} (quartiles {low:.3g} and {high:.3g}), {line['photographs']} "
                f"photographs; the pass is at {part:.1%} of the photograph's own objective",
                yes_if(median >= low_high[0]),
            )
        )
    if others:
        found = ", ".join(
            f"{line['network'].replace('_', ' ')} {line['worth'][1]:.3g}"
            for line in sorted(others, key=lambda line: -line["worth"][1])
        )
        count = max(line["photographs"] for line in others)
        best = max(line["worth"][1] for line in others)
        rows.append(
            Row(
                f"the same, our other styles, 256 × 256, {count} photographs each",
                "The Muse: 50 to 100",
                found,
                yes_if(best >= low_high[0]),
            )
        )
    sizes = {line["size"]: line["worth"][1] for line in main if line["network"] == first}
    if len(sizes) > 1:
        small = sizes[min(sizes)]
        holds = all(worth > 0.7 * small for worth in sizes.values())
        found = ", ".join(f"{size}: {worth:.3g}" for size, worth in sorted(sizes.items()))
        rows.append(Row("it is worth as much at larger sizes", "yes", found, yes_if(holds)))
    above = all(row["itself"] > row["pass"]["total"] for row in report["rows"])
    ratio = statistics.median(row["itself"] / row["pass"]["total"] for row in report["rows"])
    rows.append(
        Row(
            "the photograph itself has a far higher objective",
            "yes",
            f"{ratio:.0f} times that of one pass (median of {len(report['rows'])})",
            yes_if(above and ratio > 2),
        )
    )
    card = read_card(checkpoint(first))
    steps = max(all_steps(read_card(checkpoint(name))) for name in longer)
    content = statistics.median(
        row["pass"]["content"] / row["pass"]["total"]
        for row in report["rows"]
        if row["network"] == first
    )
    return section(
        "Figure 5: what one pass is worth",
        "*The Starry Night* and *The Scream* as shipped: half width, "
        f"at most {steps:,} steps in all on {card['hardware']}, where the paper trains full width "
        f"for {PAPER_STEPS:,}. Of what is "
        f"left after a pass of the first, {content:.0%} is content (median). Measured on "
        f"{report['machine']}; "
        "[chapter 7](../notebooks/07_speed), `data/results/figure5.json`. Rules: the median "
        f"reaches {low_high[0]}; at larger sizes at least 70 % of it; the photograph's own "
        "objective is more than twice the pass's.",
        rows,
    )


def speed(published: dict) -> str:
    report = read_report("table1")
    ours = {line["size"]: line for line in report["table"]}
    rows = []
    for line in published["table1"]:
        size = line["size"]
        if size not in ours:
            continue
        here = ours[size]
        half, paper = here["speed-up"]["half width"], here["speed-up"][PAPER]
        plain, shares = here["speed-up, both plain"], here["pass as a part of an evaluation"]
        gatys = " / ".join(f"{seconds:,.4g}" for seconds in here["gatys"].values())
        rows.append(
            Row(
                f"seconds of L-BFGS at {size} × {size}: 100 / 300 / 500 iterations",
                " / ".join(f"{s:g}" for s in line["gatys_seconds"].values()) + " s",
                f"{gatys} s",
                "other hardware",
            )
        )
        passes = ", ".join(f"{name} {ways['ours']:.3g} s" for name, ways in here["pass"].items())
        rows.append(
            Row(
                f"seconds of one pass at {size}",
                f"{line['ours_seconds']:g} s",
                passes,
                "other hardware",
            )
        )
        rows.append(
            Row(
                f"speed-up over 500 iterations at {size}",
                f"{line['speedup']['500']:,}",
                f"{half['500']:,.0f} half width, {paper['500']:,.0f} the paper's network; both in "
                f"plain float32: {plain['half width']['500']:,.0f} and {plain[PAPER]['500']:,.0f}",
                yes_if(max(half["500"], paper["500"]) >= 0.5 * line["speedup"]["500"]),
            )
        )
        rows.append(
            Row(
                f"a pass costs no more than about half of one iteration, at {size}",
                f"{line['ours_seconds'] / (line['gatys_seconds']['100'] / 100):.2f}",
                f"{shares[PAPER]:.2f} the paper's network, {shares['half width']:.2f} half width",
                yes_if(shares[PAPER] <= 0.55),
            )
        )
    if 512 in ours:
        rate = ours[512]["frames per second"]["half width"]
        rows.append(
            Row(
                "20 frames per second at 512 × 512",
                "20",
                f"{rate:.1f} without a GPU",
                yes_if(rate >= 20, NO),
            )
        )
    return section(
        "Table 1: three orders of magnitude",
        f"{report['machine']}; the paper: GTX Titan X. Seconds of many iterations are the median "
        "of one, times as many. [Chapter 7](../notebooks/07_speed), `data/results/table1.json`. "
        "Rules: at least half of the published speed-up; a pass costs at most 0.55 of an "
        "iteration.",
        rows,
    )


def training() -> str:
    cards = {
        path.stem: read_card(path)
        for path in sorted((data_folder() / "checkpoints").glob("*.safetensors"))
    }
    styles = {name: card for name, card in cards.items() if "style" in card["recipe"]}
    most = max(map(all_steps, styles.values()))
    longest = max(all_steps(card) for name, card in cards.items() if name not in styles)
    step = read_report("bench_train")
    rows = [
        Row(
            "a style: 40,000 steps of 4 photographs at 256 × 256 on MS COCO, about 4 hours",
            "40,000 steps",
            f"{len(styles)} half-width styles, at most {most:,} steps in all, "
            f"{cards['starry_night']['photographs']['count']:,} photographs, without a GPU",
            yes_if(most >= PAPER_STEPS),
        ),
        Row(
            "super-resolution: 200,000 steps",
            "200,000 steps",
            f"at most {longest:,} (a feature network begins as its pixel network)",
            yes_if(longest >= PAPER_SR_STEPS),
        ),
        Row(
            "seconds a training step at the paper's setting",
            "0.36 s (4 hours / 40,000)",
            f"{list(step['medians'].values())[-1]:.2f} s on {step['machine']}; "
            f"plain float32 {step['medians']['plain']:.2f} s",
            "other hardware",
        ),
    ]
    return section(
        "Training",
        "The cards of the shipped networks (`data/README.md` lists them) and "
        "`data/results/bench_train.json`; [chapter 6](../notebooks/06_training). Rule: as many "
        "steps.",
        rows,
    )


def all_steps(card: dict | None) -> int:
    """Of all stages of a training; a card keeps the cards of the stages before."""
    return card["steps"] + all_steps(card.get("before")) if card else 0


def super_resolution(published: dict) -> str:
    report = read_report("super_resolution")
    ours = {
        (t["set"], t["factor"], t["model"], t["blur"], t["histogram"]): t for t in report["tables"]
    }
    told = {(r["set"], r["factor"], r["model"]): r for r in published["super_resolution"]}
    rows = []
    for r in published["calibration"]:
        found = ours[r["set"], r["factor"], "bicubic", 0.0, False]
        near = abs(found["psnr"] - r["psnr"]) <= 0.05 and abs(found["ssim"] - r["ssim"]) <= 0.002
        rows.append(
            Row(
                f"bicubic x{r['factor']}, {r['set']}, without blur (the literature's)",
                scores(r),
                scores(found),
                yes_if(near),
            )
        )
    for (name, factor, model), r in told.items():
        for network in (model, f"paper_{model}"):
            if (name, factor, network, 0.0, False) not in ours:
                continue
            ways = [ours[name, factor, network, *how] for how in ((0.0, False), (1.0, False))]
            matched = ours[name, factor, network, 0.0, True]
            if model == "bicubic":  # no training: the same numbers, or other inputs
                holds = any(abs(way["psnr"] - r["psnr"]) <= 0.05 for way in ways)
            else:
                holds = max(way["psnr"] for way in ways) >= r["psnr"] - 0.05
            whose = ", the paper's network" if network != model else ""
            plain, blurred = map(scores, ways)
            found = f"{plain}; input blurred {blurred}; histogram matched {scores(matched)}"
            rows.append(
                Row(f"{MODELS[model]} x{factor}, {name}{whose}", scores(r), found, yes_if(holds))
            )
    for factor in (4, 8):
        for name in SETS:
            at = {m: ours[name, factor, m, 0.0, False] for m in ("bicubic", "pixel", "feature")}
            gap = at["pixel"]["psnr"] - at["feature"]["psnr"]
            gap_then = told[name, factor, "pixel"]["psnr"] - told[name, factor, "feature"]["psnr"]
            rows.append(
                Row(
                    f"the feature loss costs PSNR, x{factor}, {name}",
                    f"{gap_then:.2f} dB",
                    f"{gap:.2f} dB",
                    yes_if(gap > gap_then / 2, PARTLY if gap > 0 else NO),
                )
            )
            nearest = [
                layer
                for layer in ("relu3_3", "relu4_3", "relu5_3")
                if all(at["feature"][layer] < at[m][layer] for m in ("bicubic", "pixel"))
            ]
            rows.append(
                Row(
                    f"and is nearer to the truth in layers not trained on, x{factor}, {name}",
                    "by eye",
                    f"nearer than the pixel loss and bicubic at {', '.join(nearest)}"
                    if nearest
                    else "at no layer nearer than the pixel loss",
                    yes_if(len(nearest) == 3, PARTLY if nearest else NO),
                )
            )
    return section(
        "Super-resolution: the tables of section 4.2",
        f"PSNR on Y in dB / SSIM, means of each set, {report['machine']}; ours are trained without "
        "blur; pixel and feature loss with our own networks unless a row says otherwise. "
        "[Chapter 8](../notebooks/08_superres), `data/results/super_resolution.json` (also every "
        "single picture). Rules: bicubic within 0.05 dB (the literature's also 0.002 of SSIM); a "
        "network's PSNR at least the published one's less 0.05 dB, with the input blurred or not; "
        "the feature loss is nearest to the truth, of bicubic, pixel and feature, at relu3_3, "
        "relu4_3 and relu5_3; it costs at least half the published PSNR. Verdicts go by PSNR; the "
        "published SSIM does not always agree with ours even where PSNR does.",
        rows,
    )


def scores(row: dict) -> str:
    return f"{row['psnr']:.2f} / {row['ssim']:.4f}"


def pictures() -> str:
    rows = [
        Row(
            f"{figure}: {what}",
            "picture",
            f"[chapter {chapter[:2].lstrip('0')}](../notebooks/{chapter})",
            SEEN,
        )
        for figure, what, chapter in (
            ("Figure 1", "a style and a super-resolution example", "02_gatys"),
            ("Figure 2", "the system", "06_training"),
            ("Figure 3", "what each layer's features keep of a picture", "04_inversion"),
            ("Figure 4", "what each layer's Gram matrices keep of a style", "03_gram"),
            (
                "Figures 6 and 7",
                "styles in one pass beside the optimiser's, also larger",
                "07_speed",
            ),
            ("Section 4.2", "the cross-hatch pattern of the feature loss", "08_superres"),
            ("Figures 8 and 9", "x4 and x8 beside the truth, with magnified crops", "08_superres"),
        )
    ]
    return section(
        "Pictures", "Computed at laptop scale; each chapter's last line names the machine.", rows
    )


def again() -> str:
    commands = {
        "lbfgs": "experiments/lbfgs.py PHOTOGRAPH PAINTING",
        "styles": "experiments/score_styles.py PHOTOGRAPH --paintings FOLDER",
        "figure5": "experiments/figure5.py FOLDER --out FILE",
        "table1": "experiments/table1.py",
        "scaling": "experiments/scaling.py",
        "width": "experiments/width.py --photos FOLDER",
        "profile_step": "experiments/profile_step.py",
        "super_resolution": "experiments/super_resolution.py FOLDER --out FILE",
        "overview": "experiments/overview.py",
    }
    benches = {"gatys": "gatys", "train": "train", "stylize": "stylize", "upscale": "upscale"}
    lines = [
        "## Measure it again",
        "",
        "One command for each file in `data/results/`; they use a GPU if there is one.",
        "",
    ]
    lines += ["| file | machine | when | command |", "|---|---|---|---|"]
    commands = {name: f"python {command}" for name, command in commands.items()}
    commands |= {
        f"bench_{name}": f"perceptual-edu bench {bench} -o FILE" for name, bench in benches.items()
    }
    commands["bench_train_half"] = "perceptual-edu bench train --width 16 -o FILE"
    commands["history"] = "perceptual-edu bench --record"
    for name, command in commands.items():
        found = read_report(name)
        last = found[-1] if isinstance(found, list) else found
        lines.append(f"| `{name}.json` | {last['machine']} | {last['when'][:10]} | `{command}` |")
    lines += [
        "",
        "The networks: `python experiments/train_styles.py --photos FOLDER` and "
        "`python experiments/train_super_resolution.py --photos FOLDER`, with a folder of "
        "photographs or a pack of them (`perceptual-edu photos coco -o FOLDER` gets the paper's).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
