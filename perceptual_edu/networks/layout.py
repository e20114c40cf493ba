"""What would cost PyTorch a copy to another layout in memory and back, without these copies.

Channels last, the numbers of a pixel side by side, is the layout in which convolutions are fast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def layout_of(x: Tensor) -> torch.memory_format:
    """Channels last, or PyTorch's default."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def padded(x: Tensor, margins: tuple[int, int, int, int], mode: str) -> Tensor:
    """``F.pad`` of pictures x, Tensor of shape (B, C, H, W): left, right, top, bottom."""
    if not any(margins):
        return x
    if x.device.type == "cuda" and mode != "constant" and layout_of(x) is torch.channels_last:
        return padded_as_volumes(x, margins, mode)
    return F.pad(x, margins, mode=mode)


def padded_as_volumes(x: Tensor, margins: tuple[int, int, int, int], mode: str) -> Tensor:
    """The same of B volumes of H x W x C. CUDA's padding of pictures knows the default layout
    only; to that of volumes channels_last *is* the default layout."""
    volumes = F.pad(x.permute(0, 2, 3, 1).unsqueeze(0), (0, 0, *margins), mode=mode)
    return volumes.squeeze(0).permute(0, 3, 1, 2)


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
    return y.view(x.shape).contiguous(memory_format=layout_of(x))


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
        gradient = gradient.contiguous(memory_format=layout_of(x))
        of_x, of_scale, of_shift = (torch.empty_like(each) for each in (x, scale, scale))
        for i in range(len(x)):
            mean, deviation = statistics[2 * i : 2 * i + 2]
            of_x[i : i + 1], of_scale[i], of_shift[i] = torch.ops.aten.native_batch_norm_backward(
                gradient[i : i + 1], x[i : i + 1], scale[i], None, None, mean, deviation, True,
                ctx.eps, [True, True, True],
            )  # fmt: skip
        return of_x, of_scale, of_shift, None
