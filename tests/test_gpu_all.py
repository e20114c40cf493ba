"""experiments/gpu_all.py at the smallest size, without a GPU."""

import shutil
import sys
from pathlib import Path

from test_experiments import EXPERIMENTS, script

from perceptual_edu import photo, read_card
from perceptual_edu.evaluation import read_report
from perceptual_edu.vgg_weights import vgg16_weights


def test_all_that_wants_a_gpu_is_packed_measured_in_time_and_collected(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", "smoke")
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(vgg16_weights()))  # and afterwards as it was
    gpu_all = script("gpu_all")

    def main(*arguments):
        monkeypatch.setattr(sys, "argv", ["gpu_all", *map(str, arguments)])
        gpu_all.main()
        return capsys.readouterr().out

    for name in ("photographs", "data/results", "data/checkpoints"):
        Path(name).mkdir(parents=True)
    for name in ("hedgehog", "raccoon"):
        shutil.copy(photo(name), "photographs")
    main("--pack", "gpu.zip", "--photos", "photographs")
    assert Path("gpu.zip").stat().st_size < 60 * 2**20
    assert "x4_feature" in main("--list")

    some = ["check", "speed", "styles", "x4_pixel", "optimised"]
    assert f"left: {', '.join(some)};" in main("--minutes", 0, "--only", *some)
    assert "left: nothing" in main("--only", *some)
    again = main("--only", *some)
    assert "x4_pixel:" not in again  # it is done
    files = [path for path in Path("gpu_results").rglob("*") if path.is_file()]
    assert len(files) <= 8
    assert max(path.stat().st_size for path in files) < 16 * 2**20

    main("--collect", "gpu_results", "--data", "data")
    found = {path.stem for path in Path("data/results").iterdir()}
    assert found == {f"gpu_{name}" for name in some}
    reports = {name: read_report(tmp_path / f"data/results/gpu_{name}.json") for name in some}
    assert max(error for _, error in reports["check"]["worst"].values()) < 0.2
    assert len(reports["styles"]["card"]["recipe"]["style"]) == 5  # of sixteen, the bundled ones
    assert read_card(Path("data/checkpoints/gpu_x4_pixel.safetensors"))["steps"] == 4
