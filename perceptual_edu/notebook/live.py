"""Sliders and buttons that start a computation; they work in JupyterLab only, and say so."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets
from matplotlib.figure import Figure
from torch import Tensor

from ..datasets.crops import RandomCrops
from ..inference.stylization import stylize
from ..loss_network import LossNetwork
from ..optimize import gatys
from ..training.loop import train
from ..training.recipes import StyleRecipe
from .encoding import STORED, jpeg_bytes, stored_bytes


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

    def work(live: _Live) -> None:
        content_weight, style_weight, tv = (slider.value for slider in sliders)
        weights = {"content_weight": content_weight, "style_weight": style_weight, "tv": tv}
        live.picture.layout.display = ""
        for step in gatys(content, style, **weights, start="content", steps=steps, phi=phi):
            live.picture.value = jpeg_bytes(step.image)
            live.say(step.evaluations, f"of {steps} evaluations", step.terms)
            if live.stopped.is_set():
                break

    live = _Live(work, "Optimise live", steps, content)
    live.picture.layout.display = "none"
    note = ipywidgets.HTML("The sliders need no kernel; the buttons do.")
    view = ipywidgets.VBox([live.buttons, live.status, live.picture])
    return ipywidgets.VBox([*sliders, _nested_stacks(pictures, sliders), note, view])


def _nested_stacks(
    pictures: Mapping[tuple[int, ...], Tensor],
    sliders: Sequence[ipywidgets.SelectionSlider],
    place: tuple[int, ...] = (),
) -> ipywidgets.DOMWidget:
    """A stack per slider, each holding those of the next: links in the browser can only copy."""
    if len(place) == len(sliders):
        return _image(stored_bytes(pictures[place]), STORED, flex="0 0 auto")
    slider = sliders[len(place)]
    children = [_nested_stacks(pictures, sliders, (*place, i)) for i in range(len(slider.options))]
    stack = ipywidgets.Stack(children, selected_index=slider.index)
    ipywidgets.jslink((slider, "index"), (stack, "selected_index"))
    return stack


def _image(data: bytes, form: str = "jpeg", **layout: str) -> ipywidgets.Image:
    layout |= {"width": "24rem", "max_width": "100%", "height": "auto"}
    return ipywidgets.Image(value=data, format=form, layout=layout)


class _Live:
    """Two buttons, a progress bar, a line of words and a picture.

    The work runs in a thread, so that "Stop" is heard; it looks at ``stopped`` now and then.
    """

    def __init__(
        self, work: Callable[[_Live], None], label: str, steps: int, picture: Tensor
    ) -> None:
        self.work, self.stopped = work, threading.Event()
        self.start = ipywidgets.Button(description=label, icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.bar = ipywidgets.IntProgress(max=steps, layout={"width": "8rem"})
        self.status = ipywidgets.Label()
        self.picture = _image(jpeg_bytes(picture))
        self.start.on_click(lambda _: threading.Thread(target=self.run, daemon=True).start())
        self.stop.on_click(lambda _: self.stopped.set())
        self.buttons = ipywidgets.HBox(
            [self.start, self.stop, self.bar], layout={"flex_flow": "row wrap"}
        )

    def run(self) -> None:
        self.stopped.clear()
        self.start.disabled, self.stop.disabled = True, False
        try:
            self.work(self)
        except Exception as error:  # a thread's traceback would vanish
            self.status.value = f"Stopped by an error: {error}"
        finally:
            self.start.disabled, self.stop.disabled = False, True

    def say(self, done: int, what: str, terms: Mapping[str, float]) -> None:
        """Move the bar and name the losses."""
        self.bar.value = done
        words = ", ".join(f"{name} {terms[name]:,.0f}" for name in ("content", "style"))
        self.status.value = f"{done} {what}: {words}"


def training_live(
    recipe: StyleRecipe,
    photographs: str | Path | RandomCrops,
    preview: Tensor,
    *,
    terms: Sequence[Mapping[str, float]] = (),
    picture: Tensor | None = None,
    every: int = 10,
    phi: LossNetwork | None = None,
) -> ipywidgets.VBox:
    """Train a network before one's eyes: its losses, and one photograph as it changes.

    "Train live" runs :func:`~perceptual_edu.training.loop.train`; "Stop" ends it between two steps.
    Until then the widget shows what was recorded: all that a page without a kernel can do.

    Parameters
    ----------
    recipe, photographs, phi
        As for :func:`~perceptual_edu.training.loop.train`.
    preview
        The photograph to watch, (1, 3, H, W) in [0, 255]; a small one costs less time.
    terms, picture
        The loss terms of each step of a recorded training and its last picture of ``preview``.
    every
        Steps between two pictures.
    """

    def work(live: _Live) -> None:
        seen = []
        for step in train(recipe, photographs, phi=phi):
            seen.append(step.terms.floats())
            stop = live.stopped.is_set() or step.step == recipe.steps
            if stop or step.step == 1 or step.step % every == 0:
                live.picture.value = jpeg_bytes(stylize(step.network, preview))
                curves.value = _loss_curves(seen, recipe.steps)
                live.say(step.step, f"of {recipe.steps} steps", seen[-1])
            if stop:
                break

    live = _Live(work, "Train live", recipe.steps, preview if picture is None else picture)
    curves = _image(_loss_curves(terms, recipe.steps), "png")
    recorded = " Shown is a recorded training." if terms else ""
    live.status.value = f"The buttons need a kernel.{recorded}"
    side_by_side = ipywidgets.HBox(
        [curves, live.picture], layout={"flex_flow": "row wrap", "align_items": "center"}
    )
    return ipywidgets.VBox([live.buttons, live.status, side_by_side])


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
