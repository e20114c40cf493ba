"""Projected L-BFGS: minimise a function of pixels that must stay within [0, 255].

The paper's baseline clips pixels at every iteration. How one clips matters, and chapter 2 shows it:
clipping behind the optimiser's back feeds it steps that were not taken, and nothing stops the
objective from rising. Here the clip is part of the step. Pixels that stand at a bound and are
pushed against it are held, the others take a quasi-Newton step, and the curvature is learned from
where the clipped step really led (two-metric projection, Bertsekas 1982).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from .losses import LossTerms

Objective = Callable[[Tensor], LossTerms | Tensor]


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


class Evaluator:
    """An objective with its gradient, and a count of how often it was computed."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.count = 0

    def __call__(self, x: Tensor) -> tuple[dict[str, float], Tensor]:
        self.count += 1
        x = x.detach().requires_grad_()
        terms = self.objective(x)
        total = terms if isinstance(terms, Tensor) else terms.total
        (gradient,) = torch.autograd.grad(total, x)
        return {"total": total.item()} if total is terms else terms.floats(), gradient


_MEMORY = 20  # pairs (s, y) kept


_FIRST_STEP = 10.0  # the first step, before anything is known of the curvature: largest change


_ARMIJO = 1e-4  # the part of the promised decrease that a step must deliver


def projected_lbfgs(
    evaluate: Evaluator, start: Tensor, steps: int, bounds: tuple[float, float] | None
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
    evaluate: Evaluator,
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


def scipy_lbfgsb(objective: Objective, start: Tensor, *, steps: int = 300) -> list[Step]:
    """The same minimisation with SciPy's L-BFGS-B, the reference that ours is tested against.

    It converges as well, but works on the CPU in float64 and spends its time between evaluations.
    Arguments as in :func:`~perceptual_edu.optimize.optimize_image`; returns one :class:`Step` an
    evaluation, each with the best image so far.
    """
    evaluate, history = Evaluator(objective), []

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
