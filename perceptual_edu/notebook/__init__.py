"""What the chapters show: pictures and curves, sliders, and live computations.

Nothing else in the library needs it. :mod:`~perceptual_edu.notebook.figures` makes figures,
:mod:`~perceptual_edu.notebook.sliders` what a reader can move on a page without a kernel, and
:mod:`~perceptual_edu.notebook.live` what runs in JupyterLab.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .figures import curves, grid, show
    from .live import gatys_sliders, training_live
    from .sliders import picture_sliders, wipe_slider

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "curves",
    "gatys_sliders",
    "grid",
    "picture_sliders",
    "show",
    "training_live",
    "wipe_slider",
]
