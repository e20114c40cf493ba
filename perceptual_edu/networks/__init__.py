"""f_W: the feed-forward image transformation networks (section 3.1 and the supplement).

A network takes and returns images, Tensor of shape (B, 3, H, W), RGB, in [0, 255]: it looks at a
photograph once and paints it, where equation 5 takes hundreds of steps (``StyleNet``), or enlarges
it (``SuperResolutionNet``; ``SRCNN`` is what the paper compares it with).

Most of the work is done on small maps of many channels: a convolution at a quarter of the size may
have four times as many filters at the same price, and reaches four times as far. Between halving
and doubling are residual blocks, which have only to learn what is to change. The authors write a
network in one line, and so does its ``repr``: ``c9s1-32`` is a 9 x 9 convolution with 32 filters
and stride 1, ``d64`` a 3 x 3 convolution with 64 filters that halves the picture, ``R128`` a
residual block of two 3 x 3 convolutions with 128 filters, ``u64`` a 3 x 3 convolution of the
doubled picture. Normalisation and ReLU follow every convolution but the last one. The paper sends
the last through a scaled tanh; our super-resolution network adds it to the bicubic enlargement and
normalises nothing.

Read :mod:`~perceptual_edu.networks.style` first, where the network of the supplement is a list of
layers; then :mod:`~perceptual_edu.networks.blocks`, which says what a layer is; then
:mod:`~perceptual_edu.networks.super_resolution` (section 4.2). The other modules can wait:
:mod:`~perceptual_edu.networks.upsampling` doubles and convolves sooner, with the same result,
:mod:`~perceptual_edu.networks.layout` saves copies in memory,
:mod:`~perceptual_edu.networks.serialization` reads and writes files
(:mod:`~perceptual_edu.networks.cards`: what they say about a training), and
:mod:`~perceptual_edu.networks.catalogue` finds trained styles by name.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .blocks import (
        NORMS,
        UPSAMPLINGS,
        ConvBlock,
        InstanceNorm,
        ResidualBlock,
        UpsampleBlock,
        scaled_tanh,
    )
    from .cards import NetworkError, read_card
    from .catalogue import TrainedStyle, load_style, trained_styles
    from .serialization import load_network, save_network
    from .style import PADDINGS, START_PADDING, StyleNet
    from .super_resolution import FACTORS, SRCNN, SuperResolutionNet

__getattr__, __dir__ = on_demand(__name__, __file__)

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
    "TrainedStyle",
    "UpsampleBlock",
    "load_network",
    "load_style",
    "read_card",
    "save_network",
    "scaled_tanh",
    "trained_styles",
]
