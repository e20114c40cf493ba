"""The numbers that chapters quote: those of the paper, in one file."""

import json

import pytest

from perceptual_edu.assets import data_folder
from perceptual_edu.benchmarks import SETS

PUBLISHED = json.loads((data_folder() / "results" / "published.json").read_text())


def test_published_rows_say_that_they_are_quoted_and_from_where():
    rows = [PUBLISHED["figure5"]]
    for part in ("table1", "super_resolution", "calibration"):
        assert PUBLISHED[part]
        rows += PUBLISHED[part]
    assert PUBLISHED["what"]
    assert all(row["tag"] == "as published" and row["source"] for row in rows)


@pytest.mark.parametrize(
    ("part", "factor", "models"),
    [
        ("super_resolution", 4, {"bicubic", "pixel", "srcnn", "feature"}),
        ("super_resolution", 8, {"bicubic", "pixel", "feature"}),
        ("calibration", 4, {"bicubic"}),
        ("calibration", 8, {"bicubic"}),
    ],
)
def test_published_scores_are_complete_and_plausible(part, factor, models):
    rows = [row for row in PUBLISHED[part] if row["factor"] == factor]
    found = [(row["set"], row["model"]) for row in rows]
    assert sorted(found) == sorted((name, model) for name in SETS for model in models)
    for row in rows:
        assert 20 < row["psnr"] < 35
        assert 0.5 < row["ssim"] < 0.9


def test_l_feat_costs_psnr_in_every_published_table():
    score = {(r["set"], r["factor"], r["model"]): r["psnr"] for r in PUBLISHED["super_resolution"]}
    for name in SETS:
        for factor in (4, 8):
            assert 0.7 < score[name, factor, "pixel"] - score[name, factor, "feature"] < 1.6


def test_the_published_speed_ups_follow_from_the_published_times():
    for row in PUBLISHED["table1"]:
        for iterations, seconds in row["gatys_seconds"].items():
            # Times are rounded: 0.05 may be anything from 0.045 to 0.055.
            ratio = seconds / row["ours_seconds"]
            assert ratio == pytest.approx(row["speedup"][iterations], rel=0.1)
