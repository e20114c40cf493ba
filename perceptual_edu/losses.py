"""Sections 3.2 and 3.3 of the paper, one function an equation, and the object that adds them up.

Every loss returns a scalar tensor: the mean over the batch of the loss of each image.
Where the authors' released code computes something else than the paper's text says, the
difference is a documented switch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .loss_network import LossNetwork

CONTENT_LAYER = "relu3_3"
"""Content layer of Figure 2 and of the authors' released code (the paper's text: relu2_2)."""

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
"""Style layers J of section 4.1."""


def feature_loss(features: Tensor, target: Tensor) -> Tensor:
    r"""Feature reconstruction loss, equation 2 (the paper's content loss).

    .. math:: \ell_{feat}^{\phi, j}(\hat y, y) =
              \frac{1}{C_j H_j W_j} \lVert \phi_j(\hat y) - \phi_j(y) \rVert_2^2

    Parameters
    ----------
    features, target
        phi_j of the output and of the content target, (B, C_j, H_j, W_j).
    """
    _check_same_shape("features", features, target)
    return _mean_square(features.float() - target.float())


def gram_matrix(features: Tensor) -> Tensor:
    r"""Gram matrix, equation 3: how strongly each pair of channels fires together.

    .. math:: G_j^\phi(x)_{c, c'} = \frac{1}{C_j H_j W_j} \sum_{h, w}
              \phi_j(x)_{h, w, c} \, \phi_j(x)_{h, w, c'}

    Computed as psi psi^T / (C_j H_j W_j) with psi = phi_j(x) reshaped to C_j x H_j W_j, in
    float32 at least: float16 overflows in sums of tens of thousands of products, and bfloat16
    rounds them to two or three digits (chapter 3).

    Features are (B, C_j, H_j, W_j), the result (B, C_j, C_j), symmetric, positive semi-definite.
    """
    channels, height, width = features.shape[1:]
    psi_t = features.permute(0, 2, 3, 1).flatten(1, 2)  # psi^T; no copy if channels_last
    return _SelfProduct.apply(psi_t) / (channels * height * width)


class _SelfProduct(torch.autograd.Function):
    """psi psi^T from psi^T (B, N, C), in float32 at least.

    G is symmetric in psi, so its gradient is one matrix product, where autograd would make two;
    and psi's own number format is good enough for it.
    """

    @staticmethod
    def forward(psi_t: Tensor) -> Tensor:
        if psi_t.dtype in (torch.bfloat16, torch.float16):
            psi_t = psi_t.float()
        return psi_t.transpose(1, 2) @ psi_t

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (psi_t,) = ctx.saved_tensors
        return psi_t @ (gradient + gradient.transpose(1, 2)).to(psi_t.dtype)


def style_loss(
    gram: Tensor, target: Tensor, *, mean: bool = False, weight: Tensor | None = None
) -> Tensor:
    r"""Style reconstruction loss, equation 4.

    .. math:: \ell_{style}^{\phi, j}(\hat y, y) =
              \lVert G_j^\phi(\hat y) - G_j^\phi(y) \rVert_F^2

    Parameters
    ----------
    gram, target
        Gram matrices (B, C_j, C_j) of the output and of the style target; a target of batch
        size 1 serves the whole batch.
    mean
        False: the sum over the C_j x C_j entries, as in the paper. True: their mean, as in the
        authors' released code, whose weights (style 5.0 a layer) are meant for it.
    weight
        (B,), of each image, where images have styles of their own, or (1,); None: all 1.
    """
    squares = (gram - target).square()
    return _mean_of_images(squares.mean((1, 2)) if mean else squares.sum((1, 2)), weight)


def pixel_loss(image: Tensor, target: Tensor) -> Tensor:
    r"""Pixel loss, section 3.2: :math:`\lVert \hat y - y \rVert_2^2 / (C H W)`, where there is a
    ground truth y. Both images (B, 3, H, W) in [0, 255]."""
    _check_same_shape("images", image, target)
    return _mean_square(image - target)


def total_variation(image: Tensor, weight: Tensor | None = None) -> Tensor:
    """Total variation regulariser, section 3.2: the sum of squared differences of neighbours.

    Summed over pixels and channels, not divided by their number: the paper's strengths of 1e-6 to
    1e-4 are meant for that. ``image`` is (B, 3, H, W) in [0, 255], ``weight`` as in
    :func:`style_loss`.
    """
    down = image[:, :, 1:, :] - image[:, :, :-1, :]
    right = image[:, :, :, 1:] - image[:, :, :, :-1]
    return _mean_of_images(down.square().sum((1, 2, 3)) + right.square().sum((1, 2, 3)), weight)


def _mean_of_images(losses: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of (B,) losses, each times its weight."""
    return losses.mean() if weight is None else (losses * weight).mean()


def _mean_square(difference: Tensor) -> Tensor:
    # mean() would return its gradient as contiguous; layers in channels_last would pay for that.
    return difference.square().sum() / difference.numel()


def _check_same_shape(what: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:  # broadcasting would silently compute something else
        raise ValueError(f"{what} have different shapes: {tuple(a.shape)} and {tuple(b.shape)}")


@dataclass(frozen=True)
class LossTerms:
    """The weighted terms of the objective (equation 5) and their sum, as scalar tensors."""

    content: Tensor
    style: Tensor
    pixel: Tensor
    tv: Tensor
    total: Tensor

    def floats(self) -> dict[str, float]:
        """Name -> value as a Python number, for logging and plotting."""
        return numbers(vars(self))


def numbers(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """Scalar tensors as Python numbers, all at once: a GPU that is asked has first to finish."""
    values = torch.stack([term.detach() for term in terms.values()])
    return dict(zip(terms, values.tolist(), strict=True))


class PerceptualLoss:
    r"""The joint objective, equation 5, with its targets: one object for every use in the book.

    .. math:: \lambda_c \, \ell_{feat}(\hat y, y_c) + \lambda_s \, \ell_{style}(\hat y, y_s)
              + \lambda_{TV} \, \ell_{TV}(\hat y)

    With only a content layer it inverts features, with only style layers it reconstructs a style,
    with both it transfers style, with a content layer or a pixel weight it trains super-resolution.

    Parameters
    ----------
    phi
        The loss network.
    content
        Layer -> weight of its feature reconstruction loss, for example ``{"relu3_3": 1.0}``.
    style
        Layer -> weight of its style reconstruction loss.
    pixel
        Weight of the pixel loss against the content target.
    tv
        Weight of the total variation.
    mean_gram
        Which style loss: see ``mean`` in :func:`style_loss`. All published weights are for True.
    relative_gram
        Divide by the mean square of the target's Gram matrix (ours, not the paper's): layers and
        paintings then count alike; in the paper the deepest, with the largest forms, hardly does.

    Examples
    --------
    >>> loss = PerceptualLoss(phi, content={"relu3_3": 1.0}, style=dict.fromkeys(STYLE_LAYERS, 5.0))
    >>> loss = loss.set_content(photograph).set_style(painting)
    >>> x = image.requires_grad_()
    >>> loss(x).total.backward()
    >>> x.grad.shape
    torch.Size([1, 3, 64, 64])
    """

    def __init__(
        self,
        phi: LossNetwork,
        *,
        content: Mapping[str, float] | None = None,
        style: Mapping[str, float] | None = None,
        pixel: float = 0.0,
        tv: float = 0.0,
        mean_gram: bool = True,
        relative_gram: bool = False,
    ) -> None:
        self.phi = phi
        self.content, self.style = dict(content or {}), dict(style or {})
        self.pixel, self.tv = pixel, tv
        self.mean_gram, self.relative_gram = mean_gram, relative_gram
        self._features: dict[str, Tensor] = {}
        self._grams: dict[str, Tensor] = {}
        self._style_weights: dict[str, Tensor] = {}
        self._tv_factors: Tensor | None = None
        self._target: Tensor | None = None

    @torch.no_grad()
    def set_content(self, image: Tensor) -> PerceptualLoss:
        """Take ``image`` (B, 3, H, W) as content target (and ground truth of the pixel loss)."""
        self._target = image
        self._features = self.phi(image, tuple(self.content)) if self.content else {}
        return self

    def set_style(self, image: Tensor) -> PerceptualLoss:
        """Take ``image`` as style target; its size need not be that of the output."""
        return self.set_styles([image])

    @torch.no_grad()
    def set_styles(
        self,
        images: Sequence[Tensor],
        style_factors: Sequence[float] | None = None,
        tv_factors: Sequence[float] | None = None,
    ) -> PerceptualLoss:
        """Take several style targets, of which each image of a batch has its own.

        Parameters
        ----------
        images
            N tensors of shape (1, 3, H, W) in [0, 255], of any sizes.
        style_factors, tv_factors
            N numbers that lambda_s and lambda_TV are multiplied by; all 1 by default.
        """
        phis = [self.phi(image, tuple(self.style)) for image in images if self.style]
        self._grams = {j: torch.cat([gram_matrix(phi[j]) for phi in phis]) for j in self.style}
        ones = [1.0] * len(images)
        factors = (style_factors or ones, tv_factors or ones)
        w, self._tv_factors = (torch.tensor(f, device=images[0].device) for f in factors)
        self._style_weights = {
            j: w / gram.square().mean((1, 2)) if self.relative_gram else w
            for j, gram in self._grams.items()
        }
        return self

    def __call__(self, image: Tensor, chosen: Tensor | None = None) -> LossTerms:
        """Compare ``image`` (B, 3, H, W) in [0, 255] with the targets.

        Parameters
        ----------
        image
            Of the network, or the pixels that are optimised.
        chosen
            (B,), the number of each image's style target; None if there is one for all.

        Raises
        ------
        ValueError
            If a target is missing, or the content target has another shape.
        """
        self._check_targets()
        layers = tuple(self.content | self.style)
        features = self.phi(image, layers) if layers else {}
        zero = image.new_zeros(())
        grams, weights, tv_factor = self._grams, self._style_weights, None
        if chosen is not None:
            grams, weights = ({j: x[chosen] for j, x in of.items()} for of in (grams, weights))
            tv_factor = self._tv_factors[chosen]

        def l_feat(j: str) -> Tensor:
            return feature_loss(features[j], self._features[j])

        def l_style(j: str) -> Tensor:
            gram = gram_matrix(features[j])
            return style_loss(gram, grams[j], mean=self.mean_gram, weight=weights[j])

        content = sum((w * l_feat(j) for j, w in self.content.items()), start=zero)
        style = sum((w * l_style(j) for j, w in self.style.items()), start=zero)
        pixel = self.pixel * pixel_loss(image, self._target) if self.pixel else zero
        tv = self.tv * total_variation(image, tv_factor) if self.tv else zero
        return LossTerms(content, style, pixel, tv, content + style + pixel + tv)

    def _check_targets(self) -> None:
        if self.content.keys() - self._features.keys() or (self.pixel and self._target is None):
            raise ValueError("the content target is missing: call set_content(image) first")
        if self.style.keys() - self._grams.keys():
            raise ValueError("the style target is missing: call set_style(image) first")


TERMS = tuple(field.name for field in dataclasses.fields(LossTerms))
