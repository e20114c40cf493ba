"""Trained networks at work: y = f_W(x) of section 3, one pass, on pictures of any size.

In the paper this is the short part, and the reason for all the rest. Here is what a trained
network leaves to its user: large pictures in bounded memory, borders without a rim, half the
effect, the photograph's own colours.

Read :mod:`~perceptual_edu.inference.stylization` (section 4.1) and
:mod:`~perceptual_edu.inference.upscaling` (section 4.2) first. A style network needs the statistics
of the whole picture, and so it is computed layer by layer in
:mod:`~perceptual_edu.inference.strips`; a super-resolution network does not, and takes tiles. For
other programs a style network is written as ONNX, :mod:`~perceptual_edu.inference.onnx_export`.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .stylization import stylize
    from .upscaling import match_histogram, upscale

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = ["match_histogram", "stylize", "upscale"]
