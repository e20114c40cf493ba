"""How good the style networks in data/checkpoints/ are: their objective against the photograph's.

    python experiments/score_styles.py PHOTOGRAPH [--paintings FOLDER] [--out OUT.json]

The photograph (longer side 512) goes through each network in each of its styles; the result,
rounded to 8 bits, is scored in float32 under the objective that the network was trained with. The
measure is the score as a part of the photograph's own. Beside the network alone stands the
library's stylize, which keeps the border of the picture clean at a small price. A style whose
picture is not at hand is left out.
"""

from pathlib import Path

import torch
from shared import full_name, load_trained, result_parser, save

from perceptual_edu import AssetError, ImageError, LossNetwork, device, load_image, stylize
from perceptual_edu.networks import trained_styles
from perceptual_edu.scale import scale

SIZE = scale(smoke=64, laptop=512, gpu=512)


@torch.no_grad()
def main() -> None:
    parser = result_parser(__doc__, "styles")
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--paintings", type=Path, help="folder with the paintings")
    arguments = parser.parse_args()
    phi = LossNetwork().to(device())
    photograph = load_image(arguments.photograph, long_side=SIZE).to(device())
    scores = {}
    for trained in trained_styles():
        network, recipe = load_trained(trained, arguments.paintings)
        try:
            loss = recipe.loss(phi).set_content(photograph)
        except (AssetError, ImageError):
            print(f"{trained.name}: its style picture is not at hand")
            continue
        network = network.to(device())
        pictures = {
            "photograph": photograph,
            "network": network(photograph).round(),
            "stylize": stylize(network, photograph).round(),
        }
        terms = {name: loss(picture).floats() for name, picture in pictures.items()}
        part = terms["network"]["total"] / terms["photograph"]["total"]
        card = {name: trained.card[name] for name in ("steps", "hardware", "when")}
        scores[full_name(trained)] = {"part": part, **terms, "card": card}
        print(f"{full_name(trained)}: {100 * part:.2f} % of the photograph's own objective")
    settings = {
        "photograph": arguments.photograph.name,
        "long_side": SIZE,
        "objective": "each network's own",
    }
    what = "objective after one pass, as a part of the photograph's own"
    save(arguments.out, what, settings, compact=True, styles=scores)


if __name__ == "__main__":
    main()
