"""Minimise a loss over the pixels of one image (section 3 of the paper; Gatys et al.).

The paper's baseline is *projected* L-BFGS: pixels are clipped to [0, 255] at every iteration.
How one clips matters, and chapter 2 shows it: clipping behind the optimiser's back feeds it steps
that were not taken, and nothing stops the objective from rising. Here the clip is part of the
step. Pixels that stand at a bound and are pushed against it are held, the others take a
quasi-Newton step, and the curvature is learned from where the clipped step really led (two-metric
projection, Bertsekas 1982).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from .loss_network import LossNetwork
from .losses import CONTENT_LAYER, STYLE_LAYERS, LossTerms, PerceptualLoss
from .scale import device, fast_dtype

Objective = Callable[[Tensor], LossTerms]

PIXEL_RANGE = (0.0, 255.0)


@dataclass(frozen=True)
class Step:
    """One iteration of an optimisation.

    Attributes
    ----------
    iteration
        Counts from 0, the start.
    evaluations
        How often the objective and its gradient have been computed so far. That is where the
        time goes, so it is the fair unit for comparing methods.
    terms
        The loss terms of ``image``: content, style, pixel, tv and total.
    image
        (1, 3, H, W).
    """

    iteration: int
    evaluations: int
    terms: dict[str, float]
    image: Tensor


class _Evaluator:
    """An objective with its gradient, and a count of how often it was computed."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.count = 0

    def __call__(self, x: Tensor) -> tuple[dict[str, float], Tensor]:
        self.count += 1
        x = x.detach().requires_grad_()
        terms = self.objective(x)
        (gradient,) = torch.autograd.grad(terms.total, x)
        return terms.floats(), gradient


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
        From an image (1, 3, H, W) to its :class:`~perceptual_edu.losses.LossTerms`.
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
        "lbfgs": lambda: _projected_lbfgs(_Evaluator(objective), start, steps, bounds),
        "adam": lambda: _adam(_Evaluator(objective), start, steps, bounds, learning_rate),
    }
    if method not in methods:
        raise ValueError(f"unknown method {method!r}; there are: {', '.join(methods)}")
    return methods[method]()


# ---------------------------------------------------------------- projected L-BFGS

_MEMORY = 20  # pairs (s, y) kept
_FIRST_STEP = 10.0  # the first step, before anything is known of the curvature: largest change
_ARMIJO = 1e-4  # the part of the promised decrease that a step must deliver


def _projected_lbfgs(
    evaluate: _Evaluator, start: Tensor, steps: int, bounds: tuple[float, float] | None
) -> Iterator[Step]:
    low, high = bounds or (-torch.inf, torch.inf)
    x = start.detach().clamp(low, high)
    terms, g = evaluate(x)
    if not np.isfinite(terms["total"]):
        raise ValueError(f"the objective is {terms['total']} at the start")
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=_MEMORY)
    iteration = 0
    yield Step(iteration, evaluate.count, terms, x)
    while evaluate.count < steps:
        # The active set: pixels at a bound that the gradient pushes against it.
        free = ~(((x <= low) & (g > 0)) | ((x >= high) & (g < 0)))
        d = -_inverse_hessian_times(g * free, pairs, free)
        t = 1.0 if pairs else _FIRST_STEP / float(d.abs().max().clamp_min(1e-30))
        found = _line_search(evaluate, x, terms["total"], g, d, t, steps, (low, high))
        if found is None:
            if not pairs:
                return  # even the plain gradient finds nothing lower
            pairs.clear()  # the curvature is stale: start again from the plain gradient
            continue
        x_new, terms, g_new = found
        s, y = x_new - x, g_new - g
        if (s * y).sum() > 1e-10 * (y * y).sum():  # only positive curvature makes a descent step
            pairs.append((s, y))
        x, g = x_new, g_new
        iteration += 1
        yield Step(iteration, evaluate.count, terms, x)


def _line_search(
    evaluate: _Evaluator,
    x: Tensor,
    f: float,
    g: Tensor,
    d: Tensor,
    t: float,
    steps: int,
    bounds: tuple[float, float],
) -> tuple[Tensor, dict[str, float], Tensor] | None:
    """Shorten the step t along d, bent at the bounds, until f decreases enough (Armijo)."""
    for _ in range(10):
        if evaluate.count >= steps:
            return None
        x_new = (x + t * d).clamp(*bounds)
        promised = float((g * (x_new - x)).sum())  # negative: what the gradient says we gain
        terms, g_new = evaluate(x_new)
        change = terms["total"] - f
        if promised < 0 and change <= _ARMIJO * promised:
            return x_new, terms, g_new
        # The minimum of the parabola through f, its slope and f_new; not far from t / 2.
        parabola = -promised / (2 * (change - promised)) if change > promised else 0.5
        t *= min(max(parabola, 0.1), 0.5)
    return None


def _inverse_hessian_times(
    g: Tensor, pairs: Sequence[tuple[Tensor, Tensor]], free: Tensor
) -> Tensor:
    """The two-loop recursion (Nocedal 1980), restricted to the free pixels."""
    usable = []
    for s, y in pairs:
        s_free, y_free = s * free, y * free
        s_y = (s_free * y_free).sum()
        if s_y > 1e-10 * (y_free * y_free).sum():
            usable.append((s_free, y_free, s_y))
    q, alphas = g, []
    for s, y, s_y in reversed(usable):
        alphas.append((s * q).sum() / s_y)
        q = q - alphas[-1] * y
    if usable:
        _, y, s_y = usable[-1]
        q = q * (s_y / (y * y).sum())
    for (s, y, s_y), alpha in zip(usable, reversed(alphas), strict=True):
        q = q + (alpha - (y * q).sum() / s_y) * s
    return q * free


# ---------------------------------------------------------------- for comparison


def _adam(
    evaluate: _Evaluator,
    start: Tensor,
    steps: int,
    bounds: tuple[float, float] | None,
    learning_rate: float,
) -> Iterator[Step]:
    low, high = bounds or (-torch.inf, torch.inf)
    x = start.detach().clamp(low, high)
    adam = torch.optim.Adam([x], lr=learning_rate)
    for iteration in range(steps):
        terms, x.grad = evaluate(x)
        if not np.isfinite(terms["total"]):
            raise ValueError(f"the objective is {terms['total']} at iteration {iteration}")
        yield Step(iteration, evaluate.count, terms, x.clone())
        adam.step()
        x.clamp_(low, high)


def scipy_lbfgsb(objective: Objective, start: Tensor, *, steps: int = 300) -> list[Step]:
    """The same minimisation with SciPy's L-BFGS-B, the reference that ours is tested against.

    It converges as well, but works on the CPU in float64 and spends its time between evaluations.
    Arguments as in :func:`optimize_image`; returns one :class:`Step` an evaluation, each with the
    best image so far.
    """
    evaluate, history = _Evaluator(objective), []

    def fun(flat: np.ndarray) -> tuple[float, np.ndarray]:
        x = torch.from_numpy(flat).to(start).view_as(start)
        terms, g = evaluate(x)
        best = history[-1] if history else None
        if best and best.terms["total"] <= terms["total"]:
            history.append(Step(evaluate.count - 1, evaluate.count, best.terms, best.image))
        else:
            history.append(Step(evaluate.count - 1, evaluate.count, terms, x))
        return terms["total"], g.double().flatten().cpu().numpy()

    flat = start.detach().double().flatten().cpu().numpy()
    options = {"maxfun": steps - 1, "maxiter": steps, "maxcor": _MEMORY, "ftol": 0, "gtol": 0}
    minimize(fun, flat, jac=True, method="L-BFGS-B", bounds=[PIXEL_RANGE] * len(flat),
             options=options)  # fmt: skip
    return history[:steps]


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
    start
        ``"noise"`` or ``"content"``: where to begin.
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
    """
    starts = {"noise": lambda: noise_like(content, seed), "content": lambda: content}
    if start not in starts:
        raise ValueError(f"unknown start {start!r}; there are: {', '.join(starts)}")
    loss = PerceptualLoss(
        phi or _fast_phi(),
        content={content_layer: content_weight} if content_weight else {},
        style=dict.fromkeys(style_layers, style_weight) if style_weight else {},
        tv=tv,
    )
    _set_targets(loss, content, style)
    return optimize_image(loss, _to_phi(starts[start](), loss.phi), steps=steps, method=method)


def invert_features(
    image: Tensor,
    layer: str,
    *,
    tv: float = 1e-6,
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
    steps, seed, phi
        As in :func:`gatys`.
    """
    loss = PerceptualLoss(phi or _fast_phi(), content={layer: 1.0}, tv=tv)
    _set_targets(loss, image, None)
    return optimize_image(loss, _to_phi(noise_like(image, seed), loss.phi), steps=steps)


def reconstruct_style(
    style: Tensor,
    layers: Sequence[str] | Mapping[str, float],
    *,
    size: tuple[int, int] = (256, 256),
    tv: float = 0.0,
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
    """
    weights = layers if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    loss = PerceptualLoss(phi or _fast_phi(), style=weights, tv=tv)
    _set_targets(loss, None, style)
    start = noise_like(style.new_empty(1, 3, *size), seed)
    return optimize_image(loss, _to_phi(start, loss.phi), steps=steps)


def noise_like(image: Tensor, seed: int = 0) -> Tensor:
    """White noise, uniform in [0, 255], of the image's shape; the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(image.shape, generator=generator).mul_(255)


def _fast_phi() -> LossNetwork:
    return LossNetwork(dtype=fast_dtype()).to(device())


def _to_phi(image: Tensor, phi: LossNetwork) -> Tensor:
    return image.to(phi.mean_bgr.device, torch.float32)


def _set_targets(loss: PerceptualLoss, content: Tensor | None, style: Tensor | None) -> None:
    if content is not None:
        loss.set_content(_to_phi(content, loss.phi))
    if style is not None and loss.style:
        loss.set_style(_to_phi(style, loss.phi))
