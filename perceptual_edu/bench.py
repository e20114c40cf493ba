"""How fast this machine is, and what each of our speed switches brings.

Beside each of our ways stands a plain one, written as a reader of the paper would write it first:
float32, PyTorch's default memory layout, no switch. Both run in turns, so that whatever else the
machine does falls on both, and their ratio is what we report.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import torch
import torch.nn.functional as F
from torch import Tensor

from .assets import photo, read_vgg16, style, vgg16_weights
from .images import load_image
from .losses import CONTENT_LAYER, STYLE_LAYERS
from .optimize import gatys, noise_like
from .scale import device, hardware


def plain_gatys_objective(content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """Equation 5 at the authors' weights, plainly: image (1, 3, H, W) in [0, 255] -> scalar."""
    weights = {
        name: tensor.to(content.device) for name, tensor in read_vgg16(vgg16_weights()).items()
    }
    mean = torch.tensor([103.939, 116.779, 123.68], device=content.device).view(1, 3, 1, 1)

    def features(image: Tensor) -> dict[str, Tensor]:
        x, found = image[:, [2, 1, 0]] - mean, {}
        for name in ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3"):
            if name in ("2_1", "3_1", "4_1"):
                x = F.max_pool2d(x, 2)
            weight, bias = weights[f"conv{name}.weight"], weights[f"conv{name}.bias"]
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            found[f"relu{name}"] = x
        return found

    def gram(x: Tensor) -> Tensor:
        _, channels, height, width = x.shape
        psi = x.reshape(channels, height * width)
        return psi @ psi.T / (channels * height * width)

    with torch.no_grad():
        content_target = features(content)[CONTENT_LAYER]
        painted = features(style)
        grams = {layer: gram(painted[layer]) for layer in STYLE_LAYERS}

    def objective(image: Tensor) -> Tensor:
        found = features(image)
        total = F.mse_loss(found[CONTENT_LAYER], content_target)
        for layer in STYLE_LAYERS:
            total = total + 5.0 * F.mse_loss(gram(found[layer]), grams[layer])
        down = (image[:, :, 1:] - image[:, :, :-1]).square().sum()
        right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().sum()
        return total + 1e-6 * (down + right)

    return objective


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
    objective = plain_gatys_objective(content, painting)
    iterations = gatys(content, painting, steps=10 * (repeats + 3))
    image, spent, evaluations = noise_like(content).to(device()), {"plain": [], "ours": []}, 0
    for pair in range(repeats + 3):
        seconds, _ = _timed(lambda: _value_and_gradient(objective, image))
        ours, step = _timed(lambda: next(iterations))
        if pair >= 3:
            spent["plain"].append(seconds)
            spent["ours"].append(ours / (step.evaluations - evaluations))
            yield _report(size, spent)
        evaluations = step.evaluations


def _value_and_gradient(objective: Callable[[Tensor], Tensor], image: Tensor) -> float:
    x = image.detach().requires_grad_()
    total = objective(x)
    torch.autograd.grad(total, x)
    return float(total.detach())


def _timed(work: Callable) -> tuple[float, object]:
    _synchronize()
    begin = time.perf_counter()
    result = work()
    _synchronize()
    return time.perf_counter() - begin, result


def _synchronize() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


def _report(size: int, spent: dict[str, list[float]]) -> dict:
    medians = {name: statistics.median(values) for name, values in spent.items()}
    return {
        "what": "seconds an evaluation: plain float32 objective against our L-BFGS iteration",
        "machine": hardware(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "settings": {"size": size},
        "seconds": spent,
        "medians": medians,
        "ratio": medians["ours"] / medians["plain"],
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
