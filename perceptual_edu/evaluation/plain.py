"""The slow reference: the paper's methods as a reader would write them first.

Float32, PyTorch's default memory layout, no switch. Whoever times it switches TF32 off
(:func:`~perceptual_edu.devices.tf32`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..assets import style
from ..datasets.crops import RandomCrops
from ..datasets.degradation import degrade
from ..devices import device
from ..images import load_image
from ..losses import CONTENT_LAYER, STYLE_LAYERS
from ..networks.blocks import UpsampleBlock
from ..networks.style import StyleNet
from ..training.recipes import Recipe, StyleRecipe, SuperResolutionRecipe
from ..vgg_weights import read_vgg16, vgg16_weights


def plain_objective(style: Tensor) -> tuple[Callable, Callable]:
    """Equation 5 at the authors' weights, plainly.

    Returns
    -------
    features
        From images (B, 3, H, W) in [0, 255] to VGG-16's layers up to relu4_3, by name.
    objective
        From images and the content's features of relu3_3 to a scalar.
    """
    features = plain_features(style.device)

    def gram(x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        psi = x.reshape(batch, channels, height * width)
        return psi @ psi.transpose(1, 2) / (channels * height * width)

    with torch.no_grad():
        painted = features(style)
        grams = {layer: gram(painted[layer]) for layer in STYLE_LAYERS}

    def objective(image: Tensor, content: Tensor) -> Tensor:
        found = features(image)
        total = F.mse_loss(found[CONTENT_LAYER], content)
        for layer in STYLE_LAYERS:
            total = total + 5.0 * (gram(found[layer]) - grams[layer]).square().mean()
        down = (image[:, :, 1:] - image[:, :, :-1]).square().sum()
        right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().sum()
        return total + 1e-6 * (down + right) / len(image)

    return features, objective


def plain_features(where: torch.device, convs: int = 10) -> Callable[[Tensor], dict[str, Tensor]]:
    """The first convolutions of VGG-16 with their ReLU, plainly; ten go to relu4_3."""
    weights = {name: t.to(where, torch.float32) for name, t in read_vgg16(vgg16_weights()).items()}
    mean = torch.tensor([103.939, 116.779, 123.68], device=where).view(1, 3, 1, 1)
    names = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3")[:convs]

    def features(image: Tensor) -> dict[str, Tensor]:
        x, found = image.flip(1) - mean, {}
        for name in names:
            if name in ("2_1", "3_1", "4_1"):
                x = F.max_pool2d(x, 2)
            weight, bias = weights[f"conv{name}.weight"], weights[f"conv{name}.bias"]
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            found[f"relu{name}"] = x
        return found

    return features


def plainly(network: nn.Module) -> nn.Module:
    """Let a network enlarge its maps first and convolve then, as one would write it."""
    for block in network.modules():
        if isinstance(block, UpsampleBlock):
            block.fast = False
    return network


def plain_training(recipe: StyleRecipe, bank: RandomCrops) -> Iterator[float]:
    torch.manual_seed(recipe.seed)
    network = plainly(StyleNet(width=recipe.width).to(device()))
    painting = load_image(style(recipe.style), long_side=recipe.style_size).to(device())
    features, objective = plain_objective(painting)

    def loss(photographs: Tensor) -> Tensor:
        with torch.no_grad():
            target = features(photographs)[CONTENT_LAYER]
        return objective(network(photographs), target)

    return _steps(network, recipe, bank, loss)


def plain_sr_training(recipe: SuperResolutionRecipe, bank: RandomCrops) -> Iterator[float]:
    network = plainly(recipe.network().to(device()))
    features = plain_features(device(), convs=4)

    def loss(truth: Tensor) -> Tensor:
        result = network(degrade(truth, recipe.factor))
        if recipe.loss == "pixel":
            return F.mse_loss(result, truth)
        with torch.no_grad():
            target = features(truth)["relu2_2"]
        return F.mse_loss(features(result)["relu2_2"], target)

    return _steps(network, recipe, bank, loss)


def _steps(
    network: nn.Module, recipe: Recipe, bank: RandomCrops, loss: Callable[[Tensor], Tensor]
) -> Iterator[float]:
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    for step in count():
        adam.zero_grad()
        total = loss(bank.batch(step).contiguous())
        total.backward()
        adam.step()
        yield float(total.detach())
