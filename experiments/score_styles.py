"""How good the style networks in data/checkpoints/ are: their objective against the photograph's.

    python experiments/score_styles.py PHOTOGRAPH [--paintings FOLDER] [--out OUT.json]

The photograph (longer side 512) goes through each network; the result, rounded to 8 bits, is scored
in float32 under the released code's objective (content relu3_3, 5 x mean-squared Gram matrices,
the style picture's longer side 384, TV 1e-6), whatever weights the network was trained with. The
measure is the score as a part of the photograph's own. Beside the network alone stands the
library's stylize, which keeps the border of the picture clean at a small price. A network whose
style picture is not at hand is left out.
"""

from pathlib import Path

import torch
from shared import result_parser

from perceptual_edu import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    AssetError,
    LossNetwork,
    PerceptualLoss,
    device,
    load_image,
    load_network,
    read_card,
    style,
    stylize,
)
from perceptual_edu.assets import data_folder
from perceptual_edu.evaluation import make_report, write_report

SIZE, STYLE_SIZE = 512, 384


def main() -> None:
    parser = result_parser(__doc__, "styles")
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings")
    arguments = parser.parse_args()
    loss = PerceptualLoss(
        LossNetwork().to(device()),
        content={CONTENT_LAYER: 1.0},
        style=dict.fromkeys(STYLE_LAYERS, 5.0),
        tv=1e-6,
    )
    photograph = load_image(arguments.photograph, long_side=SIZE).to(device())
    loss.set_content(photograph)
    scores = {}
    for path in sorted((data_folder() / "checkpoints").glob("*.safetensors")):
        card = read_card(path)
        if "style" not in card["recipe"]:
            continue  # a super-resolution network
        painting = style_picture(card["recipe"]["style"], arguments.paintings)
        if painting is None:
            print(f"{path.stem}: its style picture is not at hand")
            continue
        loss.set_style(load_image(painting, long_side=STYLE_SIZE).to(device()))
        network = load_network(path).to(device())
        with torch.no_grad():
            own = loss(photograph).floats()
            ours = loss(network(photograph).round()).floats()
            with_margin = loss(stylize(network, photograph).round()).floats()
        part = ours["total"] / own["total"]
        scores[path.stem] = {
            "part": part,
            "photograph": own,
            "network": ours,
            "stylize": with_margin,
            "card": {name: card[name] for name in ("steps", "hardware", "when")},
        }
        print(f"{path.stem}: {100 * part:.2f} % of the photograph's own {own['total']:,.0f}")
    settings = {
        "photograph": arguments.photograph.name,
        "long_side": SIZE,
        "style_size": STYLE_SIZE,
        "content": 1.0,
        "style": 5.0,
        "tv": 1e-6,
    }
    what = "objective after one pass, as a part of the photograph's own"
    write_report(make_report(what, settings, styles=scores), arguments.out)


def style_picture(name: str, paintings: Path | None) -> Path | None:
    """The style picture that a card names: bundled, or in the folder of paintings."""
    if paintings and (paintings / name).is_file():
        return paintings / name
    try:
        return style(Path(name).stem)
    except AssetError:
        return None


if __name__ == "__main__":
    main()
