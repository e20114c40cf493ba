"""Write book/results.md: what the paper reports, and what was measured here, from data/results/.

    python book/tools/results_page.py            write the page
    python book/tools/results_page.py --check    exit 1 if it does not fit the data

Every number of ours and every verdict is computed here from the files of results, from the cards of
the trained networks, or from the networks themselves. What can only be seen is called "to be seen"
and linked to the chapter that shows it. The words between the tables, with the rules of the
verdicts, are in results_page.txt beside this script.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from perceptual_edu.assets import checkpoint, checkpoints, data_folder
from perceptual_edu.evaluation import JUDGES, read_report
from perceptual_edu.files import written_atomically
from perceptual_edu.networks import SRCNN, StyleNet, SuperResolutionNet, read_card

PAGE = Path(__file__).resolve().parents[1] / "results.md"
TEMPLATE = Path(__file__).with_suffix(".txt")
YES, PARTLY, NO, SEEN = "**reproduced**", "partly", "not", "to be seen"
PAPER = "the paper's"  # as table1.json names its network
PAPER_STEPS, PAPER_SR_STEPS = 40_000, 200_000
SETS = ("Set5", "Set14", "BSD100")
MODELS = {"bicubic": "bicubic", "pixel": "pixel loss", "feature": "feature loss", "srcnn": "SRCNN"}

TABLE = "| claim | published | here | verdict |\n|---|---|---|---|\n"

Row = tuple[str, str, str, str]
"""What is claimed, the paper's value, ours, the verdict."""


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
    reports = {name: newest(read_report(name)) for name in COMMANDS}
    again = (
        f"| `{name}.json` | {report['machine']} | {report['when'][:10]} | `{COMMANDS[name]}` |"
        for name, report in reports.items()
    )
    tables = {
        name: TABLE + "\n".join(f"| {' | '.join(row)} |" for row in claims(reports, published))
        for name, claims in CLAIMS.items()
    }
    machines = {name: report["machine"] for name, report in reports.items()}
    facts = figure5_facts(reports["figure5"], published)
    tables["robustness"] = robustness_table(reports["robustness"])
    text = TEMPLATE.read_text()
    return text.format(machine=machines, again="\n".join(again), **facts, **tables)


def robustness_table(report: dict) -> str:
    rows = [
        (f"{name}, killed", row["kills"], row["different"] + row["half files"], "lost")
        for name, row in report["killed"].items()
    ]
    rows += [
        (f"{name}, the disk full", 1, int(not row["the same result after making room"]), "lost")
        for name, row in report["disk full"].items()
    ]
    rows += [
        (f"one byte changed: {name}", row["flips"], row["flips"] - row["caught"], "unnoticed")
        for name, row in report["one byte changed"].items()
    ]
    rows += [
        (f"damaged .{name} pictures", sum(row.values()), row["fault"], "neither read nor refused")
        for name, row in report["damaged pictures"].items()
    ]
    head = "| what | times | of these |\n|---|---|---|\n"
    return head + "\n".join(f"| {what} | {n:,} | {bad:,} {how} |" for what, n, bad, how in rows)


def newest(found: dict | list[dict]) -> dict:
    return found[-1] if isinstance(found, list) else found


def yes_if(holds: bool, otherwise: str = PARTLY) -> str:
    return YES if holds else otherwise


# ---------------------------------------------------------------- the networks

PARAMETERS = {
    "style transfer, full width": (StyleNet.paper, 1_679_235),
    "style transfer, half width, as released": (lambda: StyleNet.paper(width=16), 424_899),
    "super-resolution x4": (lambda: SuperResolutionNet.paper(4), 401_859),
    "super-resolution x8": (lambda: SuperResolutionNet.paper(8), 438_915),
    "SRCNN (9-5-5)": (lambda: SRCNN(4), 57_281),
}


def network_claims(*_) -> Iterator[Row]:
    for name, (make, wanted) in PARAMETERS.items():
        found = sum(p.numel() for p in make().parameters())
        yield f"parameters, {name}", f"{wanted:,}", f"{found:,}", yes_if(found == wanted, NO)
    a, b = multiplications(8, 64), multiplications(32, 16)
    yield (
        "3 × 3 convolutions with C filters at full size, and with 4 C filters at a quarter of "
        "height and width, cost the same (section 3.1)",
        "equal",
        f"{a:,} and {b:,} multiplications for C = 8 at 64 × 64",
        yes_if(a == b, NO),
    )


def multiplications(filters: int, side: int) -> int:
    """Of a 3 x 3 convolution."""
    with FlopCounterMode(display=False) as counter:
        nn.Conv2d(filters, filters, 3, padding=1)(torch.zeros(1, filters, side, side))
    return counter.get_total_flops() // 2


# ---------------------------------------------------------------- the optimiser, and one pass


def optimisation_claims(reports: dict, _) -> Iterator[Row]:
    report = reports["lbfgs"]
    own, runs = report["photograph itself"], report["objective"]
    ours, scipy = runs["ours, from noise"], runs["SciPy's L-BFGS-B, from noise"]
    rest = ours["200"] / ours["300"] - 1
    low, high = ours["range"]
    yield (
        "projected L-BFGS from noise minimises equation 5, the pixels staying in [0, 255]",
        "converges within 500 iterations",
        f"{ours['300'] / own:.1%} of the photograph's own objective after 300 evaluations; "
        f"the last 100 bring {rest:.1%}; pixels from {low:g} to {high:g}",
        yes_if(rest < 0.05 and low >= 0 and high <= 255),
    )
    yield (
        "the same minimum by another implementation (SciPy's L-BFGS-B)",
        "none",
        f"{scipy['300']:,} against our {ours['300']:,}",
        yes_if(ours["300"] < 1.01 * scipy["300"]),
    )


# Those that were trained longer, and measured on more photographs.
LONGER = {"starry_night": "The Starry Night", "the_scream": "The Scream"}
FIRST = "starry_night"


def figure5_facts(report: dict, published: dict) -> dict:
    """What the text above the claims of Figure 5 says."""
    shares = [
        row["pass"]["content"] / row["pass"]["total"]
        for row in report["rows"]
        if row["network"] == FIRST
    ]
    return {
        "steps": max(all_steps(read_card(checkpoint(name))) for name in LONGER),
        "hardware": read_card(checkpoint(FIRST))["hardware"],
        "content": statistics.median(shares),
        "low": published["figure5"]["iterations_of_gatys_with_the_same_objective"][0],
    }


def one_pass_claims(reports: dict, published: dict) -> Iterator[Row]:
    report = reports["figure5"]
    wanted, most = published["figure5"]["iterations_of_gatys_with_the_same_objective"]
    main = [line for line in report["summary"] if line["network"] in LONGER]
    others = [line for line in report["summary"] if line["network"] not in LONGER]
    for line in main:
        low, median, high = line["worth"]
        part = line["pass as a part of the photograph"][1]
        yield (
            f"evaluations of L-BFGS that one pass of *{LONGER[line['network']]}* is worth, "
            f"{line['size']} × {line['size']}",
            f"{wanted} to {most}",
            f"{median:.3g} (quartiles {low:.3g} and {high:.3g}), {line['photographs']} "
            f"photographs; the pass is at {part:.1%} of the photograph's own objective",
            yes_if(median >= wanted),
        )
    if others:
        others.sort(key=lambda line: -line["worth"][1])
        worth = {line["network"].replace("_", " "): line["worth"][1] for line in others}
        count = max(line["photographs"] for line in others)
        yield (
            f"the same, our other styles, 256 × 256, {count} photographs each",
            "The Muse: 50 to 100",
            ", ".join(f"{name} {median:.3g}" for name, median in worth.items()),
            yes_if(max(worth.values()) >= wanted),
        )
    sizes = {line["size"]: line["worth"][1] for line in main if line["network"] == FIRST}
    if len(sizes) > 1:
        holds = all(worth > 0.7 * sizes[min(sizes)] for worth in sizes.values())
        found = ", ".join(f"{size}: {worth:.3g}" for size, worth in sorted(sizes.items()))
        yield "it is worth as much at larger sizes", "yes", found, yes_if(holds)
    ratios = [row["itself"] / row["pass"]["total"] for row in report["rows"]]
    ratio = statistics.median(ratios)
    yield (
        "the photograph itself has a far higher objective",
        "yes",
        f"{ratio:.0f} times that of one pass (median of {len(ratios)})",
        yes_if(min(ratios) > 1 and ratio > 2),
    )


# ---------------------------------------------------------------- speed


def speed_claims(reports: dict, published: dict) -> Iterator[Row]:
    ours = {line["size"]: line for line in reports["table1"]["table"]}
    for line in published["table1"]:
        size = line["size"]
        if size not in ours:
            continue
        here = ours[size]
        half, paper = here["speed-up"]["half width"], here["speed-up"][PAPER]
        plain, shares = here["speed-up, both plain"], here["pass as a part of an evaluation"]
        yield (
            f"seconds of L-BFGS at {size} × {size}: 100 / 300 / 500 iterations",
            " / ".join(f"{s:g}" for s in line["gatys_seconds"].values()) + " s",
            " / ".join(f"{seconds:,.4g}" for seconds in here["gatys"].values()) + " s",
            "other hardware",
        )
        yield (
            f"seconds of one pass at {size}",
            f"{line['ours_seconds']:g} s",
            ", ".join(f"{name} {ways['ours']:.3g} s" for name, ways in here["pass"].items()),
            "other hardware",
        )
        yield (
            f"speed-up over 500 iterations at {size}",
            f"{line['speedup']['500']:,}",
            f"{half['500']:,.0f} half width, {paper['500']:,.0f} the paper's network; both in "
            f"plain float32: {plain['half width']['500']:,.0f} and {plain[PAPER]['500']:,.0f}",
            yes_if(max(half["500"], paper["500"]) >= 0.5 * line["speedup"]["500"]),
        )
        yield (
            f"a pass costs no more than about half of one iteration, at {size}",
            f"{line['ours_seconds'] / (line['gatys_seconds']['100'] / 100):.2f}",
            f"{shares[PAPER]:.2f} the paper's network, {shares['half width']:.2f} half width",
            yes_if(shares[PAPER] <= 0.55),
        )
    if 512 in ours:
        rate = ours[512]["frames per second"]["half width"]
        here = f"{rate:.1f} without a GPU"
        yield "20 frames per second at 512 × 512", "20", here, yes_if(rate >= 20, NO)


# ---------------------------------------------------------------- training


def training_claims(reports: dict, _) -> Iterator[Row]:
    step = reports["bench_train"]
    cards = {path.stem: read_card(path) for path in checkpoints()}
    styles = {name: card for name, card in cards.items() if "style" in card["recipe"]}
    most = max(map(all_steps, styles.values()))
    longest = max(all_steps(card) for name, card in cards.items() if name not in styles)
    yield (
        "a style: 40,000 steps of 4 photographs at 256 × 256 on MS COCO, about 4 hours",
        "40,000 steps",
        f"{len(styles)} half-width styles, at most {most:,} steps in all, "
        f"{cards[FIRST]['photographs']['count']:,} photographs, without a GPU",
        yes_if(most >= PAPER_STEPS),
    )
    yield (
        "super-resolution: 200,000 steps",
        "200,000 steps",
        f"at most {longest:,} (a feature network begins as its pixel network)",
        yes_if(longest >= PAPER_SR_STEPS),
    )
    yield (
        "seconds a training step at the paper's setting",
        "0.36 s (4 hours / 40,000)",
        f"{list(step['medians'].values())[-1]:.2f} s on {step['machine']}; "
        f"plain float32 {step['medians']['plain']:.2f} s",
        "other hardware",
    )


def all_steps(card: dict | None) -> int:
    """Of all stages of a training; a card keeps the cards of the stages before."""
    return card["steps"] + all_steps(card.get("before")) if card else 0


# ---------------------------------------------------------------- super-resolution


def super_resolution_claims(reports: dict, published: dict) -> Iterator[Row]:
    names = ("set", "factor", "model", "blur", "histogram")
    ours = {
        tuple(table[n] for n in names): table for table in reports["super_resolution"]["tables"]
    }
    told = {(r["set"], r["factor"], r["model"]): r for r in published["super_resolution"]}
    yield from calibration_claims(ours, published["calibration"])
    yield from table_claims(ours, told)
    yield from feature_claims(ours, told)


def calibration_claims(ours: dict, published: list[dict]) -> Iterator[Row]:
    for r in published:
        found = ours[r["set"], r["factor"], "bicubic", 0.0, False]
        near = abs(found["psnr"] - r["psnr"]) <= 0.05 and abs(found["ssim"] - r["ssim"]) <= 0.002
        claim = f"bicubic x{r['factor']}, {r['set']}, without blur (the literature's)"
        yield claim, scores(r), scores(found), yes_if(near)


def table_claims(ours: dict, told: dict) -> Iterator[Row]:
    for (name, factor, model), r in told.items():
        for network in (model, f"paper_{model}"):
            if (name, factor, network, 0.0, False) not in ours:
                continue
            ways = [ours[name, factor, network, *how] for how in ((0.0, False), (1.0, False))]
            if model == "bicubic":  # no training: the same numbers, or other inputs
                holds = any(abs(way["psnr"] - r["psnr"]) <= 0.05 for way in ways)
            else:
                holds = max(way["psnr"] for way in ways) >= r["psnr"] - 0.05
            whose = ", the paper's network" if network != model else ""
            plain, blurred = map(scores, ways)
            matched = scores(ours[name, factor, network, 0.0, True])
            found = f"{plain}; input blurred {blurred}; histogram matched {matched}"
            yield f"{MODELS[model]} x{factor}, {name}{whose}", scores(r), found, yes_if(holds)


def feature_claims(ours: dict, told: dict) -> Iterator[Row]:
    for factor, name in product((4, 8), SETS):
        at = {m: ours[name, factor, m, 0.0, False] for m in ("bicubic", "pixel", "feature")}
        gap = at["pixel"]["psnr"] - at["feature"]["psnr"]
        gap_then = told[name, factor, "pixel"]["psnr"] - told[name, factor, "feature"]["psnr"]
        yield (
            f"the feature loss costs PSNR, x{factor}, {name}",
            f"{gap_then:.2f} dB",
            f"{gap:.2f} dB",
            yes_if(gap > gap_then / 2, PARTLY if gap > 0 else NO),
        )
        nearest = [
            layer
            for layer in JUDGES
            if all(at["feature"][layer] < at[m][layer] for m in ("bicubic", "pixel"))
        ]
        yield (
            f"and is nearer to the truth in layers not trained on, x{factor}, {name}",
            "by eye",
            f"nearer than the pixel loss and bicubic at {', '.join(nearest)}"
            if nearest
            else "at no layer nearer than the pixel loss",
            yes_if(len(nearest) == len(JUDGES), PARTLY if nearest else NO),
        )


def scores(row: dict) -> str:
    return f"{row['psnr']:.2f} / {row['ssim']:.4f}"


# ---------------------------------------------------------------- pictures, and all parts

PICTURES = {
    "Figure 1: a style and a super-resolution example": "02_gatys",
    "Figure 2: the system": "06_training",
    "Figure 3: what each layer's features keep of a picture": "04_inversion",
    "Figure 4: what each layer's Gram matrices keep of a style": "03_gram",
    "Figures 6 and 7: styles in one pass beside the optimiser's, also larger": "07_speed",
    "Section 4.2: the cross-hatch pattern of the feature loss": "08_superres",
    "Figures 8 and 9: x4 and x8 beside the truth, with magnified crops": "08_superres",
}


def picture_claims(*_) -> Iterator[Row]:
    for claim, name in PICTURES.items():
        yield claim, "picture", f"[chapter {int(name[:2])}](../notebooks/{name})", SEEN


CLAIMS = {
    "network": network_claims,
    "optimisation": optimisation_claims,
    "one_pass": one_pass_claims,
    "speed": speed_claims,
    "training": training_claims,
    "super_resolution": super_resolution_claims,
    "picture": picture_claims,
}

# ---------------------------------------------------------------- all once more

COMMANDS = {
    "lbfgs": "python experiments/lbfgs.py PHOTOGRAPH PAINTING",
    "styles": "python experiments/score_styles.py PHOTOGRAPH --paintings FOLDER",
    "figure5": "python experiments/figure5.py FOLDER --out FILE",
    "table1": "python experiments/table1.py",
    "scaling": "python experiments/scaling.py",
    "width": "python experiments/width.py --photos FOLDER",
    "profile_step": "python experiments/profile_step.py",
    "super_resolution": "python experiments/super_resolution.py FOLDER --out FILE",
    "robustness": "python experiments/robustness.py",
    "overview": "python experiments/overview.py",
    "bench_gatys": "perceptual-edu bench gatys -o FILE",
    "bench_train": "perceptual-edu bench train -o FILE",
    "bench_stylize": "perceptual-edu bench stylize -o FILE",
    "bench_upscale": "perceptual-edu bench upscale -o FILE",
    "bench_train_half": "perceptual-edu bench train --width 16 -o FILE",
    "history": "perceptual-edu bench --record",
}

if __name__ == "__main__":
    sys.exit(main())
