"""What the scripts share: a command line that ends in a file, and a training with its bar."""

import argparse
from pathlib import Path

from tqdm import tqdm

from perceptual_edu.assets import data_folder
from perceptual_edu.training import Recipe, train


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
