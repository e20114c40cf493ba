"""What the networks are built of: convolution, normalisation, ReLU; the residual block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .upsampling import PHASES, interleaved

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
        phases = torch.tensor(PHASES[upsampling]) if self.enlarge == 2 else None
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
    return sum(p.numel() for p in network.parameters())


def scaled_tanh(x: Tensor) -> Tensor:
    """Any number to the range of a pixel: 127.5 (1 + tanh x), float32 in [0, 255]."""
    return 127.5 * (1 + torch.tanh(x.float()))


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}; wanted is one of {', '.join(choices)}")


def check_image(image: Tensor, smallest: int) -> None:
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"an image is (B, 3, H, W), not {tuple(image.shape)}")
    height, width = image.shape[2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"a picture of {width} x {height} pixels is too small for this network, "
            f"which needs at least {smallest} x {smallest}"
        )
