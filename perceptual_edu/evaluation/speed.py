"""How fast this machine is, and what each of our speed switches brings.

Beside each of our ways stands a plain one (:mod:`~perceptual_edu.evaluation.plain`). Both run in
turns, so that whatever else the machine does falls on both, and their ratio is what we report.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from ..assets import photo, photos, style
from ..datasets.crops import RandomCrops
from ..devices import device
from ..images import load_image
from ..inference.stylization import stylize
from ..inference.upscaling import upscale
from ..losses import CONTENT_LAYER
from ..networks.style import StyleNet
from ..networks.super_resolution import SuperResolutionNet
from ..optimize import gatys, noise_like
from ..scale import scale
from ..training.loop import train
from ..training.performance import PerformanceOptions
from ..training.recipes import StyleRecipe, SuperResolutionRecipe
from .plain import plain_objective, plain_sr_training, plain_training, plainly
from .timing import endlessly, in_turns, speed_report, value_and_gradient


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
    iterations = endlessly(lambda: gatys(content, painting, steps=10 * (repeats + 3)))
    image = noise_like(content).to(device())
    ways = {
        "plain": lambda: value_and_gradient(lambda x: compare(x, target), image),
        "ours": partial(next, iterations),
    }
    for spent, results in in_turns(ways, repeats, warm_up=3):
        spent["ours"][-1] /= results["ours"]  # an iteration may take several
        what = "seconds an evaluation: plain float32 objective against our L-BFGS iteration"
        report = speed_report(what, {"size": size}, spent)
        yield report | {"ratio": report["medians"]["ours"] / report["medians"]["plain"]}


def bench_train(
    size: int = 256,
    batch: int = 4,
    width: int = 32,
    repeats: int = 5,
    *,
    optimizer: str = "adam",
    compiled: bool = False,
) -> Iterator[dict]:
    """Time a training step of a style network: plainly, and with our switches added one by one.

    The plain step is what a reader of the paper would write first: the same network and the same
    objective in float32 with :func:`~perceptual_edu.evaluation.plain.plain_objective`. All ways
    take turns. With CUDA plainly means without TF32, and a second plain way has it.

    Parameters
    ----------
    size, batch
        Of the crops.
    width
        Of the network: 32 as in the paper, or 16.
    repeats
        Measurements of each, after two that only warm up (with CUDA four: the graph is recorded
        at the fourth step).
    optimizer
        Ours; the plain ways have Adam.
    compiled
        Also with ``torch.compile``, which first takes a minute or two.

    Yields
    ------
    dict
        After each round, as :func:`bench_gatys`; ``"waited"`` is the part of the time for which
        the last way waited for photographs.
    """
    recipe = StyleRecipe("starry_night", width=width, size=size, batch=batch, optimizer=optimizer)
    bank = RandomCrops.from_folder(photos(), size=size, batch=batch, device=device())
    cuda, off = device().type == "cuda", PerformanceOptions.plain()
    no_graph = PerformanceOptions(cuda_graph=False)
    half = replace(off, channels_last=True, bfloat16=True, tf32=True)
    ways = {
        "ours in float32": off,
        "+ channels_last": replace(off, channels_last=True),
        "+ bfloat16": half,
        "+ Winograd": replace(half, winograd=True),  # for float32 on a processor
        "+ fused Adam": no_graph,
    }
    if cuda:
        ways["+ CUDA graph"] = PerformanceOptions()
    if compiled:
        ways["torch.compile, no graph"] = replace(no_graph, compiled=True)
    if compiled and cuda:
        ways["torch.compile and graph"] = PerformanceOptions(compiled=True)
    plains = ("plain", "plain with TF32") if cuda else ("plain",)
    steppers = {name: plain_training(recipe, bank) for name in plains}
    steppers |= {name: train(recipe, bank, options=how) for name, how in ways.items()}
    last, waited = list(steppers)[-1], []
    for spent, steps in in_turns(nexts(steppers), repeats, warm_up=4 if cuda else 2):
        waited.append(steps[last].waited / spent[last][-1])
        what = "seconds a training step: plain, and ours with one switch after another"
        settings = {"size": size, "batch": batch, "width": width, "optimizer": optimizer}
        yield speed_report(what, settings, spent) | {"waited": statistics.median(waited)}


def nexts(generators: Mapping[str, Iterator]) -> dict[str, Callable]:
    """Of each generator the work of its next step."""
    return {name: partial(next, generator) for name, generator in generators.items()}


def bench_stylize(
    sizes: tuple[int, ...] = (256, 512), width: int = 16, repeats: int = 9
) -> Iterator[dict]:
    """Time one pass through a style network: plain float32 eager, and ours.

    Ours is :func:`~perceptual_edu.inference.stylization.stylize`.

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
        what = "seconds a pass through the style network: plain float32, and ours"
        ways = {
            "plain": torch.no_grad()(partial(network, image)),
            "ours": partial(stylize, fast, image, margin=0),
        }
        yield compared(what, {"size": size, "width": width}, ways, repeats)


def compared(what: str, settings: dict, ways: Mapping[str, Callable], repeats: int) -> dict:
    """The report of a plain way and ours, and how much their pictures differ."""
    *_, (spent, pictures) = in_turns(ways, repeats)
    difference = (pictures["plain"].cpu() - pictures["ours"].cpu()).abs().mean()
    return speed_report(what, settings, spent) | {"difference": float(difference)}


def bench_upscale(size: int = 256, factor: int = 4, repeats: int = 9) -> Iterator[dict]:
    """Time one enlargement: plain float32 eager, and ours,
    :func:`~perceptual_edu.inference.upscaling.upscale`.

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
        plain = torch.no_grad()(lambda network=network: network(image).clamp(0, 255).round())
        what = "seconds an enlargement: plain float32, and ours"
        settings = {"size": size, "factor": factor, "network": repr(network)}
        ways = {"plain": plain, "ours": partial(upscale, fast, image)}
        yield compared(what, settings, ways, repeats)


def bench_train_sr(size: int = 96, batch: int = 16, repeats: int = 5) -> Iterator[dict]:
    """Time a training step of super-resolution x4, with each loss: plain float32, and ours.

    Yields
    ------
    dict
        Once for l_pixel and once for l_feat, as :func:`bench_gatys`.
    """
    bank = RandomCrops.from_folder(photos(), size=size, batch=batch, device=device())
    for loss in ("pixel", "feature"):
        recipe = SuperResolutionRecipe(loss=loss, size=size, batch=batch, blur=0)
        steppers = {"plain": plain_sr_training(recipe, bank), "ours": train(recipe, bank)}
        *_, (spent, _) = in_turns(nexts(steppers), repeats)
        what = "seconds a training step of super-resolution: plain float32, and ours"
        settings = {"loss": loss, "size": size, "batch": batch, "factor": recipe.factor}
        yield speed_report(what, settings, spent)


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
