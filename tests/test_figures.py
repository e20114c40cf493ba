import matplotlib.pyplot as plt
import pytest
import torch

from perceptual_edu.notebook import (
    bars,
    curves,
    dots,
    figures,
    framed,
    grid,
    heat,
    mosaic,
    panel,
    points,
    show,
    table,
    zoom,
)
from perceptual_edu.notebook.figures import PAGE, STYLE


def images(n):
    return [torch.full((1, 3, 20, 30), 50.0 * i) for i in range(n)]


def places(figure):
    """(row, column) of each axis that shows a picture."""
    spots = (axis.get_subplotspec() for axis in figure.axes if axis.images)
    return [(spot.rowspan.start, spot.colspan.start) for spot in spots]


# ---------------------------------------------------------------- pictures


def test_show_draws_each_image_with_its_title():
    figure = show(images(3), ["a", "b", "c"], columns=2)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == ["a", "b", "c"]
    assert drawn[2].images[0].get_array()[0, 0].tolist() == [100, 100, 100]


def test_show_takes_a_batch():
    assert len(show(torch.zeros(2, 3, 8, 8)).axes) == 2


def test_show_draws_a_map_in_grey_from_its_least_value_to_its_largest():
    (axis,) = show([torch.tensor([[0.0, 2.0], [4.0, 8.0]])]).axes
    assert axis.images[0].get_clim() == (0, 8)
    assert axis.images[0].get_cmap().name == "gray"


@pytest.mark.parametrize(("count", "rows", "columns"), [(4, 1, 4), (5, 2, 3), (6, 2, 3), (9, 3, 3)])
def test_at_most_four_pictures_stand_in_a_row(count, rows, columns):
    assert max(places(show(images(count)))) <= (rows - 1, columns - 1)
    assert (0, columns - 1) in places(show(images(count)))


def test_a_single_picture_is_wide_enough_to_be_judged():
    figure = show(images(1))
    assert 400 <= figure.get_figwidth() * figure.dpi <= 700


def test_a_figure_is_no_wider_than_the_page():
    for figure in (show(images(4), width=20), grid([images(4)], [""], list("abcd"), width=20)):
        assert figure.get_figwidth() == PAGE


def test_long_titles_are_broken():
    title = show(images(4), ["as good as fifty evaluations"] * 4).axes[0].get_title()
    assert max(map(len, title.split("\n"))) <= 21


def test_figures_have_one_style_and_leave_other_figures_alone():
    figure, axes = panel(1, 2)
    assert figure.dpi == STYLE["figure.dpi"]
    assert not axes[0].spines["top"].get_visible()
    assert not plt.fignum_exists(figure.number)  # a cell would show it twice
    assert plt.rcParams["axes.spines.top"]


def test_the_style_holds_for_every_figure_of_a_notebook():
    with plt.rc_context():
        figures.style()
        assert plt.rcParams["figure.dpi"] == STYLE["figure.dpi"]


def test_grid_labels_rows_columns_and_cells():
    figure = grid(
        [images(2), images(2)], ["r0", "r1"], ["c0", "c1"], captions=[["a", "b"], ["c", "d"]]
    )
    assert [axis.get_title() for axis in figure.axes[:2]] == ["c0", "c1"]
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["r0", "r1"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["a", "b", "c", "d"]


def test_zoom_repeats_the_pixels_of_a_square():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert zoom(image, 1, 2, 2, times=2)[0, 0].tolist() == [
        [6, 6, 7, 7],
        [6, 6, 7, 7],
        [10, 10, 11, 11],
        [10, 10, 11, 11],
    ]


def test_framed_draws_around_the_square_and_not_into_it():
    image = torch.zeros(1, 3, 6, 6)
    found = framed(image, 2, 2, 2)
    assert found[0, 0, 2:4, 2:4].sum() == 0
    assert (found[0, 0] == 255).sum() == 12
    assert image.sum() == 0
    assert framed(image, 0, 0, 6)[0, 0].max() == 255  # as far as there is room


def test_a_mosaic_has_its_images_in_rows_with_white_gaps():
    found = mosaic(torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 1, 1), columns=2, gap=1)
    assert found[0, 0].tolist() == [[0, 255, 1], [255, 255, 255], [2, 255, 3]]


# ---------------------------------------------------------------- diagrams


def test_curves_draws_what_it_is_given():
    figure = curves({"a": [3.0, 2.0, 1.0], "b": ([10, 20], [5.0, 4.0])}, levels={"goal": 2.0})
    (axis,) = figure.axes
    assert axis.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axis.lines[1].get_ydata().tolist() == [5.0, 4.0]
    words = [text.get_text() for text in axis.get_legend().get_texts()]
    assert words == ["a", "b", "goal"]


def test_curves_draws_several_diagrams_side_by_side():
    left, right = curves({"one": {"a": [1, 2]}, "two": {"a": [3, 4]}}, y=["p", "q"]).axes
    assert (left.get_title(), right.get_title()) == ("one", "two")
    assert (left.get_ylabel(), right.get_ylabel()) == ("p", "q")
    assert right.lines[0].get_ydata().tolist() == [3, 4]


def test_bars_stand_in_groups():
    (axis,) = bars({"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}).axes
    assert [bar.get_height() for bar in axis.patches] == [1, 2, 3, 4]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axis.patches]
    assert [round(c) for c in centres] == [0, 1, 0, 1]


def test_dots_show_every_value_and_the_median():
    (axis,) = dots({"layer": {"noise": [1.0, 5.0, 2.0]}}, at=1).axes
    assert axis.lines[0].get_xdata().tolist() == [1, 5, 2]
    assert axis.lines[1].get_xdata().tolist() == [2]


def test_points_have_the_same_look_in_every_diagram():
    figure = points({"one": {"a": (1, 2), "b": (3, 4)}, "two": {"b": (5, 6)}}, path={"0.5": (1, 1)})
    one, two = figure.axes
    assert two.lines[-1].get_color() == one.lines[1].get_color()
    assert (two.lines[-1].get_xdata()[0], two.lines[-1].get_ydata()[0]) == (5, 6)
    assert two.texts[0].get_text() == "0.5"


def test_heat_writes_numbers_where_it_is_asked_to():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [t.get_text() for t in heat({"a": values}, form=".0f").axes[0].texts] == list("1234")
    assert len(heat({"a": values}).axes[0].texts) == 0


# ---------------------------------------------------------------- tables


def test_a_table_has_a_caption_headers_and_cells():
    page = table({"<noise>": [0.224, 1234], "blur": [None, 7]}, ["copy", "d", "n"], caption="C")
    html = page._repr_html_()
    assert "<caption>C</caption>" in html
    assert html.count('scope="col"') == 3
    assert html.count('scope="row"') == 2
    assert "&lt;noise&gt;" in html
    for cell in (">0.22<", ">1,234<", "></td>", ">7<"):
        assert cell in html


def test_numbers_stand_at_the_right_and_words_at_the_left():
    found = table([["a", 1.0, "left"], ["b", "-2 ms", "12 or so"]], ["", "n", "w"])
    assert found.numeric == [False, True, False]


def test_each_column_of_a_table_may_have_a_format():
    found = table({"a": [0.5, 0.5, 0.5]}, ["", "x", "y", "z"], [".0%", ".1f"])
    assert found.rows == [["a", "50%", "0.5", "0.5"]]


def test_a_row_that_does_not_fit_the_header_is_named():
    with pytest.raises(ValueError, match="the row 'a' has 3 cells, the header has 2"):
        table({"a": [1, 2]}, ["", "x"])
