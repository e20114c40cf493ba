import pytest
import torch

from perceptual_edu import (
    PerceptualLoss,
    devices,
    gatys,
    invert_features,
    load_image,
    noise_like,
    optimize_image,
    photo,
    reconstruct_style,
)
from perceptual_edu.lbfgs import scipy_lbfgsb
from perceptual_edu.losses import STYLE_LAYERS


def ill_conditioned_quadratic(x):
    """Its minimum lies outside [0, 255] for two thirds of the pixels."""
    target = torch.linspace(-255, 510, x.numel()).view_as(x).to(x)
    stiffness = torch.logspace(0, 3, x.numel()).roll(7).view_as(x).to(x)
    return (stiffness * (x - target).square()).sum()


def test_projected_lbfgs_finds_the_minimum_within_the_bounds():
    start = torch.full((1, 3, 8, 8), 128.0, dtype=torch.float64)
    *_, last = optimize_image(ill_conditioned_quadratic, start, steps=200)
    target = torch.linspace(-255, 510, start.numel()).view_as(start).to(start)
    torch.testing.assert_close(last.image, target.clamp(0, 255), atol=0.1, rtol=0)


def test_white_noise_is_uniform_or_the_authors(photograph):
    uniform, faint = noise_like(photograph, uniform=True), noise_like(photograph)
    assert (uniform.min() >= 0) & (uniform.max() <= 255)
    assert uniform.std().item() == pytest.approx(255 / 12**0.5, rel=0.02)
    for channel, mean in enumerate((123.68, 116.779, 103.939)):
        assert faint[0, channel].mean().item() == pytest.approx(mean, abs=0.1)
        assert faint[0, channel].std().item() == pytest.approx(1, rel=0.05)
    assert torch.equal(faint, noise_like(photograph))


def test_without_bounds_it_finds_the_free_minimum():
    start = torch.full((1, 3, 8, 8), 128.0, dtype=torch.float64)
    *_, last = optimize_image(ill_conditioned_quadratic, start, steps=200, bounds=None)
    target = torch.linspace(-255, 510, start.numel()).view_as(start).to(start)
    torch.testing.assert_close(last.image, target, atol=0.1, rtol=0)


def test_it_solves_a_curved_valley_as_scipy_does():
    """Rosenbrock's function, scaled so that its minimum (1, 1, ...) is at pixel value 100."""

    def rosenbrock(x):
        u = x.flatten() / 100
        return (100 * (u[1:] - u[:-1] ** 2) ** 2 + (1 - u[:-1]) ** 2).sum()

    start = torch.full((1, 3, 2, 2), 30.0, dtype=torch.float64)
    *_, ours = optimize_image(rosenbrock, start, steps=300)
    reference = scipy_lbfgsb(rosenbrock, start, steps=300)[-1]
    assert ours.terms["total"] < 1e-6
    assert reference.terms["total"] < 1e-6
    torch.testing.assert_close(ours.image, torch.full_like(start, 100.0), atol=0.1, rtol=0)


def objective_of(phi, photograph, painting):
    loss = PerceptualLoss(
        phi, content={"relu3_3": 1.0}, style=dict.fromkeys(STYLE_LAYERS, 5.0), tv=1e-6
    )
    return loss.set_content(photograph).set_style(painting)


@pytest.fixture(scope="module")
def objective(phi, photograph, painting):
    return objective_of(phi, photograph, painting)


def test_on_gatys_objective_it_converges_like_scipys_lbfgsb(phi, painting):
    photograph = load_image(photo("neuschwanstein_castle"), square=32)
    objective, start = objective_of(phi, photograph, painting), noise_like(photograph)
    *_, ours = optimize_image(objective, start, steps=60)
    reference = scipy_lbfgsb(objective, start, steps=60)[-1]
    assert ours.evaluations <= 60
    assert ours.terms["total"] < 1.1 * reference.terms["total"]
    assert ours.terms["total"] < 0.1 * objective(photograph).floats()["total"]


def test_every_step_lies_in_the_range_and_none_goes_uphill(objective, photograph):
    steps = list(optimize_image(objective, noise_like(photograph), steps=25))
    totals = [step.terms["total"] for step in steps]
    assert all(step.image.min() >= 0 and step.image.max() <= 255 for step in steps)
    assert totals == sorted(totals, reverse=True)
    assert [step.iteration for step in steps] == list(range(len(steps)))
    assert steps[0].evaluations == 1
    assert steps[-1].evaluations <= 25


def test_the_terms_belong_to_the_image_they_come_with(objective, photograph):
    *_, last = optimize_image(objective, photograph, steps=5)
    assert last.terms == pytest.approx(objective(last.image).floats())


def test_pictures_already_yielded_do_not_change(objective, photograph):
    for method in ("lbfgs", "adam"):
        steps = optimize_image(objective, photograph, steps=4, method=method)
        first = next(steps).image
        before = first.clone()
        for _ in steps:
            pass
        assert torch.equal(first, before)


def test_adam_lowers_the_objective_within_the_range(objective, photograph):
    first, *_, last = optimize_image(objective, noise_like(photograph), steps=20, method="adam")
    assert last.terms["total"] < first.terms["total"] / 2
    assert last.evaluations == 20
    assert last.image.min() >= 0
    assert last.image.max() <= 255


def test_the_start_image_is_left_alone(objective, photograph):
    before = photograph.clone()
    list(optimize_image(objective, photograph, steps=3))
    list(optimize_image(objective, photograph, steps=3, method="adam"))
    assert torch.equal(photograph, before)


def test_it_stops_early_where_nothing_is_left_to_gain():
    def flat(x):
        return (x * 0).sum()

    steps = list(optimize_image(flat, torch.ones(1, 3, 4, 4), steps=50))
    assert len(steps) == 1


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_an_objective_that_is_not_finite_is_an_error(method):
    with pytest.raises(ValueError, match="the objective is nan"):
        list(
            optimize_image(lambda x: x.sum() * float("nan"), torch.ones(1, 3, 2, 2), method=method)
        )


def test_unknown_names_are_refused_at_once(photograph, phi):
    with pytest.raises(ValueError, match=r"unknown method 'sgd'.*lbfgs, adam"):
        optimize_image(lambda x: x.sum(), photograph, method="sgd")
    with pytest.raises(ValueError, match=r"unknown start 'black'.*noise, uniform, content"):
        gatys(photograph, photograph, start="black", phi=phi)


@pytest.mark.number_format
def test_the_same_seed_gives_the_same_picture(photograph, painting, phi):
    def last(seed):
        *_, step = gatys(photograph, painting, steps=3, seed=seed, phi=phi)
        return step.image

    assert torch.equal(last(1), last(1))
    assert not torch.equal(last(1), last(2))


@pytest.mark.parametrize(("sizes", "refused"), [((40, 16), 40), ((16, 80), 80), ((16, 40), None)])
def test_pictures_that_memory_does_not_suffice_for_are_refused(phi, monkeypatch, sizes, refused):
    """A style takes less memory than a picture that is optimised."""
    monkeypatch.setattr(devices, "free_memory", lambda where: 3e6)
    content, style = (torch.zeros(1, 3, side, side) for side in sizes)
    if refused:
        words = f"optimising with a picture of {refused} x {refused} pixels needs about 0.0 GB"
        with pytest.raises(ValueError, match=words):
            gatys(content, style, phi=phi)
    else:
        next(gatys(content, style, phi=phi))


@pytest.mark.number_format
def test_gatys_from_the_content_image_starts_there(photograph, painting, phi):
    first = next(gatys(photograph, painting, steps=1, start="content", phi=phi))
    assert torch.equal(first.image, photograph)
    assert first.terms["content"] == 0


def test_gatys_from_noise_starts_at_the_authors_or_at_uniform_noise(photograph, painting, phi):
    for start, uniform in (("noise", False), ("uniform", True)):
        first = next(gatys(photograph, painting, steps=1, start=start, seed=3, phi=phi))
        assert torch.equal(first.image, noise_like(photograph, 3, uniform=uniform))


def test_inversion_and_reconstruction_start_at_either_noise_too(photograph, painting, phi):
    for start, uniform in (("noise", False), ("uniform", True)):
        noise = noise_like(photograph, 3, uniform=uniform)
        how = {"steps": 1, "start": start, "seed": 3, "phi": phi}
        first = next(invert_features(photograph, "relu1_2", **how))
        assert torch.equal(first.image, noise)
        first = next(reconstruct_style(painting, ["relu1_2"], size=photograph.shape[2:], **how))
        assert torch.equal(first.image, noise)
    with pytest.raises(ValueError, match=r"unknown start 'content'.*noise, uniform$"):
        invert_features(photograph, "relu1_2", start="content", phi=phi)


def test_the_objective_may_be_one_number(photograph):
    target = photograph / 2
    *_, last = optimize_image(lambda x: (x - target).square().mean(), photograph, steps=20)
    assert last.terms == {"total": pytest.approx(0, abs=1e-6)}
    torch.testing.assert_close(last.image, target, rtol=0, atol=0.01)


def test_inverting_shallow_features_gives_the_picture_back(photograph, phi):
    first, *_, last = invert_features(photograph, "relu1_1", steps=100, tv=0, phi=phi)

    def error(step):
        return (step.image - photograph).square().mean().sqrt().item()

    assert error(last) < 0.15 * error(first)


@pytest.mark.number_format
def test_style_reconstruction_meets_the_gram_matrices_at_another_size(painting, phi):
    steps = list(reconstruct_style(painting, ["relu1_2"], size=(40, 48), steps=40, phi=phi))
    assert steps[-1].image.shape == (1, 3, 40, 48)
    assert steps[-1].terms["total"] < 0.01 * steps[0].terms["total"]


@pytest.mark.gpu
def test_gatys_runs_on_the_gpu(photograph, painting):
    first, *_, last = gatys(photograph, painting, steps=30)
    assert last.image.is_cuda
    assert last.terms["total"] < 0.2 * first.terms["total"]
