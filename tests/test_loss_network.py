import pytest
import torch
import torch.nn.functional as F

from perceptual_edu import LAYERS, LossNetwork, PerceptualLoss, vgg16_weights
from perceptual_edu.vgg_weights import read_vgg16


def plain_vgg16(image):
    """All 13 layers, read off the VGG paper's configuration D, in float64."""
    weights = {name: tensor.double() for name, tensor in read_vgg16(vgg16_weights()).items()}
    b, g, r = image.double()[:, 2], image.double()[:, 1], image.double()[:, 0]
    x = torch.stack([b - 103.939, g - 116.779, r - 123.68], dim=1)
    features = {}
    for block, convs in enumerate((2, 2, 3, 3, 3), start=1):
        for conv in range(1, convs + 1):
            name = f"conv{block}_{conv}"
            x = F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
            x = x.clamp(min=0)
            features[f"relu{block}_{conv}"] = x
        x = F.max_pool2d(x, kernel_size=2, stride=2)
    return features


def relative_error(a, b):
    return ((a.double() - b).norm() / b.norm()).item()


def test_every_layer_equals_a_plain_reading_of_the_weights(phi, photograph):
    expected = plain_vgg16(photograph)
    found = phi(photograph, LAYERS)
    assert list(found) == list(LAYERS)
    for layer in LAYERS:
        assert found[layer].shape == expected[layer].shape
        assert relative_error(found[layer], expected[layer]) < 1e-5


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_the_memory_layout_of_the_image_does_not_matter(phi, photograph, memory_format):
    expected = phi(photograph, ["relu3_3"])["relu3_3"]
    image = photograph.repeat(2, 1, 1, 1).to(memory_format=memory_format)
    assert relative_error(phi(image, ["relu3_3"])["relu3_3"][1:], expected.double()) < 1e-5


def test_bfloat16_is_right_to_about_a_percent(phi, photograph):
    fast = LossNetwork(dtype=torch.bfloat16)
    assert fast.mean_bgr.flatten().tolist() == pytest.approx([103.939, 116.779, 123.68])
    found = fast(photograph, ["relu1_2", "relu5_3"])
    assert found["relu1_2"].dtype == torch.bfloat16
    for layer, features in phi(photograph, ["relu1_2", "relu5_3"]).items():
        assert relative_error(found[layer], features.double()) < 0.03


def test_it_stops_at_the_deepest_layer_wanted(phi, photograph):
    calls = []
    handles = [
        conv.register_forward_hook(lambda *_, name=name: calls.append(name))
        for name, conv in phi.convs.items()
    ]
    phi(photograph, ["relu2_2", "relu1_1"])
    for handle in handles:
        handle.remove()
    assert calls == ["1_1", "1_2", "2_1", "2_2"]


def test_the_features_asked_for_are_the_ones_returned(phi, photograph):
    assert set(phi(photograph, ["relu3_3", "relu1_2"])) == {"relu1_2", "relu3_3"}


def test_images_get_gradients_and_weights_do_not(phi, photograph):
    image = photograph.clone().requires_grad_()
    phi(image, ["relu2_1"])["relu2_1"].sum().backward()
    assert image.grad.abs().sum() > 0
    assert not phi.training
    assert all(not p.requires_grad and p.grad is None for p in phi.parameters())


def test_reading_a_layer_does_not_disturb_the_next(phi, photograph):
    """ReLU works in place, which must not reach back into features already handed out."""
    alone = phi(photograph, ["relu1_1"])["relu1_1"].clone()
    together = phi(photograph, ["relu1_1", "relu1_2", "relu2_1"])
    assert torch.equal(together["relu1_1"], alone)


@pytest.mark.parametrize(("layer", "smallest"), [("relu1_2", 1), ("relu4_3", 8), ("relu5_1", 16)])
def test_an_image_too_small_for_the_layer_is_a_clear_error(phi, layer, smallest):
    assert phi(torch.zeros(1, 3, smallest, smallest), [layer])[layer].shape[2:] == (1, 1)
    if smallest > 1:
        image = torch.zeros(1, 3, smallest, smallest - 1)
        with pytest.raises(ValueError, match=f"too small for {layer}.*{smallest} x {smallest}"):
            phi(image, [layer])


@pytest.mark.parametrize("layers", [["relu6_1"], ["conv1_1", "relu1_1"], []])
def test_unknown_layers_are_refused(phi, photograph, layers):
    with pytest.raises(ValueError, match=r"unknown layer.*relu1_1 to relu5_3"):
        phi(photograph, layers)


def test_an_image_without_batch_dimension_is_refused(phi, photograph):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        phi(photograph[0], ["relu1_1"])


def test_compiled_it_computes_the_same_as_the_loss_calls_it(photograph, painting):
    """Without a compiler of C++: what breaks is the tracing of Python, and nothing is generated."""
    loss = PerceptualLoss(LossNetwork(), content={"relu2_2": 1.0}, style={"relu1_2": 5.0}, tv=1e-6)
    loss.set_style(painting)
    expected = loss.set_content(photograph)(photograph / 2).floats()
    loss.phi.compile(backend="eager", fullgraph=True, dynamic=False)
    assert loss.set_content(photograph)(photograph / 2).floats() == expected


@pytest.mark.gpu
def test_the_gpu_computes_the_same(phi, photograph):
    found = LossNetwork().cuda()(photograph.cuda(), ["relu4_3"])["relu4_3"].cpu()
    assert relative_error(found, phi(photograph, ["relu4_3"])["relu4_3"].double()) < 1e-2
