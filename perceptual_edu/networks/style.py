"""The style transfer network: section 3.1 and the supplement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import (
    NORMS,
    UPSAMPLINGS,
    ConvBlock,
    InstanceNorm,
    ResidualBlock,
    UpsampleBlock,
    check_choice,
    check_image,
    count_parameters,
    scaled_tanh,
)

PADDINGS = ("reflection", "zero", "start")
"""Ways to pad: ours, the simplest, and the paper's."""


START_PADDING = 40
"""The paper's padding at the start: five residual blocks lose 2 pixels a side each, at a quarter
of the picture's size."""


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
        check_choice("norm", norm, NORMS)
        check_choice("upsampling", upsampling, UPSAMPLINGS)
        check_choice("padding", padding, PADDINGS)
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
        how = dict(norm=norm, padding=outer, styles=len(names))
        w = width
        self.layers = nn.Sequential(
            ConvBlock(3, w, 9, **how),
            ConvBlock(w, 2 * w, 3, stride=2, **how),
            ConvBlock(2 * w, 4 * w, 3, stride=2, **how),
            *(ResidualBlock(4 * w, norm=norm, padding=inner, styles=len(names)) for _ in range(5)),
            UpsampleBlock(4 * w, 2 * w, upsampling=upsampling, **how),
            UpsampleBlock(2 * w, w, upsampling=upsampling, **how),
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
            Tensor of shape (1, N), in the order of :attr:`styles`, on the network's device; a
            mixture's weights are divided by their sum.

        Raises
        ------
        ValueError
            For a style that the network does not have, or weights that are negative or all zero.
        """
        wanted = {style: 1.0} if isinstance(style, str) else dict(style)
        for name in wanted:
            check_choice("style", name, self.styles)
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
        """Transform images of any size; the result has the same size.

        Parameters
        ----------
        image
            Tensor of shape (B, 3, H, W), RGB, in [0, 255].
        style
            Weights of the styles, Tensor of shape (B, N) or (1, N), see :meth:`mixture`; None is
            the only style there is.

        Returns
        -------
        Tensor
            Tensor of shape (B, 3, H, W), float32, in [0, 255].

        Raises
        ------
        ValueError
            If an image is smaller than :attr:`smallest` or not (B, 3, H, W), or if there are
            several styles and none is named.
        """
        check_image(image, self.smallest)
        if style is None:
            self._only_style()
        height, width = image.shape[2:]
        start = START_PADDING if self.config["padding"] == "start" else 0
        # Halving twice and doubling twice only gives back a size that is a multiple of 4.
        margins = (start, start + -width % 4, start, start + -height % 4)
        x = image / 127.5 - 1  # so that zero padding is grey, not black
        if any(margins):
            x = F.pad(x, margins, mode="reflect")
        styles = () if style is None else (style,)  # a layer of the reader's own need not know them
        for layer in self.layers:
            x = layer(x, *styles)
        return scaled_tanh(x[:, :, :height, :width])

    def __repr__(self) -> str:
        w, chosen = self.config["width"], self.config
        layers = f"c9s1-{w},d{2 * w},d{4 * w},R{4 * w}x5,u{2 * w},u{w},c9s1-3"
        choices = ", ".join(f"{chosen[k]} {k}" for k in ("norm", "upsampling", "padding"))
        several = f"; {len(self.styles)} styles" if len(self.styles) > 1 else ""
        return f"StyleNet({layers}: {choices}{several}; {count_parameters(self):,} parameters)"
