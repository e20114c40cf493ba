"""What is trained and towards what: a recipe is a network, an objective and their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..assets import file_or_bundled, style
from ..datasets.crops import with_grain_if_flat
from ..datasets.degradation import PAPER_BLUR, degrade
from ..images import load_image
from ..loss_network import LAYERS, LossNetwork
from ..losses import CONTENT_LAYER, STYLE_LAYERS, LossTerms, PerceptualLoss
from ..networks.blocks import check_choice
from ..networks.style import StyleNet
from ..networks.super_resolution import SRCNN, SuperResolutionNet
from ..scale import scale
from . import starts
from .starts import TrainingError, load_start

OPTIMIZERS = ("adam", "muon")
"""What changes a style network's weights: the paper's, or a faster one."""

Objective = Callable[..., LossTerms]
"""Of a network, a batch of photographs (B, 3, H, W), and their numbers in the training (B,)."""


@dataclass(frozen=True)
class StyleRecipe:
    """A style network, with the paper's numbers and the released code's weights as defaults.

    See also :meth:`paper`, :meth:`released` and :meth:`quick`. A training that starts from a file,
    ``start_from`` or ``base``, has that network's architecture, see :meth:`resolved`.
    """

    style: str | tuple[str, ...]
    """The style picture, a file or a bundled style's name; or several, for one network."""
    style_size: int | tuple[int, ...] = 256
    """Its longer side in pixels, or each one's. It sets the size of the brush strokes."""
    width: int = 32
    """Filters of the first layer; 16 is what most released networks have."""
    norm: str = "instance"
    """``"instance"``, or ``"batch"`` as in the paper."""
    upsampling: str = "resize"
    """``"resize"``, or ``"transposed"`` as in the paper."""
    padding: str = "reflection"
    """``"reflection"``, ``"zero"``, or ``"start"`` as in the paper."""
    content_layer: str = CONTENT_LAYER
    """Where content is compared."""
    content_weight: float = 1.0
    """lambda_c."""
    style_layers: tuple[str, ...] = STYLE_LAYERS
    """Where Gram matrices are compared."""
    style_weight: float | tuple[float, ...] = 5.0
    """lambda_s, for each style layer (mean-squared Gram matrices, as in the released code); or
    each style's."""
    relative_gram: bool = False
    """Gram matrices in units of the painting's: see :class:`~perceptual_edu.losses.PerceptualLoss`.
    lambda_s is then about 500,000."""
    tv: float | tuple[float, ...] = 1e-6
    """lambda_TV, or each style's."""
    size: int = 256
    """Width and height of the training crops, pixels."""
    batch: int = 4
    """Photographs a step (over all processes)."""
    steps: int = 40_000
    """Iterations; 40,000 batches of 4 are about two passes over COCO 2014."""
    optimizer: str = "adam"
    """``"adam"`` as in the paper, or ``"muon"``: Muon for the filters, Adam for all else. It needs
    about two thirds of the steps."""
    learning_rate: float = 1e-3
    """Of the optimiser, constant in the paper."""
    cooldown: float = 0.0
    """The last part of the steps, 0 to 1, over which the learning rate falls to zero."""
    start_from: str | None = None
    """A trained network's file to go on from, instead of random weights."""
    widen: bool = False
    """Whether to go on with twice the filters (:func:`~perceptual_edu.training.starts.widened`)."""
    base: str | None = None
    """A trained network's file whose convolutions are taken and kept: only the scales and shifts
    of the normalisation are trained, which is how a network of many styles learns another one."""
    seed: int = 0
    """Of the first weights and of the order of the photographs."""
    warmup: ClassVar[int] = 0
    """Normalisation makes a slow start needless; compare super-resolution's."""

    @classmethod
    def paper(cls, style: str | tuple[str, ...], **changes) -> StyleRecipe:
        """As the paper's text and supplement say, with the released code's weights."""
        how = dict(norm="batch", upsampling="transposed", padding="start", content_layer="relu2_2")
        return cls(style, **how | changes)

    @classmethod
    def released(cls, style: str | tuple[str, ...], **changes) -> StyleRecipe:
        """As the authors' released models: half the filters, and instance normalisation."""
        how = dict(width=16, upsampling="transposed", padding="start")
        return cls(style, **how | changes)

    @classmethod
    def quick(cls, style: str | tuple[str, ...], **changes) -> StyleRecipe:
        """What ``perceptual-edu train style`` does: a quarter of an hour, or 40,000 steps on a
        GPU (see :func:`~perceptual_edu.scale.scale`)."""
        how = dict(width=16, style_size=384, optimizer="muon", cooldown=0.4)
        how["size"] = scale(smoke=32, laptop=128, gpu=256)
        how["steps"] = scale(smoke=4, laptop=1_500, gpu=40_000)
        return cls(style, **how | changes)

    def __post_init__(self) -> None:
        check_choice("optimizer", self.optimizer, OPTIMIZERS, TrainingError)
        if self.start_from and self.base:
            raise TrainingError(
                f"start_from is {self.start_from} and base is {self.base}; wanted is one of them"
            )
        for field in ("style_size", "style_weight", "tv"):
            value = getattr(self, field)
            if isinstance(value, tuple) and len(value) != len(self.pictures):
                raise TrainingError(
                    f"{field} has {len(value)} values; wanted are {len(self.pictures)}, one a style"
                )

    @property
    def pictures(self) -> tuple[str, ...]:
        """The style pictures, one or more."""
        return (self.style,) if isinstance(self.style, str) else tuple(self.style)

    def each(self, field: str) -> tuple:
        """A field's value for each style: ``recipe.each("tv")``."""
        value = getattr(self, field)
        return value if isinstance(value, tuple) else (value,) * len(self.pictures)

    def alone(self, number: int) -> StyleRecipe:
        """The recipe of one of its styles, counting from 0."""
        own = {f: self.each(f)[number] for f in ("style_size", "style_weight", "tv")}
        return replace(self, style=self.pictures[number], **own)

    def resolved(self) -> StyleRecipe:
        """The recipe with the architecture of the network that it starts from, if any.

        TrainingError if there is none to widen, or as :func:`~.starts.style_architecture`.
        """
        if self.widen and not self.start_from:
            raise TrainingError("widen wants start_from, the network that gets twice the filters")
        start = self.start_from or self.base
        return replace(self, **starts.style_architecture(start, self.widen)) if start else self

    def network(self) -> nn.Module:
        """The network with its first weights."""
        styles = [Path(picture).stem for picture in self.pictures]
        if self.start_from:
            start = starts.with_styles(self.start_from, styles)
            return starts.widened(start, self.seed) if self.widen else start
        if self.base:
            return starts.with_new_styles(self.base, styles)
        torch.manual_seed(self.seed)
        how = dict(norm=self.norm, upsampling=self.upsampling, padding=self.padding)
        return StyleNet(width=self.width, styles=styles, **how)

    def loss(self, phi: LossNetwork) -> PerceptualLoss:
        """Equation 5 with the style targets; the content target is still to be set."""
        weights, tvs = self.each("style_weight"), self.each("tv")
        weight, tv = max(weights), max(tvs)
        loss = PerceptualLoss(
            phi,
            content={self.content_layer: self.content_weight} if self.content_weight else {},
            style=dict.fromkeys(self.style_layers, weight) if weight else {},
            tv=tv,
            relative_gram=self.relative_gram,
        )
        pictures = [
            load_image(file_or_bundled(name, style), long_side=side).to(phi.device)
            for name, side in zip(self.pictures, self.each("style_size"), strict=True)
        ]
        factors = ([value / (top or 1) for value in v] for v, top in ((weights, weight), (tvs, tv)))
        return loss.set_styles(pictures, *factors)

    def objective(self, phi: LossNetwork) -> Objective:
        """Equation 5 as a function of the network and a batch of photographs.

        Photograph number i of the training is painted in style number i modulo N.
        """
        loss, count = self.loss(phi), len(self.pictures)

        def compare(
            network: nn.Module, photographs: Tensor, numbers: Tensor | None = None
        ) -> LossTerms:
            photographs = with_grain_if_flat(photographs)
            loss.set_content(photographs)
            if count == 1:
                return loss(network(photographs))
            chosen = numbers % count
            return loss(network(photographs, F.one_hot(chosen, count).float()), chosen)

        return compare


ARCHITECTURES = ("recommended", "paper", "srcnn")
"""Super-resolution networks: ours, the supplement's, and the baseline's."""

LOSSES = ("feature", "pixel")
"""Super-resolution losses: l_feat and l_pixel of section 3.2."""


@dataclass(frozen=True)
class SuperResolutionRecipe:
    """A super-resolution network; the defaults are the paper's, but for the network itself."""

    factor: int = 4
    """How many times larger the result is: 4 or 8."""
    loss: str = "feature"
    """``"feature"``: phi's features of result and truth are compared; ``"pixel"``: their pixels."""
    architecture: str = "recommended"
    """``"recommended"``, ``"paper"`` or ``"srcnn"``."""
    layers: tuple[str, ...] = ("relu2_2",)
    """Where features are compared, each with weight 1."""
    tv: float = 0.0
    """lambda_TV: smooths the weave that l_feat leaves; the paper has none."""
    blur: float = PAPER_BLUR
    """Blur before shrinking, pixels; 0 is the standard of the benchmarks."""
    size: int = 288
    """Width and height of the large patches, pixels."""
    batch: int = 4
    """Patches a step (over all processes)."""
    steps: int = 200_000
    """Iterations."""
    learning_rate: float = 1e-3
    """Of Adam, constant in the paper."""
    warmup: int = 200
    """The first steps, over which the learning rate rises from zero. Without them the few filters
    of the last layers may be switched off by the first large steps, and stay so."""
    cooldown: float = 0.0
    """The last part of the steps, 0 to 1, over which the learning rate falls to zero."""
    start_from: str | None = None
    """A trained network's file to go on from, instead of random weights."""
    seed: int = 0
    """Of the first weights and of the order of the photographs."""
    optimizer: ClassVar[str] = "adam"
    """The paper's."""

    def __post_init__(self) -> None:
        check_choice("loss", self.loss, LOSSES, TrainingError)
        check_choice("architecture", self.architecture, ARCHITECTURES, TrainingError)
        for layer in self.layers:
            check_choice("layer", layer, LAYERS, TrainingError)
        if self.size % self.factor:
            raise TrainingError(f"patches of {self.size} pixels: not a multiple of {self.factor}")

    def resolved(self) -> SuperResolutionRecipe:
        """The recipe with the architecture of the network that it starts from, if any.

        Raises
        ------
        TrainingError
            If that network has another factor, or is none of :data:`ARCHITECTURES`.
        """
        if not self.start_from:
            return self
        start = load_start(self.start_from, SuperResolutionNet, SRCNN)
        found = start.config["factor"]
        if found != self.factor:
            what = f"its factor is {found}, not {self.factor}"
            raise TrainingError(f"{self.start_from}: {what}; start from another network")
        for architecture in ARCHITECTURES:
            with torch.device("meta"):
                network = self._new(architecture)
            if type(network) is type(start) and network.config == start.config:
                return replace(self, architecture=architecture)
        raise TrainingError(f"{self.start_from}: {start} is none of {', '.join(ARCHITECTURES)}")

    def network(self) -> nn.Module:
        """The network with its first weights."""
        if self.start_from:
            return load_start(self.start_from, SuperResolutionNet, SRCNN)
        torch.manual_seed(self.seed)
        return self._new(self.architecture)

    def _new(self, architecture: str) -> nn.Module:
        makers = {"paper": SuperResolutionNet.paper, "srcnn": SRCNN}
        return makers.get(architecture, SuperResolutionNet)(self.factor)

    def objective(self, phi: LossNetwork) -> Objective:
        """l_feat or l_pixel as a function of the network and a batch of photographs."""
        if self.loss == "pixel":
            loss = PerceptualLoss(phi, pixel=1.0, tv=self.tv)
        else:
            loss = PerceptualLoss(phi, content=dict.fromkeys(self.layers, 1.0), tv=self.tv)

        def compare(network: nn.Module, photographs: Tensor, _: Tensor | None = None) -> LossTerms:
            small = degrade(photographs, self.factor, blur=self.blur)
            return loss.set_content(photographs)(network(small))

        return compare


Recipe = StyleRecipe | SuperResolutionRecipe
