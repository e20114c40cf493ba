import copy

import pytest
import torch
from torch import nn

from perceptual_edu import LAYERS, LossNetwork
from perceptual_edu.winograd import WinogradConv2d


def convolution(c_in=5, c_out=7):
    return WinogradConv2d(c_in, c_out, 3, padding=1).requires_grad_(False)


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (64, 3), (4, 100), (3, 3)])
@pytest.mark.parametrize("batch", [1, 3])
def test_it_convolves_as_ever_and_so_does_its_gradient(size, batch):
    conv = convolution()
    x = torch.randn(batch, 5, *size).to(memory_format=torch.channels_last).requires_grad_()
    plain = nn.Conv2d.forward(copy.deepcopy(conv).double(), x.double())
    found = conv(x)
    torch.testing.assert_close(found.double(), plain, rtol=0, atol=5e-5)
    arriving = torch.randn_like(found)
    wanted = torch.autograd.grad(plain, x, arriving.double())
    torch.testing.assert_close(torch.autograd.grad(found, x, arriving), wanted, rtol=0, atol=5e-5)


def test_it_takes_other_numbers_formats_and_layouts():
    conv, x = convolution(), torch.randn(1, 5, 20, 20)
    torch.testing.assert_close(conv(x), nn.Conv2d.forward(conv, x), rtol=0, atol=5e-5)
    half = copy.deepcopy(conv).bfloat16()
    assert half(x.bfloat16()).equal(nn.Conv2d.forward(half, x.bfloat16()))


def test_what_is_added_afterwards_may_change_the_result_in_place():
    x = torch.randn(1, 5, 18, 22, requires_grad=True)
    convolution()(x).relu_().sum().backward()
    assert x.grad.abs().sum() > 0


def test_features_and_their_gradient_are_those_of_plain_convolutions(phi, photograph):
    image = torch.nn.functional.interpolate(photograph, size=(150, 130)).requires_grad_()
    fast = LossNetwork(winograd=True)
    deep = [layer for layer in LAYERS if layer[4] in "345"]
    found, wanted = fast(image, deep), phi(image, deep)
    for layer in deep:
        largest = wanted[layer].abs().max()
        assert (found[layer] - wanted[layer]).abs().max() < 3e-5 * largest
    one, other = (
        torch.autograd.grad(f["relu4_3"].square().sum(), image)[0] for f in (found, wanted)
    )
    assert (one - other).norm() < 1e-4 * other.norm()
