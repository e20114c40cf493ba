"""The scripts that make data/results/, at the smallest size."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from perceptual_edu import (
    StyleNet,
    StyleRecipe,
    checkpoint,
    load_image,
    load_network,
    photo,
    read_card,
    save_image,
    save_network,
)
from perceptual_edu.evaluation import read_report, write_report
from perceptual_edu.networks import trained_styles
from perceptual_edu.training import train

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
WITH_ARGUMENTS = [p.stem for p in sorted(EXPERIMENTS.glob("*.py")) if "__doc__" in p.read_text()]


@pytest.fixture(autouse=True)
def _scripts_find_each_other(monkeypatch):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))


def script(name):
    spec = importlib.util.spec_from_file_location(name, EXPERIMENTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where other processes look for its functions
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a script's main() with arguments; -> the report that it wrote."""

    def run(name, *arguments):
        out = tmp_path / f"{name}.json"
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments), "--out", str(out)])
        script(name).main()
        return read_report(out)

    return run


def test_figure5_goes_on_where_it_was_and_knows_what_a_pass_is_worth(run, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("hedgehog", "raccoon"):
        shutil.copy(photo(name), folder)
    how = ("--size", 48, "--evaluations", 25)
    first = run("figure5", folder, "--count", 1, *how)
    (row,) = first["rows"]
    assert row["photograph"] == "hedgehog"
    assert len(row["objective"]) == 25
    assert row["objective"] == sorted(row["objective"], reverse=True)
    assert row["pass"]["total"] < row["itself"]
    if row["worth"]:
        before, after = row["objective"][row["worth"] - 2 : row["worth"]]
        assert after <= 100_000 * row["pass"]["total"] / row["itself"] <= before
    both = run("figure5", folder, "--workers", 2, *how)
    assert [r["photograph"] for r in both["rows"]] == ["hedgehog", "raccoon"]
    assert both["rows"][0] == row
    (summary,) = both["summary"]
    assert summary["photographs"] == 2
    # The same objective: only the pass of a network that was trained again is new.
    report = read_report(out := tmp_path / "figure5.json")
    here, there = row["machine"], "another machine, float32"
    known = {"machine": there, "objective": [1] * 25}
    report["rows"][0] |= known | {"digest": "another", "pass": {"total": 1}}
    write_report(report, out)
    again = run("figure5", folder, *how)
    assert [r["photograph"] for r in again["rows"]] == ["hedgehog", "raccoon"]
    assert again["rows"][0] == row | known | {"machine": f"{there}; {here}", "worth": 1}
    assert again["rows"][1]["machine"] == both["machine"] == here
    assert again["machine"] == f"{there}; {here}"
    # Another start is another way of L-BFGS, beside the first; the pass is the same.
    uniform = run("figure5", folder, "--count", 1, "--start", "uniform", *how)
    starts = [(line["start"], line["photographs"]) for line in uniform["summary"]]
    assert sorted(starts) == [("noise", 2), ("uniform", 1)]
    (other,) = (r for r in uniform["rows"] if r["start"] == "uniform")
    assert other["pass"] == row["pass"]
    assert other["objective"] != row["objective"]
    # So is L-BFGS whose pixels are clamped behind its back; both begin at the same height.
    naive = run("figure5", folder, "--count", 1, "--bounds", "clamped", *how)
    (other,) = (r for r in naive["rows"] if r["bounds"] == "clamped")
    assert other["pass"] == row["pass"]
    assert other["objective"][0] == row["objective"][0]
    assert other["objective"][1:] != row["objective"][1:]
    assert min(other["objective"]) < other["objective"][0]


def test_table1_has_every_time_and_what_follows_from_them(run):
    report = run("table1")
    (line,) = report["table"]
    assert line["gatys"]["500"] == pytest.approx(5 * line["gatys"]["100"])
    for name, ways in line["pass"].items():
        ratio = line["gatys"]["300"] / ways["ours"]
        assert line["speed-up"][name]["300"] == pytest.approx(ratio)
        assert line["frames per second"][name] == pytest.approx(1 / ways["ours"])
    assert set(line["pass"]) == {"half width", "full width", "the paper's"}
    assert report["rows"][1]["width"] > report["rows"][1]["height"]


def test_scaling_measures_time_and_memory_of_each_kind_of_work():
    scaling = script("scaling")
    for kind in ("pass", "pass in strips", "evaluation of L-BFGS", "training step, batch"):
        row = scaling.measure((kind, 32, 2))
        assert row["seconds"][0] > 0
        assert row["bytes"] is None or row["bytes"] >= 0


def test_scaling_fits_the_exponent():
    rows = [
        {"kind": "pass", "side": side, "batch": 1, "seconds": [side**3], "bytes": side**2}
        for side in (8, 16, 32, 64)
    ]
    (found,) = script("scaling").exponents(rows)
    assert found["seconds"] == {"all": 1.5, "largest three": 1.5}
    assert found["bytes"] == {"all": 1.0, "largest three": 1.0}


def test_width_measures_every_network_on_the_same_photographs(run, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("hedgehog", "raccoon"):
        shutil.copy(photo(name), folder)
    arguments = ("--photos", folder, "--widths", 4, 6, "--steps", 30, "--seeds")
    first = run("width", *arguments, 0)["rows"]
    rows = run("width", *arguments, 0, 1)["rows"]
    assert rows[:10] == first  # what is there already is not trained again
    assert [(row["seed"], row["width"], row["step"]) for row in rows] == [
        (seed, width, step) for seed in (0, 1) for width in (4, 6) for step in (6, 12, 18, 24, 30)
    ]
    assert len({row["total"] for row in rows}) == len(rows)
    for begin in range(0, len(rows), 5):
        assert rows[begin + 4]["total"] < rows[begin]["total"]
        assert rows[begin + 4]["part"] < 1
    # Trainings of other settings are no part of the same table.
    others = run("width", *arguments[:-2], 20, "--seeds", 0)["rows"]
    assert [row["step"] for row in others] == [4, 8, 12, 16, 20] * 2


def test_a_network_goes_on_as_it_is_and_widened_on_equal_terms(run, tmp_path):
    folder, narrow = tmp_path / "photographs", tmp_path / "narrow.safetensors"
    folder.mkdir()
    shutil.copy(photo("hedgehog"), folder)
    recipe = StyleRecipe("starry_night", style_size=48, width=3, size=32, batch=2, steps=4)
    list(train(recipe, folder, narrow))
    report = run("widen", narrow, "--photos", folder, "--steps", 10)
    rows = report["rows"]
    assert [(r["width"], r["step"]) for r in rows] == [
        (w, n) for w in (3, 6) for n in range(2, 11, 2)
    ]
    assert report["settings"]["steps before"] == 4
    # Both begin as the same network, and go on from where it is.
    assert all(row["part"] < report["before"]["part"] * 1.1 for row in (rows[4], rows[9]))


def test_losses_that_were_trained_alike_are_compared_on_each_picture(run, tmp_path):
    for name in ("Set5", "Set14", "BSD100"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        for picture in ("raccoon", "hedgehog"):
            small = load_image(photo(picture), square=128)
            save_image(small, tmp_path / "sets" / name / f"{picture}.png")
    trainings = script("train_all").super_resolution()
    for name in ("x8_pixel", "x8_feature", "x8_paper_pixel"):  # of the last, only one loss is there
        (recipe,) = trainings[name].stages
        shipped = load_network(checkpoint(name.replace("_paper", "")))
        card = {"recipe": vars(recipe), "steps": recipe.steps}
        save_network(shipped, tmp_path / f"{name}.1.safetensors", card)
    rows = run("alike", tmp_path / "sets", "--work", tmp_path)["rows"]
    assert [(row["factor"], row["architecture"]) for row in rows] == [(8, "recommended")] * 3
    for row in rows:
        mean, error = row["difference"]["psnr"]
        assert mean == pytest.approx(row["feature"]["psnr"] - row["pixel"]["psnr"], abs=1e-3)
        assert mean < 0 < error
        assert 0 <= row["ripple"]["pixel"] < row["ripple"]["feature"] + 1e-6 < 5
        assert row["matched"]["pixel"]["psnr"] == pytest.approx(row["pixel"]["psnr"], abs=1.5)
        assert row["matched"]["pixel"] != row["pixel"]


def test_the_best_feature_loss_is_measured_after_each_of_its_stages(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for picture in ("raccoon", "hedgehog"):
        small = load_image(photo(picture), square=128)
        save_image(small, tmp_path / "pictures" / f"{picture}.png")
    trainings = script("train_all").super_resolution()
    for name in ("x4_feature_best", "x4_feature_control", "x8_feature_best"):
        for stage, recipe in enumerate(trainings[name].stages, 1):
            network = load_network(checkpoint(f"{name[:2]}_{['pixel', 'feature'][stage - 1]}"))
            card = {"recipe": vars(recipe)}
            save_network(network, tmp_path / f"{name}.{stage}.safetensors", card)
    rows = run("best_feature", tmp_path / "pictures", "--work", tmp_path)["rows"]
    assert [(row["factor"], row["stage"], len(row["layers"]), row["n"]) for row in rows] == [
        (4, 1, 1, 2), (4, 2, 1, 2), (4, 2, 2, 2), (8, 1, 1, 2), (8, 2, 2, 2)
    ]  # fmt: skip
    for first, second in (rows[1:3], rows[3:]):
        assert first["tv"] == 0 < second["tv"]
        assert second["psnr"] > 15
        assert len(second["distances"]) == 4
        assert 0 <= second["top-1 as it is"][0] <= 1


def test_a_whole_run_takes_as_long_as_its_evaluations_together(run):
    for row in run("whole_run")["rows"]:
        assert row["evaluations"] >= 3
        assert row["seconds"] > row["a pass"] > 0
        assert row["passes for it"] == pytest.approx(row["seconds"] / row["a pass"], rel=0.2)


def test_super_resolution_scores_only_networks_that_it_has_not_scored(run, tmp_path, monkeypatch):
    monkeypatch.setattr("perceptual_edu.networks.FACTORS", (8,))
    for name in ("Set5", "Set14", "BSD100"):
        (tmp_path / "sets" / name).mkdir(parents=True)
        save_image(load_image(photo("raccoon"), square=256), tmp_path / "sets" / name / "a.png")
    first = run("super_resolution", tmp_path / "sets")["tables"]
    assert len(first) == 3 * 2 * 2 * len({table["model"] for table in first})
    best = {t["model"]: t["psnr"] for t in first if (t["blur"], t["histogram"]) == (0, False)}
    assert best["pixel"] > best["bicubic"]
    monkeypatch.setattr("perceptual_edu.evaluation.score_pictures", None)
    assert run("super_resolution", tmp_path / "sets")["tables"] == first


def test_the_judge_sees_every_enlargement_and_painting_once(run, tmp_path, monkeypatch):
    for name in ("sets/cheetah", "photos/tiger_in_snow", "photos/taj_mahal"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_image(load_image(photo(Path(name).name), square=224), tmp_path / f"{name}.png")
    how = (tmp_path / "sets", "--photos", tmp_path / "photos")
    tables = {tuple(row["key"][:3]): row for row in run("judge", *how)["tables"]}
    enlarged = {key: row["shares"]["all"] for key, row in tables.items() if key[0] == "x"}
    assert {key[1:] for key in enlarged} >= {(4, "bicubic"), (4, "srcnn"), (8, "feature")}
    for shares in enlarged.values():
        assert shares["n"] == 1
        assert shares["top-1 as it is"] in ([1, 0.207, 1], [0, 0, 0.793])
    near, far = (enlarged["x", factor, "bicubic"]["distances"] for factor in (4, 8))
    assert all(0 < a < b for a, b in zip(near, far, strict=True))
    painted = [row["shares"] for key, row in tables.items() if key[0] == "style"]
    assert painted
    assert {name: shares["n"] for name, shares in painted[0].items()} == {
        "all": 2,
        "animals": 1,
        "the rest": 1,
    }
    monkeypatch.setattr("perceptual_edu.evaluation.feature_distances", None)
    assert {tuple(row["key"][:3]): row for row in run("judge", *how)["tables"]} == tables


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif", "gif", "bmp", "ppm"])
def test_damaged_pictures_are_read_or_refused_in_one_line(suffix):
    fuzz_pictures = script("fuzz_pictures")
    if suffix not in fuzz_pictures.formats():
        pytest.skip(f"this Pillow does not write {suffix}")
    counts, faults = fuzz_pictures.fuzz(suffix, files=60, seed=1)
    assert faults == []
    assert counts["read"] + counts["refused"] == 60
    assert counts["refused"] > 0


@pytest.mark.parametrize("name", WITH_ARGUMENTS)
def test_a_script_says_how_it_is_used(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    module = script(name)
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert module.__doc__[:30] in capsys.readouterr().out


def test_following_a_training_writes_its_network_and_nothing_when_it_is_done(tmp_path):
    shared, out = script("shared"), tmp_path / "network.safetensors"
    recipe = StyleRecipe("starry_night", style_size=48, width=2, size=16, batch=1, steps=2)
    for name in ("hedgehog", "raccoon"):
        shutil.copy(photo(name), tmp_path)
    shared.follow(recipe, tmp_path, out)
    assert read_card(out)["steps"] == 2
    written = out.read_bytes()
    shared.follow(recipe, tmp_path, out)
    assert out.read_bytes() == written


def test_killed_runs_go_on_and_damaged_files_are_noticed(tmp_path):
    out = tmp_path / "robustness.json"
    few = ["--kills", "1", "--flips", "2", "--pictures", "3", "--out", str(out)]
    command = [sys.executable, str(EXPERIMENTS / "robustness.py"), *few]
    environment = {**os.environ, "PYTHONPATH": str(EXPERIMENTS.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = read_report(out)
    for row in report["killed"].values():
        assert row["kills"] >= 1
        assert row["different"] == row["half files"] == 0
    assert all(row["the same result after making room"] for row in report["disk full"].values())
    assert all(row["caught"] == row["flips"] for row in report["one byte changed"].values())
    assert not any(row["fault"] for row in report["damaged pictures"].values())


def test_flicker_is_measured_reduced_and_shown(run, tmp_path):
    how = ("--size", 48, "--frames", 3, "--steps", 1, "--repeats", 1)
    report = run("flicker", *how, "--book", tmp_path)
    assert report["film"]["moving"] == 0
    for rows in report["flicker"].values():
        assert rows["still, noise"]["blend"] < 0.5 * rows["still, noise"]["alone"]
    assert all(row["processor seconds"] > 0 for row in report["speed"])
    assert (tmp_path / "images" / "flicker.avif").is_file()
    assert (tmp_path / "_static" / "flicker.mp4").is_file()


def test_a_new_style_is_learned_in_three_ways_on_equal_terms(run, tmp_path):
    shutil.copy(photo("hedgehog"), tmp_path)
    base = checkpoint("starry_night")
    where = ("--photos", tmp_path, "--base", base, "--picture", tmp_path / "new_style.avif")
    report = run("new_style", "mosaic", *where, "--steps", 1)
    assert (tmp_path / "new_style.avif").is_file()
    rows = {row["way"]: row for row in report["rows"]}
    assert set(rows) == {"random weights", "scales and shifts", "all weights"}
    assert all(row["step"] == 1 and row["seconds"] > 0 for row in rows.values())
    # Both begin as the base, and change by one step of theirs: by less than random weights differ.
    apart = abs(rows["scales and shifts"]["part"] - rows["all weights"]["part"])
    assert apart < abs(rows["scales and shifts"]["part"] - rows["random weights"]["part"])


def test_the_starts_of_the_optimisation_are_compared_on_equal_terms(run):
    rows = {row["start"]: row for row in run("starts")["rows"]}
    assert set(rows) == {"noise", "uniform", "content"}
    assert rows["noise"]["variation"] < 1 < rows["uniform"]["variation"]


def test_the_main_picture_of_chapter_2_comes_with_the_way_to_it(run, tmp_path):
    rows = run("gatys_main", "--picture", tmp_path / "gatys.avif")["rows"]
    assert [row["evaluations"] for row in rows] == [1, 10]
    assert rows[1]["total"] < rows[0]["total"]
    assert rows[0]["variation"] < 0.1  # faint noise
    assert load_image(tmp_path / "gatys.avif").shape == (1, 3, 21, 32)


def test_each_style_is_scored_where_its_painting_is_at_hand(run, monkeypatch):
    monkeypatch.setattr("perceptual_edu.networks.trained_styles", lambda: shipped[:2])
    shipped = trained_styles()
    scores = run("score_styles", photo("hedgehog"))["styles"]
    assert set(scores) <= {trained.name for trained in shipped[:2]}
    assert all(0 < score["part"] < 1 for score in scores.values())


def test_a_sheet_has_a_row_for_each_style_and_one_for_the_photographs(monkeypatch, tmp_path):
    how = ["--network", str(checkpoint("starry_night")), "--side", "64", "--out"]
    monkeypatch.setattr(sys, "argv", ["style_sheet", *how, str(tmp_path / "sheet")])
    script("style_sheet").main()
    assert load_image(tmp_path / "sheet_1.avif").shape == (1, 3, 64, 6 * 32)


def test_kept_colors_are_measured_on_sets_of_pictures(run, tmp_path):
    picture = load_image(photo("hedgehog"), square=48)
    for name in script("kept_colors").SETS:
        (tmp_path / name).mkdir()
        save_image(picture, tmp_path / name / "hedgehog.png")
    means = run("kept_colors", tmp_path)["means"]
    assert means["kept"]["largest tint"] <= 1 < means["as it is"]["largest tint"]


def test_the_parts_of_a_step_make_the_whole(run):
    report = run("profile_step", "--steps", 1)
    assert sum(report["parts"].values()) == pytest.approx(report["seconds_per_step"])


def test_a_queue_of_trainings_can_be_looked_at_ended_and_gone_on_with(
    monkeypatch, tmp_path, capsys
):
    train_all = script("train_all")
    tiny = StyleRecipe("starry_night", style_size=48, width=2, size=16, batch=1, steps=2)
    queue = {"one": train_all.Training("a test", 0, (tiny,), last=tiny)}
    monkeypatch.setattr(train_all, "queue", lambda paintings: queue)

    def main(*arguments):
        how = ["train_all", "--work", str(tmp_path), "--photos", str(photo("hedgehog").parent)]
        monkeypatch.setattr(sys, "argv", [*how, *arguments])
        train_all.main()
        return capsys.readouterr().out

    with pytest.raises(SystemExit, match="one: cannot be taken out, nothing is trained yet"):
        main("--take", "one")
    assert "0 of 2 steps" in main("--status")
    main()
    assert "2 of 2 steps" in main("--status")
    assert (tmp_path / "one.sheet.jpg").is_file()
    main("--take", "one")
    assert read_card(tmp_path / "one.taken.safetensors")["steps"] == 2


def test_a_pass_and_the_optimisation_stand_side_by_side(run, tmp_path):
    how = ("--paintings", tmp_path, "--side", 32, "--photographs", 2, "--pictures", tmp_path)
    report = run("side_by_side", *how, "--styles", "starry_night", "mosaic")
    assert [row["style"] for row in report["rows"]] == 2 * ["starry_night"] + 2 * ["mosaic"]
    assert all(row["pass"] > 0 and row["optimised"] > 0 for row in report["rows"])
    for row in report["rows"]:
        assert (row["worth"] is None) == (row["optimised"] > row["pass"])
    (network,) = {trained.file for trained in trained_styles() if trained.number is not None}
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    assert report["settings"]["networks"] == {"styles": digest[:12]}
    with Image.open(tmp_path / "figure6.avif") as picture:
        assert picture.size == (3 * 32, 5 * 32)
        opacity = picture.convert("RGBA").getchannel("A")
    cells = [[opacity.getpixel((32 * x + 16, 32 * y + 16)) for x in range(3)] for y in range(5)]
    row, blank = [255, 255, 255], [0, 255, 255]  # below each painting, and above the first
    assert cells == [blank, row, blank, row, blank]


def test_of_a_folder_only_the_results_stand_side_by_side(run, tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for name in ("hedgehog", "penguin", "rabbit"):
        shutil.copy(photo(name), photographs)
    how = ("--paintings", tmp_path, "--side", 32, "--pictures", tmp_path, "--alone")
    report = run("side_by_side", *how, "--folder", photographs, "--styles", "starry_night")
    assert [row["photograph"] for row in report["rows"]] == ["hedgehog", "penguin", "rabbit"]
    (network,) = {each.file for each in trained_styles() if each.file.stem == "starry_night"}
    digest = hashlib.sha256(network.read_bytes()).hexdigest()
    assert report["settings"]["networks"] == {"starry_night": digest[:12]}
    assert load_image(tmp_path / "figure6.avif").shape == (1, 3, 3 * 384, 2 * 384)


def test_worth_by_steps_finds_the_curves_of_a_style_and_counts_its_own_steps(
    run, monkeypatch, tmp_path
):
    shutil.copy(photo("hedgehog"), tmp_path)
    network = checkpoint("starry_night")
    recipe = StyleRecipe(**read_card(network)["recipe"])
    assert isinstance(recipe.style_weight, float)
    recipe = replace(recipe, style_weight=int(recipe.style_weight))
    row = {"size": 256, "start": "uniform", "bounds": "projected", "photograph": "hedgehog"}
    row |= {"target": script("figure5").target(recipe), "objective": [100_000, 90_000, 9_000, 10]}
    others = [row | {"photograph": "kingfisher"}, row | {"start": "noise"}, row | {"target": ""}]
    report = {"rows": [*others, row]}
    monkeypatch.setattr("perceptual_edu.evaluation.read_report", lambda name: report)
    where = tmp_path, network, checkpoint("styles"), "--paintings", tmp_path
    (found,) = run("worth_by_steps", *where)["rows"]
    card, steps = read_card(network), 0
    while card:
        steps, card = steps + card["steps"], card.get("before")
    counts = {name: found[name] for name in ("style", "styles", "steps", "photographs")}
    assert counts == {"style": "starry_night", "styles": 1, "steps": steps, "photographs": 1}
    assert 0 < found["part"][1] < 0.5
    assert found["worth"] == [4 if found["part"][1] < 0.09 else 3] * 3


def test_smooth_noise_is_measured_in_every_style_that_is_at_hand(run, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("hedgehog", "kingfisher"):
        shutil.copy(photo(name), folder)
    rows = run("smooth_noise", folder, "--pictures", tmp_path)["rows"]
    measured = {(row["style"], row["side"]) for row in rows}
    assert measured >= set(product(("starry_night", "styles/starry_night"), (48, 64)))
    for row in rows:
        assert 0 < row["part"] < 3  # so small pictures are painted worse than they were
        assert len(row["each"]) == 2
        assert row["total with noise"] == pytest.approx(sum(row["each"]) / 2, abs=2e-3)
        assert row["content with noise"] != row["style with noise"] != 1  # both change
    picture = load_image(tmp_path / "smooth_noise.avif")
    assert picture.shape == (1, 3, 4 * 64, 2 * 64)
    assert (picture[..., :64] - picture[..., 64:]).abs().mean() > 2


def test_style_counts_measures_every_style_and_goes_on_where_it_was(run, tmp_path):
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    shutil.copy(photo("hedgehog"), photographs)
    where = ("--photos", photographs, "--steps", 4, "--seeds", 3)
    (one,) = run("style_counts", *where, "--counts", 1)["rows"]
    again, two = run("style_counts", *where, "--counts", 1, 2)["rows"]
    assert again == one
    assert (two["styles"], two["seed"]) == (2, 3)
    assert list(two["curve"]) == ["1", "2", "3", "4"]
    assert list(two["parts"]) == ["starry_night", "mosaic"]
    assert two["parts"]["starry_night"] == two["curve"]["4"]
    assert all(part > 0 for part in two["parts"].values())


def test_a_network_ships_in_bytes_and_what_that_costs_is_written_down(run, tmp_path):
    source = tmp_path / "mine.safetensors"
    save_network(StyleNet(width=8, styles=["a", "b"]), source, {"steps": 3})
    for name in ("a_network", "another"):
        report = run("ship", source, name, "--folder", tmp_path)
    assert [row["network"] for row in report["rows"]] == ["a_network", "another"]
    for row in report["rows"]:
        shipped = tmp_path / f"{row['network']}.safetensors"
        assert row["bytes"]["8 bits a weight"] == shipped.stat().st_size < source.stat().st_size
        assert row["digest"] == hashlib.sha256(shipped.read_bytes()).hexdigest()[:12]
        assert 30 < row["psnr"]["least"] <= row["psnr"]["median"]
        assert read_card(shipped) == {"steps": 3}
