import torch

from perceptual_edu.notebook import curves, grid, show


def images(n):
    return [torch.full((1, 3, 20, 30), 50.0 * i) for i in range(n)]


def test_show_draws_each_image_with_its_title():
    figure = show(images(3), ["a", "b", "c"], columns=2)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == ["a", "b", "c"]
    assert drawn[2].images[0].get_array()[0, 0].tolist() == [100, 100, 100]


def test_show_takes_a_batch():
    assert len(show(torch.zeros(2, 3, 8, 8)).axes) == 2


def test_grid_labels_rows_and_columns():
    figure = grid([images(2), images(2)], ["r0", "r1"], ["c0", "c1"])
    assert [axis.get_title() for axis in figure.axes[:2]] == ["c0", "c1"]
    assert [axis.get_ylabel() for axis in figure.axes[::2]] == ["r0", "r1"]


def test_curves_draws_what_it_is_given():
    (axis,) = curves({"a": [3.0, 2.0, 1.0], "b": ([10, 20], [5.0, 4.0])}).axes
    assert axis.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axis.lines[1].get_ydata().tolist() == [5.0, 4.0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]
