"""Trained networks at work, on pictures of any size (equation 1: one pass, and that is all).

Begin with :mod:`~perceptual_edu.inference.stylization` and
:mod:`~perceptual_edu.inference.upscaling`. Large pictures are painted strip by strip,
:mod:`~perceptual_edu.inference.strips`; for other programs a style network is written as ONNX,
:mod:`~perceptual_edu.inference.onnx_export`.
"""

from .stylization import stylize
from .upscaling import match_histogram, upscale

__all__ = ["match_histogram", "stylize", "upscale"]
