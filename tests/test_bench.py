import pytest

from perceptual_edu import STYLE_LAYERS, PerceptualLoss, noise_like
from perceptual_edu.cli import bench as cli_bench
from perceptual_edu.evaluation import read_report, write_report
from perceptual_edu.evaluation.plain import plain_objective
from perceptual_edu.evaluation.speed import bench_train, bench_train_sr, bench_upscale
from perceptual_edu.evaluation.timing import fallen, in_turns, speed_report


def test_the_plain_objective_is_the_same_objective(phi, photograph, painting):
    ours = PerceptualLoss(
        phi, content={"relu3_3": 1.0}, style=dict.fromkeys(STYLE_LAYERS, 5.0), tv=1e-6
    )
    ours.set_content(photograph).set_style(painting)
    features, objective = plain_objective(painting)
    image = noise_like(photograph)
    plain = objective(image, features(photograph)["relu3_3"])
    assert plain.item() == pytest.approx(ours(image).total.item(), rel=1e-5)


@pytest.mark.number_format
def test_the_plain_training_step_is_timed_beside_ours():
    *_, report = bench_train(size=32, batch=2, width=4, repeats=1)
    assert set(report["seconds"]) > {"plain", "+ bfloat16", "+ fused Adam"}
    assert 0 <= report["waited"] < 1


@pytest.mark.number_format
def test_super_resolution_is_timed_and_its_results_are_the_same():
    ours, papers = bench_upscale(size=24, repeats=1)
    assert "bilinear" in ours["settings"]["network"]
    assert "transposed" in papers["settings"]["network"]
    for report in (ours, papers):
        assert report["difference"] < 1
    pixel, feature = bench_train_sr(size=32, batch=2, repeats=1)
    assert (pixel["settings"]["loss"], feature["settings"]["loss"]) == ("pixel", "feature")
    assert set(feature["speed-up"]) == {"plain", "ours"}


def test_ways_take_turns_and_warming_up_does_not_count():
    order = []
    ways = {name: lambda name=name: order.append(name) or len(order) for name in ("plain", "ours")}
    rounds = [(len(spent["ours"]), results) for spent, results in in_turns(ways, 2, warm_up=1)]
    assert order == ["plain", "ours"] * 3
    assert rounds == [(1, {"plain": 3, "ours": 4}), (2, {"plain": 5, "ours": 6})]


def test_a_report_of_speed_names_the_number_format_and_divides_medians(monkeypatch):
    spent = {"plain": [6.0, 9.0, 6.0], "ours": [1.0, 2.0, 3.0]}
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    for number_format in ("float32", "bfloat16"):
        monkeypatch.setenv("PERCEPTUAL_EDU_DTYPE", number_format)
        report = speed_report("seconds", {"size": 8}, spent)
        assert report["machine"].endswith(f", {number_format}")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    held = speed_report("seconds", {"size": 8}, spent)
    assert held["machine"].endswith(", bfloat16, held to AVX2")
    assert report["speed-up"]["ours"] == 3


def test_everything_is_measured_compared_with_before_and_recorded(command, monkeypatch, tmp_path):
    history = tmp_path / "history.json"
    monkeypatch.setattr(cli_bench, "history_file", lambda: history)
    code, out, _ = command("bench", "--repeats", 1, "--record")
    assert code == 0
    assert "500 iterations of L-BFGS" in out
    assert "not measured on this machine before" in out
    (first,) = read_report(history)
    assert len(first["speed-up"]) == 8
    # As if everything had once been a hundred times as fast:
    wonder = first | {"speed-up": {name: 100 * x for name, x in first["speed-up"].items()}}
    write_report([wonder], history)
    code, out, _ = command("bench", "--repeats", 1, "--record", "-o", tmp_path / "now.json")
    assert code == 0
    assert out.count("slower than before") == 8
    assert read_report(history) == [wonder, read_report(tmp_path / "now.json")]


def test_a_lost_speed_up_is_noticed_on_the_same_machine_only():
    def report(machine, **speed_ups):
        return {"machine": machine, "speed-up": speed_ups}

    history = [report("a", x=2.0, y=2.0), report("a", x=2.2, y=2.0), report("b", x=9.0)]
    assert fallen(report("a", x=1.5, y=1.9, new=1.0), history) == {"x": (2.1, 1.5)}
    assert fallen(report("c", x=0.1), history) == {}
