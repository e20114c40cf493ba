"""Networks as files: safetensors, with a card that says how they were trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..files import written_atomically
from .blocks import check_choice
from .cards import NetworkError, read_texts
from .style import StyleNet
from .super_resolution import SRCNN, SuperResolutionNet

_NETWORKS = {kind.__name__: kind for kind in (StyleNet, SuperResolutionNet, SRCNN)}


STEP = ".step"
"""What a weight's name ends in where its size of step is kept, see :func:`in_bytes`."""


def save_network(
    network: nn.Module, path: str | Path, card: Mapping | None = None, *, bits: int = 16
) -> None:
    """Write a network as safetensors, with its card as a JSON header.

    Parameters
    ----------
    network
        A :class:`~perceptual_edu.networks.style.StyleNet`,
        :class:`~perceptual_edu.networks.super_resolution.SuperResolutionNet` or
        :class:`~perceptual_edu.networks.super_resolution.SRCNN`.
    path
        The file; written beside it first and renamed, so that it is never half there.
    card
        What is to be known about the network (recipe, photographs, steps, hardware, losses ...):
        anything that JSON holds.
    bits
        16 writes half precision; 8 writes the filters in half of that room (:func:`in_bytes`), as
        most networks that ship are.

    Raises
    ------
    ValueError
        For another number of bits.
    """
    check_choice("bits", bits, (8, 16))
    state = network.state_dict()
    if bits == 8:
        state = in_bytes(state)
    state = {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in state.items()
    }
    architecture = {"class": type(network).__name__, **network.config}
    header = {"architecture": json.dumps(architecture), "card": json.dumps(dict(card or {}))}
    header["sha256"] = _digest(state, *header.values())
    with written_atomically(Path(path)) as temporary:
        save_file(state, temporary, header)


def in_bytes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of convolutions as whole numbers from -127 to 127, and the size of a step.

    Each filter (of a transposed convolution, each input channel) has a step of its own, so that its
    largest weight is 127 steps. All else is as it was. :func:`from_bytes` is the way back.

    Parameters
    ----------
    state
        Tensors by name; those of four dimensions, (N, C, K, K), are filters.

    Returns
    -------
    dict
        Filters as int8, and beside each its steps as ``NAME.step``, float16 of (N, 1, 1, 1).
    """
    found = dict(state)
    for name, weight in state.items():
        if weight.ndim == 4:
            step = (weight.abs().amax((1, 2, 3), keepdim=True) / 127).half().clamp_min(2**-24)
            found[name] = (weight / step.float()).round().clamp(-127, 127).to(torch.int8)
            found[name + STEP] = step
    return found


def from_bytes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All weights in float32; those that :func:`in_bytes` made whole numbers times their steps."""
    steps = {n.removesuffix(STEP): t.float() for n, t in state.items() if n.endswith(STEP)}
    weights = {n: t.float() for n, t in state.items() if not n.endswith(STEP)}
    return {n: weight * steps.get(n, 1) for n, weight in weights.items()}


def _digest(state: Mapping[str, Tensor], architecture: str, card: str) -> str:
    """Of weights, architecture and card: safetensors itself would not notice a wrong byte."""
    digest = hashlib.sha256(architecture.encode() + card.encode())
    for name in sorted(state):
        digest.update(name.encode() + state[name].numpy().tobytes())
    return digest.hexdigest()


def load_network(path: str | Path) -> nn.Module:
    """Read a network that :func:`save_network` wrote, in float32 and ready to be applied.

    Raises
    ------
    NetworkError
        If the file is missing, damaged, or not a network of this library.
    """
    header = read_texts(path)
    architecture = json.loads(header["architecture"])
    kind = _NETWORKS.get(architecture.pop("class", None))
    if kind is None:
        raise NetworkError(
            f"{path}: not a network of this library; there are: {', '.join(_NETWORKS)}"
        )
    state = load_file(path)
    found = _digest(state, header["architecture"], header["card"])
    if header.get("sha256", found) != found:  # older files have none
        raise NetworkError(f"{path}: is damaged (its weights are not those that were saved)")
    try:
        network = kind(**architecture)
        network.load_state_dict(from_bytes(state))
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise NetworkError(f"{path}: its weights do not fit its architecture ({reason})") from None
    return network.eval().to(memory_format=torch.channels_last)
