"""Minimise a loss over the pixels of one image (section 3 of the paper; Gatys et al.).

The paper's three uses: style transfer (:func:`gatys`), feature inversion
(:func:`invert_features`) and style reconstruction (:func:`reconstruct_style`). All three go through
:func:`optimize_image`, by default with the projected L-BFGS of :mod:`~perceptual_edu.lbfgs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from .devices import check_memory
from .lbfgs import PIXEL_RANGE, Evaluator, Objective, Step, projected_lbfgs
from .loss_network import MEAN_BGR, LossNetwork
from .losses import CONTENT_LAYER, STYLE_LAYERS, PerceptualLoss, numbers


def optimize_image(
    objective: Objective,
    start: Tensor,
    *,
    steps: int = 300,
    method: str = "lbfgs",
    bounds: tuple[float, float] | None = PIXEL_RANGE,
    learning_rate: float = 10.0,
) -> Iterator[Step]:
    """Minimise ``objective`` over the pixels of an image, one iteration at a time.

    Parameters
    ----------
    objective
        From an image (1, 3, H, W) to its :class:`~perceptual_edu.losses.LossTerms`, or to one
        number, a scalar tensor: then that is the total, and the only term.
    start
        Where to begin, (1, 3, H, W).
    steps
        How many evaluations of the objective and its gradient to spend. An iteration of L-BFGS
        takes one, now and then two or three; one of Adam always one.
    method
        ``"lbfgs"`` (projected, as in the paper) or ``"adam"``.
    bounds
        The range of a pixel, or None for no projection.
    learning_rate
        Of Adam, in pixel values a step.

    Yields
    ------
    Step
        The start, then each iteration. L-BFGS never goes uphill: the last step is the best one. It
        ends early when no step along the gradient lowers the objective any more.

    Raises
    ------
    ValueError
        For an unknown method, or if the objective is not finite at the start.
    """
    methods = {
        "lbfgs": lambda: projected_lbfgs(Evaluator(objective), start, steps, bounds),
        "adam": lambda: _adam(Evaluator(objective), start, steps, bounds, learning_rate),
    }
    if method not in methods:
        raise ValueError(f"unknown method {method!r}; there are: {', '.join(methods)}")
    return methods[method]()


# ---------------------------------------------------------------- for comparison


def _adam(
    evaluate: Evaluator,
    start: Tensor,
    steps: int,
    bounds: tuple[float, float] | None,
    learning_rate: float,
) -> Iterator[Step]:
    low, high = bounds or (-torch.inf, torch.inf)
    x = start.detach().clamp(low, high)
    adam = torch.optim.Adam([x], lr=learning_rate)
    for iteration in range(steps):
        found, x.grad = evaluate(x)
        terms = numbers(found)
        if not np.isfinite(terms["total"]):
            raise ValueError(f"the objective is {terms['total']} at iteration {iteration}")
        yield Step(iteration, evaluate.count, terms, x.clone())
        adam.step()
        x.clamp_(low, high)


# ---------------------------------------------------------------- the paper's three uses


def gatys(
    content: Tensor,
    style: Tensor,
    *,
    content_weight: float = 1.0,
    style_weight: float = 5.0,
    tv: float = 1e-6,
    content_layer: str = CONTENT_LAYER,
    style_layers: Sequence[str] = STYLE_LAYERS,
    start: str = "noise",
    steps: int = 300,
    seed: int = 0,
    method: str = "lbfgs",
    phi: LossNetwork | None = None,
) -> Iterator[Step]:
    """Style transfer by optimisation: the paper's baseline, equation 5.

    Parameters
    ----------
    content, style
        Images (1, 3, H, W) in [0, 255]; their sizes need not agree.
    content_weight, style_weight, tv
        lambda_c, lambda_s (for each style layer) and lambda_TV; the authors' values.
    content_layer, style_layers
        Where features and Gram matrices are compared.
    start
        Where to begin: ``"noise"`` as the authors' script has it (deviation 1 around VGG's mean
        colour), ``"uniform"`` noise over all pixel values, or ``"content"``.
    steps, method
        See :func:`optimize_image`.
    seed
        Of the noise.
    phi
        The loss network; by default one in the fastest number format of this machine's device.

    Yields
    ------
    Step
        See :func:`optimize_image`. Images have the size of ``content``.

    Raises
    ------
    ValueError
        For an unknown ``start``, or if there is not enough memory.
    """
    image = _start(_noises(content, seed) | {"content": content}, start)
    loss = PerceptualLoss(
        phi or LossNetwork.fast(),
        content={content_layer: content_weight} if content_weight else {},
        style=dict.fromkeys(style_layers, style_weight) if style_weight else {},
        tv=tv,
    )
    _check_memory(loss.phi, image, style)
    _set_targets(loss, content, style)
    return optimize_image(loss, _to_phi(image, loss.phi), steps=steps, method=method)


def invert_features(
    image: Tensor,
    layer: str,
    *,
    tv: float = 1e-6,
    start: str = "noise",
    steps: int = 300,
    seed: int = 0,
    phi: LossNetwork | None = None,
) -> Iterator[Step]:
    """Feature inversion (Figure 3): from noise to an image with the same phi_j as ``image``.

    Parameters
    ----------
    image
        (1, 3, H, W) in [0, 255].
    layer
        Its features are to be met, for example ``"relu4_3"``.
    tv
        Weight of the total variation, which stands for the knowledge that images are smooth.
    start
        ``"noise"`` or ``"uniform"``, as in :func:`gatys`.
    steps, seed, phi
        As in :func:`gatys`.

    Raises
    ------
    ValueError
        For an unknown ``layer`` or ``start``, or if there is not enough memory.
    """
    loss = PerceptualLoss(phi or LossNetwork.fast(), content={layer: 1.0}, tv=tv)
    noise = _start(_noises(image, seed), start)
    _check_memory(loss.phi, noise)
    _set_targets(loss, image, None)
    return optimize_image(loss, _to_phi(noise, loss.phi), steps=steps)


def reconstruct_style(
    style: Tensor,
    layers: Sequence[str] | Mapping[str, float],
    *,
    size: tuple[int, int] = (256, 256),
    tv: float = 0.0,
    start: str = "noise",
    steps: int = 300,
    seed: int = 0,
    phi: LossNetwork | None = None,
) -> Iterator[Step]:
    """Style reconstruction (Figure 4): from noise to an image with the same Gram matrices.

    Parameters
    ----------
    style
        (1, 3, H, W) in [0, 255].
    layers
        Whose Gram matrices are to be met, or layer -> weight.
    size
        (H, W) of the image to make; it need not be the style's.
    tv, steps, seed, phi
        As in :func:`gatys`.
    start
        ``"noise"`` or ``"uniform"``, as in :func:`gatys`.

    Raises
    ------
    ValueError
        For an unknown layer or ``start``, or if there is not enough memory.
    """
    weights = layers if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    loss = PerceptualLoss(phi or LossNetwork.fast(), style=weights, tv=tv)
    noise = _start(_noises(style.new_empty(1, 3, *size), seed), start)
    _check_memory(loss.phi, noise, style)
    _set_targets(loss, None, style)
    return optimize_image(loss, _to_phi(noise, loss.phi), steps=steps)


def noise_like(image: Tensor, seed: int = 0, *, uniform: bool = False) -> Tensor:
    """White noise of the shape of ``image``, (B, 3, H, W), in [0, 255]; the same on every device.

    As the authors' script has it: normal, deviation 1, around VGG's mean colour. Or ``uniform``
    over all pixel values, deviation 74.
    """
    generator = torch.Generator().manual_seed(seed)
    if uniform:
        return torch.rand(image.shape, generator=generator).mul_(255)
    mean = torch.tensor(MEAN_BGR[::-1]).view(1, 3, 1, 1)
    return torch.randn(image.shape, generator=generator) + mean


def _noises(image: Tensor, seed: int) -> dict[str, Tensor]:
    return {"noise": noise_like(image, seed), "uniform": noise_like(image, seed, uniform=True)}


def _start(starts: dict[str, Tensor], start: str) -> Tensor:
    if start not in starts:
        raise ValueError(f"unknown start {start!r}; there are: {', '.join(starts)}")
    return starts[start]


def _to_phi(image: Tensor, phi: LossNetwork) -> Tensor:
    return image.to(phi.device, torch.float32)


def _check_memory(phi: LossNetwork, image: Tensor, style: Tensor | None = None) -> None:
    # As measured: what the gradient needs of phi's features, and what L-BFGS remembers in float32.
    bytes_of_a_number = phi.convs["1_1"].weight.dtype.itemsize
    wanted = [(image, 500 * bytes_of_a_number + 1000)]
    wanted += [] if style is None else [(style, 150 * bytes_of_a_number)]
    for image, needed in wanted:
        height, width = image.shape[2:]
        what = f"optimising with a picture of {width} x {height} pixels"
        check_memory(what, needed * height * width, phi.device)


def _set_targets(loss: PerceptualLoss, content: Tensor | None, style: Tensor | None) -> None:
    if content is not None:
        loss.set_content(_to_phi(content, loss.phi))
    if style is not None and loss.style:
        loss.set_style(_to_phi(style, loss.phi))
