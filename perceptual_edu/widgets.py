"""Sliders: over pictures computed beforehand, which need no kernel, and over live computations.

The built book has no kernel behind it, so whatever a reader of the page can move was computed
when the notebook ran; what a slider starts afresh works in JupyterLab only, and says so.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets
import torch
from IPython.display import HTML
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from .images import to_pil
from .loss_network import LossNetwork
from .optimize import gatys
from .photobank import PhotoBank
from .training import StyleRecipe, TrainingStep, train

_JPEG_QUALITY = 80

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
    image.src = pictures[place];
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
        PIL image. Every combination must be there. All are stored in the output as JPEGs, so keep
        them small: 27 of 256 pixels are about 0.5 MB.
    labels
        For each slider (one to three), its name and the text of each of its places.
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
    if not 1 <= len(labels) <= 3:
        raise ValueError(f"picture_sliders takes one to three sliders, not {len(labels)}")
    places = list(itertools.product(*(range(len(values)) for _, values in labels)))
    missing = [place for place in places if place not in pictures]
    if missing:
        raise ValueError(f"no picture for {missing[0]}; {len(missing)} of {len(places)} missing")
    start = places[0] if start is None else start
    if start not in places:
        raise ValueError(f"start is {start}; the last place there is is {places[-1]}")

    width, height = _picture(pictures[start]).size
    uris = [
        f"data:image/jpeg;base64,{base64.b64encode(_jpeg(pictures[place])).decode()}"
        for place in places
    ]
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
    data = {"alt": alt, "labels": [[n, list(v)] for n, v in labels], "pictures": uris}
    return HTML(
        f'<figure class="frames">\n<style>{_STYLE}</style>\n'
        f'<img src="{uris[places.index(start)]}" width="{width}" height="{height}" '
        f'alt="{html.escape(f"{alt}: {words}")}">\n'
        f"{controls}\n<figcaption>{html.escape(caption)}</figcaption>\n"
        f'<script type="application/json">{_script_safe(json.dumps(data))}</script>\n'
        f"<script>{{{_SCRIPT}}}</script>\n</figure>"
    )


def _picture(image: Tensor | Image.Image) -> Image.Image:
    return to_pil(image) if isinstance(image, Tensor) else image.convert("RGB")


def _jpeg(image: Tensor | Image.Image) -> bytes:
    buffer = io.BytesIO()
    _picture(image).save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


def _script_safe(text: str) -> str:
    """JSON may contain "</script>" inside its strings; "<" as an escape means the same."""
    return text.replace("<", "\\u003c")


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
        [0, 255] or PIL images, of one size. Both are stored in the output as JPEGs.
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
    pictures = [_picture(image) for image in (left, right)]
    if pictures[0].size != pictures[1].size:
        sizes = " and ".join(f"{p.width} x {p.height}" for p in pictures)
        raise ValueError(f"wipe_slider takes pictures of one size, not {sizes}")
    width, height = pictures[0].size
    words = [html.escape(label) for label in labels]
    about = html.escape(alt)
    images = [
        f'<img src="data:image/jpeg;base64,{base64.b64encode(_jpeg(picture)).decode()}" '
        f'width="{width}" height="{height}" alt="{about}: {word}">'
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


def gatys_sliders(
    content: Tensor,
    style: Tensor,
    pictures: Mapping[tuple[int, int, int], Tensor],
    *,
    content_weights: Sequence[float],
    style_weights: Sequence[float],
    tvs: Sequence[float],
    steps: int = 100,
    phi: LossNetwork | None = None,
) -> ipywidgets.VBox:
    """Sliders for the three weights of Gatys' objective: computed beforehand, or live.

    The sliders move over ``pictures`` with no kernel. With one, "Optimise live" runs
    :func:`~perceptual_edu.optimize.gatys` from the content image at the weights that the sliders
    show, and draws every iteration; "Stop" ends it and keeps the last picture.

    Parameters
    ----------
    content, style
        Images (1, 3, H, W) in [0, 255]; a small content image answers faster.
    pictures
        (place of the content weight, of the style weight, of TV) -> result, for all combinations.
    content_weights, style_weights, tvs
        The values of lambda_c, lambda_s and lambda_TV on the sliders.
    steps
        Evaluations of a live run.
    phi
        The loss network of live runs; made at the first one if None.
    """
    sliders = [
        ipywidgets.SelectionSlider(
            description=name,
            options=[(f"{value:g}", value) for value in values],
            index=len(values) // 2,
            style={"description_width": "7rem"},
            layout={"width": "min(100%, 28rem)"},
        )
        for name, values in (
            ("content weight", content_weights),
            ("style weight", style_weights),
            ("TV weight", tvs),
        )
    ]
    live = _LiveGatys(content, style, sliders, steps, phi)
    note = ipywidgets.HTML("The sliders need no kernel; the buttons do.")
    return ipywidgets.VBox([*sliders, _nested_stacks(pictures, sliders), note, live.view])


def _nested_stacks(
    pictures: Mapping[tuple[int, ...], Tensor],
    sliders: Sequence[ipywidgets.SelectionSlider],
    place: tuple[int, ...] = (),
) -> ipywidgets.DOMWidget:
    """A stack per slider, each holding those of the next: links in the browser can only copy."""
    if len(place) == len(sliders):
        return ipywidgets.Image(
            value=_jpeg(pictures[place]),
            format="jpeg",
            layout={"width": "24rem", "max_width": "100%", "height": "auto", "flex": "0 0 auto"},
        )
    slider = sliders[len(place)]
    children = [_nested_stacks(pictures, sliders, (*place, i)) for i in range(len(slider.options))]
    stack = ipywidgets.Stack(children, selected_index=slider.index)
    ipywidgets.jslink((slider, "index"), (stack, "selected_index"))
    return stack


class _LiveGatys:
    """Two buttons, a progress bar and a picture; the work runs in a thread so "Stop" is heard."""

    def __init__(
        self,
        content: Tensor,
        style: Tensor,
        sliders: Sequence[ipywidgets.SelectionSlider],
        steps: int,
        phi: LossNetwork | None,
    ) -> None:
        self.content, self.style, self.sliders = content, style, sliders
        self.steps, self.phi = steps, phi
        self.start = ipywidgets.Button(description="Optimise live", icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.bar = ipywidgets.IntProgress(max=steps, layout={"width": "8rem"})
        self.status = ipywidgets.Label()
        self.picture = ipywidgets.Image(
            value=_jpeg(content),
            format="jpeg",
            layout={"display": "none", "width": "24rem", "max_width": "100%", "height": "auto"},
        )
        self.start.on_click(lambda _: threading.Thread(target=self.run, daemon=True).start())
        self.stop.on_click(lambda _: self.stopped.set())
        self.stopped = threading.Event()
        buttons = ipywidgets.HBox(
            [self.start, self.stop, self.bar], layout={"flex_flow": "row wrap"}
        )
        self.view = ipywidgets.VBox([buttons, self.status, self.picture])

    def run(self) -> None:
        self.stopped.clear()
        self.start.disabled, self.stop.disabled = True, False
        try:
            self.optimise()
        except Exception as error:  # a thread's traceback would vanish
            self.status.value = f"Stopped by an error: {error}"
        finally:
            self.start.disabled, self.stop.disabled = False, True

    def optimise(self) -> None:
        content_weight, style_weight, tv = (slider.value for slider in self.sliders)
        iterations = gatys(
            self.content,
            self.style,
            content_weight=content_weight,
            style_weight=style_weight,
            tv=tv,
            start="content",
            steps=self.steps,
            phi=self.phi,
        )
        self.picture.layout.display = ""
        for step in iterations:
            self.picture.value = _jpeg(step.image)
            self.bar.value = step.evaluations
            terms = ", ".join(f"{name} {step.terms[name]:,.0f}" for name in ("content", "style"))
            self.status.value = f"{step.evaluations} of {self.steps} evaluations: {terms}"
            if self.stopped.is_set():
                break


def training_live(
    recipe: StyleRecipe,
    photographs: str | Path | PhotoBank,
    preview: Tensor,
    *,
    terms: Sequence[Mapping[str, float]] = (),
    picture: Tensor | None = None,
    every: int = 10,
    phi: LossNetwork | None = None,
) -> ipywidgets.VBox:
    """Train a network before one's eyes: its losses, and one photograph as it changes.

    "Train live" runs :func:`~perceptual_edu.training.train`; "Stop" ends it between two steps.
    Until then the widget shows what was recorded: all that a page without a kernel can do.

    Parameters
    ----------
    recipe, photographs, phi
        As for :func:`~perceptual_edu.training.train`.
    preview
        The photograph to watch, (1, 3, H, W) in [0, 255]; a small one costs less time.
    terms, picture
        The loss terms of each step of a recorded training and its last picture of ``preview``.
    every
        Steps between two pictures.
    """
    return _LiveTraining(recipe, photographs, preview, terms, picture, every, phi).view


class _LiveTraining(_LiveGatys):
    """The same buttons and thread around the training loop, and the loss curves as well."""

    def __init__(
        self,
        recipe: StyleRecipe,
        photographs: str | Path | PhotoBank,
        preview: Tensor,
        terms: Sequence[Mapping[str, float]],
        picture: Tensor | None,
        every: int,
        phi: LossNetwork | None,
    ) -> None:
        shown = preview if picture is None else picture
        super().__init__(shown, preview, (), recipe.steps, phi)
        self.recipe, self.photographs, self.preview = recipe, photographs, preview
        self.every = every
        self.start.description = "Train live"
        self.picture.layout.display = ""
        self.curves = ipywidgets.Image(
            value=_loss_curves(terms, recipe.steps),
            format="png",
            layout={"width": "24rem", "max_width": "100%", "height": "auto"},
        )
        side_by_side = ipywidgets.HBox(
            [self.curves, self.picture], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        recorded = " Shown is a recorded training." if terms else ""
        self.status.value = f"The buttons need a kernel.{recorded}"
        self.view.children = [self.view.children[0], self.status, side_by_side]

    def optimise(self) -> None:
        terms = []
        for step in train(self.recipe, self.photographs, phi=self.phi):
            terms.append(step.terms.floats())
            stop = self.stopped.is_set() or step.step == self.recipe.steps
            if stop or step.step == 1 or step.step % self.every == 0:
                self.draw(step, terms)
            if stop:
                break

    def draw(self, step: TrainingStep, terms: Sequence[Mapping[str, float]]) -> None:
        step.network.eval()  # or batch norm would learn from the preview
        with torch.no_grad():
            self.picture.value = _jpeg(step.network(self.preview.to(step.terms.total.device)))
        step.network.train()
        self.curves.value = _loss_curves(terms, self.recipe.steps)
        self.bar.value = step.step
        words = ", ".join(f"{name} {terms[-1][name]:,.0f}" for name in ("content", "style"))
        self.status.value = f"step {step.step} of {self.recipe.steps}: {words}"


def _loss_curves(terms: Sequence[Mapping[str, float]], steps: int) -> bytes:
    """A PNG. Not by pyplot, which belongs to the main thread."""
    figure = Figure(figsize=(4.8, 3.2), dpi=80, layout="constrained", facecolor="white")
    axis = figure.subplots()
    for name in ("total", "content", "style"):
        axis.plot(range(1, len(terms) + 1), [step[name] for step in terms], label=name)
    axis.set(xlabel="step", ylabel="weighted loss", yscale="log", xlim=(1, max(2, steps)))
    axis.grid(alpha=0.3, which="both", linewidth=0.5)
    axis.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
