"""Minimise a loss over the weights of a network (sections 3, 4.1 and 4.2 of the paper).

Begin with :mod:`~perceptual_edu.training.recipes`: what is trained and towards what, with the
paper's numbers, from random weights or from a file (:mod:`~perceptual_edu.training.starts`).
:mod:`~perceptual_edu.training.loop` then does it: batch, forward, loss, backward, step. The other
modules change nothing in that: :mod:`~perceptual_edu.training.optimizers` turns gradients into
steps, with the paper's Adam or with :mod:`~perceptual_edu.training.muon`, which needs fewer of
them; :mod:`~perceptual_edu.training.performance` makes a step faster, and
:mod:`~perceptual_edu.training.state` keeps what a training needs to go on.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .loop import TrainingStep, train
    from .muon import Muon
    from .performance import PerformanceOptions
    from .recipes import (
        ARCHITECTURES,
        LOSSES,
        OPTIMIZERS,
        Recipe,
        StyleRecipe,
        SuperResolutionRecipe,
    )
    from .starts import TrainingError

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "ARCHITECTURES",
    "LOSSES",
    "OPTIMIZERS",
    "Muon",
    "PerformanceOptions",
    "Recipe",
    "StyleRecipe",
    "SuperResolutionRecipe",
    "TrainingError",
    "TrainingStep",
    "train",
]
