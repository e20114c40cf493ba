"""Perceptual losses for style transfer and super-resolution (Johnson, Alahi, Fei-Fei, ECCV 2016).

A photograph becomes a tensor (:mod:`~perceptual_edu.images`), phi, a VGG-16, turns it into features
(:mod:`~perceptual_edu.loss_network`), a few losses compare features
(:mod:`~perceptual_edu.losses`), and those losses drive the pixels of an image
(:mod:`~perceptual_edu.optimize`).
"""

from .assets import AssetError, checkpoint, photo, photos, style, styles, vgg16_weights
from .images import ImageError, load_image, save_image, to_pil
from .loss_network import LAYERS, LossNetwork
from .losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    LossTerms,
    PerceptualLoss,
    feature_loss,
    gram_matrix,
    pixel_loss,
    style_loss,
    total_variation,
)
from .optimize import Step, gatys, invert_features, noise_like, optimize_image, reconstruct_style
from .scale import device, fast_dtype, provenance, scale

BEHAVIOUR = 1
"""Raised when the library's results change, so that the book's notebooks are run again."""

__all__ = [
    "BEHAVIOUR",
    "CONTENT_LAYER",
    "LAYERS",
    "STYLE_LAYERS",
    "AssetError",
    "ImageError",
    "LossNetwork",
    "LossTerms",
    "PerceptualLoss",
    "Step",
    "checkpoint",
    "device",
    "fast_dtype",
    "feature_loss",
    "gatys",
    "gram_matrix",
    "invert_features",
    "load_image",
    "noise_like",
    "optimize_image",
    "photo",
    "photos",
    "pixel_loss",
    "provenance",
    "reconstruct_style",
    "save_image",
    "scale",
    "style",
    "style_loss",
    "styles",
    "to_pil",
    "total_variation",
    "vgg16_weights",
]
