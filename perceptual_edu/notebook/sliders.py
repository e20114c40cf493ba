"""Sliders over pictures that were computed beforehand; they need no kernel.

The built book has no kernel behind it, so whatever a reader of the page can move was computed when
the notebook ran.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Mapping, Sequence

from IPython.display import HTML
from PIL import Image
from torch import Tensor

from .encoding import as_picture, stored_uri

# The only home of the sliders' look and behaviour. It travels inside each output, because an
# output must work alike in the built book, in JupyterLab and in an exported page. Sanitised
# (a notebook that is not trusted, a printer), one picture and its caption remain.
_STYLE = """
.frames { margin: 1rem 0; max-width: 100%; }
.frames img { display: block; max-width: 100%; height: auto; }
.frames label { display: flex; flex-wrap: wrap; align-items: center; gap: 0.2rem 0.8rem;
  margin: 0.5rem 0; max-width: 32rem; }
.frames label > :first-child { flex: 0 0 9rem; }
.frames input { flex: 1 1 9rem; min-width: 6rem; min-height: 1.6rem; accent-color: #1f5a8a; }
.frames label > :last-child { flex: 0 0 6rem; font-variant-numeric: tabular-nums; }
.frames figcaption { margin-top: 0.5rem; }
"""
_SCRIPT = """
for (const figure of document.querySelectorAll("figure.frames:not([data-ready])")) {
  const source = figure.querySelector("script[type='application/json']");
  if (!source) continue;
  figure.dataset.ready = "true";
  const { alt, labels, pictures } = JSON.parse(source.textContent);
  const image = figure.querySelector("img");
  const first = image.src;
  const sliders = [...figure.querySelectorAll("input")];
  const show = () => {
    let place = 0;  // the last dimension runs fastest
    const words = sliders.map((slider, d) => {
      const [name, values] = labels[d];
      place = place * values.length + Number(slider.value);
      slider.setAttribute("aria-valuetext", values[slider.value]);
      slider.nextElementSibling.textContent = values[slider.value];
      return `${name} ${values[slider.value]}`;
    });
    image.src = pictures[place] ?? first;
    image.alt = `${alt}: ${words.join(", ")}`;
  };
  sliders.forEach((slider) => slider.addEventListener("input", show));
  show();  // a reloaded page may have kept the sliders' positions
}
"""


def picture_sliders(
    pictures: Mapping[tuple[int, ...], Tensor | Image.Image],
    labels: Sequence[tuple[str, Sequence[str]]],
    caption: str,
    alt: str,
    start: tuple[int, ...] | None = None,
) -> HTML:
    """One picture, and a slider for each quantity that it depends on.

    Parameters
    ----------
    pictures
        Place on each slider, counted from 0, -> picture: a tensor (1, 3, H, W) in [0, 255] or a
        PIL image. Every combination must be there. All are stored in the output as AVIF, so keep
        them small: 27 of 256 pixels are about 0.25 MB.
    labels
        For each slider, its name and the text of each of its places.
    caption
        Plain text below the picture.
    alt
        What the picture shows, for those who do not see it. The sliders' values are added.
    start
        The places shown first; by default the first ones.

    Returns
    -------
    IPython.display.HTML
        Self-contained: no kernel, no network.

    Raises
    ------
    ValueError
        If a picture is missing or there is no such start, with the place that was wanted.

    Examples
    --------
    >>> frames = {(i,): Image.new("RGB", (64, 64), (80 * i, 0, 0)) for i in range(3)}
    >>> view = picture_sliders(frames, [("red", ["0", "80", "160"])], "A red square.", "a square")
    """
    places = list(itertools.product(*(range(len(values)) for _, values in labels)))
    missing = [place for place in places if place not in pictures]
    if missing:
        raise ValueError(f"no picture for {missing[0]}; {len(missing)} of {len(places)} missing")
    start = places[0] if start is None else start
    if start not in places:
        raise ValueError(f"start is {start}; the last place there is is {places[-1]}")

    width, height = as_picture(pictures[start]).size
    uris = {place: stored_uri(pictures[place]) for place in places}
    first = uris[start]
    uris[start] = None  # it is in the image already
    words = ", ".join(
        f"{name} {values[i]}" for (name, values), i in zip(labels, start, strict=True)
    )
    controls = "\n".join(
        f"<label><span>{html.escape(name)}</span>"
        f'<input type="range" min="0" max="{len(values) - 1}" step="1" value="{i}" '
        f'aria-valuetext="{html.escape(values[i])}">'
        # Screen readers get the value from aria-valuetext.
        f'<span aria-hidden="true">{html.escape(values[i])}</span></label>'
        for (name, values), i in zip(labels, start, strict=True)
    )
    names = [[name, list(values)] for name, values in labels]
    data = json.dumps({"alt": alt, "labels": names, "pictures": list(uris.values())})
    data = data.replace("<", "\\u003c")  # "</script>" may stand in its strings; it means the same
    return HTML(
        f'<figure class="frames">\n<style>{_STYLE}</style>\n'
        f'<img src="{first}" width="{width}" height="{height}" '
        f'alt="{html.escape(f"{alt}: {words}")}">\n'
        f"{controls}\n<figcaption>{html.escape(caption)}</figcaption>\n"
        f'<script type="application/json">{data}</script>\n'
        f"<script>{{{_SCRIPT}}}</script>\n</figure>"
    )


# ---------------------------------------------------------------- two pictures, one slider

_WIPE_STYLE = """
.wipe .pair { position: relative; width: fit-content; max-width: 100%; --cut: 50%; }
.wipe .pair img + img { position: absolute; inset: 0; height: 100%; width: 100%;
  clip-path: inset(0 calc(100% - var(--cut)) 0 0); }
.wipe .pair::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--cut);
  width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000; }
.wipe label { justify-content: space-between; max-width: 100%; }
.wipe label > span { flex: 0 0 auto !important; }
.wipe input { order: -1; flex: 1 0 100%; margin: 0; }
"""
_WIPE_SCRIPT = """
for (const figure of document.querySelectorAll("figure.wipe:not([data-ready])")) {
  figure.dataset.ready = "true";
  const pair = figure.querySelector(".pair");
  const [right, left] = pair.querySelectorAll("img");
  const slider = figure.querySelector("input");
  const { alt, rightLabel, leftLabel } = figure.dataset;
  const show = () => {
    pair.style.setProperty("--cut", `${slider.value}%`);
    left.alt = `${alt}: ${leftLabel}, from the left edge to ${slider.value} %`;
    right.alt = `${alt}: ${rightLabel}, from ${slider.value} % to the right edge`;
    slider.setAttribute(
      "aria-valuetext", `${leftLabel} to ${slider.value} %, then ${rightLabel}`);
  };
  slider.addEventListener("input", show);
  show();  // a reloaded page may have kept the slider's position
}
"""


def wipe_slider(
    left: Tensor | Image.Image,
    right: Tensor | Image.Image,
    labels: tuple[str, str],
    caption: str,
    alt: str,
) -> HTML:
    """Two pictures in the same place, and a slider that moves the border between them.

    Parameters
    ----------
    left, right
        What is seen to the left and to the right of the border: tensors (1, 3, H, W) in
        [0, 255] or PIL images, of one size. Both are stored in the output as AVIF.
    labels
        What they are; shown at the two ends of the slider.
    caption
        Plain text below the pictures.
    alt
        What both show, for those who do not see it. Labels and border are added.

    Returns
    -------
    IPython.display.HTML
        Self-contained: no kernel, no network. Sanitised, both pictures and the caption remain.

    Raises
    ------
    ValueError
        If the pictures differ in size.

    Examples
    --------
    >>> red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    >>> view = wipe_slider(red, blue, ("red", "blue"), "Two squares.", "a square")
    """
    pictures = [as_picture(image) for image in (left, right)]
    if pictures[0].size != pictures[1].size:
        sizes = " and ".join(f"{p.width} x {p.height}" for p in pictures)
        raise ValueError(f"wipe_slider takes pictures of one size, not {sizes}")
    width, height = pictures[0].size
    words = [html.escape(label) for label in labels]
    about = html.escape(alt)
    images = [
        f'<img src="{stored_uri(picture)}" width="{width}" height="{height}" alt="{about}: {word}">'
        for picture, word in zip(pictures, words, strict=True)
    ]
    return HTML(
        f'<figure class="frames wipe" data-alt="{about}" '
        f'data-left-label="{words[0]}" data-right-label="{words[1]}">\n'
        f"<style>{_STYLE}{_WIPE_STYLE}</style>\n"
        # The left picture lies on the right one and is clipped.
        f'<div class="pair">{images[1]}{images[0]}</div>\n'
        f'<label style="width: {width}px"><span>&#9664; {words[0]}</span>'
        '<input type="range" min="0" max="100" step="1" value="50" '
        f'aria-valuetext="{words[0]} to 50 %, then {words[1]}">'
        f"<span>{words[1]} &#9654;</span></label>\n"
        f"<figcaption>{html.escape(caption)}</figcaption>\n"
        f"<script>{{{_WIPE_SCRIPT}}}</script>\n</figure>"
    )
