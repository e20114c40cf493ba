"""How fast this machine is, and what each of our speed switches brings.

Beside each of our ways stands a plain one, written as a reader of the paper would write it first:
float32, PyTorch's default memory layout, no switch. Both run in turns, so that whatever else the
machine does falls on both, and their ratio is what we report.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .assets import photo, photos, read_vgg16, style, vgg16_weights
from .images import load_image
from .losses import CONTENT_LAYER, STYLE_LAYERS
from .networks import ConvBlock, StyleNet, SuperResolutionNet
from .optimize import gatys, noise_like
from .photobank import PhotoBank
from .results import make_report
from .scale import device, scale
from .stylize import stylize
from .superres import degrade
from .training import StyleRecipe, SuperResolutionRecipe, Switches, train
from .upscale import upscale


def plain_objective(style: Tensor) -> tuple[Callable, Callable]:
    """Equation 5 at the authors' weights, plainly.

    Returns
    -------
    features
        From images (B, 3, H, W) in [0, 255] to VGG-16's layers up to relu4_3, by name.
    objective
        From images and the content's features of relu3_3 to a scalar.
    """
    features = _plain_features(style.device)

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


def _plain_features(where: torch.device, convs: int = 10) -> Callable[[Tensor], dict[str, Tensor]]:
    """The first convolutions of VGG-16 with their ReLU, plainly; ten go to relu4_3."""
    weights = {name: t.to(where) for name, t in read_vgg16(vgg16_weights()).items()}
    mean = torch.tensor([103.939, 116.779, 123.68], device=where).view(1, 3, 1, 1)
    names = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3")[:convs]

    def features(image: Tensor) -> dict[str, Tensor]:
        x, found = image[:, [2, 1, 0]] - mean, {}
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
        if isinstance(block, ConvBlock) and block.enlarge == 2:
            block.enlarge_and_convolve = partial(_enlarge_then_convolve, block)
    return network


def _enlarge_then_convolve(block: ConvBlock, x: Tensor) -> Tensor:
    mode = "nearest" if block.upsampling == "resize" else "bilinear"
    x = F.pad(F.interpolate(x, scale_factor=2, mode=mode), (1,) * 4, mode=block.border)
    return F.conv2d(x, block.conv.weight, block.conv.bias)


def bench_gatys(size: int = 256, repeats: int = 15) -> Iterator[dict]:
    """Time a plain evaluation of Gatys' objective against one of our iterations, all in.

    Parameters
    ----------
    size
        Width and height of the picture, in pixels.
    repeats
        Pairs of measurements, after three that only warm up.

    Yields
    ------
    dict
        After each pair: machine, settings, raw seconds and their medians, and the ratio.
    """
    content = load_image(photo("neuschwanstein_castle"), square=size).to(device())
    painting = load_image(style("starry_night"), long_side=512).to(device())
    features, compare = plain_objective(painting)
    with torch.no_grad():
        target = features(content)[CONTENT_LAYER]
    iterations = gatys(content, painting, steps=10 * (repeats + 3))
    image, spent, evaluations = noise_like(content).to(device()), {"plain": [], "ours": []}, 0
    for pair in range(repeats + 3):
        seconds, _ = seconds_of(lambda: value_and_gradient(lambda x: compare(x, target), image))
        ours, step = seconds_of(lambda: next(iterations))
        if pair >= 3:
            spent["plain"].append(seconds)
            spent["ours"].append(ours / (step.evaluations - evaluations))
            what = "seconds an evaluation: plain float32 objective against our L-BFGS iteration"
            report = _report(what, {"size": size}, spent)
            yield report | {"ratio": report["medians"]["ours"] / report["medians"]["plain"]}
        evaluations = step.evaluations


def bench_train(
    size: int = 256, batch: int = 4, width: int = 32, repeats: int = 5, *, compiled: bool = False
) -> Iterator[dict]:
    """Time a training step of a style network: plainly, and with our switches added one by one.

    The plain step is what a reader of the paper would write first: the same network and the same
    objective in float32 with :func:`plain_objective`. All ways take turns.

    Parameters
    ----------
    size, batch
        Of the crops.
    width
        Of the network: 32 as in the paper, or 16.
    repeats
        Measurements of each, after two that only warm up.
    compiled
        Also with ``torch.compile``, which first takes a minute or two.

    Yields
    ------
    dict
        After each round, as :func:`bench_gatys`; ``"waited"`` is the part of the time for which
        the last way waited for photographs.
    """
    recipe = StyleRecipe("starry_night", width=width, size=size, batch=batch)
    bank = PhotoBank.from_folder(photos(), size=size, batch=batch, device=device())
    off = Switches.plain()
    ways = {
        "ours in float32": off,
        "+ channels_last": replace(off, channels_last=True),
        "+ bfloat16": replace(off, channels_last=True, bfloat16=True, tf32=True),
        "+ fused Adam": Switches(),
        **({"+ torch.compile": Switches(compiled=True)} if compiled else {}),
    }
    steppers = {"plain": _plain_training(recipe, bank)}
    steppers |= {name: train(recipe, bank, switches=how) for name, how in ways.items()}
    spent: dict[str, list[float]] = {name: [] for name in steppers}
    waited = []
    for round_ in range(repeats + 2):
        for name, stepper in steppers.items():
            seconds, step = seconds_of(lambda stepper=stepper: next(stepper))
            if round_ >= 2:
                spent[name].append(seconds)
        if round_ >= 2:
            waited.append(step.waited / seconds)
            what = "seconds a training step: plain, and ours with one switch after another"
            settings = {"size": size, "batch": batch, "width": width}
            yield _report(what, settings, spent) | {"waited": statistics.median(waited)}


def _plain_training(recipe: StyleRecipe, bank: PhotoBank) -> Iterator[float]:
    torch.manual_seed(recipe.seed)
    network = plainly(StyleNet(width=recipe.width).to(device()))
    painting = load_image(style(recipe.style), long_side=recipe.style_size).to(device())
    features, objective = plain_objective(painting)
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    step = 0
    while True:
        photographs = bank.batch(step).contiguous()
        adam.zero_grad()
        with torch.no_grad():
            target = features(photographs)[CONTENT_LAYER]
        total = objective(network(photographs), target)
        total.backward()
        adam.step()
        step += 1
        yield float(total.detach())


def bench_stylize(
    sizes: tuple[int, ...] = (256, 512), width: int = 16, repeats: int = 9
) -> Iterator[dict]:
    """Time one pass through a style network: plain float32 eager, and ours.

    Ours is :func:`~perceptual_edu.stylize.stylize`.

    Yields
    ------
    dict
        After each size, as :func:`bench_gatys`; ``"difference"`` is the mean absolute difference
        of the two results, of 255.
    """
    torch.manual_seed(0)
    network = StyleNet(width=width).to(device()).eval()
    fast = copy.deepcopy(network).to(memory_format=torch.channels_last)
    plainly(network)
    for size in sizes:
        image = load_image(photo("neuschwanstein_castle"), square=size).to(device())
        spent: dict[str, list[float]] = {"plain": [], "ours": []}
        for round_ in range(repeats + 2):
            with torch.no_grad():
                plain_seconds, plain = seconds_of(lambda image=image: network(image))
            seconds, ours = seconds_of(lambda image=image: stylize(fast, image, margin=0))
            if round_ >= 2:
                spent["plain"].append(plain_seconds)
                spent["ours"].append(seconds)
        difference = float((plain - ours).abs().mean())
        what = "seconds a pass through the style network: plain float32, and ours"
        settings = {"size": size, "width": width}
        yield _report(what, settings, spent) | {"difference": difference}


def bench_upscale(size: int = 256, factor: int = 4, repeats: int = 9) -> Iterator[dict]:
    """Time one enlargement: plain float32 eager, and ours, :func:`~.upscale.upscale`.

    Parameters
    ----------
    size
        Width and height of the small picture, in pixels.
    factor
        4 or 8.
    repeats
        Measurements of each, after two that only warm up.

    Yields
    ------
    dict
        Once for our network and once for the paper's, as :func:`bench_gatys`; ``"difference"`` is
        the mean absolute difference of the two results, of 255.
    """
    image = load_image(photo("neuschwanstein_castle"), square=size).to(device())
    for name, make in {"ours": SuperResolutionNet, "paper": SuperResolutionNet.paper}.items():
        torch.manual_seed(0)
        network = make(factor).to(device()).eval()
        if name == "ours":
            nn.init.normal_(network.layers[-1].conv.weight, std=0.01)  # which begins with zeros
        fast = copy.deepcopy(network).to(memory_format=torch.channels_last)
        plainly(network)
        spent: dict[str, list[float]] = {"plain": [], "ours": []}
        for round_ in range(repeats + 2):
            with torch.no_grad():
                plain_seconds, plain = seconds_of(lambda n=network: n(image).clamp(0, 255).round())
            seconds, ours = seconds_of(lambda n=fast: upscale(n, image))
            if round_ >= 2:
                spent["plain"].append(plain_seconds)
                spent["ours"].append(seconds)
        what = "seconds an enlargement: plain float32, and ours"
        settings = {"size": size, "factor": factor, "network": repr(network)}
        difference = float((plain.cpu() - ours).abs().mean())
        yield _report(what, settings, spent) | {"difference": difference}


def bench_train_sr(size: int = 96, batch: int = 16, repeats: int = 5) -> Iterator[dict]:
    """Time a training step of super-resolution x4, with each loss: plain float32, and ours.

    Yields
    ------
    dict
        Once for l_pixel and once for l_feat, as :func:`bench_gatys`.
    """
    bank = PhotoBank.from_folder(photos(), size=size, batch=batch, device=device())
    for loss in ("pixel", "feature"):
        recipe = SuperResolutionRecipe(loss=loss, size=size, batch=batch, blur=0)
        steppers = {"plain": _plain_sr_training(recipe, bank), "ours": train(recipe, bank)}
        spent: dict[str, list[float]] = {name: [] for name in steppers}
        for round_ in range(repeats + 2):
            for name, stepper in steppers.items():
                seconds, _ = seconds_of(lambda stepper=stepper: next(stepper))
                if round_ >= 2:
                    spent[name].append(seconds)
        what = "seconds a training step of super-resolution: plain float32, and ours"
        settings = {"loss": loss, "size": size, "batch": batch, "factor": recipe.factor}
        yield _report(what, settings, spent)


def _plain_sr_training(recipe: SuperResolutionRecipe, bank: PhotoBank) -> Iterator[float]:
    network = plainly(recipe.network().to(device()))
    features = _plain_features(device(), convs=4)
    adam = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    step = 0
    while True:
        truth = bank.batch(step).contiguous()
        adam.zero_grad()
        result = network(degrade(truth, recipe.factor))
        if recipe.loss == "pixel":
            total = F.mse_loss(result, truth)
        else:
            with torch.no_grad():
                target = features(truth)["relu2_2"]
            total = F.mse_loss(features(result)["relu2_2"], target)
        total.backward()
        adam.step()
        step += 1
        yield float(total.detach())


def bench_all(repeats: int = 3) -> Iterator[tuple[str, dict]]:
    """Everything above, quickly.

    Yields
    ------
    tuple[str, dict]
        A short name, and the report of that name's benchmark.
    """
    size = scale(smoke=32, laptop=256, gpu=256)
    *_, report = bench_gatys(size, repeats)
    yield f"L-BFGS, {size}", report
    *_, report = bench_train(size // 2, 4, 32, repeats)
    yield f"training step, 4 x {size // 2}", report
    for report in bench_stylize((size, 2 * size), repeats=repeats):
        yield f"pass, {report['settings']['size']}", report
    for whose, report in zip(("ours", "paper"), bench_upscale(size, repeats=repeats), strict=True):
        yield f"enlarging {size} x4, {whose}", report
    patch = scale(smoke=32, laptop=96, gpu=288)
    for report in bench_train_sr(patch, 8, repeats):
        yield f"x4 step, 8 x {patch}, {report['settings']['loss']} loss", report


KEPT = 0.85
"""A speed-up below this part of its former value counts as lost; less is chance."""


def fallen(report: dict, history: list[dict]) -> dict[str, tuple[float, float]]:
    """Which speed-ups have been lost.

    Parameters
    ----------
    report
        With ``"machine"`` and ``"speed-up"``, a dict.
    history
        Earlier ones; those of other machines do not count.

    Returns
    -------
    dict[str, tuple[float, float]]
        Name -> median of the earlier ones, and now.
    """
    lost = {}
    for name, now in report["speed-up"].items():
        before = [
            old["speed-up"][name]
            for old in history
            if old["machine"] == report["machine"] and name in old["speed-up"]
        ]
        if before and now < KEPT * statistics.median(before):
            lost[name] = statistics.median(before), now
    return lost


def value_and_gradient(objective: Callable[[Tensor], Tensor], image: Tensor) -> float:
    """An objective and its gradient, computed; the value."""
    x = image.detach().requires_grad_()
    total = objective(x)
    torch.autograd.grad(total, x)
    return float(total.detach())


def seconds_of(work: Callable) -> tuple[float, object]:
    """How long some work takes, the device's included, and what it returns."""
    _synchronize()
    begin = time.perf_counter()
    result = work()
    _synchronize()
    return time.perf_counter() - begin, result


def _synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def _report(what: str, settings: dict, spent: dict[str, list[float]]) -> dict:
    medians = {name: statistics.median(values) for name, values in spent.items()}
    return make_report(
        what,
        settings,
        seconds=spent,
        medians=medians,
        **{"speed-up": {name: medians["plain"] / value for name, value in medians.items()}},
    )
