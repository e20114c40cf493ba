"""f_W: the feed-forward image transformation networks (section 3.1 and the supplement).

One paints in a style, another enlarges, and SRCNN is what the paper compares the latter with. A
network takes and returns images (B, 3, H, W), RGB, in [0, 255]. In the authors' notation,
``c9s1-32`` is a 9x9 convolution with 32 filters and stride 1, ``d64`` a 3x3 convolution with 64
filters that halves the picture, ``R128`` a residual block of two 3x3 convolutions with 128 filters,
``u64`` a 3x3 convolution that doubles the picture. Normalisation and ReLU follow every convolution
but the last one. The paper sends the last through a scaled tanh; our super-resolution network adds
it to the bicubic enlargement and normalises nothing.

Begin with :mod:`~perceptual_edu.networks.style`, where the network of the supplement is a list of
layers, then :mod:`~perceptual_edu.networks.blocks`, which says what a layer is, and
:mod:`~perceptual_edu.networks.super_resolution`. Two modules can wait:
:mod:`~perceptual_edu.networks.upsampling` does the same sooner, and
:mod:`~perceptual_edu.networks.serialization` reads and writes files.
"""

from .blocks import (
    NORMS,
    UPSAMPLINGS,
    ConvBlock,
    InstanceNorm,
    ResidualBlock,
    UpsampleBlock,
    scaled_tanh,
)
from .serialization import NetworkError, load_network, read_card, save_network
from .style import PADDINGS, START_PADDING, StyleNet
from .super_resolution import FACTORS, SRCNN, SuperResolutionNet

__all__ = [
    "FACTORS",
    "NORMS",
    "PADDINGS",
    "SRCNN",
    "START_PADDING",
    "UPSAMPLINGS",
    "ConvBlock",
    "InstanceNorm",
    "NetworkError",
    "ResidualBlock",
    "StyleNet",
    "SuperResolutionNet",
    "UpsampleBlock",
    "load_network",
    "read_card",
    "save_network",
    "scaled_tanh",
]
