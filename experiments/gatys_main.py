"""Chapter 2's painting at the paper's length: 500 evaluations at 512 pixels, from faint noise.

    python experiments/gatys_main.py

Writes the result as a picture, and the terms of the objective and the total variation (a multiple
of the photograph's) after some numbers of evaluations.
"""

import time
from pathlib import Path

from shared import AVIF_QUALITY, result_parser, save

from perceptual_edu import LossNetwork, gatys, load_image, photo, save_image, style
from perceptual_edu.losses import total_variation
from perceptual_edu.scale import scale

MARKS = (1, 10, 50, 100, 200, 300, 400, 500)
NAMES = "neuschwanstein_castle", "starry_night"


def main() -> None:
    parser = result_parser(__doc__, "gatys_main")
    parser.add_argument("--picture", type=Path, default=Path("book/images/gatys.avif"))
    arguments = parser.parse_args()
    side, steps = scale(smoke=32, laptop=512, gpu=512), scale(smoke=12, laptop=500, gpu=500)
    photograph = load_image(photo(NAMES[0]), long_side=side)
    painting = load_image(style(NAMES[1]), long_side=side)
    phi, found = LossNetwork.fast(), {}
    begin = time.perf_counter()
    for step in gatys(photograph, painting, steps=steps, phi=phi):
        found |= {mark: step for mark in MARKS if step.evaluations <= mark <= steps}
    seconds = time.perf_counter() - begin
    variation = total_variation(photograph)
    rows = [
        {"evaluations": mark, "variation": float(total_variation(s.image.cpu()) / variation)}
        | s.terms
        for mark, s in found.items()
    ]
    save_image(step.image, arguments.picture, quality=AVIF_QUALITY)
    height, width = photograph.shape[-2:]
    settings = {"photograph": NAMES[0], "painting": NAMES[1], "width": width, "height": height}
    what = "Gatys' objective on the way to the picture of chapter 2"
    save(arguments.out, what, settings, seconds=round(seconds, 1), rows=rows)


if __name__ == "__main__":
    main()
