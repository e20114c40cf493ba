import re
import time

import ipywidgets
import pytest
import torch

from perceptual_edu.widgets import gatys_sliders, picture_sliders


def colours(*counts):
    places = torch.cartesian_prod(*(torch.arange(n) for n in counts)).view(-1, len(counts))
    return {tuple(place.tolist()): torch.full((1, 3, 16, 20), 10.0) for place in places}


def test_picture_sliders_hold_every_picture_and_one_range_a_quantity():
    html = picture_sliders(
        colours(2, 3), [("a", ["0", "1"]), ("b", ["x", "y", "z"])], "Caption.", "grey"
    ).data
    assert html.count('type="range"') == 2
    assert len(re.findall(r'"data:image/jpeg;base64,', html)) == 6 + 1
    assert 'alt="grey: a 0, b x"' in html


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
