"""What is known of a network's file without loading it: its architecture and its card."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

from ..errors import MendableError


class NetworkError(MendableError):
    """A file is not a trained network of this library, or not one that fits here."""


def read_card(path: str | Path) -> dict:
    """The card of a network's file: how it was trained.

    Errors as :func:`~perceptual_edu.networks.serialization.load_network`.
    """
    return read_header(path)["card"]


def all_steps(card: dict | None) -> int:
    """Steps of all stages of a training: a card keeps the card of the network that it began as."""
    return card.get("steps", 0) + all_steps(card.get("before")) if card else 0


def read_header(path: str | Path) -> dict[str, dict]:
    """``{"architecture": ..., "card": ...}``, as ``save_network`` wrote them."""
    texts = read_texts(path)
    return {part: json.loads(texts[part]) for part in ("architecture", "card")}


def read_texts(path: str | Path) -> dict[str, str]:
    """The header as it stands in the file: architecture and card, both JSON, and a digest."""
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such file")
    try:
        with safe_open(path, framework="np") as file:  # needs no PyTorch
            header = file.metadata() or {}
        if not all(isinstance(json.loads(header[part]), dict) for part in ("architecture", "card")):
            raise TypeError("its header is not one")
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise NetworkError(f"{path}: not a trained network of this library ({error})") from None
    return header
