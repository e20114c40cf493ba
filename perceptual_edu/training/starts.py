"""What a training starts from, if not from random weights: the network of a file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..errors import MendableError
from ..networks.blocks import InstanceNorm
from ..networks.serialization import load_network
from ..networks.style import StyleNet


class TrainingError(MendableError):
    """Training cannot begin or go on; the message says why and what to do."""


def load_start(path: str, *kinds: type[nn.Module]) -> nn.Module:
    """The network of a file, if it is of one of these kinds.

    Raises
    ------
    TrainingError
        If it is of another kind.
    NetworkError
        If the file is missing, unreadable, or not a network of this library.
    """
    network = load_network(path)
    if not isinstance(network, kinds):
        found, wanted = type(network).__name__, " or ".join(kind.__name__ for kind in kinds)
        raise TrainingError(f"{path}: there is a {found} in it; wanted to start from is a {wanted}")
    return network


def style_architecture(path: str, widen: bool = False) -> dict[str, object]:
    """Width, norm, upsampling and padding of a file's style network; if to widen, twice the width.

    Errors as :func:`load_start`.
    """
    config = load_start(path, StyleNet).config
    found = {field: config[field] for field in ("width", "norm", "upsampling", "padding")}
    return found | {"width": config["width"] * (2 if widen else 1)}


def with_styles(path: str, styles: Sequence[str]) -> StyleNet:
    """The network of a file, whose styles go on as ``styles``, in the same order.

    The style of a network that has only one may become any number of styles.

    Raises
    ------
    TrainingError
        If it has more or fewer styles, or these in another order; or as :func:`load_start`.
    """
    network = load_start(path, StyleNet)
    if len(network.styles) == 1:
        return _copied(network, styles)
    if len(network.styles) != len(styles):
        raise TrainingError(
            f"{path}: number of styles is {len(network.styles)}; wanted is {len(styles)}, as many "
            "as there are style pictures"
        )
    for found, wanted in zip(network.styles, styles, strict=True):
        if found != wanted and wanted in network.styles:
            raise TrainingError(
                f"{path}: its styles are {', '.join(network.styles)}; give the pictures in this "
                f"order, {wanted} is elsewhere"
            )
    renamed = StyleNet(**network.config | {"styles": list(styles)})
    renamed.load_state_dict(network.state_dict())
    return renamed


def with_new_styles(path: str, styles: Sequence[str]) -> StyleNet:
    """The convolutions of a file's network, frozen, with scales and shifts for new styles.

    These begin as the mean of all styles that the network has, and are to be trained.

    Raises
    ------
    TrainingError
        If it has no instance normalisation; or as :func:`load_start`.
    """
    base = load_start(path, StyleNet)
    if base.config["norm"] != "instance":
        raise TrainingError(f"{path}: norm is {base.config['norm']!r}; a base has 'instance'")
    network = _copied(base.only(dict.fromkeys(base.styles, 1.0)), styles)
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, InstanceNorm):
            module.requires_grad_(True)
    return network


def _copied(single: StyleNet, styles: Sequence[str]) -> StyleNet:
    """A network of one style as one of these styles, all of them alike."""
    network = StyleNet(**single.config | {"styles": list(styles)})
    wanted = network.state_dict()
    network.load_state_dict({k: v.expand_as(wanted[k]) for k, v in single.state_dict().items()})
    return network


@torch.no_grad()
def widened(narrow: StyleNet, seed: int = 0) -> StyleNet:
    """A network of twice the width that paints the same pictures, to be trained on.

    Each channel becomes two alike, and each filter that reads it reads half of either (Chen et al.,
    Net2Net, ICLR 2016). The halves differ by noise as large as the weights, which cancels: without
    it both channels would have the same gradient for ever.

    Parameters
    ----------
    narrow
        A network of width W.
    seed
        Of the noise.

    Returns
    -------
    StyleNet
        One of width 2 W, with the same styles. Channel c of the narrow one's C is now c and c + C.
    """
    wide = StyleNet(**narrow.config | {"width": 2 * narrow.config["width"]})
    reads = {f"{name}.weight": 1 for name, m in narrow.named_modules() if type(m) is nn.Conv2d}
    reads |= {f"{n}.weight": 0 for n, m in narrow.named_modules() if type(m) is nn.ConvTranspose2d}
    noise, state = torch.Generator().manual_seed(seed), {}
    for name, wanted in wide.state_dict().items():
        state[name] = narrow.state_dict()[name].cpu()
        for axis, (old, new) in enumerate(zip(state[name].shape, wanted.shape, strict=True)):
            if old == new:
                continue
            halves = [state[name], state[name]]
            if axis == reads.get(name):  # the axis of the channels that a filter reads
                change = state[name].std() / 2 * torch.randn(state[name].shape, generator=noise)
                halves = [state[name] / 2 + change, state[name] / 2 - change]
            state[name] = torch.cat(halves, axis)
    wide.load_state_dict(state)
    return wide
