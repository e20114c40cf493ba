"""Train the super-resolution networks in data/checkpoints/.

    python experiments/train_super_resolution.py --photos FOLDER_OR_PACK [NAME ...]

The photographs of which the committed networks were made are not in the repository; any folder of
photographs will do. Without blur, as other methods' published tables are measured. A network with
the feature loss begins as the one with the pixel loss, which is trained first if need be. Without a
GPU on patches of 96 pixels, with one at the paper's scale. May be interrupted: the same command
goes on.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from shared import follow

from perceptual_edu.assets import data_folder
from perceptual_edu.scale import scale, scale_name
from perceptual_edu.training import SuperResolutionRecipe

PIXEL = SuperResolutionRecipe(
    loss="pixel",
    blur=0,
    size=scale(smoke=64, laptop=96, gpu=288),
    batch=scale(smoke=2, laptop=16, gpu=4),
    steps=scale(smoke=4, laptop=7_000, gpu=200_000),
    cooldown=0.8,
)
FEATURE = replace(
    PIXEL,
    loss="feature",
    batch=scale(smoke=2, laptop=8, gpu=4),
    steps=scale(smoke=4, laptop=8_000, gpu=200_000),
    learning_rate=5e-4,
)


def steps(laptop: int) -> dict[str, int]:
    return {"steps": laptop} if scale_name() == "laptop" else {}


RECIPES = {
    "x4_pixel": PIXEL,
    "x4_feature": FEATURE,
    "x8_pixel": replace(PIXEL, factor=8, **steps(6_000)),
    "x8_feature": replace(FEATURE, factor=8, **steps(4_000)),
    "x4_srcnn": replace(PIXEL, architecture="srcnn", **steps(3_000)),
    "x4_paper_pixel": replace(PIXEL, architecture="paper", **steps(6_000)),
    "x4_paper_feature": replace(FEATURE, architecture="paper", **steps(2_000)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(RECIPES)}")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=data_folder() / "checkpoints")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(RECIPES)
    if unknown:
        parser.error(f"no recipe for {', '.join(unknown)}; there are: {', '.join(RECIPES)}")
    arguments.out.mkdir(exist_ok=True)
    for name in arguments.names or RECIPES:
        train_one(name, arguments.photos, arguments.out)


def train_one(name: str, photos: Path, folder: Path) -> Path:
    """The network's file, trained now unless it is there."""
    recipe = RECIPES[name]
    if recipe.loss == "feature":
        before = train_one(name.replace("feature", "pixel"), photos, folder)
        recipe = replace(recipe, start_from=str(before))
    out = folder / f"{name}.safetensors"
    follow(recipe, photos, out)
    return out


if __name__ == "__main__":
    main()
