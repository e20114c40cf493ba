"""Train the super-resolution networks in data/checkpoints/.

    python experiments/train_super_resolution.py --photos FOLDER_OR_PACK [NAME ...]

The photographs of which the committed networks were made are not in the repository; any folder of
photographs will do. l_pixel and l_feat are trained alike but for the loss and the number of steps,
and without blur, as the published tables of other methods are measured. Without a GPU on patches
of 96 pixels (x8: 128), with one at the paper's scale. May be interrupted: the same command goes on.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from perceptual_edu.assets import data_folder
from perceptual_edu.scale import scale
from perceptual_edu.training import SuperResolutionRecipe, train

PIXEL = SuperResolutionRecipe(
    loss="pixel",
    blur=0,
    size=scale(smoke=32, laptop=96, gpu=288),
    batch=scale(smoke=2, laptop=16, gpu=4),
    steps=scale(smoke=4, laptop=10_000, gpu=200_000),
    cooldown=0.8,
)
FEATURE = replace(
    PIXEL,
    loss="feature",
    batch=scale(smoke=2, laptop=8, gpu=4),
    steps=scale(smoke=4, laptop=5_000, gpu=200_000),
)
X8 = {"factor": 8, "size": scale(smoke=64, laptop=128, gpu=288)}
RECIPES = {
    "x4_pixel": PIXEL,
    "x4_feature": FEATURE,
    "x8_pixel": replace(PIXEL, **X8),
    "x8_feature": replace(FEATURE, **X8),
    "x4_srcnn": replace(PIXEL, architecture="srcnn"),
    "x4_paper_pixel": replace(PIXEL, architecture="paper"),
    "x4_paper_feature": replace(FEATURE, architecture="paper"),
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
        run = train(RECIPES[name], arguments.photos, arguments.out / f"{name}.safetensors")
        for _ in tqdm(run, desc=name, total=RECIPES[name].steps, unit="step"):
            pass


if __name__ == "__main__":
    main()
