"""What the chapters show: pictures, diagrams and tables, sliders, and live computations.

Nothing else in the library needs it. :mod:`~perceptual_edu.notebook.figures` has the style of all
figures and shows pictures, :mod:`~perceptual_edu.notebook.diagrams` draws numbers,
:mod:`~perceptual_edu.notebook.tables` sets them in tables. What a reader can move on a page without
a kernel is in :mod:`~perceptual_edu.notebook.sliders`, what runs in JupyterLab in
:mod:`~perceptual_edu.notebook.live`; what a channel looks at in
:mod:`~perceptual_edu.notebook.channels`.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .channels import favourites, receptive_field
    from .diagrams import bars, curves, dots, heat, points
    from .figures import framed, grid, mosaic, panel, show, zoom
    from .live import gatys_sliders, training_live
    from .sliders import picture_sliders, wipe_slider
    from .tables import table

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "bars",
    "curves",
    "dots",
    "favourites",
    "framed",
    "gatys_sliders",
    "grid",
    "heat",
    "mosaic",
    "panel",
    "picture_sliders",
    "points",
    "receptive_field",
    "show",
    "table",
    "training_live",
    "wipe_slider",
    "zoom",
]
