"""How big an experiment may be on this machine, and a line that says which machine it was.

One environment variable, ``PERCEPTUAL_EDU_SCALE``, chooses between three sizes:

* ``smoke``: seconds a notebook, to check that everything runs;
* ``laptop``: minutes a notebook (the default without a CUDA device);
* ``gpu``: the paper's settings (the default with one).
"""

from __future__ import annotations

import os
import time
from typing import TypeVar

from .version import version

T = TypeVar("T")

SCALES = ("smoke", "laptop", "gpu")
_started = time.monotonic()


def scale_name() -> str:
    """The scale in force: ``"smoke"``, ``"laptop"`` or ``"gpu"``.

    Raises
    ------
    ValueError
        If ``PERCEPTUAL_EDU_SCALE`` is set to anything else.
    """
    import torch  # here, so that the command answers --help at once

    default = "gpu" if torch.cuda.is_available() else "laptop"
    name = os.environ.get("PERCEPTUAL_EDU_SCALE") or default
    if name not in SCALES:
        raise ValueError(f"PERCEPTUAL_EDU_SCALE is {name!r}; set it to one of {', '.join(SCALES)}")
    return name


def scale(*, smoke: T, laptop: T, gpu: T) -> T:
    """Pick the value for the scale in force.

    >>> steps = scale(smoke=3, laptop=150, gpu=500)
    """
    return {"smoke": smoke, "laptop": laptop, "gpu": gpu}[scale_name()]


def provenance() -> str:
    """One line saying how the results above it came about; each notebook ends with it."""
    import torch

    from .devices import hardware

    minutes = (time.monotonic() - _started) / 60
    return (
        f"Computed at {scale_name()} scale on {hardware()}, with perceptual_edu "
        f"{version()} and torch {torch.__version__}, in {minutes:.1f} minutes."
    )
