"""What a channel looks at."""

import pytest
import torch

from perceptual_edu.notebook import favourites, receptive_field

FIELDS = {"relu1_1": 3, "relu1_2": 5, "relu2_2": 14, "relu3_3": 40, "relu4_3": 92, "relu5_3": 196}


@pytest.mark.parametrize(("layer", "side"), FIELDS.items())
def test_the_receptive_field(layer, side):
    assert receptive_field(layer) == side


def test_favourites_are_cut_out_around_the_strongest_answer_and_sorted_by_it():
    # One feature of relu1_2 is one pixel and sees 5 x 5 around it.
    images, answers = [], []
    for i, strength in enumerate((1.0, 3.0, 2.0)):
        images.append(torch.full((1, 3, 20, 20), 10.0 * i))
        images[-1][..., 8, 9] = 200.0 + i
        answer = torch.zeros(1, 2, 20, 20)
        answer[0, 1, 8, 9] = strength
        answer[0, 1, 0, 0] = 9.0  # at the border, where the padding is seen
        answers.append({"relu1_2": answer})
    found = favourites(images, answers, "relu1_2", 1, count=2)
    assert found.shape == (1, 3, 5, 12)  # two patches and a gap
    assert found[0, 0, 2, 2] == 201
    assert found[0, 0, 2, 9] == 202
    assert found[0, 0, 0, 0] == 10
