"""What the scripts share: a command line that ends in a file, a training with its bar, a style of a
shipped network with its recipe."""

import argparse
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from perceptual_edu.assets import data_folder
from perceptual_edu.networks import StyleNet, TrainedStyle, load_style
from perceptual_edu.training import Recipe, StyleRecipe, train


def result_parser(doc: str, name: str) -> argparse.ArgumentParser:
    """A command line with ``--out``: by default data/results/NAME.json."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    out = data_folder() / "results" / f"{name}.json"
    parser.add_argument("--out", type=Path, default=out, help="JSON file to write")
    return parser


def follow(recipe: Recipe, photos: Path, out: Path, **how) -> None:
    """Train with a progress bar; ``how`` as for :func:`~perceptual_edu.training.train`."""
    steps = train(recipe, photos, out, **how)
    for _ in tqdm(steps, desc=out.stem, total=recipe.steps, unit="step", mininterval=5):
        pass


def load_trained(style: TrainedStyle, paintings: Path | None) -> tuple[StyleNet, StyleRecipe]:
    """A style's network, and how it was trained; the painting from a folder, if it is there."""
    recipe = StyleRecipe(**style.card["recipe"]).alone(style.number or 0)
    painting = paintings and paintings / Path(recipe.style).name
    if painting and painting.is_file():
        recipe = replace(recipe, style=str(painting))
    return load_style(style.name, style.file), recipe
