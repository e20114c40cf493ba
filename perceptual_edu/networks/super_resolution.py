"""The super-resolution network (section 4.2), and SRCNN, with which the paper compares it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ..images import bicubic, brightness
from .blocks import (
    NORMS,
    UPSAMPLINGS,
    ConvBlock,
    ResidualBlock,
    UpsampleBlock,
    check_choice,
    check_image,
    count_parameters,
    scaled_tanh,
)

FACTORS = (4, 8)
"""Enlargements of super-resolution (section 4.2)."""


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
    SuperResolutionNet(x4: c9s1-64,R64x4,u32,u16,c9s1-3 + bicubic: no norm, ...)
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
        check_choice("factor", factor, FACTORS)
        if norm is not None:
            check_choice("norm", norm, NORMS)
        check_choice("upsampling", upsampling, ("bilinear", *UPSAMPLINGS, "shuffle"))
        check_choice("padding", padding, ("reflection", "zero"))
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
                UpsampleBlock(a, b, upsampling=upsampling, **how) for a, b in pairwise(widths)
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
        """Enlarge images, Tensor of shape (B, 3, H, W), RGB, in [0, 255].

        Returns
        -------
        Tensor
            Tensor of shape (B, 3, factor H, factor W), float32; only the paper's network keeps it
            within [0, 255].

        Raises
        ------
        ValueError
            If an image is smaller than 5 pixels a side or not (B, 3, H, W).
        """
        check_image(image, self.smallest)
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
            f"{self.config['padding']} padding; {count_parameters(self):,} parameters)"
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
        check_choice("factor", factor, FACTORS)
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
        check_image(image, self.smallest)
        enlarged = _enlarged(image, self.config["factor"])
        change = self.layers(brightness(enlarged) / 127.5 - 1)
        # The same change of R, G and B changes the brightness only.
        return enlarged + 127.5 * change.float()

    def __repr__(self) -> str:
        factor, middle = self.config["factor"], self.config["middle"]
        return f"SRCNN(x{factor}: bicubic,9-{middle}-5 on Y; {count_parameters(self):,} parameters)"


def _enlarged(image: Tensor, factor: int) -> Tensor:
    height, width = image.shape[2:]
    return bicubic(image, factor * height, factor * width)
