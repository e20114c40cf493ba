"""What the networks are built of (section 3.1 and the supplement).

A convolution, normalisation, ReLU; the same of a doubled picture; the residual block.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .layout import instance_norm, padded
from .upsampling import INTERPOLATIONS, enlarged_and_convolved

NORMS = ("instance", "batch")
"""Ways to normalise: ours, and the paper's."""

UPSAMPLINGS = ("resize", "transposed")
"""Ways to double a picture: ours, and the paper's."""


class InstanceNorm(nn.Module):
    """Conditional instance normalisation (Ulyanov et al. 2016, Dumoulin et al. 2017).

    Each channel of each image is normalised by itself, then scaled and shifted as the image's style
    wants it. All styles share the convolutions; a style of its own are these scales and shifts
    only. The statistics are always those of the image at hand, in training and afterwards, and are
    computed in float32 whatever the number format of the picture.

    Parameters
    ----------
    channels
        C.
    styles
        N. ``weight`` (scales) and ``bias`` (shifts) are tensors of shape (N, C).
    """

    eps = 1e-5
    """Added to the variance."""

    def __init__(self, channels: int, styles: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(styles, channels))
        self.bias = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """Normalise x, Tensor of shape (B, C, H, W); ``style`` as in
        :meth:`~perceptual_edu.networks.style.StyleNet.forward`."""
        scale, shift = self.scale_and_shift(style)
        batch = len(x)
        return instance_norm(x, scale.expand(batch, -1), shift.expand(batch, -1), self.eps)

    def scale_and_shift(self, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Those of a mixture of styles, Tensor of shape (B, N), or of the only style.

        Both are Tensors of shape (B, C), or (1, C) for the only style.
        """
        if style is None:
            return self.weight, self.bias
        weights = style.unsqueeze(2)  # no matrix product: autocast would round it
        return (weights * self.weight).sum(1), (weights * self.bias).sum(1)

    # Of a single style, files hold (C,): as batch normalisation has it, and files of old.
    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name in (f"{prefix}weight", f"{prefix}bias"):
            if len(destination[name]) == 1:
                destination[name] = destination[name][0]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *others: object) -> None:
        for name in (f"{prefix}weight", f"{prefix}bias"):
            if name in state_dict and state_dict[name].ndim == 1:
                state_dict[name] = state_dict[name].unsqueeze(0)
        super()._load_from_state_dict(state_dict, prefix, *others)


class Block(nn.Module):
    """A convolution, normalisation, perhaps ReLU: what the two kinds below have in common."""

    enlarge = 1
    """How many times as large it makes a picture, before a stride makes it smaller."""
    margin: int
    """Pixels put around the picture before the convolution, which may put zeros itself."""
    border: str
    """What is put there: a mode of ``F.pad``."""

    def __init__(self, conv: nn.Module, norm: str | None, styles: int, relu: bool) -> None:
        super().__init__()
        self.conv = conv
        makers = {
            "instance": lambda: InstanceNorm(conv.out_channels, styles),
            "batch": lambda: nn.BatchNorm2d(conv.out_channels),
            None: lambda: None,
        }
        self.norm = makers[norm]()
        self.relu = relu

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """From Tensor of shape (B, C_in, H, W) to (B, C_out, H', W'); ``style`` as in
        :meth:`~perceptual_edu.networks.style.StyleNet.forward`."""
        x = self.convolve(x)
        if isinstance(self.norm, InstanceNorm):
            x = self.norm(x, style)
        elif self.norm is not None:
            x = self.norm(x)
        return F.relu(x) if self.relu else x

    def convolve(self, x: Tensor) -> Tensor:
        """The convolution and what comes before it."""
        raise NotImplementedError


class ConvBlock(Block):
    """Padding, a convolution, normalisation, perhaps ReLU: c9s1-32, d64.

    Parameters
    ----------
    c_in, c_out, kernel, stride
        Of the convolution. (What the paper calls a stride of 1/2 is an :class:`UpsampleBlock`.)
    norm
        One of :data:`NORMS`, or None.
    styles
        Of the instance normalisation.
    relu
        Whether ReLU follows.
    padding
        ``"reflection"``, ``"zero"``, or ``"valid"`` for none.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int = 1,
        *,
        norm: str | None = "instance",
        styles: int = 1,
        relu: bool = True,
        padding: str = "reflection",
    ) -> None:
        zeros = kernel // 2 if padding == "zero" else 0
        conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=zeros)
        super().__init__(conv, norm, styles, relu)
        self.margin = kernel // 2 if padding == "reflection" else 0
        self.border = "reflect" if padding == "reflection" else "constant"

    def convolve(self, x: Tensor) -> Tensor:
        return self.conv(padded(x, (self.margin,) * 4, self.border))


class UpsampleBlock(Block):
    """Doubling, a 3 x 3 convolution, normalisation, perhaps ReLU: u64.

    Parameters
    ----------
    c_in, c_out, norm, styles, relu
        As :class:`ConvBlock`.
    upsampling
        ``"resize"`` copies each pixel to 2 x 2 and convolves; ``"bilinear"`` interpolates instead
        of copying; ``"transposed"`` is the paper's fractionally strided convolution.
    padding
        ``"zero"``, or else pixels at the border are repeated, which for copied pixels is
        reflection. A transposed convolution makes its own border.
    """

    enlarge = 2
    fast = True
    """Whether to enlarge and convolve at once, at the small size
    (:mod:`~perceptual_edu.networks.upsampling`). The result is the same."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        *,
        norm: str | None = "instance",
        styles: int = 1,
        relu: bool = True,
        upsampling: str = "resize",
        padding: str = "reflection",
    ) -> None:
        if upsampling == "transposed":
            conv = nn.ConvTranspose2d(c_in, c_out, 3, stride=2, padding=1, output_padding=1)
        else:
            conv = nn.Conv2d(c_in, c_out, 3)
        super().__init__(conv, norm, styles, relu)
        self.upsampling = upsampling
        self.margin = 0 if upsampling == "transposed" else 1
        self.border = "constant" if padding == "zero" else "replicate"

    def convolve(self, x: Tensor) -> Tensor:
        if self.upsampling == "transposed":
            return self.conv(x)
        if self.fast:
            return enlarged_and_convolved(x, self.conv, self.upsampling, self.border)
        x = padded(x, (1,) * 4, self.border)
        x = F.interpolate(x, scale_factor=2, mode=INTERPOLATIONS[self.upsampling])
        return self.conv(x[:, :, 1:-1, 1:-1])  # of two pixels of border the filters see one


class ResidualBlock(nn.Module):
    """conv-norm-ReLU-conv-norm plus the input, and no ReLU after the sum (Gross & Wilber 2016).

    With valid convolutions the result is 2 pixels smaller on each side, and so the input is
    cropped before it is added.
    """

    def __init__(self, channels: int, *, norm: str | None, padding: str, styles: int = 1) -> None:
        super().__init__()
        how = dict(norm=norm, padding=padding, styles=styles)
        self.first = ConvBlock(channels, channels, 3, **how)
        self.second = ConvBlock(channels, channels, 3, relu=False, **how)
        self.crop = 2 if padding == "valid" else 0

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        change = self.second(self.first(x, style), style)
        c = self.crop
        return (x[:, :, c:-c, c:-c] if c else x) + change


def count_parameters(network: nn.Module) -> int:
    """All of them: what training changes."""
    return sum(p.numel() for p in network.parameters())


def scaled_tanh(x: Tensor) -> Tensor:
    """Any number to the range of a pixel: 127.5 (1 + tanh x), float32 in [0, 255]."""
    return 127.5 * (1 + torch.tanh(x.float()))


def check_choice(
    name: str, value: object, choices: Iterable[object], error: type[Exception] = ValueError
) -> None:
    """Raise an error that names the value and the choices there are, if it is none of them."""
    choices = list(choices)
    if value not in choices:
        raise error(f"{name} is {value!r}; wanted is one of {', '.join(map(str, choices))}")


def check_image(image: Tensor, smallest: int) -> None:
    """Raise ValueError if it is no Tensor of shape (B, 3, H, W), or has fewer pixels a side."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"an image is (B, 3, H, W), not {tuple(image.shape)}")
    height, width = image.shape[2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"a picture of {width} x {height} pixels is too small for this network, "
            f"which needs at least {smallest} x {smallest}"
        )
