"""Each loss against an independent formula in float64, its gradient against finite differences."""

import itertools

import pytest
import torch

from perceptual_edu import (
    STYLE_LAYERS,
    LossTerms,
    PerceptualLoss,
    feature_loss,
    gram_matrix,
    pixel_loss,
    style_loss,
    total_variation,
)


def features(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 4 - 1


def gram_by_loops(x):
    channels, height, width = x.shape
    gram = torch.zeros(channels, channels, dtype=torch.float64)
    for c, d, h, w in itertools.product(
        range(channels), range(channels), range(height), range(width)
    ):
        gram[c, d] += x[c, h, w] * x[d, h, w]
    return gram / (channels * height * width)


def test_feature_loss_is_equation_2():
    a, b = features(1, 3, 4, 5), features(1, 3, 4, 5, seed=1)
    total = 0.0
    for c, h, w in itertools.product(range(3), range(4), range(5)):
        total += float(a[0, c, h, w] - b[0, c, h, w]) ** 2
    assert feature_loss(a, b).item() == pytest.approx(total / (3 * 4 * 5), rel=1e-6)


def test_gram_matrix_is_equation_3():
    x = features(2, 3, 4, 5)
    found = gram_matrix(x)
    assert found.shape == (2, 3, 3)
    for image, gram in zip(x, found, strict=True):
        torch.testing.assert_close(gram, gram_by_loops(image))


def test_style_loss_is_equation_4_and_its_mean_the_released_code():
    a, b = gram_matrix(features(1, 3, 4, 5)), gram_matrix(features(1, 3, 6, 2, seed=1))
    squares = sum(float(a[0, c, d] - b[0, c, d]) ** 2 for c in range(3) for d in range(3))
    assert style_loss(a, b).item() == pytest.approx(squares)
    assert style_loss(a, b, mean=True).item() == pytest.approx(squares / 9)


def test_pixel_loss_is_the_mean_square():
    a, b = features(1, 3, 4, 5), features(1, 3, 4, 5, seed=1)
    assert pixel_loss(a, b).item() == pytest.approx((a - b).pow(2).sum().item() / 60)


def test_total_variation_sums_squared_differences_of_neighbours():
    x = features(1, 3, 4, 5)
    total = 0.0
    for c, h, w in itertools.product(range(3), range(4), range(5)):
        if h > 0:
            total += float(x[0, c, h, w] - x[0, c, h - 1, w]) ** 2
        if w > 0:
            total += float(x[0, c, h, w] - x[0, c, h, w - 1]) ** 2
    assert total_variation(x).item() == pytest.approx(total)


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: pixel_loss(x, features(1, 3, 4, 5, seed=1)),
        lambda x: style_loss(gram_matrix(x), gram_matrix(features(1, 3, 7, 2, seed=1))),
        lambda x: style_loss(gram_matrix(x), gram_matrix(features(1, 3, 7, 2, seed=1)), mean=True),
        total_variation,
    ],
    ids=["pixel", "style", "style (mean)", "total variation"],
)
def test_gradients_agree_with_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, features(1, 3, 4, 5).requires_grad_())


def test_the_gradient_of_the_feature_loss_agrees_with_finite_differences():
    a, b = features(1, 2, 3, 3).float().requires_grad_(), features(1, 2, 3, 3, seed=1).float()
    (gradient,) = torch.autograd.grad(feature_loss(a, b), a)
    torch.testing.assert_close(gradient, 2 * (a - b).detach() / 18)


def test_gram_matrix_is_invariant_to_shuffling_positions():
    x = features(1, 6, 8, 8)
    shuffled = x.flatten(2)[:, :, torch.randperm(64)].view_as(x)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(x))


def test_gram_matrix_does_not_grow_with_the_image():
    x = features(1, 6, 8, 8)
    torch.testing.assert_close(gram_matrix(x.repeat(1, 1, 3, 2)), gram_matrix(x))


def test_gram_matrix_is_symmetric_and_positive_semidefinite():
    gram = gram_matrix(features(1, 6, 8, 8))[0]
    torch.testing.assert_close(gram, gram.T)
    assert torch.linalg.eigvalsh(gram).min() > -1e-12


def test_gram_matrix_of_bfloat16_features_is_summed_in_float32():
    x = features(1, 4, 64, 64).to(torch.bfloat16)
    assert gram_matrix(x).dtype == torch.float32
    torch.testing.assert_close(gram_matrix(x).double(), gram_matrix(x.double()), rtol=1e-5, atol=0)


@pytest.mark.parametrize("loss", [feature_loss, pixel_loss])
def test_different_shapes_are_refused(loss):
    with pytest.raises(ValueError, match="different shapes"):
        loss(features(2, 3, 4, 4), features(1, 3, 4, 4))


def full_loss(phi, photograph, painting, **changes):
    weights = {
        "content": {"relu2_2": 1.0},
        "style": {"relu1_2": 5.0, "relu2_2": 2.0},
        "pixel": 0.5,
        "tv": 1e-3,
    }
    loss = PerceptualLoss(phi, **(weights | changes))
    return loss.set_content(photograph).set_style(painting)


@pytest.mark.parametrize("mean_gram", [True, False])
def test_the_objective_is_the_weighted_sum_of_its_terms(phi, photograph, painting, mean_gram):
    image = photograph + 10 * torch.randn_like(photograph)
    terms = full_loss(phi, photograph, painting, mean_gram=mean_gram)(image)
    at = phi(image, ["relu1_2", "relu2_2"])
    of_painting = phi(painting, ["relu1_2", "relu2_2"])
    style = sum(
        weight * style_loss(gram_matrix(at[layer]), gram_matrix(of_painting[layer]), mean=mean_gram)
        for layer, weight in {"relu1_2": 5.0, "relu2_2": 2.0}.items()
    )
    content = feature_loss(at["relu2_2"], phi(photograph, ["relu2_2"])["relu2_2"])
    expected = LossTerms(
        content=content,
        style=style,
        pixel=0.5 * pixel_loss(image, photograph),
        tv=1e-3 * total_variation(image),
        total=torch.zeros(()),
    ).floats()
    expected["total"] = sum(expected.values())
    assert terms.floats() == pytest.approx(expected, rel=1e-4)


def test_the_targets_themselves_score_zero(phi, photograph, painting):
    loss = full_loss(phi, photograph, painting, tv=0.0)
    assert loss(photograph).floats()["content"] == 0
    assert loss(photograph).floats()["pixel"] == 0
    assert loss(photograph).floats()["style"] > 0
    only_style = PerceptualLoss(phi, style={"relu2_2": 1.0}).set_style(painting)
    assert only_style(painting).floats()["total"] < 1e-6


def test_the_loss_of_a_batch_is_the_mean_of_its_images(phi, photograph, painting):
    batch = torch.cat([photograph, photograph.flip(3)])
    noisy = (batch + 10 * torch.randn_like(batch)).clamp(0, 255)
    together = full_loss(phi, batch, painting)(noisy).floats()
    alone = [
        full_loss(phi, batch[i : i + 1], painting)(noisy[i : i + 1]).floats() for i in range(2)
    ]
    mean = {name: (alone[0][name] + alone[1][name]) / 2 for name in together}
    assert together == pytest.approx(mean, rel=1e-4)


def test_a_style_of_another_size_will_do(phi, photograph, painting):
    assert painting.shape != photograph.shape
    assert full_loss(phi, photograph, painting)(photograph).total.isfinite()


def test_forgotten_targets_are_named(phi, photograph):
    with pytest.raises(ValueError, match="set_content"):
        PerceptualLoss(phi, content={"relu1_2": 1.0})(photograph)
    with pytest.raises(ValueError, match="set_content"):
        PerceptualLoss(phi, pixel=1.0)(photograph)
    with pytest.raises(ValueError, match="set_style"):
        PerceptualLoss(phi, style={"relu1_2": 1.0})(photograph)


def test_relative_gram_matrices_count_every_painting_and_layer_alike(phi, photograph, painting):
    painting = painting[:, :, :64, :64]  # it goes into a batch with photographs
    layers = dict.fromkeys(STYLE_LAYERS, 2.0)
    loss = PerceptualLoss(phi, style=layers, relative_gram=True).set_styles([painting, photograph])
    image = torch.cat([photograph, painting, photograph])
    terms = loss(image, torch.tensor([0, 0, 1]))
    g, t = (
        {j: gram_matrix(x) for j, x in phi(x, STYLE_LAYERS).items()} for x in (photograph, painting)
    )
    first = sum(((g[j] - t[j]).square().sum() / t[j].square().sum()).item() for j in STYLE_LAYERS)
    assert terms.style.item() == pytest.approx(2.0 * first / 3, rel=1e-4)
    alone = PerceptualLoss(phi, style=layers, relative_gram=True).set_style(painting)
    assert alone(photograph).style.item() == pytest.approx(2.0 * first, rel=1e-4)
