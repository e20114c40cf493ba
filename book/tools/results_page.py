"""Write book/results.md: what the paper reports, and what was measured here, from data/results/.

    python book/tools/results_page.py            write the page
    python book/tools/results_page.py --check    exit 1 if it does not fit the data

The claims are in claims.py, the words between the tables in results_page.txt, both beside this
script. Every number of ours and every verdict is computed from the files of results and from the
cards of the trained networks.
"""

import statistics
from collections import Counter
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

import pages
from claims import AGREES, CLAIMS, DIFFERS, EXCEEDS, LONGER, MODELS, NOT_MEASURED
from pages import table
from scipy.stats import binomtest

from perceptual_edu.assets import checkpoint, checkpoints
from perceptual_edu.evaluation import read_report
from perceptual_edu.networks import read_card
from perceptual_edu.networks.cards import all_steps

TEMPLATE = Path(__file__).with_suffix(".txt")


def page() -> str:
    published = pages.published()
    reports = {name: newest(read_report(name)) for name in COMMANDS}
    claims = {name: list(found(reports, published)) for name, found in CLAIMS.items()}
    head = ("claim", "published", "here", "how", "verdict")
    papers = [claim for name, each in claims.items() for claim in each if name != "calibration"]
    figures = {name: reports[name] for name in ("figure6", "figure7")}
    again = (
        (f"`{name}.json`", report["machine"], report["when"][:10], f"`{COMMANDS[name]}`")
        for name, report in reports.items()
    )
    return TEMPLATE.read_text().format(
        machine={name: report["machine"] for name, report in reports.items()},
        **{name: table(head, (claim.row() for claim in each)) for name, each in claims.items()},
        score=score(papers),
        **{name: report["settings"] for name, report in figures.items()},
        side_by_side={name: side_by_side(report["rows"]) for name, report in figures.items()},
        **judge_tables(reports["judge"]),
        robustness=robustness_table(reports["robustness"]),
        by_processor=speed_table(read_report("history")),
        overlap=overlap_table(reports["photographs"]),
        again=table(("file", "machine", "when", "command"), again),
        **facts(reports, published),
    )


def newest(found: dict | list[dict]) -> dict:
    return found[-1] if isinstance(found, list) else found


def score(claims: Iterable) -> str:
    """How many numbers have which verdict."""
    verdicts = [verdict for claim in claims for verdict in claim.verdicts()]
    found = Counter("within" if v.startswith("within") else v for v in verdicts)
    kinds = ("within", AGREES, EXCEEDS, DIFFERS, NOT_MEASURED)
    return f"{len(verdicts)} verdicts: " + "; ".join(f"{found[kind]} {kind}" for kind in kinds)


def facts(reports: dict, published: dict) -> dict:
    """What the text beside the tables says."""
    rows = [row["pass"] for row in reports["figure5"]["rows"] if row["network"] == "starry_night"]
    others, other_rows = (
        [line for line in reports["figure5"][part] if line["network"] not in LONGER]
        for part in ("summary", "rows")
    )
    others = [line for line in others if line["size"] == 256]
    where = [row["machine"] for row in other_rows if row["size"] == 256]
    runs, step = reports["lbfgs"]["objective"], reports["bench_train"]
    return {
        "steps": max(all_steps(read_card(checkpoint(name))) for name in LONGER),
        "content": statistics.median(row["content"] / row["total"] for row in rows),
        "others": ", ".join(
            f"{line['network'].removeprefix('styles/').replace('_', ' ')} {line['worth'][1]:.3g}"
            + " or more" * bool(line["never reached"])
            for line in sorted(others, key=lambda line: -line["worth"][1])
        ),
        "others_n": min(line["photographs"] for line in others),
        "others_on": "; ".join(dict.fromkeys(where)),
        "ours": runs["ours, from noise"]["300"],
        "scipy": runs["SciPy's L-BFGS-B, from noise"]["300"],
        "longest": max(all_steps(read_card(p)) for p in checkpoints() if p.stem.startswith("x")),
        "seconds": list(step["medians"].values())[-1],
        "plain_seconds": step["medians"]["plain"],
        "whole_run": "; ".join(whole_run(row) for row in reports["whole_run"]["rows"]),
        "alike": alike_table(reports["alike"]["rows"]),
        "best_feature": best_feature_table(reports["best_feature"]["rows"]),
        "noise": noise_table(reports["smooth_noise"]["rows"]),
        "noise_change": noise_facts(reports["smooth_noise"]["rows"]),
        "alike_steps": reports["alike"]["rows"][0]["steps"],
        "ssim": ssim_table(reports["super_resolution"]["tables"], published["super_resolution"]),
        "gatys_then": [line["gatys_seconds"]["500"] for line in published["table1"]],
        "gatys_500": [line["gatys"]["500"] for line in reports["table1"]["table"]],
        "half": [line["speed-up"]["half width"]["500"] for line in reports["table1"]["table"]],
    }


def side_by_side(rows: list[dict]) -> str:
    """What is left of the objective after a pass and after the optimisation, for each style."""
    lines = []
    for name in dict.fromkeys(row["style"] for row in rows):
        mine = [row for row in rows if row["style"] == name]
        left = [f"{statistics.median(row[k] for row in mine):.1%}" for k in ("pass", "optimised")]
        worth = sorted(row["worth"] or float("inf") for row in mine)
        lines.append((name.replace("_", " "), *left, f"{worth[0]} to {worth[-1]}"))
    head = "style", "left after one pass", "after the optimisation", "a pass is worth, evaluations"
    return table(head, lines)


def whole_run(row: dict) -> str:
    one = row["median of one, times as many"]
    return (
        f"{row['evaluations']} evaluations at {row['size']} px took {row['seconds']:,.0f} s, "
        f"as long as {row['passes for it']:,} passes of the half-width network (the median of one, "
        f"times as many: {one:,.0f} s)"
    )


def alike_table(rows: list[dict]) -> str:
    """Both losses after equal trainings, and the interval of their difference on a picture."""
    lines = []
    for row in rows:
        whose = {"paper": "the paper's", "recommended": "ours"}[row["architecture"]]
        ripples = " / ".join(f"{row['ripple'][loss]:.2f}" for loss in ("pixel", "feature"))
        line = [f"x{row['factor']}, {whose}", row["feature began as"], ripples]
        line.append(f"{row['set']}, n = {row['pictures']}")
        for score, form in (("psnr", ".2f"), ("ssim", ".4f")):
            both = " / ".join(format(row[loss][score], form) for loss in ("pixel", "feature"))
            mean, error = row["difference"][score]
            line.append(f"{both} ({mean:+{form}} ± {error:{form}})")
        lines.append(line)
    head = ("network", "feature network begins as", "ripple", "set", "PSNR", "SSIM")
    return table(head, lines)


def best_feature_table(rows: list[dict]) -> str:
    """Scores and what the judge sees, before and after the last stage."""
    lines = []
    for row in rows:
        words = f"x{row['factor']}, {'then ' * (row['stage'] - 1)}{' and '.join(row['layers'])}"
        words += f", TV {row['tv']:g}" if row["tv"] else ""
        kept = (
            " / ".join(f"{100 * row[f'top-{most} {how}'][0]:.0f}" for most in (1, 5))
            for how in ("as it is", "at 224 px")
        )
        far = ", ".join(f"{distance:.2f}" for distance in row["distances"])
        lines.append((words, f"{row['psnr']:.2f} / {row['ssim']:.4f}", *kept, far))
    head = ("features compared at", "PSNR / SSIM", "top-1 / top-5 as it is, per cent")
    head += ("at 224 px, per cent", "feature distance at 1/4, 1/8, 1/16, 1/32")
    return table(head, lines)


def noise_table(rows: list[dict]) -> str:
    """What is left of the objective and how noise changes it, for each style and size."""
    sides, lines = dict.fromkeys(row["side"] for row in rows), {}
    for row in rows:
        file, _, name = row["style"].rpartition("/")
        line = lines.setdefault(row["style"], [name.replace("_", " ") + ", alone" * (not file)])
        terms = (f"{row[f'{term} with noise'] - 1:+.1%}" for term in ("content", "style", "total"))
        less = sum(each < 1 for each in row["each"])
        line += [f"{row['part']:.1%}", f"{', '.join(terms)} ({less} of {len(row['each'])})"]
    heads = (
        f"{side} px: {what}"
        for side in sides
        for what in ("left", "with noise: content, style, all (less on)")
    )
    return table(("style", *heads), lines.values())


def noise_facts(rows: list[dict]) -> dict[str, str]:
    """The range over the styles of how noise changes a term: of the many's or of those alone."""
    changes = {}
    for row in rows:
        whose = "many" if "/" in row["style"] else "alone"
        for term in ("content", "style", "total"):
            key = f"{whose} {term} {row['side']}"
            changes.setdefault(key, []).append(row[f"{term} with noise"] - 1)
    return {key: f"{min(found):+.1%} to {max(found):+.1%}" for key, found in changes.items()}


def ssim_table(tables: list[dict], published: list[dict]) -> str:
    """SSIM at x8 of both losses, the paper's and ours."""
    plain = [t for t in tables if not t["blur"] and not t["histogram"]]
    then, here = (
        {(row["set"], row["model"]): row["ssim"] for row in rows if row["factor"] == 8}
        for rows in (published, plain)
    )
    rows = []
    for name in ("Set5", "Set14", "BSD100"):
        row = [name]
        for found in (then, here):
            pixel, feature = found[name, "pixel"], found[name, "feature"]
            row.append(f"{pixel:.4f} / {feature:.4f} ({feature - pixel:+.4f})")
        rows.append((row[0], row[1] + " †", row[2]))
    return table(("x8, SSIM: pixel loss / feature loss", "published", "here"), rows)


# ---------------------------------------------------------------- the judge

READINGS = ("as it is", "at 224 px")
TOP = [(number, most) for number in range(len(READINGS)) for most in (1, 5)]
HEAD = [f"top-{most} {READINGS[number]}" for number, most in TOP]
GROUPS = ("animals", "people", "the rest")


def judge_tables(report: dict) -> dict[str, str]:
    rows = {tuple(row["key"]): row for row in report["tables"]}
    enlarged = [(key, row["shares"]["all"]) for key, row in rows.items() if key[0] == "x"]
    painted = [(key, row["shares"]) for key, row in rows.items() if key[0] == "style"]
    return {
        "judge": table(
            ("", *HEAD, "feature distance at 1/4, 1/8, 1/16, 1/32"),
            (
                (
                    f"x{factor}, {MODELS.get(model, model)}",
                    *(share(found[name]) for name in HEAD),
                    ", ".join(f"{d:.2f}" for d in found["distances"]),
                )
                for (_, factor, model, _), found in sorted(enlarged, key=itemgetter(0))
            ),
        ),
        "judge_n": enlarged[0][1]["n"],
        "pairs": pairs(rows),
        "painted": table(
            ("style", *(f"{name} (n = {painted[0][1][name]['n']})" for name in GROUPS)),
            (
                (style_name(*key), *(top_1_and_5(shares[name]) for name in GROUPS))
                for key, shares in sorted(painted, key=alone_first)
            ),
        ),
    }


def alone_first(painted: tuple) -> tuple:
    (_, style, file, _), _ = painted
    return style != file, style


def style_name(_: str, style: str, file: str, digest: str) -> str:
    return style.replace("_", " ") + ", alone" * (style == file)


def share(found: list[float]) -> str:
    """A share of pictures and its interval, in per cent."""
    part, low, high = (100 * number for number in found)
    return f"{part:.0f} ({low:.0f} to {high:.0f})"


def top_1_and_5(found: dict) -> str:
    return " / ".join(share(found[f"top-{most} {READINGS[1]}"]) for most in (1, 5))


def pairs(rows: dict[tuple, dict]) -> str:
    """On the same pictures: whose class only one of two networks keeps."""
    pictures = {key[1:3]: row["pictures"] for key, row in rows.items() if key[0] == "x"}
    lines = []
    for factor in sorted({factor for factor, _ in pictures}):
        pixel, feature = pictures[factor, "pixel"], pictures[factor, "feature"]
        counts = []
        for number, most in TOP:
            kept = [(feature[n][number] < most, pixel[n][number] < most) for n in pixel]
            only = [kept.count((True, False)), kept.count((False, True))]
            chance = binomtest(only[0], sum(only)).pvalue if sum(only) else 1
            counts.append(f"{only[0]} : {only[1]} (p = {chance:.2g})")
        lines.append((f"x{factor}, only the feature loss : only the pixel loss", *counts))
    return table(("", *HEAD), lines)


def speed_table(history: list[dict]) -> str:
    """Seconds in plain float32 and ours, the newest of each kind of processor."""
    newest_of = {report["machine"]: report for report in history}
    names = dict.fromkeys(name for report in newest_of.values() for name in report["medians"])
    rows = ((name, *(speed(report, name) for report in newest_of.values())) for name in names)
    return table(("plain float32 / ours (speed-up)", *newest_of), rows)


def speed(report: dict, name: str) -> str:
    if name not in report["medians"]:
        return ""
    plain, ours = report["medians"][name].values()
    return f"{plain:.3g} / {ours:.3g} s ({report['speed-up'][name]:.2f} x)"


def overlap_table(report: dict) -> str:
    rows = []
    for name, found in report["sets"].items():
        bits, likeness, picture, trained, _ = found["nearest pairs"][0]
        rows.append((name, found["n"], bits, f"{likeness:.2f}", f"`{picture}`, `{trained}`"))
    return table(("set", "pictures", "bits apart, of 63", "correlation", "nearest pair"), rows)


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
    head = ("what", "times", "of these")
    return table(head, ((what, f"{n:,}", f"{bad:,} {how}") for what, n, bad, how in rows))


COMMANDS = {
    "lbfgs": "python experiments/lbfgs.py",
    "starts": "python experiments/starts.py",
    "gatys_main": "python experiments/gatys_main.py",
    "styles": "python experiments/score_styles.py PHOTOGRAPH --paintings FOLDER",
    "new_style": "python experiments/new_style.py PAINTING --photos FOLDER",
    "figure6": "python experiments/side_by_side.py --paintings FOLDER",
    "figure7": "python experiments/side_by_side.py --paintings FOLDER --name figure7 --side 512 "
    "--styles starry_night --alone --folder PHOTOGRAPHS",
    "figure5": "python experiments/figure5.py FOLDER --out FILE",
    "worth_by_steps": "python experiments/worth_by_steps.py FOLDER NETWORK ...",
    "table1": "python experiments/table1.py",
    "whole_run": "python experiments/whole_run.py",
    "scaling": "python experiments/scaling.py",
    "width": "python experiments/width.py --photos FOLDER",
    "widen": "python experiments/widen.py NETWORK --photos FOLDER",
    "shipped": "python experiments/ship.py NETWORK",
    "profile_step": "python experiments/profile_step.py",
    "super_resolution": "python experiments/super_resolution.py FOLDER --out FILE",
    "alike": "python experiments/alike.py FOLDER --work WORK",
    "kept_colors": "python experiments/kept_colors.py FOLDER",
    "smooth_noise": "python experiments/smooth_noise.py FOLDER --paintings FOLDER",
    "style_counts": "python experiments/style_counts.py --photos FOLDER",
    "try_times": "python experiments/try_times.py",
    "judge": "python experiments/judge.py FOLDER/BSD100",
    "best_feature": "python experiments/best_feature.py FOLDER/BSD100 --work WORK",
    "photographs": "python experiments/photographs.py FOLDER",
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
    pages.main(__doc__, "results.md", page)
