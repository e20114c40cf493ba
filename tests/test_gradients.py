"""bfloat16 is not float32: how far the gradient of f_W is from that in float64, for each recipe."""

import copy
import dataclasses

import pytest
import torch

from perceptual_edu import LossNetwork, photos
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import autocast
from perceptual_edu.training import StyleRecipe, SuperResolutionRecipe

STYLE = StyleRecipe("starry_night", style_size=96, width=8, size=64, batch=2)
PATCHES = SuperResolutionRecipe(size=64, batch=2)
PAPER = StyleRecipe.paper("starry_night", style_size=96, width=8, size=64, batch=2)
FLOAT32 = 2e-3  # the largest relative error of a gradient in float32
# Recipe, and the largest relative error of its gradient in bfloat16, about 1.6 times what it is. An
# error of e is an angle whose cosine is about 1 - e^2 / 2.
RECIPES = {
    "style": (STYLE, 0.12),
    "relative Gram": (dataclasses.replace(STYLE, relative_gram=True, style_weight=5e5), 0.2),
    "batch norm": (dataclasses.replace(STYLE, norm="batch"), 0.13),
    "the paper's": (PAPER, 0.1),
    "x4, feature": (PATCHES, 0.08),
    "x4, pixel": (dataclasses.replace(PATCHES, loss="pixel"), 0.02),
    "x4, the paper's": (dataclasses.replace(PATCHES, architecture="paper"), 0.06),
    "x8, pixel": (dataclasses.replace(PATCHES, factor=8, loss="pixel"), 0.03),
    "SRCNN": (dataclasses.replace(PATCHES, architecture="srcnn", loss="pixel"), 0.03),
}


def gradient(recipe, network, phi, photographs, dtype):
    """Of the loss by all weights, computed as training does it in this number format, (P,)."""
    network = copy.deepcopy(network).train()
    half = dtype == torch.bfloat16

    def f_w(images, *style):
        with autocast(torch.device("cpu"), dtype if half else torch.float32):
            return network(images, *style)

    if not half:
        network.to(dtype)
        network.layers[0].register_forward_pre_hook(lambda _, x: (x[0].to(dtype), *x[1:]))
    terms = recipe.objective(phi)(f_w, photographs)
    terms.total.backward()
    return torch.cat([p.grad.double().flatten() for p in network.parameters()])


@pytest.fixture(scope="module")
def phis():
    return {d: LossNetwork(dtype=d) for d in (torch.float64, torch.float32, torch.bfloat16)}


@pytest.mark.parametrize("name", RECIPES)
def test_gradients_in_bfloat16_and_float32_point_where_those_of_float64_do(name, phis):
    recipe, bound = RECIPES[name]
    bank = RandomCrops.from_folder(photos()[:2], short_side=96, size=64, batch=2, device="cpu")
    network = recipe.network()
    if hasattr(recipe, "factor"):  # a fresh one's last filters are zeros, and so are gradients
        for filters in list(network.parameters())[-2:]:
            torch.nn.init.normal_(filters, std=0.01)
    found = {d: gradient(recipe, network, phi, bank.batch(0), d) for d, phi in phis.items()}
    exact = found[torch.float64]
    for dtype, most in ((torch.float32, FLOAT32), (torch.bfloat16, bound)):
        error = float((found[dtype] - exact).norm() / exact.norm())
        cosine = float(torch.cosine_similarity(found[dtype], exact, dim=0))
        assert error < most
        assert cosine > 1 - most**2
