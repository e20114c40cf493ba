"""Where Gatys' optimisation begins: the authors' faint noise, uniform noise, or the photograph.

    python experiments/starts.py

Ten bundled photographs in the style of The Starry Night. Writes the objective and its terms after
equally many evaluations, and the total variation of the result as a multiple of the photograph's.
"""

from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import LossNetwork, gatys, load_image, photos, style
from perceptual_edu.losses import total_variation
from perceptual_edu.scale import scale

STARTS = ("noise", "uniform", "content")


def main() -> None:
    arguments = result_parser(__doc__, "starts").parse_args()
    side, steps = scale(smoke=32, laptop=160, gpu=256), scale(smoke=3, laptop=100, gpu=500)
    count = scale(smoke=1, laptop=10, gpu=10)
    phi, painting = LossNetwork.fast(), load_image(style("starry_night"), long_side=side)
    rows = []
    for path in tqdm(photos()[::6][:count], unit="photograph"):
        photograph = load_image(path, square=side)
        for start in STARTS:
            *_, last = gatys(photograph, painting, start=start, steps=steps, phi=phi)
            variation = total_variation(last.image.cpu()) / total_variation(photograph)
            row = {"photograph": path.stem, "start": start, "variation": float(variation)}
            rows.append(row | last.terms)
    settings = {"side": side, "evaluations": steps, "style": "starry_night"}
    save(arguments.out, "starts of Gatys' optimisation", settings, rows=rows)


if __name__ == "__main__":
    main()
