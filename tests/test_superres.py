"""Super-resolution: degradation, scores, networks, tiles and commands."""

import dataclasses
import json
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from perceptual_edu import LossNetwork, devices, load_image, photo, save_image
from perceptual_edu.cli.upscale import upscaler
from perceptual_edu.datasets import PhotosError, RandomCrops, crop_to_multiple, degrade
from perceptual_edu.datasets import sr_benchmarks as benchmarks
from perceptual_edu.datasets.degradation import gaussian_blur
from perceptual_edu.datasets.sr_benchmarks import differing, fingerprint, sr_benchmarks
from perceptual_edu.evaluation import (
    SuperResolutionError,
    is_grey_file,
    mean_scores,
    perceptual_distance,
    psnr_y,
    score_pictures,
    ssim_y,
    super_resolution,
)
from perceptual_edu.images import bicubic, luma
from perceptual_edu.inference import match_histogram, upscale, upscaling
from perceptual_edu.inference.onnx_export import export_onnx
from perceptual_edu.networks import (
    SRCNN,
    StyleNet,
    SuperResolutionNet,
    load_network,
    read_card,
    save_network,
)
from perceptual_edu.training import SuperResolutionRecipe, TrainingError, train
from perceptual_edu.training.optimizers import rate_factor


@pytest.fixture(scope="module")
def landscape():
    return load_image(photo("neuschwanstein_castle"), square=192)


def random_network(factor=4, **choices):
    torch.manual_seed(0)
    network = SuperResolutionNet(factor, **choices)
    for values in network.parameters():
        if values.ndim > 1:  # the last layer's are zeros, behind which errors could hide
            torch.nn.init.normal_(values, std=0.05)
    return network.eval()


# ---------------------------------------------------------------- degradation and scores


def test_bicubic_is_matlabs(landscape):
    # Pillow's is nearly that: the same cubic, the same antialiasing, but rounded in between.
    picture = Image.fromarray(landscape[0].byte().permute(1, 2, 0).numpy())
    pillow = np.asarray(picture.resize((48, 48), Image.Resampling.BICUBIC))
    ours = bicubic(landscape, 48, 48).clamp(0, 255).round()
    difference = ours[0].permute(1, 2, 0).numpy() - pillow.astype(float)
    assert abs(difference).max() <= 2
    assert abs(difference).mean() < 0.2
    # Imresize of a step by 2, by hand: the cubic with a = -0.5, twice as wide.
    x = torch.arange(-3.5, 4) / 2
    cubic = torch.where(
        x.abs() <= 1,
        1.5 * x.abs() ** 3 - 2.5 * x.abs() ** 2 + 1,
        -0.5 * x.abs() ** 3 + 2.5 * x.abs() ** 2 - 4 * x.abs() + 2,
    )
    signal = torch.rand(16) * 255
    small = bicubic(signal.view(1, 1, 1, 16).expand(1, 1, 16, 16), 8, 8)
    torch.testing.assert_close(small[0, 0, 4, 3], (signal[3:11] * cubic / cubic.sum()).sum())


def test_the_calibration_on_a_bundled_photograph():
    """Numbers that were noted when Set5, Set14 and BSD100 agreed with the published tables."""
    truth = crop_to_multiple(load_image(photo("neuschwanstein_castle")), 8)
    for factor, psnr, ssim in ((4, 21.79, 0.5982), (8, 20.218, 0.4916)):
        image = bicubic(degrade(truth, factor), *truth.shape[2:])
        assert psnr_y(image, truth, shave=factor) == pytest.approx(psnr, abs=0.01)
        assert ssim_y(image, truth, shave=factor) == pytest.approx(ssim, abs=0.001)


def test_degrading_gives_whole_numbers_and_blurring_less_contrast(landscape):
    small = degrade(landscape, 4)
    assert small.shape == (1, 3, 48, 48)
    assert torch.equal(small, small.round())
    assert 0 <= small.min() <= small.max() <= 255
    assert degrade(landscape, 4, blur=1.0).std() < small.std()


def test_the_blur_is_a_gaussian_of_its_standard_deviation():
    point = torch.zeros(1, 3, 64, 64)
    point[:, :, 32, 32] = 255.0
    spread = gaussian_blur(point, 1.0)[0, 0]
    assert spread.sum() == pytest.approx(255, rel=1e-5)
    rows = torch.arange(64.0) - 32
    assert (spread.sum(1) * rows**2).sum() / 255 == pytest.approx(1.0, rel=1e-3)


def test_sizes_that_do_not_divide_are_cropped_or_refused(landscape):
    odd = landscape[:, :, :191, :190]
    with pytest.raises(ValueError, match="190 x 191 pixels cannot be shrunk 4 times"):
        degrade(odd, 4)
    cropped = crop_to_multiple(odd, 4)
    assert torch.equal(cropped, landscape[:, :, :188, :188])


def test_luma_goes_from_16_to_235():
    colours = torch.tensor([[0, 255, 255, 0, 0], [0, 255, 0, 255, 0], [0, 255, 0, 0, 255.0]])
    y = luma(colours.view(1, 3, 1, 5)).flatten()
    torch.testing.assert_close(y, torch.tensor([16.0, 235.0, 81.481, 144.553, 40.966]))


def test_psnr_by_hand_and_what_counts(landscape):
    truth = landscape.round()
    brighter = truth.clamp(0, 254) + 1  # one grey level: 219 / 255 on Y
    assert psnr_y(brighter, truth, shave=4) == pytest.approx(48.13 + 1.32, abs=0.05)
    assert psnr_y(truth + 0.3, truth, shave=4) == float("inf")  # rounded to 8 bits first
    border = truth.clone()
    border[:, :, :4] = 0
    assert psnr_y(border, truth, shave=4) == float("inf")
    assert psnr_y(border, truth, shave=3) < 60


def test_grey_files_are_scored_on_their_values(landscape, tmp_path):
    grey = landscape[:, 1:2].round().expand(-1, 3, -1, -1)
    worse = (grey + 10 * torch.rand_like(grey[:, :1])).clamp(0, 255)
    full, video = (psnr_y(worse, grey, shave=4, grey=g) for g in (True, False))
    assert video - full == pytest.approx(20 * np.log10(255 / 219), abs=0.01)  # 1.32 dB
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "man.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "bridge.png")
    names = [name for name in ("a", "man", "bridge") if is_grey_file(tmp_path / f"{name}.png")]
    assert names == ["a", "bridge"]


def test_ssim_is_wangs(landscape):
    truth = landscape.round()
    image = bicubic(degrade(truth, 4), 192, 192)
    x, y = (luma(t.clamp(0, 255).round())[0, 0, 4:-4, 4:-4].numpy() for t in (image, truth))
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()

    def mean(values):  # Gaussian window, only where it lies within the picture
        rows = np.apply_along_axis(np.convolve, 1, values, window, "valid")
        return np.apply_along_axis(np.convolve, 0, rows, window, "valid")

    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    s = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim_y(image, truth, shave=4) == pytest.approx(s.mean(), abs=1e-5)


def test_scores_refuse_what_cannot_be_compared(landscape):
    with pytest.raises(ValueError, match="different shapes"):
        psnr_y(landscape, landscape[:, :, 1:], shave=4)
    with pytest.raises(ValueError, match="nothing is left"):
        psnr_y(landscape[:, :, :8], landscape[:, :, :8], shave=4)
    with pytest.raises(ValueError, match="SSIM needs 11 x 11"):
        ssim_y(landscape[:, :, :18], landscape[:, :, :18], shave=4)


def test_matching_gives_the_histogram_of_the_input(landscape):
    low = degrade(landscape, 4)
    faded = 40 + 0.5 * bicubic(low, 192, 192)
    matched = match_histogram(faded, low)
    assert matched.shape == landscape.shape
    for channel in range(3):
        a, b = (
            torch.quantile(x[:, channel], torch.linspace(0.05, 0.95, 9)) for x in (matched, low)
        )
        assert (a - b).abs().max() < 4


def page(side=64):
    """White, with lines of several widths and a block: (1, 3, side, side)."""
    low = torch.full((1, 3, side, side), 255.0)
    for x, width in ((8, 2), (20, 3), (40, 5)):
        low[:, :, 10:50, x : x + width] = 0
    return low


def test_matching_keeps_the_levels_of_a_page():
    low = page()
    torch.manual_seed(0)
    large = bicubic(low, 256, 256) * (245 / 255) + 4 + torch.randn(1, 3, 256, 256)
    matched = match_histogram(large, low)
    truth = low.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for level in (0, 255):
        inside = torch.nn.functional.max_pool2d((truth != level).float(), 13, 1, 6) == 0
        assert inside.any()
        assert (matched[inside] == level).float().mean() > 0.995
        assert (matched[inside] - level).abs().max() <= 5


def test_matching_keeps_levels_that_lie_far_apart():
    levels = torch.tensor([10.0, 60.0, 61.0, 200.0])
    low = levels.repeat_interleave(16).expand(1, 3, 40, 64)
    large = bicubic(low, 160, 256) * 0.9 + 12
    matched = match_histogram(large, low)
    for i, level in enumerate(levels):
        assert (matched[..., 64 * i + 28 : 64 * i + 36] - level).abs().max() <= 1


def test_the_perceptual_distance_orders_sharp_before_blurred(landscape):
    phi = LossNetwork()
    blurred = bicubic(degrade(landscape, 8), 192, 192)
    less = bicubic(degrade(landscape, 4), 192, 192)
    same, near, far = (perceptual_distance(phi, x, landscape) for x in (landscape, less, blurred))
    assert same == pytest.approx(0, abs=1e-6)
    assert 0.01 < near < far < 2


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize(("factor", "parameters"), [(4, 401_859), (8, 438_915)])
def test_the_papers_networks_have_its_numbers_of_parameters(factor, parameters):
    network = SuperResolutionNet.paper(factor)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert f"{parameters:,}" in repr(network)
    assert "c9s1-64,R64x4,u64,u64" in repr(network)
    assert sum(p.numel() for p in SRCNN(factor).parameters()) == 57_281
    assert sum(p.numel() for p in SRCNN(factor, middle=1).parameters()) == 8_129


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("make", [SuperResolutionNet, SuperResolutionNet.paper, SRCNN])
def test_networks_enlarge_pictures_of_any_size(make, factor):
    network = make(factor).eval()
    with torch.no_grad():
        for height, width in ((5, 7), (13, 6)):
            assert network(255 * torch.rand(2, 3, height, width)).shape == (
                2, 3, factor * height, factor * width
            )  # fmt: skip
        with pytest.raises(ValueError, match="4 x 9 pixels is too small"):
            network(torch.rand(1, 3, 9, 4))
    with pytest.raises(ValueError, match="factor is 3; wanted is one of 4, 8"):
        make(3)


@pytest.mark.parametrize("make", [SuperResolutionNet, SRCNN])
def test_an_untrained_network_is_the_bicubic_enlargement(make, landscape):
    low = degrade(landscape, 4)
    with torch.no_grad():
        difference = make(4)(low) - bicubic(low, 192, 192)
    assert difference.abs().max() < (1e-3 if make is SuperResolutionNet else 5)
    # What SRCNN adds is grey: the colours are those of the bicubic enlargement.
    assert (difference - difference.mean(1, keepdim=True)).abs().max() < 1e-3


@pytest.mark.parametrize(
    "network",
    [random_network(8, norm="instance", upsampling="shuffle"), SRCNN(4, middle=1)],
    ids=lambda n: type(n).__name__,
)
def test_files_give_the_same_network(network, tmp_path):
    save_network(network, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors")
    assert again.config == network.config
    low = 255 * torch.rand(1, 3, 12, 12)
    with torch.no_grad():
        assert (again(low) - network(low)).abs().mean() < 0.5  # half precision


@pytest.mark.parametrize("padding", ["reflection", "zero"])
@pytest.mark.parametrize("upsampling", ["bilinear", "resize", "shuffle", "transposed"])
def test_the_onnx_model_enlarges_as_the_network_does(tmp_path, upsampling, padding):
    network = random_network(width=6, norm="batch", upsampling=upsampling, padding=padding)
    export_onnx(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    low = 255 * torch.rand(1, 3, 17, 20)
    with torch.no_grad():
        expected = network(low)
    (enlarged,) = session.run(["enlarged"], {"image": low.numpy()})
    torch.testing.assert_close(torch.from_numpy(enlarged), expected, atol=0.05, rtol=0)


# ---------------------------------------------------------------- tiles


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"upsampling": "resize"},
        {"upsampling": "shuffle"},
        {"norm": "batch", "upsampling": "transposed", "padding": "zero"},
    ],
    ids=["ours", "resize", "shuffle", "paper"],
)
def test_tiles_give_what_the_whole_picture_gives(factor, choices):
    network = random_network(factor, width=6, **choices)
    low = (255 * torch.rand(1, 3, 75, 50)).round()
    whole = upscale(network, low, dtype=torch.float32, tile=1000)
    tiled = upscale(network, low, dtype=torch.float32, tile=20)
    assert whole.shape == (1, 3, factor * 75, factor * 50)
    assert whole.dtype == torch.uint8
    assert (whole.int() - tiled.int()).abs().max() <= 1
    with torch.no_grad():
        plain = network(low).clamp(0, 255).round()
    assert (whole.int() - plain.int()).abs().max() <= 1


def test_srcnn_in_tiles_and_instance_norm_in_one_piece():
    low = (255 * torch.rand(1, 3, 75, 50)).round()
    for network in (SRCNN(4), random_network(width=6, norm="instance")):
        whole = upscale(network, low, dtype=torch.float32, tile=1000).int()
        assert (whole - upscale(network, low, dtype=torch.float32, tile=20).int()).abs().max() <= 1


@pytest.mark.number_format
@pytest.mark.parametrize("choices", [{}, {"norm": "batch"}, {"norm": "instance"}])
def test_a_network_in_training_enlarges_as_it_does_afterwards(choices, landscape):
    low = degrade(landscape, 4)
    network = random_network(**choices).eval()
    expected = upscale(network, low, keep_colors=True, tile=20)
    assert not network.training
    network.train()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    assert torch.equal(upscale(network, low, keep_colors=True, tile=20), expected)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(v, before[name]) for name, v in network.state_dict().items())


def test_layers_that_are_kept_in_evaluation_mode_stay_so(landscape):
    network = random_network(norm="batch").train()
    frozen = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)).eval()
    upscale(network, degrade(landscape, 4))
    assert network.training
    assert not frozen.training


@pytest.mark.number_format
def test_upscaling_leaves_the_network_in_its_mode_and_matches_histograms(landscape):
    network = random_network(width=6).train()
    low = degrade(landscape, 4)
    plain = upscale(network, low)
    assert network.training
    matched = upscale(network, low, histogram=True)
    assert abs(matched.float().mean() - low.mean()) < 1
    assert not torch.equal(plain, matched)


@pytest.mark.number_format
@pytest.mark.parametrize("grey", [0, 90, 255])
@pytest.mark.parametrize("factor", [4, 8])
def test_flat_greys_and_white_stay_with_kept_colours(grey, factor):
    low = torch.full((1, 3, 24, 31), float(grey))
    network = upscaler("feature", factor)
    assert (upscale(network, low).float() - grey).abs().max() > (0 if grey == 90 else 1)
    assert (upscale(network, low, keep_colors=True).float() - grey).abs().max() == 0


@pytest.mark.number_format
def test_a_grey_picture_stays_grey_with_kept_colours(landscape):
    low = degrade(landscape, 4).mean(1, keepdim=True).round().expand(-1, 3, -1, -1)
    network = upscaler("feature", 4)
    tints = [
        (y.amax(1).int() - y.amin(1).int()).max()
        for y in (upscale(network, low, keep_colors=keep) for keep in (False, True))
    ]
    assert tints[0] >= 3
    assert tints[1] == 0


@pytest.mark.number_format
def test_kept_colours_bring_the_feature_network_nearer_to_the_original(landscape):
    low, network = degrade(landscape, 4), upscaler("feature", 4)
    plain, kept = (upscale(network, low, keep_colors=keep) for keep in (False, True))
    assert psnr_y(kept, landscape, shave=4) > psnr_y(plain, landscape, shave=4) + 0.05
    again = bicubic(kept, *low.shape[2:])
    assert (again - low).abs().mean() < (bicubic(plain, *low.shape[2:]) - low).abs().mean() / 2


def test_kept_colours_in_tiles_are_those_of_the_whole_picture():
    network = random_network(width=6)
    low = (255 * torch.rand(1, 3, 75, 50)).round()
    whole, tiled = (
        upscale(network, low, keep_colors=True, dtype=torch.float32, tile=tile).int()
        for tile in (1000, 20)
    )
    assert (whole - tiled).abs().max() <= 1


# ---------------------------------------------------------------- training

RECIPE = SuperResolutionRecipe(factor=4, loss="pixel", size=32, batch=2, steps=6, blur=0)


@pytest.fixture(scope="module")
def bank():
    photographs = [photo(name) for name in ("hedgehog", "raccoon", "moss")]
    return RandomCrops.from_folder(photographs, short_side=80, size=32, batch=2, device="cpu")


def test_the_learning_rate_rises_during_the_warm_up_and_falls_in_the_cooldown():
    factors = [rate_factor(step, steps=8, warmup=4, cooldown=0.25) for step in range(8)]
    assert factors == [0.25, 0.5, 0.75, 1, 1, 1, 1, 0.5]


@pytest.mark.number_format
@pytest.mark.parametrize("architecture", ["recommended", "paper", "srcnn"])
@pytest.mark.parametrize("loss", ["pixel", "feature"])
def test_training_lowers_the_loss(bank, loss, architecture):
    recipe = dataclasses.replace(RECIPE, loss=loss, architecture=architecture, steps=25)
    losses = [float(step.terms.total) for step in train(recipe, bank)]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_pixel_training_starts_at_the_error_of_bicubic(bank):
    step = next(train(RECIPE, bank))
    truth = bank.batch(0)
    error = F.mse_loss(bicubic(degrade(truth, 4), 32, 32), truth)
    assert float(step.terms.pixel) == pytest.approx(float(error), rel=0.01)
    assert step.terms.content == step.terms.style == 0


def test_a_stopped_training_goes_on_to_the_same_network(bank, tmp_path):
    whole, cut = tmp_path / "whole.safetensors", tmp_path / "cut.safetensors"
    assert len(list(train(RECIPE, bank, whole))) == 6
    run = train(RECIPE, bank, cut)
    for _ in range(3):
        next(run)
    run.close()
    assert len(list(train(RECIPE, bank, cut))) == 3
    a, b = (load_network(path).state_dict() for path in (whole, cut))
    for name in a:
        assert torch.equal(a[name], b[name])
    with pytest.raises(TrainingError, match="trained with loss 'pixel', not 'feature'"):
        next(train(dataclasses.replace(RECIPE, loss="feature"), bank, cut))


def test_features_are_compared_at_every_layer_that_the_recipe_names(bank):
    def first(*layers, **how):
        recipe = dataclasses.replace(RECIPE, loss="feature", layers=layers, **how)
        return next(train(recipe, bank)).terms.floats()

    one, other, both = first("relu2_2"), first("relu3_3"), first("relu2_2", "relu3_3", tv=1e-3)
    assert both["content"] == pytest.approx(one["content"] + other["content"], rel=0.01)
    assert both["total"] == pytest.approx(both["content"] + both["tv"], rel=1e-5)
    assert both["tv"] > 0 == one["tv"]


def test_what_an_older_file_does_not_name_had_the_value_of_today(bank, tmp_path):
    out = tmp_path / "net.safetensors"
    list(train(RECIPE, bank, out))
    card = read_card(out)
    del card["recipe"]["layers"]
    save_network(load_network(out), out, card)
    assert list(train(RECIPE, bank, out)) == []
    with pytest.raises(
        TrainingError, match=r"trained with layers \['relu2_2'\], not \['relu3_3'\]"
    ):
        train(dataclasses.replace(RECIPE, layers=("relu3_3",)), bank, out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "l2"}, "loss is 'l2'; wanted is one of feature, pixel"),
        ({"architecture": "big"}, "architecture is 'big'; wanted is one of recommended, paper"),
        ({"layers": ("relu2_2", "relu9")}, "layer is 'relu9'; wanted is one of relu1_1, relu1_2"),
        ({"size": 34}, "patches of 34 pixels: not a multiple of 4"),
    ],
)
def test_recipes_refuse_what_does_not_fit(change, words):
    with pytest.raises(TrainingError, match=words):
        dataclasses.replace(RECIPE, **change)


# ---------------------------------------------------------------- scoring a folder


@pytest.mark.number_format
def test_a_folder_is_scored_picture_by_picture(tmp_path, landscape):
    for name in ("a", "b"):
        save_image(landscape[:, :, : 101 + len(name)], tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    networks = {"bicubic": None, "ours": random_network(width=6)}
    rows = list(score_pictures(tmp_path, networks, factor=4))
    assert [(row["picture"], row["model"]) for row in rows] == [
        ("a", "bicubic"), ("a", "ours"), ("b", "bicubic"), ("b", "ours")
    ]  # fmt: skip
    truth = crop_to_multiple(landscape[:, :, :102].round(), 4)
    expected = psnr_y(bicubic(degrade(truth, 4), *truth.shape[2:]), truth, shave=4)
    assert rows[0]["psnr"] == pytest.approx(expected, abs=1e-6)
    means = mean_scores(rows)
    assert means["ours"]["ssim"] == pytest.approx((rows[1]["ssim"] + rows[3]["ssim"]) / 2)
    save_image(landscape[:, :, :40], tmp_path / "c.png")
    with pytest.raises(SuperResolutionError, match=r"c\.png: less than 64 pixels"):
        list(score_pictures(tmp_path, networks, factor=4))


# ---------------------------------------------------------------- benchmark pictures


@pytest.fixture
def collection(tmp_path, monkeypatch, landscape):
    """A small archive built like the real one, and the data folder that knows its pictures."""
    monkeypatch.setattr(benchmarks, "SETS", {"Set5": 2, "BSD100": 1})
    source = tmp_path / "source"
    known = {}
    for place, name in (("Set5/HR", "a"), ("Set5/HR", "b"), ("B100/HR", "c"), ("Other/HR", "d")):
        path = source / "benchmark" / place / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(landscape[:, :, ord(name) % 20 :], path)
        known.setdefault({"B100/HR": "BSD100"}.get(place, "Set5"), []).append(fingerprint(path))
    archive = tmp_path / "benchmark.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(source / "benchmark", "benchmark")
    (tmp_path / "sr_benchmarks.json").write_text(json.dumps(known))
    monkeypatch.setattr(benchmarks, "data_folder", lambda: tmp_path)
    return archive


@pytest.fixture
def url(collection):
    """Where a web server of ours has the archive."""
    handler = partial(SimpleHTTPRequestHandler, directory=collection.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{collection.name}"
        server.shutdown()


def test_the_benchmarks_are_fetched_unpacked_and_verified(url, tmp_path):
    out = tmp_path / "sr"
    assert list(sr_benchmarks(out, url=url))
    found = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.png"))
    assert found == ["BSD100/c.png", "Set5/a.png", "Set5/b.png"]
    assert differing(out) == []
    assert list(sr_benchmarks(out, url="http://nowhere.invalid/x.tar")) == []  # all there
    Image.new("RGB", (48, 48)).save(out / "Set5" / "b.png")
    assert differing(out) == ["Set5/b.png"]
    (out / "Set5" / "b.png").write_text("words")
    with pytest.raises(PhotosError, match=r"b\.png: cannot be decoded"):
        differing(out)


def test_an_archive_that_is_damaged_or_lacks_pictures_is_refused(collection, url, tmp_path):
    data = collection.read_bytes()
    collection.write_bytes(data[: len(data) // 2])
    with pytest.raises(PhotosError, match=r"benchmark\.tar: "):
        list(sr_benchmarks(tmp_path / "sr", url=url))
    collection.write_bytes(b"no archive")
    with pytest.raises(PhotosError, match="cannot be unpacked"):
        list(sr_benchmarks(tmp_path / "other", url=url))


# ---------------------------------------------------------------- the command line


@pytest.fixture
def run(command, tmp_path, landscape):
    save_network(random_network(width=6), tmp_path / "x4.safetensors")
    save_network(random_network(8, width=6), tmp_path / "x8.safetensors")
    save_network(StyleNet(width=4), tmp_path / "style.safetensors")
    save_image(landscape[:, :, :30, :40], tmp_path / "in.png")
    return command


MODEL = ("--model", "x4.safetensors")


def read(path):
    """Mode, and pixels (H, W, C) as integers."""
    with Image.open(path) as picture:
        return picture.mode, np.asarray(picture).astype(int)


def test_a_picture_is_enlarged_and_its_transparency_kept(run, tmp_path):
    code, out, errors = run("upscale", "in.png", *MODEL, "-o", "out.png")
    assert (code, errors) == (0, "")
    assert out.startswith("out.png: 160 x 120, ")
    assert (
        run("upscale", "in.png", "--factor", 8, "--model", "x8.safetensors", "-o", "8.jpg")[0] == 0
    )
    assert read("8.jpg")[1].shape == (240, 320, 3)
    with Image.open("in.png") as picture:
        clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save("clear.png")
    assert run("upscale", "clear.png", *MODEL, "-o", "kept.png")[0] == 0
    kept = Image.open("kept.png")
    assert kept.mode == "RGBA"
    alpha = np.asarray(kept)[:, :, 3]
    assert alpha[0].mean() < 20
    assert alpha[-1].mean() > 235
    # The colours are those of the opaque picture: nothing was laid over white.
    assert (
        abs(np.asarray(kept)[:, :, :3] - np.asarray(Image.open("out.png")).astype(int)).max() <= 1
    )


def test_many_pictures_go_to_a_folder_and_bad_ones_are_named(run, tmp_path):
    Image.new("RGB", (1, 1)).save("one.png")
    Image.new("RGB", (3, 50)).save("thin.png")
    Image.fromarray(np.full((20, 30), 40_000, np.uint16)).save("deep.png")
    Path("broken.png").write_text("words")
    names = ("in.png", "one.png", "thin.png", "deep.png", "broken.png")
    code, out, errors = run("upscale", *names, *MODEL, "-o", "out")
    assert code == 1
    assert out == "out: 2 of 5 pictures\n"
    assert "skipped one.png: a picture of 1 x 1 pixels is too small" in errors
    assert "skipped thin.png: a picture of 3 x 50 pixels is too small" in errors
    assert "skipped broken.png: not a picture" in errors
    assert read("out/deep.png")[1].shape == (80, 120, 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.png", *MODEL, "--factor", 8), "enlarges 4 times, not 8: give --factor 4"),
        (("in.png", "--model", "style.safetensors"), "is a style network, not one for super-res"),
        (("in.png", "--model", "in.png"), "in.png: is a picture; wanted is a trained super-res"),
        (("in.png", "--model", "gone.safetensors"), "gone.safetensors: no such file"),
        (("in.png", "--model", "sharp"), "no checkpoint is called 'x4_sharp'"),
        (("in.png", "--model", "pixel", "--factor", 3), "--factor is 3; wanted is 4 or 8"),
        (("gone.png", *MODEL), "gone.png: no such file"),
    ],
)
def test_a_mistake_gets_one_line(run, tmp_path, arguments, words):
    code, _, errors = run("upscale", *arguments, "-o", "out.png")
    assert code == 1
    assert errors.startswith("error: ")
    assert words in errors
    assert len(errors.strip().splitlines()) == 1
    assert not Path("out.png").exists()


def disc(hidden, seen=(255, 255, 255), side=40):
    """A disc with a hard edge; what is around it cannot be seen."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    inside = x**2 + y**2 < (side / 3) ** 2
    rgb = np.where(inside[..., None], seen, hidden)
    return Image.fromarray(np.dstack([rgb, 255 * inside]).astype(np.uint8))


def over(picture, background):
    return np.asarray(
        Image.alpha_composite(Image.new("RGBA", picture.size, background), picture.convert("RGBA"))
    ).astype(int)[..., :3]


@pytest.mark.parametrize("model", [(), ("--model", "pixel")])
def test_what_is_hidden_does_not_bleed_into_what_is_seen(run, model):
    disc((0, 0, 0)).save("dark.png")
    disc((255, 0, 0)).save("red.png")
    disc((0, 0, 0)).convert("LA").save("la.png")
    disc((0, 0, 0)).quantize(method=Image.Quantize.FASTOCTREE).save("palette.png")
    names = ("dark.png", "red.png", "la.png", "palette.png")
    code, _, errors = run("upscale", *names, *model, "-o", "out")
    assert code == 0, errors
    for name in names:
        with Image.open(f"out/{name}") as large:
            assert over(large, "white").min() >= 254  # was 135: a dark rim
            assert large.getextrema()[3] == (0, 255)
    assert Path("out/dark.png").read_bytes() == Path("out/red.png").read_bytes()


def test_pictures_that_are_opaque_in_spite_of_an_alpha_channel_go_anywhere(run):
    Image.new("RGBA", (20, 20), (200, 60, 40, 255)).save("opaque.png")
    for name in ("out.jpg", "out.gif", "out.ppm", "out.bmp", "out.png"):
        assert run("upscale", "opaque.png", "--model", "pixel", "-o", name)[0] == 0
        assert abs(read(name)[1].max() - 200) < 10 or name == "out.gif"


@pytest.mark.parametrize("name", ["out.jpg", "out.gif", "out.ppm", "out.bmp"])
def test_formats_without_transparency_are_named_before_the_work(run, name, monkeypatch):
    monkeypatch.setattr(upscaling, "upscale", lambda *_, **__: pytest.fail("computed"))
    disc((0, 0, 0)).save("clear.png")
    code, _, errors = run("upscale", "clear.png", *MODEL, "-o", name)
    assert (code, errors.count("does not hold transparency; try .png")) == (1, 1)


def test_pictures_too_large_for_a_format_are_refused_before_the_work(run, monkeypatch):
    monkeypatch.setattr(upscaling, "upscale", lambda *_, **__: pytest.fail("computed"))
    Image.new("RGB", (4096, 9)).save("long.png")
    code, _, errors = run("upscale", "long.png", *MODEL, "-o", "out.webp")
    assert code == 1
    assert "out.webp: would be 16384 x 36 pixels, WEBP holds 16,383; try .png" in errors
    code, _, errors = run("upscale", "long.png", *MODEL, "-o", "out.ico")
    assert "out.ico: photographs are not written as ICO; try .png or .jpg" in errors


@pytest.mark.parametrize(("more", "needed"), [((), 1.1), (("--match-histogram",), 7.9)])
def test_an_enlargement_that_memory_does_not_suffice_for_is_refused(run, monkeypatch, more, needed):
    monkeypatch.setattr(devices, "free_memory", lambda where: 1e9)
    Image.new("RGB", (2560, 1660)).save("large.png")
    code, out, errors = run("upscale", "large.png", "in.png", *MODEL, *more, "-o", "out")
    assert (code, out) == (1, "out: 1 of 2 pictures\n")
    words = f"10240 x 6640 pixels needs about {needed} GB of memory, and 1.0 GB are free"
    assert f"skipped large.png: a result of {words}" in errors


@pytest.mark.parametrize("more", [(), ("--match-histogram",), ("--factor", 8)])
def test_bicubic_is_a_model_as_any_other(run, landscape, more):
    factor = 8 if 8 in more else 4
    code, out, errors = run("upscale", "in.png", "--model", "bicubic", *more, "-o", "out.png")
    assert (code, errors) == (0, "")
    assert out.startswith(f"out.png: {40 * factor} x {30 * factor}, ")
    if not more:
        with Image.open("in.png") as picture:
            low = torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0)
        expected = bicubic(low, 120, 160).clamp(0, 255).round()[0].permute(1, 2, 0).numpy()
        assert np.array_equal(read("out.png")[1], expected)


def test_score_skips_what_is_no_picture_and_keeps_what_was_scored(run, tmp_path, landscape):
    (tmp_path / "truth").mkdir()
    for name in ("a.png", "c.png"):
        save_image(landscape, tmp_path / "truth" / name)
    for name in ("._a.png", "notes.pdf", "film.mpg", "x.txt"):
        (tmp_path / "truth" / name).write_bytes(b"no picture")
    arguments = ("score", "truth", "--model", "bicubic", "-o", "rows.json")
    code, out, errors = run(*arguments)
    assert (code, out.splitlines()[0]) == (0, "truth: 2 pictures, x4"), errors
    (tmp_path / "truth" / "b.png").write_text("words")
    Image.new("RGB", (63, 100)).save(tmp_path / "truth" / "d.png")
    code, out, errors = run(*arguments)
    assert (code, out.splitlines()[0]) == (1, "truth: 2 of 4 pictures, x4")
    assert "skipped truth/b.png: not a picture" in errors
    assert "skipped truth/d.png: less than 64 pixels wide or high" in errors
    rows = json.loads(Path("rows.json").read_text())
    assert [(row["picture"], row["of"]) for row in rows] == [("a", 4), ("c", 4)]
    for name in ("a.png", "c.png"):
        (tmp_path / "truth" / name).unlink()
    code, out, errors = run(*arguments)
    assert (code, "none of the 2 pictures can be scored" in errors) == (1, True)


def test_scores_that_are_interrupted_are_kept(run, tmp_path, landscape, monkeypatch):
    (tmp_path / "truth").mkdir()
    for name in ("a.png", "b.png"):
        save_image(landscape, tmp_path / "truth" / name)
    score = super_resolution.score_picture

    def interrupted(path, *arguments, **options):
        if path.name == "b.png":
            raise KeyboardInterrupt
        return score(path, *arguments, **options)

    monkeypatch.setattr(super_resolution, "score_picture", interrupted)
    assert run("score", "truth", "--model", "bicubic", "-o", "rows.json")[0] == 130
    assert [row["picture"] for row in json.loads(Path("rows.json").read_text())] == ["a"]


def test_score_says_before_the_work_that_its_file_cannot_be_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(super_resolution, "score_picture", lambda *_, **__: pytest.fail("computed"))
    code, _, errors = run("score", ".", "--model", "bicubic", "-o", "no/rows.json")
    assert (code, "no/rows.json: the folder no does not exist" in errors) == (1, True)


def test_transparency_is_not_lost_silently(run):
    Image.new("RGBA", (20, 20)).save("clear.png")
    code, _, errors = run("upscale", "clear.png", *MODEL, "-o", "out.jpg")
    assert code == 1
    assert "out.jpg: JPEG does not hold transparency; try .png" in errors


@pytest.mark.number_format
def test_score_prints_and_writes_the_table(run, tmp_path, landscape):
    (tmp_path / "truth").mkdir()
    save_image(landscape, tmp_path / "truth" / "a.png")
    arguments = ("--model", "bicubic", *MODEL, "-o", "scores.json")
    code, out, _ = run("score", "truth", *arguments)
    assert code == 0
    assert out.startswith("truth: 1 pictures, x4\n")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["bicubic", "x4.safetensors"]
    rows = json.loads(Path("scores.json").read_text())
    assert {"picture", "model", "psnr", "ssim", "distance"} <= set(rows[0])
    assert f"{rows[0]['psnr']:.2f} dB" in out
    code, _, errors = run("score", "nowhere")
    assert (code, errors) == (1, "error: nowhere: no such folder")


@pytest.mark.number_format
def test_training_on_the_command_line(run, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for name in ("hedgehog", "raccoon"):
        (tmp_path / "photos" / f"{name}.jpg").write_bytes(photo(name).read_bytes())
    arguments = ("--photos", "photos", "-o", "mine.safetensors", "--loss", "pixel", "--steps", 2)
    arguments += ("--size", 32, "--batch", 2)
    code, out, errors = run("train", "sr", *arguments)
    assert code == 0, errors
    assert out.startswith("mine.safetensors: 2 steps in ")
    assert read("mine.preview.jpg")[1].shape == (256, 3 * 256, 3)  # bicubic, now, the original
    assert load_network("mine.safetensors").config["factor"] == 4
    assert read_card("mine.safetensors")["recipe"]["layers"] == ["relu2_2"]
    how = ("--loss", "feature", "--layer", "relu2_2", "--layer", "relu3_3", "--tv", 1e-3)
    code, _, errors = run("train", "sr", *arguments, *how, "-o", "best.safetensors")
    assert code == 0, errors
    recipe = read_card("best.safetensors")["recipe"]
    assert (recipe["layers"], recipe["tv"]) == (["relu2_2", "relu3_3"], 1e-3)
    code, _, errors = run(
        "train", "sr", *arguments, *how, "--layer", "relu9", "-o", "no.safetensors"
    )
    assert (code, errors.splitlines()) == (1, [errors.strip()])
    assert errors.startswith("error: layer is 'relu9'; wanted is one of relu1_1, ")
    code, _, errors = run("train", "sr", *arguments, "--factor", 3)
    assert (code, len(errors.strip().splitlines())) == (1, 1)
