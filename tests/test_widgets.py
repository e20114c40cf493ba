import base64
import re
import time

import ipywidgets
import pytest
import torch

from perceptual_edu import photos
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.notebook import gatys_sliders, picture_sliders, training_live, wipe_slider
from perceptual_edu.training import StyleRecipe


def colours(*counts):
    places = torch.cartesian_prod(*(torch.arange(n) for n in counts)).view(-1, len(counts))
    return {tuple(place.tolist()): torch.full((1, 3, 16, 20), 10.0) for place in places}


def test_picture_sliders_hold_every_picture_and_one_range_a_quantity():
    html = picture_sliders(
        colours(2, 3), [("a", ["0", "1"]), ("b", ["x", "y", "z"])], "Caption.", "grey"
    ).data
    assert html.count('type="range"') == 2
    assert len(re.findall(r'"data:image/avif;base64,', html)) == 6  # the first is stored once
    assert html.count("null") == 1
    assert 'alt="grey: a 0, b x"' in html


def test_without_avif_pictures_are_stored_as_jpeg(monkeypatch):
    monkeypatch.setattr("perceptual_edu.notebook.encoding.STORED", "jpeg")
    html = picture_sliders(colours(2), [("a", ["0", "1"])], "Caption.", "grey").data
    start = base64.b64decode(re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)[1])
    assert start.startswith(b"\xff\xd8")
    assert "avif" not in html


def test_text_is_escaped():
    html = picture_sliders(
        colours(1), [("<b>", ["</script>"])], "<i>caption</i>", 'say "grey"'
    ).data
    assert "<b>" not in html
    assert "<i>" not in html
    assert html.count("</script>") == 2


def test_a_missing_picture_is_named():
    with pytest.raises(ValueError, match=r"no picture for \(2,\); 1 of 3 missing"):
        picture_sliders(colours(2), [("a", ["0", "1", "2"])], "", "")


def test_a_wipe_holds_two_described_pictures_and_one_range():
    dark, bright = (torch.full((1, 3, 16, 20), grey) for grey in (10.0, 200.0))
    html = wipe_slider(dark, bright, ("dark", 'a "b" <c>'), "<i>Caption</i>", "a square").data
    assert html.count('type="range"') == 1
    pictures = re.findall(r'<img src="(data:image/avif;base64,[^"]+)"[^>]* alt="([^"]+)"', html)
    assert [alt for _, alt in pictures] == [
        "a square: a &quot;b&quot; &lt;c&gt;",  # below
        "a square: dark",  # above, and clipped
    ]
    assert pictures[0][0] != pictures[1][0]
    assert "<c>" not in html
    assert "<i>" not in html


def test_a_wipe_takes_pictures_of_one_size():
    with pytest.raises(ValueError, match="one size, not 20 x 16 and 16 x 16"):
        wipe_slider(torch.zeros(1, 3, 16, 20), torch.zeros(1, 3, 16, 16), ("a", "b"), "", "")


@pytest.fixture
def widget(photograph, painting, phi):
    weights = {"content_weights": [0.1, 1], "style_weights": [1, 5, 20], "tvs": [0, 1e-5]}
    return gatys_sliders(photograph, painting, colours(2, 3, 2), steps=6, phi=phi, **weights)


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def test_each_combination_of_sliders_has_its_picture(widget):
    kinds = [type(part) for part in walk(widget)]
    assert kinds.count(ipywidgets.SelectionSlider) == 3
    assert kinds.count(ipywidgets.Stack) == 1 + 2 + 2 * 3
    assert kinds.count(ipywidgets.Image) == 2 * 3 * 2 + 1  # and the live one


def buttons(widget):
    return [part for part in walk(widget) if isinstance(part, ipywidgets.Button)]


def wait_until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited for half a minute")


def test_optimise_live_runs_to_the_end(widget):
    start, _ = buttons(widget)
    live = widget.children[-1]
    start.click()
    wait_until(lambda: "evaluations" in live.children[1].value and not start.disabled)
    assert live.children[1].value.startswith("6 of 6 evaluations")
    assert bytes(live.children[2].value).startswith(b"\xff\xd8")  # a JPEG


def test_stop_ends_a_live_run(photograph, painting, phi):
    weights = {"content_weights": [1], "style_weights": [5], "tvs": [0]}
    widget = gatys_sliders(
        photograph, painting, colours(1, 1, 1), steps=100_000, phi=phi, **weights
    )
    start, stop = buttons(widget)
    live = widget.children[-1]
    start.click()
    wait_until(lambda: "evaluations" in live.children[1].value)
    stop.click()
    wait_until(lambda: not start.disabled)
    assert "of 100000" in live.children[1].value


def live_training(steps, photograph, phi, **recorded):
    recipe = StyleRecipe("starry_night", style_size=48, width=2, size=16, batch=2, steps=steps)
    bank = RandomCrops.from_folder(photos()[:3], short_side=64, size=16, batch=2)
    return training_live(recipe, bank, photograph, every=2, phi=phi, **recorded)


def test_train_live_draws_the_losses_and_the_photograph_to_the_last_step(photograph, phi):
    widget = live_training(3, photograph, phi)
    start, _ = buttons(widget)
    _, status, views = widget.children
    before = [bytes(view.value) for view in views.children]
    start.click()
    wait_until(lambda: "steps" in status.value and not start.disabled)
    assert status.value.startswith("3 of 3 steps: content ")
    assert all(bytes(view.value) != old for view, old in zip(views.children, before, strict=True))


def test_stop_ends_a_live_training(photograph, phi):
    widget = live_training(100_000, photograph, phi)
    start, stop = buttons(widget)
    start.click()
    wait_until(lambda: "of 100000" in widget.children[1].value)
    stop.click()
    wait_until(lambda: not start.disabled)


def test_a_recorded_training_is_shown_without_a_kernel(photograph, phi):
    recorded = [{"total": 3.0, "content": 2.0, "style": 1.0}] * 3
    plain = live_training(3, photograph, phi)
    shown = live_training(3, photograph, phi, terms=recorded, picture=photograph / 2)
    for one, other in zip(plain.children[2].children, shown.children[2].children, strict=True):
        assert bytes(one.value) != bytes(other.value)
