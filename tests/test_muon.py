"""Muon: its matrices, and that it does what PyTorch's does."""

import pytest
import torch
from torch import nn

from perceptual_edu.training import Muon, StyleRecipe, TrainingError
from perceptual_edu.training.muon import orthogonalized


def random_matrix(rows, columns):
    return torch.randn(rows, columns, generator=torch.manual_seed(0))


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (32, 32), (1, 5)])
def test_singular_values_are_brought_near_one_and_directions_kept(shape):
    matrix = random_matrix(*shape)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonalized(matrix, rounds=6) @ vh.T
    values = inside.diagonal()
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert (inside - values.diag()).abs().max() < 1e-3


def test_nothing_stays_nothing():
    assert orthogonalized(torch.zeros(3, 5)).count_nonzero() == 0


def test_a_matrix_is_trained_as_by_pytorchs():
    start, target = random_matrix(12, 30), random_matrix(30, 12).T
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    ours_filters = nn.Parameter(start.clone().view(12, 30, 1, 1))
    # Theirs takes steps of a fifth, rounds to bfloat16 and pulls towards zero.
    reference = torch.optim.Muon([theirs], 0.5, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    optimizers = [reference, Muon([ours], 0.1), Muon([ours_filters], 0.1)]
    for _ in range(5):
        for p in (ours, theirs, ours_filters):
            p.grad = (p.detach().view(12, 30) - target).sign().view(p.shape)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(ours_filters.view(12, 30), ours)
    assert (ours - theirs).norm() < 0.05 * (ours - start).norm()


def test_a_step_is_as_large_as_the_learning_rate():
    filters = nn.Parameter(torch.zeros(16, 8, 3, 3).to(memory_format=torch.channels_last))
    filters.grad = torch.randn(16, 8, 3, 3, generator=torch.manual_seed(1))
    Muon([filters], lr=0.01).step()
    assert float(filters.detach().square().mean().sqrt()) == pytest.approx(0.01, rel=0.3)


def test_another_optimiser_is_refused():
    with pytest.raises(TrainingError, match="optimizer is 'sgd'; wanted is one of adam, muon"):
        StyleRecipe("mosaic", optimizer="sgd")
