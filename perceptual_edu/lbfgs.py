"""Projected L-BFGS: minimise a function of pixels that must stay within [0, 255].

The paper's baseline clips pixels at every iteration. How one clips matters, and chapter 2 shows it:
clipping behind the optimiser's back feeds it steps that were not taken, and nothing stops the
objective from rising. Here the clip is part of the step. Pixels that stand at a bound and are
pushed against it are held, the others take a quasi-Newton step, and the curvature is learned from
where the clipped step really led (two-metric projection, Bertsekas 1982).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from .devices import tf32
from .losses import LossTerms, numbers

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

    def __call__(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        self.count += 1
        x = x.detach().requires_grad_()
        found = self.objective(x)
        terms = {"total": found} if isinstance(found, Tensor) else vars(found)
        (gradient,) = torch.autograd.grad(terms["total"], x)
        return terms, gradient


_MEMORY = 20  # pairs (s, y) kept


_FIRST_STEP = 10.0  # the first step, before anything is known of the curvature: largest change


_CURVED = 1e-10  # the part of y y that s y must exceed: only positive curvature is of use


_ARMIJO = 1e-4  # the part of the promised decrease that a step must deliver


def projected_lbfgs(
    evaluate: Evaluator, start: Tensor, steps: int, bounds: tuple[float, float] | None
) -> Iterator[Step]:
    """L-BFGS for pixels that have to stay within bounds.

    A pixel that lies at a bound, and that the gradient pushes against it, is left out of the step;
    the others take it along a path that is bent at the bounds.

    Parameters
    ----------
    evaluate
        The objective and its gradient; it counts how often it is asked.
    start
        The first image, Tensor of shape (B, 3, H, W); it is clipped first.
    steps
        Evaluations, at most.
    bounds
        The least and the greatest pixel; None: there are none.

    Yields
    ------
    Step
        The start, and then after each iteration, which takes one evaluation or a few.

    Raises
    ------
    ValueError
        If the objective is not finite at the start.
    """
    low, high = bounds or (-torch.inf, torch.inf)
    x = start.detach().clamp(low, high)
    found, g = evaluate(x)
    terms = numbers(found)
    if not np.isfinite(terms["total"]):
        raise ValueError(f"the objective is {terms['total']} at the start")
    pairs = _Pairs(x)
    iteration = 0
    yield Step(iteration, evaluate.count, terms, x)
    while evaluate.count < steps:
        # The active set: pixels at a bound that the gradient pushes against it.
        free = ~(((x <= low) & (g > 0)) | ((x >= high) & (g < 0)))
        d = -pairs.inverse_hessian_times(g, free)
        t = 1.0 if pairs.order else _FIRST_STEP / d.abs().max().clamp_min(1e-30)
        lower = _line_search(evaluate, x, terms["total"], g, d, t, steps, (low, high))
        if lower is None:
            if not pairs.order:
                return  # even the plain gradient finds nothing lower
            pairs.order.clear()  # the curvature is stale: start again from the plain gradient
            continue
        x_new, g_new, terms, curved = lower
        if curved:
            pairs.append(x_new - x, g_new - g)
        x, g = x_new, g_new
        iteration += 1
        yield Step(iteration, evaluate.count, terms, x)


def _line_search(
    evaluate: Evaluator,
    x: Tensor,
    f: float,
    g: Tensor,
    d: Tensor,
    t: float | Tensor,
    steps: int,
    bounds: tuple[float, float],
) -> tuple[Tensor, Tensor, dict[str, float], bool] | None:
    """Shorten the step t along d, bent at the bounds, until f decreases enough (Armijo).

    Returns the new picture, its gradient and loss terms, and whether f is curved upwards between.
    """
    for _ in range(10):
        if evaluate.count >= steps:
            return None
        x_new = (x + t * d).clamp(*bounds)
        found, g_new = evaluate(x_new)
        s, y = x_new - x, g_new - g
        products = [(a * b).sum() for a, b in ((g, s), (s, y), (y, y))]
        # All numbers at once: a GPU that is asked for one has first to finish its work.
        terms = numbers(found | dict(zip(("promised", "s_y", "y_y"), products, strict=True)))
        promised, s_y, y_y = (terms.pop(name) for name in ("promised", "s_y", "y_y"))
        change = terms["total"] - f
        # The promised change is negative: what the gradient says we gain.
        if promised < 0 and change <= _ARMIJO * promised:
            return x_new, g_new, terms, s_y > _CURVED * y_y
        # The minimum of the parabola through f, its slope and f_new; not far from t / 2.
        parabola = -promised / (2 * (change - promised)) if change > promised else 0.5
        t *= min(max(parabola, 0.1), 0.5)
    return None


class _Pairs:
    """The last steps s and changes y of the gradient: what is known of the curvature.

    They are the rows of one matrix, below the gradient. The two-loop recursion (Nocedal 1980)
    then works on their products with each other, which one matrix product gives, and on the
    coefficients of the result (as in vector-free L-BFGS, Chen et al. 2014): no vector is touched
    until the end, and a GPU is asked once.
    """

    def __init__(self, like: Tensor) -> None:
        self.rows = like.new_empty(1 + 2 * _MEMORY, like.numel())  # g, s_0, y_0, s_1, y_1, ...
        self.order: deque[int] = deque(maxlen=_MEMORY)  # row of each s, the oldest pair first

    def append(self, s: Tensor, y: Tensor) -> None:
        """Remember a pair, in place of the oldest if there are too many."""
        full = len(self.order) == _MEMORY
        row = self.order[0] if full else 1 + 2 * len(self.order)
        self.rows[row], self.rows[row + 1] = s.flatten(), y.flatten()
        self.order.append(row)

    def inverse_hessian_times(self, g: Tensor, free: Tensor) -> Tensor:
        """The inverse Hessian times the gradient, both restricted to the free pixels."""
        if not self.order:
            return g * free
        self.rows[0] = g.flatten()
        rows = self.rows[: 1 + 2 * len(self.order)] * free.flatten()
        with tf32(False):
            products = (rows @ rows.T).cpu().double().numpy()
            coefficients = torch.from_numpy(self._two_loops(products)).to(rows.dtype)
            return (coefficients.to(rows.device) @ rows).view_as(g)

    def _two_loops(self, products: np.ndarray) -> np.ndarray:
        """The coefficients of the rows in the result, from their products."""
        q = np.eye(1, len(products))[0]  # the gradient
        pairs = [(s, s + 1) for s in self.order]
        pairs = [(s, y) for s, y in pairs if products[s, y] > _CURVED * products[y, y]]
        alphas = {}
        for s, y in reversed(pairs):
            alphas[s] = q @ products[s] / products[s, y]
            q[y] -= alphas[s]
        for s, y in pairs[-1:]:
            q *= products[s, y] / products[y, y]
        for s, y in pairs:
            q[s] += alphas[s] - q @ products[y] / products[s, y]
        return q


def scipy_lbfgsb(objective: Objective, start: Tensor, *, steps: int = 300) -> list[Step]:
    """The same minimisation with SciPy's L-BFGS-B, the reference that ours is tested against.

    It converges as well, but works on the CPU in float64 and spends its time between evaluations.
    Arguments as in :func:`~perceptual_edu.optimize.optimize_image`; returns one :class:`Step` an
    evaluation, each with the best image so far.
    """
    evaluate, history = Evaluator(objective), []

    def fun(flat: np.ndarray) -> tuple[float, np.ndarray]:
        x = torch.from_numpy(flat).to(start.dtype).to(start.device).view_as(start)
        found, g = evaluate(x)
        terms = numbers(found)
        best = history[-1] if history else None
        if best and best.terms["total"] <= terms["total"]:
            history.append(Step(evaluate.count - 1, evaluate.count, best.terms, best.image))
        else:
            history.append(Step(evaluate.count - 1, evaluate.count, terms, x))
        return terms["total"], g.cpu().double().flatten().numpy()

    flat = start.detach().cpu().double().flatten().numpy()
    options = {"maxfun": steps - 1, "maxiter": steps, "maxcor": _MEMORY, "ftol": 0, "gtol": 0}
    minimize(fun, flat, jac=True, method="L-BFGS-B", bounds=[PIXEL_RANGE] * len(flat),
             options=options)  # fmt: skip
    return history[:steps]
