"""Trained networks at work: y = f_W(x) of section 3, one pass, on pictures of any size.

In the paper this is the short part, and the reason for all the rest. Here is what a trained
network leaves to its user: large pictures in bounded memory, borders without a rim, half the
effect, the photograph's own colours.

Read :mod:`~perceptual_edu.inference.stylization` (section 4.1) and
:mod:`~perceptual_edu.inference.upscaling` (section 4.2) first. A style network needs the statistics
of the whole picture, and so it is computed layer by layer in
:mod:`~perceptual_edu.inference.strips`; a super-resolution network does not, and takes tiles. For
other programs a style network is written as ONNX, :mod:`~perceptual_edu.inference.onnx_export`.

Films go through :mod:`~perceptual_edu.inference.video`, frame by frame: read by
:mod:`~perceptual_edu.inference.clips`, or from a camera by
:mod:`~perceptual_edu.inference.cameras`, calmed by :mod:`~perceptual_edu.inference.steadiness`,
written by :mod:`~perceptual_edu.inference.recording`.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .clips import open_clip
    from .stylization import stylize
    from .upscaling import match_histogram, upscale
    from .video import stylize_video

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = ["match_histogram", "open_clip", "stylize", "stylize_video", "upscale"]
