"""What runs on a GPU, run on a pretended one: devices, host reads, graphs, numbers."""

import dataclasses
import itertools
import logging

import numpy as np
import pytest
import torch
from pretended_cuda import NAME, pretended_cuda

from perceptual_edu import (
    LossNetwork,
    checkpoint,
    gatys,
    invert_features,
    load_image,
    load_network,
    photo,
    photos,
    reconstruct_style,
    save_image,
    stylize,
)
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import device, hardware
from perceptual_edu.evaluation import score_pictures
from perceptual_edu.evaluation import speed as speeds
from perceptual_edu.inference import upscale
from perceptual_edu.losses import LossTerms
from perceptual_edu.networks import StyleNet, read_card
from perceptual_edu.training import PerformanceOptions, StyleRecipe, SuperResolutionRecipe, train
from perceptual_edu.training.performance import CudaGraph

FLOAT32 = PerformanceOptions(bfloat16=False)
NO_GRAPH = dataclasses.replace(FLOAT32, cuda_graph=False)
SMALL = dict(style_size=48, width=4, size=16, batch=2, steps=5)
STYLE = StyleRecipe("starry_night", **SMALL)
PATCHES = SuperResolutionRecipe(size=24, batch=2, steps=5, warmup=5, blur=0.0)
RECIPES = {
    "style": STYLE,
    "muon": dataclasses.replace(STYLE, optimizer="muon", cooldown=0.6),
    "paper": StyleRecipe.paper("starry_night", **SMALL | {"size": 44}),
    "several": StyleRecipe(("starry_night", "mosaic"), relative_gram=True, **SMALL),
    "base": dataclasses.replace(STYLE, base=str(checkpoint("starry_night"))),
    "feature": PATCHES,
    "pixel, blur": dataclasses.replace(PATCHES, loss="pixel", blur=1.0),
    "the paper's": dataclasses.replace(PATCHES, architecture="paper"),
    "srcnn": dataclasses.replace(PATCHES, architecture="srcnn", loss="pixel"),
}


@pytest.fixture
def gpu():
    with pretended_cuda() as gpu:
        yield gpu


def bank_for(recipe):
    return RandomCrops.from_folder(
        photos()[:3], short_side=48, size=recipe.size, batch=2, device="cpu"
    )


def totals(recipe, bank, phi, out=None, **changes):
    options = dataclasses.replace(FLOAT32, **changes)
    steps = train(recipe, bank, out, options=options, phi=phi)
    return [float(step.terms.total) for step in steps]


# ---------------------------------------------------------------- the pretence itself


def test_the_pretended_device_is_one_and_refuses_what_cuda_refuses(gpu):
    assert (device().type, hardware()) == ("cuda", NAME)
    x, conv = torch.ones(1, 3, 8, 8, device="cuda"), torch.nn.Conv2d(3, 4, 3).to("cuda")
    assert conv(x).is_cuda
    conv(x).sum().backward()
    assert conv.weight.grad.device == x.device
    with pytest.raises(RuntimeError, match="same device"):
        conv(x.cpu())
    with pytest.raises(TypeError, match="to numpy"):
        np.asarray(x)
    with gpu.counted() as count:
        y = x * 2 + x.view(-1)[0]
        assert y.max() > 2
    assert count.reads == {"_local_scalar_dense": 1}
    assert count.operations == {"mul": 1, "add": 1, "max": 1, "gt": 1}


def test_a_pretended_graph_records_without_executing_and_freezes_pythons_numbers(gpu):
    a, total, factor = torch.ones(3, device="cuda"), torch.zeros(3, device="cuda"), 2
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        total += a * factor
    assert total.tolist() == [0, 0, 0]
    a.fill_(5)
    factor = 1000
    graph.replay()
    graph.replay()
    assert total.tolist() == [20, 20, 20]
    with pytest.raises(RuntimeError, match="capturing"), torch.cuda.graph(graph):
        float(a.sum())


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_as_on_a_cpu_with_a_graph_and_without(name, phi):
    recipe = RECIPES[name]
    bank = bank_for(recipe)
    expected = totals(recipe, bank, phi)
    with pretended_cuda():
        eager = totals(recipe, bank, phi, cuda_graph=False)
        replayed = totals(recipe, bank, phi)
    assert eager == pytest.approx(expected, rel=0.02)
    assert replayed == pytest.approx(eager, rel=2e-3)
    assert phi.device.type == "cpu"


def test_photographs_on_the_device_give_the_same_training(phi):
    expected = totals(STYLE, bank_for(STYLE), phi)
    with pretended_cuda():
        there = RandomCrops.from_folder(photos()[:3], short_side=48, size=16, batch=2)
        assert "on cuda" in repr(there)
        assert totals(STYLE, there, phi) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False)])
def test_a_training_goes_on_with_a_graph_or_without_whatever_it_was_before(
    first, second, phi, gpu, tmp_path
):
    recipe = dataclasses.replace(RECIPES["muon"], steps=10)
    bank = bank_for(recipe)
    whole = totals(recipe, bank, phi)
    out = tmp_path / "net.safetensors"
    options = dataclasses.replace(FLOAT32, cuda_graph=first)
    stopped = train(recipe, bank, out, options=options, phi=phi)
    parts = [float(step.terms.total) for step in itertools.islice(stopped, 5)]
    stopped.close()
    assert read_card(out)["hardware"] == NAME
    parts += totals(recipe, bank, phi, out, cuda_graph=second)
    assert parts == pytest.approx(whole, rel=2e-3)


def test_what_cannot_be_recorded_is_computed_all_the_same_and_said_once(gpu, caplog):
    def step(batch, numbers):
        total = batch.sum() if float(batch.sum()) > 0 else batch.mean()  # asks the device
        return LossTerms(*[total] * 5)

    graph, batch = CudaGraph(step), torch.ones(2, device="cuda")
    with caplog.at_level(logging.WARNING):
        assert [float(graph(batch, batch).total) for _ in range(6)] == [2] * 6
    (message,) = caplog.messages
    assert message.startswith("the step is not recorded as a CUDA graph: ")


# ---------------------------------------------------------------- all else


def test_pixels_are_optimised_as_on_a_cpu(photograph, painting, phi):
    small = photograph[:, :, :32, :32]
    runs = {
        "gatys": lambda phi: gatys(small, painting, steps=6, phi=phi),
        "adam": lambda phi: gatys(small, painting, steps=3, method="adam", phi=phi),
        "inversion": lambda phi: invert_features(small, "relu3_3", steps=4, phi=phi),
        "style": lambda phi: reconstruct_style(
            painting, ["relu2_2"], size=(32, 32), steps=4, phi=phi
        ),
    }
    for name, run in runs.items():
        *_, expected = run(phi)
        with pretended_cuda():
            *_, found = run(LossNetwork().to("cuda"))
            assert found.image.is_cuda
        assert found.terms == pytest.approx(expected.terms, rel=2e-2), name


@pytest.mark.parametrize("how", [{}, {"strip": 16}, {"keep_colors": True, "strength": 0.5}])
@pytest.mark.parametrize("network", [StyleNet(width=4), StyleNet.paper(width=4)], ids=["", "paper"])
def test_pictures_are_stylised_as_on_a_cpu(network, how, photograph):
    expected = stylize(network, photograph, dtype=torch.float32, **how)
    with pretended_cuda():
        there = StyleNet(**network.config)
        there.load_state_dict(network.state_dict())
        there.to(device())
        found = stylize(there, photograph, dtype=torch.float32, **how)
        assert found.device == photograph.device
        assert stylize(there, photograph.cuda(), dtype=torch.float32, **how).is_cuda
    torch.testing.assert_close(found, expected, atol=0.5, rtol=0)


def test_a_picture_in_strips_asks_the_device_only_for_its_result(gpu, photograph):
    network, image = StyleNet(width=4).to("cuda"), photograph.cuda()
    with gpu.counted() as count:
        stylize(network, image, dtype=torch.float32, strip=16)
    assert not count.reads


@pytest.mark.parametrize("how", [{"tile": 16}, {"keep_colors": True}, {"histogram": True}])
def test_pictures_are_enlarged_as_on_a_cpu(how, photograph):
    low = photograph[:, :, :32, :32]
    expected = upscale(load_network(checkpoint("x4_pixel")), low, dtype=torch.float32, **how)
    with pretended_cuda():
        network = load_network(checkpoint("x4_pixel")).to(device())
        found = upscale(network, low, dtype=torch.float32, **how)
        assert upscale(network, low.cuda(), dtype=torch.float32, **how).is_cuda
    assert (found.int() - expected.int()).abs().max() <= 1


def test_pictures_are_scored(gpu, tmp_path):
    save_image(load_image(photo("raccoon"), square=64), tmp_path / "a.png")
    networks = {"bicubic": None, "pixel": load_network(checkpoint("x4_pixel"))}
    judge = LossNetwork().to(device())
    rows = list(score_pictures(tmp_path, networks, factor=4, histogram=True, phi=judge))
    assert rows[1]["psnr"] > rows[0]["psnr"]
    assert rows[1]["distance"] > 0


def test_everything_is_timed_and_a_graph_has_its_own_row(gpu):
    *_, report = speeds.bench_train(size=32, batch=2, width=4, repeats=1)
    names = list(report["seconds"])
    assert names[:2] == ["plain", "plain with TF32"]
    assert names[-2:] == ["+ fused Adam", "+ CUDA graph"]
    *_, report = speeds.bench_gatys(32, repeats=1)
    assert report["ratio"] > 0
    reports = [*speeds.bench_stylize((32,), width=4, repeats=1)]
    reports += [*speeds.bench_upscale(24, repeats=1), *speeds.bench_train_sr(32, 2, repeats=1)]
    assert len(reports) == 5


# ---------------------------------------------------------------- how often a GPU is asked


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_a_training_step_asks_the_device_for_nothing_and_a_graph_hardly_for_work(
    optimizer, phi, gpu
):
    recipe = dataclasses.replace(STYLE, optimizer=optimizer, steps=40_000)
    there = RandomCrops.from_folder(photos()[:3], short_side=48, size=16, batch=2)
    operations = {}
    for graph in (False, True):
        options = dataclasses.replace(FLOAT32, cuda_graph=graph)
        steps = train(recipe, there, options=options, phi=phi)
        list(itertools.islice(steps, 4))
        with gpu.counted() as count:
            next(steps)
        assert not count.reads
        operations[graph] = count.operations.total()
    assert operations[False] < 650
    assert operations[True] < 30


def test_an_iteration_of_lbfgs_asks_the_device_twice(gpu, photograph, painting):
    steps = gatys(photograph[:, :, :32, :32], painting, steps=100, phi=LossNetwork().to("cuda"))
    before = list(itertools.islice(steps, 22))[-1]
    with gpu.counted() as count:
        after = next(steps)
    assert after.evaluations == before.evaluations + 1
    assert count.reads.total() <= 2
    assert count.operations.total() < 250
