"""Perceptual losses for style transfer and super-resolution (Johnson, Alahi, Fei-Fei, ECCV 2016).

A photograph becomes a tensor (:mod:`~perceptual_edu.images`), phi, a VGG-16, turns it into features
(:mod:`~perceptual_edu.loss_network`), a few losses compare features
(:mod:`~perceptual_edu.losses`), and those losses drive the pixels of an image
(:mod:`~perceptual_edu.optimize`) or the weights of a network (:mod:`~perceptual_edu.training`).
"""

from typing import TYPE_CHECKING

from .lazy import on_demand
from .scale import provenance, scale  # now: it has its module's name

if TYPE_CHECKING:  # imported when first used
    from .assets import AssetError, checkpoint, checkpoints, photo, photos, style, styles
    from .datasets import PhotosError, RandomCrops, degrade, pack_photos
    from .devices import device, fast_dtype
    from .evaluation import SuperResolutionError, psnr_y, ssim_y
    from .images import load_image, save_image, to_pil
    from .inference import stylize, upscale
    from .lbfgs import Step
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
    from .networks import (
        SRCNN,
        NetworkError,
        StyleNet,
        SuperResolutionNet,
        load_network,
        load_style,
        read_card,
        save_network,
    )
    from .optimize import gatys, invert_features, noise_like, optimize_image, reconstruct_style
    from .pictures import ImageError
    from .training import (
        PerformanceOptions,
        StyleRecipe,
        SuperResolutionRecipe,
        TrainingError,
        TrainingStep,
        train,
    )
    from .vgg_weights import vgg16_weights

__getattr__, __dir__ = on_demand(__name__, __file__)

BEHAVIOUR = 1
"""Raised when the library's results change, so that the book's notebooks are run again."""

__all__ = [
    "BEHAVIOUR",
    "CONTENT_LAYER",
    "LAYERS",
    "SRCNN",
    "STYLE_LAYERS",
    "AssetError",
    "ImageError",
    "LossNetwork",
    "LossTerms",
    "NetworkError",
    "PerceptualLoss",
    "PerformanceOptions",
    "PhotosError",
    "RandomCrops",
    "Step",
    "StyleNet",
    "StyleRecipe",
    "SuperResolutionError",
    "SuperResolutionNet",
    "SuperResolutionRecipe",
    "TrainingError",
    "TrainingStep",
    "checkpoint",
    "checkpoints",
    "degrade",
    "device",
    "fast_dtype",
    "feature_loss",
    "gatys",
    "gram_matrix",
    "invert_features",
    "load_image",
    "load_network",
    "load_style",
    "noise_like",
    "optimize_image",
    "pack_photos",
    "photo",
    "photos",
    "pixel_loss",
    "provenance",
    "psnr_y",
    "read_card",
    "reconstruct_style",
    "save_image",
    "save_network",
    "scale",
    "ssim_y",
    "style",
    "style_loss",
    "styles",
    "stylize",
    "to_pil",
    "total_variation",
    "train",
    "upscale",
    "vgg16_weights",
]
