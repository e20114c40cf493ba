"""The numbers that chapters quote: the paper's in one file, and what was measured here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perceptual_edu.assets import data_folder
from perceptual_edu.datasets.sr_benchmarks import SETS
from perceptual_edu.evaluation import ResultError, make_report, read_report, write_report

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED_FILE = data_folder() / "results" / "published.json"
PUBLISHED = json.loads(PUBLISHED_FILE.read_text())


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


FILES = sorted(set((data_folder() / "results").glob("*.json")) - {PUBLISHED_FILE})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_results_says_what_was_measured_where_and_how(path):
    read_report(path)


@pytest.fixture
def report():
    return make_report("seconds", {"size": 64}, seconds=[0.5, 0.25])


def test_a_report_comes_back_as_it_was_written(tmp_path, report):
    for compact in (False, True):
        write_report([report], tmp_path / "r.json", compact=compact)
        assert read_report(tmp_path / "r.json") == [report]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"machine": ""}, "'machine' is missing; wanted is a str"),
        ({"settings": [64]}, "'settings' is missing; wanted is a dict"),
        ({"versions": {"torch": "2"}}, "'versions' must name python and torch"),
        ({"when": "yesterday"}, "'when' is 'yesterday', not a date"),
        ({"seconds": None}, "nothing was measured"),
    ],
)
def test_a_report_that_lacks_something_is_refused_with_its_file(tmp_path, report, spoilt, message):
    wrong = {name: value for name, value in (report | spoilt).items() if value is not None}
    write_report(wrong, tmp_path / "r.json")
    with pytest.raises(ResultError, match=f"r.json: {message}"):
        read_report(tmp_path / "r.json")


def test_missing_and_broken_files_are_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    for name, message in (("none.json", "no such file"), ("broken.json", "not JSON")):
        with pytest.raises(ResultError, match=f"{name}: {message}"):
            read_report(tmp_path / name)


def test_the_page_of_results_fits_the_data():
    tool = ROOT / "book" / "tools" / "results_page.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run python {tool}; {done.stderr}"
