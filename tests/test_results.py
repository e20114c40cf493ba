"""The numbers that chapters quote: the paper's in one file, and what was measured here."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from built_book import ROOT, tool

from perceptual_edu.assets import data_folder
from perceptual_edu.datasets.sr_benchmarks import SETS
from perceptual_edu.evaluation import ResultError, make_report, read_report, write_report

PUBLISHED_FILE = data_folder() / "results" / "published.json"
PUBLISHED = json.loads(PUBLISHED_FILE.read_text())


def test_published_rows_say_that_they_are_quoted_and_from_where():
    rows = [PUBLISHED["figure5"], PUBLISHED["user_study"]]
    for part in ("table1", "super_resolution", "calibration"):
        assert PUBLISHED[part]
        rows += PUBLISHED[part]
    assert PUBLISHED["what"]
    assert all(row["tag"] == "as published" and row["source"] for row in rows)
    assert all(type(row["read"]) is bool for row in rows)


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


# ---------------------------------------------------------------- what the README quotes


def measured() -> Iterator[tuple[float, ...]]:
    """The numbers of the README's table "Measured so far", line by line, from their files."""
    lbfgs = read_report("lbfgs")
    runs = {name: found["300"] for name, found in lbfgs["objective"].items()}
    yield (lbfgs["photograph itself"],)
    yield runs["ours, from noise"], runs["ours, from the photograph"]
    yield (runs["SciPy's L-BFGS-B, from noise"],)
    yield tuple(runs[f"PyTorch's, clamped every {n}, from noise"] for n in ("20", "time"))
    yield (read_report("bench_gatys")["ratio"],)
    worth = {
        tuple(line[key] for key in ("network", "size", "bounds", "start")): line["worth"][1]
        for line in read_report("figure5")["summary"]
    }
    starry, scream = "starry_night", "the_scream"
    for bounds in ("projected", "clamped"):
        yield tuple(worth[name, 256, bounds, "noise"] for name in (starry, scream))
    yield tuple(worth[starry, size, "projected", "uniform"] for size in (256, 512, 1024))
    yield tuple(worth[scream, size, "projected", "uniform"] for size in (256, 512, 1024))
    table1 = read_report("table1")["table"]
    yield tuple(row["speed-up"]["half width"]["500"] for row in table1)
    yield tuple(row["speed-up, both plain"]["the paper's"]["500"] for row in table1)
    yield (100 * read_report("styles")["styles"][starry]["part"],)
    for name in ("bench_train", "bench_train_half"):
        times = list(read_report(name)["medians"].values())
        yield times[0], times[-1]
    yield from measured_of_super_resolution()


def measured_of_super_resolution() -> Iterator[tuple[float, ...]]:
    psnr = {
        (line["factor"], line["model"], line["set"]): line["psnr"]
        for line in read_report("super_resolution")["tables"]
        if not line["blur"] and not line["histogram"]
    }

    def sets(factor, *models):
        return tuple(psnr[factor, model, name] for model in models for name in SETS)

    yield sets(4, "bicubic")
    yield sets(4, "pixel", "feature")
    after = [
        line
        for line in read_report("alike")["rows"]
        if (line["factor"], line["feature began as"]) == (4, "the pixel network")
    ]
    yield tuple(line[loss]["psnr"] for loss in ("pixel", "feature") for line in after)
    yield sets(8, "bicubic", "pixel")
    shares = {
        tuple(line["key"][:3]): line["shares"]["all"]
        for line in read_report("judge")["tables"]
        if line["key"][0] == "x"
    }

    def seen(*models):
        names = ("top-1 as it is", "top-1 at 224 px")
        return tuple(100 * shares["x", 4, model][name][0] for model in models for name in names)

    yield seen("bicubic")
    yield seen("pixel", "feature")
    enlarging, _, *steps = read_report("bench_upscale")
    yield tuple(enlarging["medians"].values())
    yield tuple(step["speed-up"]["ours"] for step in steps)


def test_the_readme_quotes_what_was_measured():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Measured so far")[1].split("\n\n")[2]
    cells = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(cells) == len(list(measured()))
    for cell, values in zip(cells, measured(), strict=True):
        told = re.findall(r"\d[\d,]*(?:\.\d+)?", cell)
        digits = [len(number.partition(".")[2]) for number in told]
        assert told == [f"{v:,.{n}f}" for v, n in zip(values, digits, strict=True)], cell


# ---------------------------------------------------------------- the photographs


def photographs():
    """The lines of data/photographs.tsv, by set."""
    with (data_folder() / "photographs.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {name: [r for r in rows if r["set"] == name] for name in {r["set"] for r in rows}}


def test_every_photograph_is_listed_with_its_source_and_hash():
    sets = photographs()
    counts = {"train": 2025, "val": 100, "content": 12, **SETS}
    assert {name: len(rows) for name, rows in sets.items()} == counts
    for rows in sets.values():
        assert len({row["file"] for row in rows}) == len(rows)
        for row in rows:
            assert row["source"]
            assert row["path"]
            assert len(row["sha256"]) == len(row["phash"]) == 16


def test_no_photograph_of_training_is_one_that_is_measured_with():
    sets = photographs()
    train = sets.pop("train")
    trained = {row["sha256"] for row in train}
    places = {(row["source"], row["path"]) for row in train}
    codes = [int(row["phash"], 16) for row in train]
    for name, rows in sets.items():
        for row in rows:
            assert row["sha256"] not in trained, (name, row["file"])
            assert (row["source"], row["path"]) not in places, (name, row["file"])
            code = int(row["phash"], 16)
            bits = min((code ^ other).bit_count() for other in codes)
            assert bits > 6, (name, row["file"], "may be a copy of one that was trained with")


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


@pytest.mark.parametrize("others", [[{"b": 2, "a": [3]}], [{"a": 2}], [], [1], [{}, {}]])
def test_rows_of_a_compact_report_come_back_as_they_were(others, tmp_path):
    rows = [{"a": 1, "b": None}, *others, {"a": {"c": 1, "d": 2}, "b": "x"}]
    nested = [{"a": {"c": 1, "d": {"e": n}}, "b": [rows[0]] * n} for n in range(3)]
    for each in (rows, others, rows[:1], [rows[0], rows[-1]], nested, []):
        report = make_report("nothing", {"names": ["a"]}, rows=each)
        write_report(report, tmp_path / "r.json", compact=True)
        assert read_report(tmp_path / "r.json") == report
    write_report(make_report("n", {}, rows=[rows[0]] * 9), tmp_path / "r.json", compact=True)
    assert (tmp_path / "r.json").read_text().count('"b"') == 1  # each name once


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


@pytest.fixture(scope="module")
def claims():
    return tool("claims")


@pytest.mark.parametrize(
    ("published", "here", "within", "says"),
    [
        (27.0, 26.69, "0.3 dB", "differs"),
        (27.0, 26.71, "0.3 dB", "within 0.3 dB"),
        (27.0, 27.29, "0.3 dB", "within 0.3 dB"),
        (27.0, 27.31, "0.3 dB", "exceeds, other recipe"),
        (1000, 949, "5 %", "differs"),
        (1000, 951, "5 %", "within 5 %"),
        (1000, 1049, "5 %", "within 5 %"),
        (1000, 1051, "5 %", "exceeds, other recipe"),
        ((50, 100), 47, "5 %", "differs"),
        ((50, 100), 48, "5 %", "within 5 %"),
        ((50, 100), 70.5, "5 %", "within 5 %"),
        ((50, 100), 106, "5 %", "exceeds, other recipe"),
        (27.0, None, "0.3 dB", "not measured"),
    ],
)
def test_a_verdict_looks_both_ways(claims, published, here, within, says):
    assert claims.verdict(published, here, within) == says


def test_with_the_same_recipe_better_is_different_too(claims):
    assert claims.verdict(27.0, 27.31, "0.3 dB", same_recipe=True) == "differs"
    assert claims.verdict(27.0, 27.29, "0.3 dB", same_recipe=True) == "within 0.3 dB"


def test_a_claim_marks_values_that_were_not_read(claims):
    value = claims.Value(27.0, 26.0, "0.3 dB", "{:.2f}")
    for read, told in ((True, "27.00"), (False, "27.00 †")):
        claim = claims.Numbers("PSNR", (value,), "ours, n = 5", read=read)
        assert claim.row() == ("PSNR", told, "26.00", "ours, n = 5", "differs")
    statement = claims.Statement("people prefer it", "yes", "", "nobody was asked", None)
    assert statement.row()[1::3] == ("yes †", "not measured")


@pytest.mark.parametrize("name", ["results_page", "video_page"])
def test_a_page_of_results_fits_the_data(name):
    tool = ROOT / "book" / "tools" / f"{name}.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"run python {tool}; {done.stderr}"


def test_the_readme_says_of_kept_colours_what_was_measured():
    means = read_report("kept_colors")["means"]
    before, kept = (f"{means[way]['Set5']:.2f}" for way in ("as it is", "kept"))
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"on Set5: {kept} dB instead of {before}" in readme
    assert means["kept"]["largest tint"] == 0
    assert means["kept"]["white"] == 255


def test_the_readme_has_the_speeds_of_every_kind_of_processor(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "tools")
    history = read_report("history")
    formats = {report["machine"].split(", ")[1] for report in history}
    assert formats == {"bfloat16", "float32"}
    table = tool("results_page").speed_table(history)
    assert table in (ROOT / "README.md").read_text()
    newest = {report["machine"]: report for report in history}
    assert all(f"{r['speed-up']['pass, 512']:.2f} x" in table for r in newest.values())
