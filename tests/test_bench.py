import pytest

from perceptual_edu import STYLE_LAYERS, PerceptualLoss, noise_like
from perceptual_edu.bench import bench_train, bench_train_sr, bench_upscale, plain_objective


def test_the_plain_objective_is_the_same_objective(phi, photograph, painting):
    ours = PerceptualLoss(
        phi, content={"relu3_3": 1.0}, style=dict.fromkeys(STYLE_LAYERS, 5.0), tv=1e-6
    )
    ours.set_content(photograph).set_style(painting)
    features, objective = plain_objective(painting)
    image = noise_like(photograph)
    plain = objective(image, features(photograph)["relu3_3"])
    assert plain.item() == pytest.approx(ours(image).total.item(), rel=1e-5)


def test_the_plain_training_step_is_timed_beside_ours():
    *_, report = bench_train(size=32, batch=2, width=4, repeats=1)
    assert report["speed-up"]["plain"] == 1
    assert set(report["seconds"]) > {"plain", "+ bfloat16", "+ fused Adam"}
    assert 0 <= report["waited"] < 1


def test_super_resolution_is_timed_and_its_results_are_the_same():
    ours, papers = bench_upscale(size=24, repeats=1)
    assert "bilinear" in ours["settings"]["network"]
    assert "transposed" in papers["settings"]["network"]
    for report in (ours, papers):
        assert report["difference"] < 1
    pixel, feature = bench_train_sr(size=32, batch=2, repeats=1)
    assert (pixel["settings"]["loss"], feature["settings"]["loss"]) == ("pixel", "feature")
    assert set(feature["speed-up"]) == {"plain", "ours"}
