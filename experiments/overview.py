"""The book's front picture: one photograph in seven styles, by optimising its pixels.

    python experiments/overview.py

Writes book/images/overview.jpg and data/results/overview.json.
"""

import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from perceptual_edu import (
    LossNetwork,
    fast_dtype,
    gatys,
    load_image,
    photo,
    style,
    to_pil,
)
from perceptual_edu.evaluation import make_report, write_report
from perceptual_edu.files import written_atomically

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "book" / "images" / "overview.jpg"
RESULTS = ROOT / "data" / "results" / "overview.json"

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
SETTINGS = {
    "size": 256,
    "style_size": 320,
    "content_weight": 1.0,
    "style_weight": 5.0,
    "tv": 1e-6,
    "start": "content",
    "evaluations": 100,
}

MARGIN, STRIP = 12, 66  # pixels: around each cell, and for the caption below it
INK, GREY = "#1c2733", "#55626f"


def main() -> None:
    """Compute the pictures one after the other, then write both files."""
    phi = LossNetwork.fast()
    photograph = load_image(photo(PHOTOGRAPH[0]), long_side=SETTINGS["size"])
    cells, results = [cell(to_pil(photograph), *PHOTOGRAPH[1:])], {}
    for name, caption in STYLES.items():
        picture, results[name] = paint(photograph, name, phi)
        cells.append(cell(picture, *caption, thumbnail=Image.open(style(name))))
    for path in (PICTURE, RESULTS):
        path.parent.mkdir(parents=True, exist_ok=True)
    with written_atomically(PICTURE) as temporary:
        sheet(cells, columns=4).save(temporary, quality=88, optimize=True)
    write_report(report(results), RESULTS)


def paint(photograph, name: str, phi: LossNetwork) -> tuple[Image.Image, dict]:
    """The photograph in one style, and the objective before and after."""
    begin = time.perf_counter()
    iterations = gatys(
        photograph,
        load_image(style(name), long_side=SETTINGS["style_size"]),
        content_weight=SETTINGS["content_weight"],
        style_weight=SETTINGS["style_weight"],
        tv=SETTINGS["tv"],
        start=SETTINGS["start"],
        steps=SETTINGS["evaluations"],
        phi=phi,
    )
    first = last = next(iterations)  # it starts at the photograph, so this is its own objective
    with tqdm(total=SETTINGS["evaluations"], desc=name, unit="eval") as bar:
        for last in iterations:
            bar.update(last.evaluations - bar.n)
    return to_pil(last.image), {
        "photograph": first.terms,
        "result": last.terms,
        "evaluations": last.evaluations,
        "seconds": round(time.perf_counter() - begin, 1),
    }


def report(results: dict[str, dict]) -> dict:
    """What data/results/overview.json holds."""
    return make_report(
        "objective (equation 5) of the photograph itself and of the result, each style",
        {"photograph": PHOTOGRAPH[0], "phi": str(fast_dtype()), **SETTINGS},
        styles=results,
        seconds=round(sum(result["seconds"] for result in results.values()), 1),
    )


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
