"""Train the style networks in data/checkpoints/.

    python experiments/train_styles.py --photos FOLDER_OR_PACK --paintings FOLDER [NAME ...]

The photographs of which the committed networks were made are not in the repository, and neither
are the paintings but one: any folder of photographs will do, and each painting's file is
FOLDER/NAME.jpg (all are in the public domain). Half-width networks, instance norm. Without a GPU
each is trained on crops of 128 pixels; those with LONGER recipes then go on with 256. With a GPU
all are trained at the paper's scale. May be interrupted: the same command goes on from there.

Weights: paintings differ by a factor of twenty in the size of their Gram matrices, so lambda_s is
chosen such that the style loss of a photograph begins near that of The Starry Night at 5; then by
looking.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from shared import follow

from perceptual_edu.assets import data_folder
from perceptual_edu.scale import scale
from perceptual_edu.training import StyleRecipe

BASE = StyleRecipe.quick(
    "", optimizer="adam", steps=scale(smoke=4, laptop=2_000, gpu=40_000), tv=1e-5
)
BUNDLED = {
    "starry_night": replace(BASE, style="starry_night", tv=1e-6),
    "mosaic": replace(BASE, style="mosaic", style_weight=0.5),
    "stained_glass": replace(BASE, style="stained_glass", style_weight=1.0),
    "pointillism": replace(BASE, style="pointillism", style_weight=2.5),
}
PAINTINGS = {
    "great_wave": replace(BASE, style_weight=10.0),
    "the_scream": replace(BASE, style_weight=12.0),
    "composition_vii": replace(BASE, style_weight=5.0),
    "wheat_field_with_cypresses": replace(BASE, style_weight=10.0),
}
# Networks trained longer, and with Muon: changes of the recipe, one stage after another.
LONGER = {
    name: scale(
        smoke=[{"optimizer": "muon"}],
        laptop=[
            {"optimizer": "muon", "steps": 800, "cooldown": 0.2},
            {"size": 256, "batch": 2, "steps": 2_300, "cooldown": 0.8, "seed": 1},
        ],
        gpu=[{"optimizer": "muon"}],
    )
    for name in ("starry_night", "the_scream")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="default: all whose style picture is there")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings, NAME.jpg")
    parser.add_argument("--out", type=Path, default=data_folder() / "checkpoints")
    arguments = parser.parse_args()
    recipes = dict(BUNDLED)
    if arguments.paintings:
        for name, recipe in PAINTINGS.items():
            recipes[name] = replace(recipe, style=str(arguments.paintings / f"{name}.jpg"))
    unknown = set(arguments.names) - set(recipes)
    if unknown:
        parser.error(f"no recipe for {', '.join(unknown)}; there are: {', '.join(recipes)}")
    arguments.out.mkdir(exist_ok=True)
    for name in arguments.names or recipes:
        train_in_stages(name, recipes[name], arguments.photos, arguments.out)


def train_in_stages(name: str, recipe: StyleRecipe, photos: Path, folder: Path) -> None:
    """Each stage starts from the network of the one before; the last one is NAME.safetensors."""
    stages = LONGER.get(name, [{}])
    for stage, changes in enumerate(stages, start=1):
        last = stage == len(stages)
        recipe = replace(recipe, **changes)
        out = folder / (f"{name}.safetensors" if last else f"{name}_stage{stage}.safetensors")
        if stage > 1:
            before = folder / f"{name}_stage{stage - 1}.safetensors"
            recipe = replace(recipe, start_from=str(before))
        follow(recipe, photos, out)


if __name__ == "__main__":
    main()
