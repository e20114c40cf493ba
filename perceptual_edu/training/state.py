"""What is kept of a training: where it is written, and how its recipe is remembered."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from .recipes import Recipe, TrainingError


def check_out(out: Path) -> None:
    """Raise :class:`~perceptual_edu.training.recipes.TrainingError` if a network cannot be written
    as ``out``."""
    if out.suffix != ".safetensors":
        raise TrainingError(f"{out}: a network's file ends in .safetensors")
    if not out.parent.is_dir():
        raise TrainingError(f"{out}: there is no folder {out.parent}")


def as_json(recipe: Recipe) -> dict:
    """The recipe as JSON holds it; of a file only the name, for folders differ from one machine
    to the next."""
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    for name in {"style", "start_from", "base"} & fields.keys():
        path = fields[name]
        several = isinstance(path, list)
        fields[name] = [Path(p).name for p in path] if several else path and Path(path).name
    return fields
