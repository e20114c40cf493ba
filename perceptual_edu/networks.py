"""f_W: the feed-forward image transformation networks (section 3.1 and the supplement).

One paints in a style, another enlarges, and SRCNN is what the paper compares the latter with. A
network takes and returns images (B, 3, H, W), RGB, in [0, 255]. In the authors' notation,
``c9s1-32`` is a 9x9 convolution with 32 filters and stride 1, ``d64`` a 3x3 convolution with 64
filters that halves the picture, ``R128`` a residual block of two 3x3 convolutions with 128 filters,
``u64`` a 3x3 convolution that doubles the picture. Normalisation and ReLU follow every convolution
but the last one. The paper sends the last through a scaled tanh; our super-resolution network adds
it to the bicubic enlargement and normalises nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .files import written_atomically
from .images import bicubic

NORMS = ("instance", "batch")
"""Ways to normalise: ours, and the paper's."""

UPSAMPLINGS = ("resize", "transposed")
"""Ways to double a picture: ours, and the paper's."""

PADDINGS = ("reflection", "zero", "start")
"""Ways to pad: ours, the simplest, and the paper's."""

START_PADDING = 40
"""The paper's padding at the start: five residual blocks lose 2 pixels a side each, at a quarter
of the picture's size."""


FACTORS = (4, 8)
"""Enlargements of super-resolution (section 4.2)."""


class NetworkError(Exception):
    """A file is not a trained network of this library, or not one that fits here."""


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
        """Normalise x, Tensor of shape (B, C, H, W); ``style`` as in :meth:`StyleNet.forward`."""
        scale, shift = self.scale_and_shift(style)
        batch = len(x)
        return instance_norm(x, scale.expand(batch, -1), shift.expand(batch, -1), self.eps)

    def scale_and_shift(self, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Those of a mixture of styles (B, N), or of the only style: two tensors (B, C)."""
        if style is None:
            return self.weight, self.bias
        weights = style.unsqueeze(2)  # no matrix product: autocast would round it
        return (weights * self.weight).sum(1), (weights * self.bias).sum(1)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *others: object) -> None:
        for name in ("weight", "bias"):  # files from before there were many styles have (C,)
            values = state_dict.get(prefix + name)
            if values is not None and values.ndim == 1:
                state_dict[prefix + name] = values.unsqueeze(0)
        super()._load_from_state_dict(state_dict, prefix, *others)


def instance_norm(x: Tensor, scale: Tensor, shift: Tensor, eps: float = 1e-5) -> Tensor:
    """Each channel of each image to mean ``shift`` and standard deviation ``scale``.

    Parameters
    ----------
    x
        Tensor of shape (B, C, H, W).
    scale, shift
        Tensors of shape (B, C).
    """
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        return _InstanceNorm.apply(x, scale, shift, eps)
    # Of all images' channels together, batch normalisation is instance normalisation.
    channels = x.reshape(1, -1, *x.shape[2:])
    y = F.batch_norm(channels, None, None, scale.flatten(), shift.flatten(), True, eps=eps)
    return y.view(x.shape).contiguous(memory_format=_layout(x))


class _InstanceNorm(torch.autograd.Function):
    """Image by image, which keeps channels_last: PyTorch's own copies there and back, and takes
    twice as long on a CPU."""

    @staticmethod
    def forward(ctx, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        y, statistics = torch.empty_like(x), []
        for image, a, b, out in zip(x, scale, shift, y, strict=True):
            result, *found = torch.native_batch_norm(image[None], a, b, None, None, True, 0.0, eps)
            out.copy_(result[0])
            statistics += found
        ctx.save_for_backward(x, scale, *statistics)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, *statistics = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=_layout(x))
        of_x, of_scale, of_shift = (torch.empty_like(each) for each in (x, scale, scale))
        for i in range(len(x)):
            mean, deviation = statistics[2 * i : 2 * i + 2]
            of_x[i : i + 1], of_scale[i], of_shift[i] = torch.ops.aten.native_batch_norm_backward(
                gradient[i : i + 1], x[i : i + 1], scale[i], None, None, mean, deviation, True,
                ctx.eps, [True, True, True],
            )  # fmt: skip
        return of_x, of_scale, of_shift, None


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


# What a filter's three taps at an even pixel of the enlarged map (first matrix) and at an odd one
# (second) read of the small map. A column is a tap, a row one of three neighbours in the small map.
_PHASES = {
    "resize": (
        ((1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ),
    "bilinear": (
        ((0.75, 0.25, 0.0), (0.25, 0.75, 0.75), (0.0, 0.0, 0.25)),
        ((0.25, 0.0, 0.0), (0.75, 0.75, 0.25), (0.0, 0.25, 0.75)),
    ),
}


class ConvBlock(nn.Module):
    """Padding, perhaps upsampling, a convolution, normalisation, perhaps ReLU.

    Parameters
    ----------
    c_in, c_out, kernel, stride
        Of the convolution. A stride of 1/2 doubles the picture; its kernel is 3.
    norm
        One of :data:`NORMS`, or None.
    styles
        Of the instance normalisation.
    upsampling
        How a stride of 1/2 is made: ``"resize"`` copies each pixel to 2x2 and convolves;
        ``"bilinear"`` interpolates instead of copying; ``"transposed"`` is the paper's
        fractionally strided convolution.
    padding
        ``"reflection"``, ``"zero"``, or ``"valid"`` for none.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: float = 1,
        *,
        norm: str | None = "instance",
        styles: int = 1,
        relu: bool = True,
        upsampling: str = "resize",
        padding: str = "reflection",
    ) -> None:
        super().__init__()
        self.enlarge = 2 if stride == 0.5 and upsampling != "transposed" else 1
        self.upsampling = upsampling
        self.border = "constant" if padding == "zero" else "replicate"
        phases = torch.tensor(_PHASES[upsampling]) if self.enlarge == 2 else None
        self.register_buffer("phases", phases, persistent=False)
        self.reflect = kernel // 2 if padding == "reflection" else 0
        zeros = kernel // 2 if padding == "zero" else 0
        if stride == 0.5 and upsampling == "transposed":
            self.reflect = 0  # a transposed convolution makes its own border
            self.conv = nn.ConvTranspose2d(c_in, c_out, kernel, 2, padding=1, output_padding=1)
        else:
            self.conv = nn.Conv2d(c_in, c_out, kernel, max(1, int(stride)), padding=zeros)
        makers = {
            "instance": lambda: InstanceNorm(c_out, styles),
            "batch": lambda: nn.BatchNorm2d(c_out),
            None: lambda: None,
        }
        self.norm = makers[norm]()
        self.relu = relu

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        if self.enlarge == 2:
            x = self.enlarge_and_convolve(x)
        else:
            if self.reflect:
                x = F.pad(x, (self.reflect,) * 4, mode="reflect")
            x = self.conv(x)
        if isinstance(self.norm, InstanceNorm):
            x = self.norm(x, style)
        elif self.norm is not None:
            x = self.norm(x)
        return F.relu(x) if self.relu else x

    def enlarge_and_convolve(self, x: Tensor) -> Tensor:
        """Both at once and at the small size, which is several times faster.

        At the border pixels are repeated; for copied pixels that is what reflection does.
        """
        kernel, bias = self.enlarging_filters()
        return interleaved(F.conv2d(F.pad(x, (1,) * 4, mode=self.border), kernel, bias))

    def enlarging_filters(self) -> tuple[Tensor, Tensor]:
        """Kernel (4 C_out, C_in, 3, 3) and bias that enlarge and convolve at once.

        Enlarging is linear, and so each filter of 3 x 3 becomes four filters of 3 x 3 on the small
        map: for even and odd rows and columns.
        """
        taps = self.phases
        kernel = torch.einsum("aid,bje,ocde->abocij", taps, taps, self.conv.weight)
        return kernel.flatten(0, 2), self.conv.bias.repeat(4)


def interleaved(x: Tensor) -> Tensor:
    """(B, 2 2 C, H, W) to (B, C, 2 H, 2 W): pixel_shuffle, but faster for channels_last."""
    batch, channels, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2, channels // 4).transpose(2, 3)
    return x.reshape(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


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


class StyleNet(nn.Module):
    """The style transfer network: c9s1-32, d64, d128, R128 x5, u64, u32, c9s1-3.

    The defaults are what we recommend and what gives no artefacts (chapter 5 shows why);
    :meth:`paper` is the network of the paper's supplement.

    Parameters
    ----------
    width
        Filters of the first layer: 32 in the paper, 16 in most networks that its authors released.
    norm
        ``"instance"``, or ``"batch"`` as in the paper.
    upsampling
        ``"resize"``, or ``"transposed"`` as in the paper.
    padding
        ``"reflection"`` or ``"zero"`` for every convolution, or ``"start"`` as in the paper: 40
        reflected pixels at the start, unpadded residual blocks that eat them up again, and zeros
        for the other convolutions.
    styles
        How many styles it paints in, or their names. They share the convolutions; each has its own
        scales and shifts in every instance normalisation (Dumoulin et al. 2017).

    Examples
    --------
    >>> StyleNet(width=16)
    StyleNet(c9s1-16,d32,d64,R64x5,u32,u16,c9s1-3: instance norm, resize upsampling, ...)
    >>> StyleNet()(image).shape == image.shape
    True
    """

    def __init__(
        self,
        *,
        width: int = 32,
        norm: str = "instance",
        upsampling: str = "resize",
        padding: str = "reflection",
        styles: int | Sequence[str] = 1,
    ) -> None:
        super().__init__()
        _check_choice("norm", norm, NORMS)
        _check_choice("upsampling", upsampling, UPSAMPLINGS)
        _check_choice("padding", padding, PADDINGS)
        if width < 1:
            raise ValueError(f"width is {width}; wanted is at least 1")
        names = [str(i + 1) for i in range(styles)] if isinstance(styles, int) else list(styles)
        if len(set(names)) < max(1, len(names)):
            raise ValueError(f"styles are {names}; wanted is one or more, each with its own name")
        if norm == "batch" and len(names) > 1:
            raise ValueError("norm is 'batch'; several styles need 'instance'")
        self.config = dict(
            width=width, norm=norm, upsampling=upsampling, padding=padding, styles=names
        )
        inner = "valid" if padding == "start" else padding
        outer = "zero" if padding == "start" else padding
        how = dict(norm=norm, upsampling=upsampling, padding=outer, styles=len(names))
        w = width
        self.layers = nn.Sequential(
            ConvBlock(3, w, 9, **how),
            ConvBlock(w, 2 * w, 3, stride=2, **how),
            ConvBlock(2 * w, 4 * w, 3, stride=2, **how),
            *(ResidualBlock(4 * w, norm=norm, padding=inner, styles=len(names)) for _ in range(5)),
            ConvBlock(4 * w, 2 * w, 3, stride=0.5, **how),
            ConvBlock(2 * w, w, 3, stride=0.5, **how),
            ConvBlock(w, 3, 9, norm=None, relu=False, padding=outer),
        )

    @classmethod
    def paper(cls, *, width: int = 32, norm: str = "batch") -> StyleNet:
        """The network of the supplement, or, with ``norm="instance"``, of the released code."""
        return cls(width=width, norm=norm, upsampling="transposed", padding="start")

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of its styles, in order."""
        return tuple(self.config["styles"])

    def mixture(self, style: str | Mapping[str, float]) -> Tensor:
        """The weights of a style, or of a mixture as ``{"the_scream": 0.7, "udnie": 0.3}``.

        Returns
        -------
        Tensor
            (1, N), in the order of :attr:`styles`, on the network's device; a mixture's weights
            are divided by their sum.

        Raises
        ------
        ValueError
            For a style that the network does not have, or weights that are negative or all zero.
        """
        wanted = {style: 1.0} if isinstance(style, str) else dict(style)
        for name in wanted:
            _check_choice("style", name, self.styles)
        weights = torch.tensor([[float(wanted.get(name, 0)) for name in self.styles]])
        if not (weights.min() >= 0 and 0 < weights.sum() < float("inf")):
            raise ValueError(f"weights of styles are {wanted}; wanted are positive numbers")
        return (weights / weights.sum()).to(next(self.parameters()).device)

    @torch.no_grad()
    def only(self, style: str | Mapping[str, float] | None = None) -> StyleNet:
        """A network of one style, or of one mixture (see :meth:`mixture`).

        It shares the convolutions. None is the only style there is.
        """
        chosen = self.mixture(self._only_style() if style is None else style)
        if len(self.styles) == 1:
            return self
        state = self.state_dict()
        for name, module in self.named_modules():
            if isinstance(module, InstanceNorm):
                state[f"{name}.weight"], state[f"{name}.bias"] = module.scale_and_shift(chosen)
        label = "+".join(n for n, w in zip(self.styles, chosen[0].tolist(), strict=True) if w)
        with torch.device("meta"):
            single = StyleNet(**self.config | {"styles": [label]})
        single.load_state_dict(state, assign=True)
        for name, buffer in self.named_buffers():  # those that are not in files
            single.get_submodule(name.rpartition(".")[0]).register_buffer(
                name.rpartition(".")[2], buffer, persistent=name in state
            )
        return single.train(self.training)

    def _only_style(self) -> str:
        if len(self.styles) > 1:
            raise ValueError(f"which style? This network has {', '.join(self.styles)}")
        return self.styles[0]

    @property
    def smallest(self) -> int:
        """The smallest height and width of a picture, in pixels."""
        # Reflection needs more pixels than it adds; a 2x2 map is the least it can pad by one.
        return START_PADDING + 4 if self.config["padding"] == "start" else 8

    def forward(self, image: Tensor, style: Tensor | None = None) -> Tensor:
        """Transform images (B, 3, H, W) in [0, 255] of any size; the result has the same size.

        Parameters
        ----------
        image
            (B, 3, H, W), RGB, in [0, 255].
        style
            Weights of the styles, (B, N) or (1, N), see :meth:`mixture`; None is the only style
            there is.

        Raises
        ------
        ValueError
            If an image is smaller than :attr:`smallest` or not (B, 3, H, W), or if there are
            several styles and none is named.
        """
        _check_image(image, self.smallest)
        if style is None:
            self._only_style()
        height, width = image.shape[2:]
        start = START_PADDING if self.config["padding"] == "start" else 0
        # Halving twice and doubling twice only gives back a size that is a multiple of 4.
        margins = (start, start + -width % 4, start, start + -height % 4)
        x = image / 127.5 - 1  # so that zero padding is grey, not black
        if any(margins):
            x = F.pad(x, margins, mode="reflect")
        for layer in self.layers:
            x = layer(x, style)
        return scaled_tanh(x[:, :, :height, :width])

    def __repr__(self) -> str:
        w, chosen = self.config["width"], self.config
        layers = f"c9s1-{w},d{2 * w},d{4 * w},R{4 * w}x5,u{2 * w},u{w},c9s1-3"
        choices = ", ".join(f"{chosen[k]} {k}" for k in ("norm", "upsampling", "padding"))
        several = f"; {len(self.styles)} styles" if len(self.styles) > 1 else ""
        return f"StyleNet({layers}: {choices}{several}; {_count(self):,} parameters)"


class SuperResolutionNet(nn.Module):
    """The super-resolution network: a picture ``factor`` times as large in one pass.

    The defaults are what we recommend, :meth:`paper` is the network of the paper's supplement.
    Both do most of their work at the small size: c9s1-64, R64 x4. The paper then doubles the
    picture two or three times (u64) and ends in c9s1-3 and a scaled tanh. Ours doubles it with
    fewer and fewer filters (u32, u16, ...), adds the result to the bicubic enlargement, and does
    not normalise: contrast is what it has to keep.

    Parameters
    ----------
    factor
        4 or 8.
    width
        Filters.
    norm
        None, ``"batch"`` as in the paper, or ``"instance"``.
    upsampling
        ``"bilinear"``, ``"resize"`` (copied pixels), ``"transposed"`` as in the paper, or
        ``"shuffle"``: all ``factor`` x ``factor`` pixels at once from the small map (sub-pixel
        convolution, Shi et al. 2016). With the feature loss, short trainings of all but the first
        print a pattern (chapter 8).
    padding
        ``"reflection"``, or ``"zero"`` as in the paper.

    Examples
    --------
    >>> SuperResolutionNet(4)
    SuperResolutionNet(x4: c9s1-64,R64x4,u32,u16,c9s1-3 + bicubic: no norm, bilinear upsampling,
    ...)
    """

    smallest = 5
    """The smallest height and width of a picture: reflection needs more pixels than it adds."""

    def __init__(
        self,
        factor: int = 4,
        *,
        width: int = 64,
        norm: str | None = None,
        upsampling: str = "bilinear",
        padding: str = "reflection",
    ) -> None:
        super().__init__()
        _check_factor(factor)
        if norm is not None:
            _check_choice("norm", norm, NORMS)
        _check_choice("upsampling", upsampling, ("bilinear", *UPSAMPLINGS, "shuffle"))
        _check_choice("padding", padding, ("reflection", "zero"))
        self.config = dict(
            factor=factor, width=width, norm=norm, upsampling=upsampling, padding=padding
        )
        how, last = dict(norm=norm, padding=padding), dict(norm=None, relu=False, padding=padding)
        layers = [ConvBlock(3, width, 9, **how), *(ResidualBlock(width, **how) for _ in range(4))]
        if upsampling == "shuffle":
            layers += [ConvBlock(width, 3 * factor**2, 3, **last), nn.PixelShuffle(factor)]
        else:
            widths = [width, *self._doublings()]
            layers += [
                ConvBlock(a, b, 3, stride=0.5, upsampling=upsampling, **how)
                for a, b in pairwise(widths)
            ]
            layers += [ConvBlock(widths[-1], 3, 9, **last)]
        self.layers = nn.Sequential(*layers)
        if upsampling != "transposed":  # begin as the bicubic enlargement
            for values in self.layers[5 if upsampling == "shuffle" else -1].parameters():
                nn.init.zeros_(values)

    @classmethod
    def paper(cls, factor: int = 4) -> SuperResolutionNet:
        """The network of the supplement."""
        return cls(factor, norm="batch", upsampling="transposed", padding="zero")

    def _doublings(self) -> list[int]:
        """Filters after each doubling: the paper's stay, ours halve."""
        factor, width = self.config["factor"], self.config["width"]
        thinner = self.config["upsampling"] != "transposed"
        return [max(3, width >> i) if thinner else width for i in range(1, factor.bit_length())]

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge images (B, 3, H, W) in [0, 255] to (B, 3, factor H, factor W).

        Raises
        ------
        ValueError
            If an image is smaller than 5 pixels a side or not (B, 3, H, W).
        """
        _check_image(image, self.smallest)
        x = self.layers(image / 127.5 - 1)
        if self.config["upsampling"] == "transposed":
            return scaled_tanh(x)
        return _enlarged(image, self.config["factor"]) + 127.5 * x.float()

    def __repr__(self) -> str:
        w, factor, how = self.config["width"], self.config["factor"], self.config["upsampling"]
        if how == "shuffle":
            end = f"c3s1-{3 * factor**2},shuffle{factor}"
        else:
            end = ",".join([*(f"u{width}" for width in self._doublings()), "c9s1-3"])
        if how != "transposed":
            end += " + bicubic"
        choices = f"{self.config['norm'] or 'no'} norm, {how} upsampling, "
        return (
            f"SuperResolutionNet(x{factor}: c9s1-{w},R{w}x4,{end}: {choices}"
            f"{self.config['padding']} padding; {_count(self):,} parameters)"
        )


class SRCNN(nn.Module):
    """The first network for super-resolution (Dong et al. 2014), the paper's baseline.

    Three convolutions, 9x9 with 64 filters, 5x5 with 32, and 5x5, sharpen the brightness of the
    bicubic enlargement; its colours stay. 57,281 parameters; ``middle=1`` is the authors' smaller
    9-1-5.
    """

    smallest = 5

    def __init__(self, factor: int = 4, *, middle: int = 5) -> None:
        super().__init__()
        _check_factor(factor)
        self.config = dict(factor=factor, middle=middle)
        self.layers = nn.Sequential(
            ConvBlock(1, 64, 9, norm=None),
            ConvBlock(64, 32, middle, norm=None),
            ConvBlock(32, 1, 5, norm=None, relu=False),
        )
        # Begin near the identity: sharpening is a small change.
        nn.init.normal_(self.layers[2].conv.weight, std=1e-3)
        nn.init.zeros_(self.layers[2].conv.bias)

    def forward(self, image: Tensor) -> Tensor:
        """As :meth:`SuperResolutionNet.forward`."""
        _check_image(image, self.smallest)
        enlarged = _enlarged(image, self.config["factor"])
        weights = torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)
        y = (enlarged * weights).sum(1, keepdim=True)
        # The same change of R, G and B changes the brightness only.
        return enlarged + 127.5 * self.layers(y / 127.5 - 1).float()

    def __repr__(self) -> str:
        factor, middle = self.config["factor"], self.config["middle"]
        return f"SRCNN(x{factor}: bicubic,9-{middle}-5 on Y; {_count(self):,} parameters)"


LUMA = (0.299, 0.587, 0.114)
"""Brightness from R, G, B (Rec. 601, as in YIQ and YCbCr)."""


def _enlarged(image: Tensor, factor: int) -> Tensor:
    height, width = image.shape[2:]
    return bicubic(image, factor * height, factor * width)


def _check_factor(factor: int) -> None:
    if factor not in FACTORS:
        raise ValueError(f"factor is {factor}; wanted is one of {', '.join(map(str, FACTORS))}")


def _count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def scaled_tanh(x: Tensor) -> Tensor:
    """Any number to the range of a pixel: 127.5 (1 + tanh x), float32 in [0, 255]."""
    return 127.5 * (1 + torch.tanh(x.float()))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; wanted is one of {', '.join(choices)}")


def _check_image(image: Tensor, smallest: int) -> None:
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"an image is (B, 3, H, W), not {tuple(image.shape)}")
    height, width = image.shape[2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"a picture of {width} x {height} pixels is too small for this network, "
            f"which needs at least {smallest} x {smallest}"
        )


# ---------------------------------------------------------------- files

_NETWORKS = {kind.__name__: kind for kind in (StyleNet, SuperResolutionNet, SRCNN)}


def save_network(network: nn.Module, path: str | Path, card: Mapping | None = None) -> None:
    """Write a network as safetensors in half precision, with its card as a JSON header.

    Parameters
    ----------
    network
        A :class:`StyleNet`, :class:`SuperResolutionNet` or :class:`SRCNN`.
    path
        The file; written beside it first and renamed, so that it is never half there.
    card
        What is to be known about the network (recipe, photographs, steps, hardware, losses ...):
        anything that JSON holds.
    """
    state = {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in network.state_dict().items()
    }
    architecture = {"class": type(network).__name__, **network.config}
    header = {"architecture": json.dumps(architecture), "card": json.dumps(dict(card or {}))}
    with written_atomically(Path(path)) as temporary:
        save_file(state, temporary, header)


def load_network(path: str | Path) -> nn.Module:
    """Read a network that :func:`save_network` wrote, in float32 and ready to be applied.

    Raises
    ------
    NetworkError
        If the file is missing, unreadable, or not a network of this library.
    """
    architecture = _header(path)["architecture"]
    kind = _NETWORKS.get(architecture.pop("class", None))
    if kind is None:
        raise NetworkError(
            f"{path}: not a network of this library; there are: {', '.join(_NETWORKS)}"
        )
    try:
        network = kind(**architecture)
        network.load_state_dict({name: t.float() for name, t in load_file(path).items()})
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise NetworkError(f"{path}: its weights do not fit its architecture ({reason})") from None
    return network.eval().to(memory_format=torch.channels_last)


def read_card(path: str | Path) -> dict:
    """The card of a network's file: how it was trained. Errors as :func:`load_network`."""
    return _header(path)["card"]


def _header(path: str | Path) -> dict[str, dict]:
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        return {part: dict(json.loads(header[part])) for part in ("architecture", "card")}
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise NetworkError(f"{path}: not a trained network of this library ({error})") from None
