"""phi, the loss network of the paper: VGG-16, trained on ImageNet, frozen.

phi_j(x) denotes the activations of layer j for the image x, with shape C_j x H_j x W_j. Layers
are named ``relu1_1`` to ``relu5_3`` (block, convolution), after the ReLU.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from .devices import device, fast_dtype
from .vgg_weights import read_vgg16, vgg16_weights
from .winograd import WinogradConv2d

# The convolutions of each block; a 2x2 max-pooling stands between two blocks.
_BLOCKS = (
    (3, 64, 64),
    (64, 128, 128),
    (128, 256, 256, 256),
    (256, 512, 512, 512),
    (512, 512, 512, 512),
)
_LAYER_SIZES = {
    f"{block}_{conv}": sizes
    for block, channels in enumerate(_BLOCKS, start=1)
    for conv, sizes in enumerate(pairwise(channels), start=1)
}

LAYERS: tuple[str, ...] = tuple(f"relu{name}" for name in _LAYER_SIZES)
"""Names of the 13 layers, shallow to deep: ``relu1_1``, ``relu1_2``, ..., ``relu5_3``."""

MEAN_BGR = (103.939, 116.779, 123.68)
"""The mean colour of VGG-16's training data: blue, green, red in [0, 255]."""


class LossNetwork(nn.Module):
    """The 13 convolutions of the original VGG-16, as a function from images to features.

    The network is frozen: its weights get no gradient, but images do. Images are RGB in [0, 255];
    that VGG-16 wants BGR minus the mean of its training data is known here and nowhere else.

    Parameters
    ----------
    weights
        A safetensors file as :func:`perceptual_edu.vgg_weights.vgg16_weights` returns it (default).
    dtype
        Number format of weights and features. bfloat16 is several times faster on hardware that
        multiplies matrices of it, with a relative error of the features of about 1 %.
    winograd
        Convolve in float32 on a processor with a quarter of the products where it pays
        (:mod:`~perceptual_edu.winograd`), with a relative error of the features of about 1e-5.

    Examples
    --------
    >>> phi = LossNetwork()
    >>> features = phi(image, ["relu1_2", "relu3_3"])
    >>> image.shape, features["relu3_3"].shape
    (torch.Size([1, 3, 64, 64]), torch.Size([1, 256, 16, 16]))
    """

    def __init__(
        self,
        weights: Path | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        winograd: bool = False,
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleDict()
        for name, (c_in, c_out) in _LAYER_SIZES.items():
            kind = WinogradConv2d if winograd and c_in >= 256 else nn.Conv2d
            self.convs[name] = kind(c_in, c_out, 3, padding=1)
        mean_bgr = torch.tensor(MEAN_BGR).view(1, 3, 1, 1)
        self.register_buffer("mean_bgr", mean_bgr, persistent=False)
        state = read_vgg16(weights or vgg16_weights())
        self.convs.load_state_dict({name.removeprefix("conv"): t for name, t in state.items()})
        self.requires_grad_(False)
        self.eval()
        # Not the mean: bfloat16 would round it to whole numbers.
        self.convs.to(dtype, memory_format=torch.channels_last)

    @classmethod
    def fast(cls) -> LossNetwork:
        """phi on this machine's device, as fast as it is there."""
        return cls(dtype=fast_dtype(), winograd=True).to(device())

    @property
    def device(self) -> torch.device:
        """Where it computes; images have to be there too."""
        return self.mean_bgr.device

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute phi_j(image) for each layer j, going no deeper than the deepest of them.

        Parameters
        ----------
        image
            (B, 3, H, W), RGB, in [0, 255].
        layers
            Names from :data:`LAYERS`.

        Returns
        -------
        dict[str, Tensor]
            Layer name -> (B, C_j, H_j, W_j), where H_j = H // 2 ** (block - 1).

        Raises
        ------
        ValueError
            For an unknown layer, or an image of another shape or too small for the layer.
        """
        wanted = set(layers)
        self._check(image, wanted)
        x = image.flip(1) - self.mean_bgr
        x = x.to(self.convs["1_1"].weight.dtype, memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name, conv in self.convs.items():
            if len(features) == len(wanted):
                break
            if name.endswith("_1") and name != "1_1":
                x = nn.functional.max_pool2d(x, 2)
            x = conv(x).relu_()
            if f"relu{name}" in wanted:
                features[f"relu{name}"] = x
        return features

    @staticmethod
    def _check(image: Tensor, wanted: set[str]) -> None:
        unknown = wanted - set(LAYERS)
        if unknown or not wanted:
            given = ", ".join(sorted(unknown)) or "no layer"
            raise ValueError(f"unknown layer: {given}; VGG-16 has {LAYERS[0]} to {LAYERS[-1]}")
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"an image is (B, 3, H, W), not {tuple(image.shape)}")
        deepest = max(wanted)
        smallest = 2 ** (int(deepest[4]) - 1)
        height, width = image.shape[2:]
        if min(height, width) < smallest:
            raise ValueError(
                f"an image of {width} x {height} pixels is too small for {deepest}, "
                f"which needs at least {smallest} x {smallest}"
            )

    def extra_repr(self) -> str:
        return f"VGG-16, {LAYERS[0]} to {LAYERS[-1]}, frozen"
