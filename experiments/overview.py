"""The book's front picture: one photograph in seven styles, by optimising its pixels.

    python experiments/overview.py

Writes book/images/overview.jpg and data/results/overview.json.
"""

import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from shared import result_parser, save
from tqdm import tqdm

from perceptual_edu import LossNetwork, fast_dtype, gatys, load_image, photo, style, to_pil
from perceptual_edu.files import written_atomically

PICTURE = Path(__file__).resolve().parents[1] / "book" / "images" / "overview.jpg"

PHOTOGRAPH = ("neuschwanstein_castle", "The photograph", "Neuschwanstein Castle")
STYLES = {
    "starry_night": ("The Starry Night", "Van Gogh, 1889"),
    "flow_brush": ("Flow brush", "eddies of a flow"),
    "pointillism": ("Pointillism", "a bay at sunset"),
    "stained_glass": ("Stained glass", "a sun in leaded glass"),
    "mosaic": ("Mosaic", "two koi in stone"),
    "woodblock_waves": ("Woodblock waves", "waves cut in wood"),
    "linocut": ("Linocut", "flowers in four inks"),
}
SIZE, STYLE_SIZE = 256, 320
HOW = {"content_weight": 1.0, "style_weight": 5.0, "tv": 1e-6, "start": "content", "steps": 100}

MARGIN, STRIP = 12, 66  # pixels: around each cell, and for the caption below it
INK, GREY = "#1c2733", "#55626f"


def main() -> None:
    """Compute the pictures one after the other, then write both files."""
    arguments = result_parser(__doc__, "overview").parse_args()
    phi = LossNetwork.fast()
    photograph = load_image(photo(PHOTOGRAPH[0]), long_side=SIZE)
    cells, results = [cell(to_pil(photograph), *PHOTOGRAPH[1:])], {}
    for name, caption in STYLES.items():
        picture, results[name] = paint(photograph, name, phi)
        cells.append(cell(picture, *caption, thumbnail=Image.open(style(name))))
    with written_atomically(PICTURE) as temporary:
        sheet(cells, columns=4).save(temporary, quality=76, optimize=True, progressive=True)
    settings = {"photograph": PHOTOGRAPH[0], "phi": str(fast_dtype()), "size": SIZE}
    settings |= {"style_size": STYLE_SIZE, **HOW}
    what = "objective (equation 5) of the photograph itself and of the result, each style"
    seconds = round(sum(result["seconds"] for result in results.values()), 1)
    save(arguments.out, what, settings, styles=results, seconds=seconds)


def paint(photograph, name: str, phi: LossNetwork) -> tuple[Image.Image, dict]:
    """The photograph in one style, and the objective before and after."""
    begin = time.perf_counter()
    painting = load_image(style(name), long_side=STYLE_SIZE)
    iterations = gatys(photograph, painting, **HOW, phi=phi)
    first = last = next(iterations)  # it starts at the photograph, so this is its own objective
    with tqdm(total=HOW["steps"], desc=name, unit="eval") as bar:
        for last in iterations:
            bar.update(last.evaluations - bar.n)
    return to_pil(last.image), {
        "photograph": first.terms,
        "result": last.terms,
        "evaluations": last.evaluations,
        "seconds": round(time.perf_counter() - begin, 1),
    }


def cell(
    picture: Image.Image, title: str, subtitle: str, thumbnail: Image.Image | None = None
) -> Image.Image:
    """A picture with its caption, and with the style beside the caption."""
    image = Image.new("RGB", (picture.width, picture.height + STRIP), "white")
    image.paste(picture)
    draw, left, top = ImageDraw.Draw(image), 0, picture.height + 8
    if thumbnail is not None:
        thumbnail.thumbnail((76, STRIP - 10), Image.Resampling.LANCZOS)
        image.paste(thumbnail, (0, top))
        left = thumbnail.width + 10
    draw.text((left, top + 2), title, INK, ImageFont.load_default(22))
    draw.text((left, top + 30), subtitle, GREY, ImageFont.load_default(18))
    return image


def sheet(cells: list[Image.Image], columns: int) -> Image.Image:
    """All cells in rows on a white ground."""
    width, height = cells[0].size
    rows = -(-len(cells) // columns)
    size = (columns * (width + MARGIN) + MARGIN, rows * (height + MARGIN) + MARGIN)
    image = Image.new("RGB", size, "white")
    for place, one in enumerate(cells):
        row, column = divmod(place, columns)
        image.paste(one, (MARGIN + column * (width + MARGIN), MARGIN + row * (height + MARGIN)))
    return image


if __name__ == "__main__":
    main()
