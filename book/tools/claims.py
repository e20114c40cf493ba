"""The paper's claims as data: what is claimed, what is published, what was measured, and how.

Rows that follow from others (a ratio or a difference of two rows) are not claims, and neither is
what only a picture shows.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import NamedTuple

from perceptual_edu.assets import checkpoint, checkpoints
from perceptual_edu.networks import read_card
from perceptual_edu.networks.cards import all_steps

EXCEEDS, DIFFERS, NOT_MEASURED = "exceeds, other recipe", "differs", "not measured"
AGREES, UNREAD = "agrees", " †"
PAPER = "the paper's"  # as table1.json names its network
MODELS = {"bicubic": "bicubic", "pixel": "pixel loss", "feature": "feature loss", "srcnn": "SRCNN"}
LONGER = {"starry_night": "The Starry Night", "the_scream": "The Scream"}
"""Styles that were trained longer, and measured on more photographs."""
NOISE = {"noise": "faint", "uniform": "uniform"}

Published = float | tuple[float, float]
"""A value, or the ends of a range; of what is the better the more there is of it."""


def verdict(
    published: Published, here: float | None, within: str, *, same_recipe: bool = False
) -> str:
    """What a measurement says of a published number; being better is no reason to pass.

    ``within`` is a difference (``"0.3 dB"``) or a part of the published value (``"5 %"``).

    >>> verdict(26.90, 26.86, "0.3 dB"), verdict(26.90, 27.24, "0.3 dB")
    ('within 0.3 dB', 'exceeds, other recipe')
    >>> verdict(26.90, 26.50, "0.3 dB"), verdict(26.90, 27.24, "0.3 dB", same_recipe=True)
    ('differs', 'differs')
    """
    if here is None:
        return NOT_MEASURED
    low, high = published if isinstance(published, tuple) else (published, published)
    amount, unit = within.split()
    slack = {"dB": lambda end: float(amount), "%": lambda end: end * float(amount) / 100}[unit]
    if low - slack(low) <= here <= high + slack(high):
        return f"within {within}"
    return EXCEEDS if here > high and not same_recipe else DIFFERS


class Value(NamedTuple):
    """One number of a claim."""

    published: Published
    here: float | None
    within: str = "5 %"
    form: str = "{:,.3g}"

    def text(self, number: Published | None) -> str:
        if isinstance(number, tuple):
            return " to ".join(map(self.form.format, number))
        return "none" if number is None else self.form.format(number)


class Numbers(NamedTuple):
    """A claim of one or more numbers."""

    what: str
    values: tuple[Value, ...]
    how: str
    """Architecture, blur, steps, how many pictures, how many seeds."""
    read: bool = False
    """Whether the published values were read in a source, not quoted from recollection."""
    same_recipe: bool = False

    def verdicts(self) -> list[str]:
        how = {"same_recipe": self.same_recipe}
        return [verdict(v.published, v.here, v.within, **how) for v in self.values]

    def row(self) -> tuple[str, ...]:
        told = " / ".join(v.text(v.published) for v in self.values) + UNREAD * (not self.read)
        here = " / ".join(dict.fromkeys(v.text(v.here) for v in self.values))
        return self.what, told, here, self.how, " / ".join(dict.fromkeys(self.verdicts()))


class Statement(NamedTuple):
    """A claim without a number; ``agrees`` is None if nothing was measured."""

    what: str
    published: str
    here: str
    how: str
    agrees: bool | None
    read: bool = False

    def verdicts(self) -> list[str]:
        return [{None: NOT_MEASURED, True: AGREES, False: DIFFERS}[self.agrees]]

    def row(self) -> tuple[str, ...]:
        told = self.published + UNREAD * (not self.read)
        return self.what, told, self.here, self.how, *self.verdicts()


Claims = Iterator[Numbers | Statement]

# ---------------------------------------------------------------- style transfer


def optimisation_claims(reports: dict, _) -> Claims:
    report = reports["lbfgs"]
    ours = report["objective"]["ours, from noise"]
    rest, (low, high) = ours["200"] / ours["300"] - 1, ours["range"]
    yield Statement(
        "projected L-BFGS from noise minimises equation 5, the pixels staying in [0, 255]",
        "converges within 500 iterations",
        f"after 300 evaluations {ours['300'] / report['photograph itself']:.1%} of the "
        f"photograph's own objective; the last 100 bring {rest:.1%}; pixels {low:g} to {high:g}",
        "*The Starry Night*, 256 px, n = 1, 1 seed",
        rest < 0.05 and low >= 0 and high <= 255,
        read=True,
    )


def one_pass_claims(reports: dict, published: dict) -> Claims:
    report, told = reports["figure5"], published["figure5"]
    worth = tuple(told["iterations_of_gatys_with_the_same_objective"])
    for line in report["summary"]:
        name = line["network"]
        if name not in LONGER:
            continue
        low, median, high = line["worth"]
        many = line["photographs"] >= 8
        # Where L-BFGS did not get there, the worth is only known to be more than its evaluations.
        more = " or more" * (line["never reached"] >= line["photographs"] / 4)
        quartiles = f" (quartiles {low:.3g} and {high:.3g}{more})" * many
        clamped = " after every iteration" * (line["bounds"] == "clamped")
        opponent = f"{line['bounds']}{clamped}, from {NOISE[line['start']]} noise"
        yield Numbers(
            f"evaluations of L-BFGS ({opponent}) that a pass of *{LONGER[name]}* is worth, "
            f"{line['size']} px",
            (Value(worth, median),),
            f"{style_recipe(name)}, n = {line['photographs']}{quartiles}, 1 seed",
        )
    # One pass, several opponents: it counts once.
    passes = {
        (row["network"], row["size"], row["photograph"]): row["itself"] / row["pass"]["total"]
        for row in report["rows"]
    }
    ratios = list(passes.values())
    yield Statement(
        "the photograph itself has a far higher objective",
        "yes",
        f"{statistics.median(ratios):.0f} times that of one pass (median), at least "
        f"{min(ratios):.1f} times",
        f"all passes of Figure 5, n = {len(ratios)}",
        min(ratios) > 2,
    )


def speed_claims(reports: dict, published: dict) -> Claims:
    ours = {line["size"]: line for line in reports["table1"]["table"]}
    for line in published["table1"]:
        here = ours.get(line["size"])
        speed_up = here and here["speed-up, both plain"][PAPER]["500"]
        yield Numbers(
            f"speed-up of a pass over 500 iterations, {line['size']} px",
            (Value(line["speedup"]["500"], speed_up, form="{:,.0f}"),),
            "the paper's network, plain float32 on both sides, n = 1",
        )


def style_recipe(name: str) -> str:
    card = read_card(checkpoint(name))
    recipe = card["recipe"]
    size = {16: "half width", 32: "full width"}.get(recipe["width"], f"width {recipe['width']}")
    return f"{size}, {recipe['norm']} norm, {all_steps(card):,} steps"


# ---------------------------------------------------------------- super-resolution


def our_scores(reports: dict) -> dict[tuple, dict]:
    """Set, factor, model, blur -> its row of super_resolution.json."""
    names = ("set", "factor", "model", "blur")
    tables = reports["super_resolution"]["tables"]
    return {tuple(t[n] for n in names): t for t in tables if not t["histogram"]}


def calibration_claims(reports: dict, published: dict) -> Claims:
    ours = our_scores(reports)
    for row in published["calibration"]:
        found = ours[row["set"], row["factor"], "bicubic", 0.0]
        what = f"bicubic x{row['factor']}, {row['set']}"
        yield scored(what, row, found, "no training, blur none", same_recipe=True)


def super_resolution_claims(reports: dict, published: dict) -> Claims:
    ours = our_scores(reports)
    for row in published["super_resolution"]:
        what = f"{MODELS[row['model']]} x{row['factor']}, {row['set']}"
        for found, how in measured(row, ours, reports["alike"]["rows"]):
            yield scored(what, row, found, how, same_recipe=row["model"] == "bicubic")
    told = published["user_study"]
    yield Statement(
        f"people prefer the feature loss to SRCNN, x{told['factor']} ({told['source']})",
        f"a majority on {told['pictures_on_which_feature_is_preferred_to_srcnn']:.0%} of BSD100",
        "[choose yourself](choose.md)",
        "nobody was asked",
        None,
    )


def scored(what: str, row: dict, found: dict | None, how: str, **which: bool) -> Numbers:
    here = found or {"psnr": None, "ssim": None}
    values = (
        Value(row["psnr"], here["psnr"], "0.3 dB", "{:.2f}"),
        Value(row["ssim"], here["ssim"], "5 %", "{:.4f}"),
    )
    how += f", n = {len(found['pictures'])}" if found else ""
    return Numbers(what, values, how, read=row["read"], **which)


def measured(row: dict, ours: dict, alike: list[dict]) -> Iterator[tuple[dict | None, str]]:
    """Ours of a published row, each with its recipe: bicubic of two inputs, else two networks."""
    name, factor, model = row["set"], row["factor"], row["model"]
    if model == "bicubic":
        for blur in (0.0, 1.0):
            yield ours[name, factor, model, blur], f"no training, blur {blur or 'none'}"
        return
    cards = {path.stem: read_card(path) for path in checkpoints()}
    yield from trained_alike(row, alike)
    card = cards[f"x{factor}_{model}"]
    recipe, last = card["recipe"], ""
    blur = recipe["blur"]
    whose = "9-5-5" if model == "srcnn" else "our network"
    if len(recipe.get("layers", [])) > 1:
        last = f", the last {recipe['steps']:,} with the loss at {' and '.join(recipe['layers'])}"
        last += f", TV {recipe['tv']:g}"
    yield (
        ours[name, factor, model, float(blur)],
        f"{whose}, blur {blur or 'none'}, {all_steps(card):,} steps{last}, 1 seed",
    )


def trained_alike(row: dict, alike: list[dict]) -> Iterator[tuple[dict | None, str]]:
    """Of the paper's network, which does not ship."""
    for found in alike:
        same = all(found[k] == row[k] for k in ("set", "factor")) and row["model"] in found
        after = found["feature began as"] != "random weights"
        if same and found["architecture"] == "paper" and not (after and row["model"] == "pixel"):
            how = f"the paper's network, blur {found['blur']}, {found['steps']:,} steps"
            how += " after as many with the pixel loss" * after + ", 1 seed"
            yield found[row["model"]] | {"pictures": range(found["pictures"])}, how


CLAIMS = {
    "calibration": calibration_claims,  # the literature's, not the paper's
    "optimisation": optimisation_claims,
    "one_pass": one_pass_claims,
    "speed": speed_claims,
    "super_resolution": super_resolution_claims,
}
