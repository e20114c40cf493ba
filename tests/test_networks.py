import copy
import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from perceptual_edu.evaluation.plain import plainly
from perceptual_edu.networks import (
    SRCNN,
    InstanceNorm,
    NetworkError,
    StyleNet,
    SuperResolutionNet,
    UpsampleBlock,
    blocks,
    load_network,
    read_card,
    save_network,
    serialization,
    style,
)
from perceptual_edu.networks.layout import instance_norm, layout_of, padded_as_volumes


def with_random_norms(network):
    """Trained networks have no gains of 1 and shifts of 0, behind which errors could hide."""
    for name, values in network.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(values, mean=0.5, std=0.5)
    for name, values in network.named_buffers():
        if "running" in name:
            torch.nn.init.uniform_(values, 0.5, 1.5)
    return network.eval()


def picture(height, width):
    return 255 * torch.rand(1, 3, height, width)


@pytest.mark.parametrize(("width", "parameters"), [(32, 1_679_235), (16, 424_899)])
@pytest.mark.parametrize("make", [StyleNet, StyleNet.paper])
def test_the_numbers_of_parameters_are_the_published_ones(make, width, parameters):
    network = make(width=width)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert f"{parameters:,}" in repr(network)


def test_repr_reads_like_the_authors_notation():
    assert "c9s1-32,d64,d128,R128x5,u64,u32,c9s1-3" in repr(StyleNet())


@pytest.mark.parametrize("more", [(0, 1), (22, 9), (2, 3)])
@pytest.mark.parametrize("upsampling", blocks.UPSAMPLINGS)
@pytest.mark.parametrize("padding", style.PADDINGS)
def test_a_picture_comes_back_at_its_own_size(more, upsampling, padding):
    network = StyleNet(width=2, upsampling=upsampling, padding=padding).eval()
    size = tuple(network.smallest + m for m in more)
    with torch.no_grad():
        styled = network(picture(*size))
    assert styled.shape == (1, 3, *size)
    assert styled.dtype == torch.float32
    assert 0 <= styled.min() <= styled.max() <= 255


@pytest.mark.parametrize("padding", style.PADDINGS)
def test_the_smallest_picture_works_and_a_smaller_one_is_refused(padding):
    network = StyleNet(width=2, padding=padding).eval()
    least = network.smallest
    with torch.no_grad():
        assert network(picture(least, least)).isfinite().all()
        with pytest.raises(ValueError, match=f"a picture of 90 x {least - 1} pixels is too small"):
            network(picture(least - 1, 90))


def test_what_is_not_an_image_is_refused():
    with pytest.raises(ValueError, match=r"an image is \(B, 3, H, W\), not \(3, 64, 64\)"):
        StyleNet(width=2)(torch.zeros(3, 64, 64))


@pytest.mark.parametrize(
    "wrong", [dict(norm="layer"), dict(upsampling="bicubic"), dict(padding="same"), dict(width=0)]
)
def test_unknown_choices_are_refused_and_the_known_ones_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name} is .*; wanted is"):
        StyleNet(**wrong)


def test_the_layers_of_the_papers_network_have_the_papers_sizes():
    sizes = []
    network = StyleNet.paper(width=2).eval()
    for layer in network.layers:
        layer.register_forward_hook(lambda layer, x, y: sizes.append(y.shape[2]))
    with torch.no_grad():
        network(picture(256, 256))
    assert sizes == [336, 168, 84, 80, 76, 72, 68, 64, 128, 256, 256]


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_papers_network_written_down_plainly_gives_the_same_picture(norm):
    network = with_random_norms(StyleNet.paper(width=3, norm=norm))
    values = iter(network.state_dict().values())
    image = picture(64, 72)

    def take(n):
        return [next(values) for _ in range(n)]

    def normalised(x):
        if norm == "instance":
            return F.instance_norm(x, None, None, *take(2))
        gain, shift, mean, variance, _ = take(5)
        return F.batch_norm(x, mean, variance, gain, shift)

    with torch.no_grad():
        x = F.pad(image / 127.5 - 1, (40, 40, 40, 40), mode="reflect")
        x = F.relu(normalised(F.conv2d(x, *take(2), padding=4)))
        x = F.relu(normalised(F.conv2d(x, *take(2), stride=2, padding=1)))
        x = F.relu(normalised(F.conv2d(x, *take(2), stride=2, padding=1)))
        for _ in range(5):
            y = F.relu(normalised(F.conv2d(x, *take(2))))
            y = normalised(F.conv2d(y, *take(2)))
            x = y + x[:, :, 2:-2, 2:-2]
        for _ in range(2):
            how = dict(stride=2, padding=1, output_padding=1)
            x = F.relu(normalised(F.conv_transpose2d(x, *take(2), **how)))
        x = F.conv2d(x, *take(2), padding=4)
        expected = 127.5 + 127.5 * torch.tanh(x)
        assert next(values, None) is None
        torch.testing.assert_close(network(image), expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("padding", ["reflection", "zero"])
@pytest.mark.parametrize("upsampling", ["resize", "bilinear"])
def test_enlarging_and_convolving_at_once_is_one_after_the_other(upsampling, padding):
    block = UpsampleBlock(4, 5, norm=None, relu=False, upsampling=upsampling, padding=padding)
    x = torch.rand(2, 4, 6, 7, requires_grad=True)
    at_once = block(x)
    block.fast = False
    plain = block(x)
    torch.testing.assert_close(at_once, plain, atol=1e-5, rtol=0)
    gradient = torch.rand_like(plain)
    for of in (x, *block.parameters()):
        wanted, found = (
            torch.autograd.grad(y, of, gradient, retain_graph=True)[0] for y in (plain, at_once)
        )
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("upsampling", "padding", "mode", "border"),
    [
        ("resize", "reflection", "nearest", "reflect"),
        ("resize", "zero", "nearest", "constant"),
        ("bilinear", "reflection", "bilinear", "replicate"),
    ],
)
def test_a_block_that_doubles_is_pytorchs_enlargement_convolved(
    upsampling, padding, mode, border, fast
):
    block = UpsampleBlock(4, 5, norm=None, relu=False, upsampling=upsampling, padding=padding)
    block.fast = fast
    x = torch.randn(2, 4, 6, 7)
    large = F.pad(F.interpolate(x, scale_factor=2, mode=mode), (1,) * 4, mode=border)
    torch.testing.assert_close(block(x), block.conv(large), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "network",
    [
        StyleNet(width=4),
        StyleNet(width=4, padding="zero"),
        SuperResolutionNet(4, width=8),
        SuperResolutionNet(4, width=8, upsampling="resize", padding="zero"),
    ],
    ids=repr,
)
def test_a_network_told_to_do_it_plainly_gives_the_same_pictures(network):
    torch.nn.init.normal_(network.layers[-1].conv.weight, std=0.05)
    image = 255 * torch.rand(2, 3, 17, 22)
    plain = plainly(copy.deepcopy(network))
    with FlopCounterMode(display=False) as fast:
        at_once = network(image)
    with FlopCounterMode(display=False) as slow:
        torch.testing.assert_close(plain(image), at_once, atol=0.02, rtol=0)
    changed = [torch.ops.aten.bmm in c.get_flop_counts()["Global"] for c in (fast, slow)]
    assert changed == [True, False], "whether filters are changed before they are applied"


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_padding_as_volumes_is_padding_and_keeps_channels_last(mode):
    x = torch.randn(2, 5, 7, 9, dtype=torch.double).to(memory_format=torch.channels_last)
    x.requires_grad_()
    margins = (4, 1, 2, 0)
    plain, kept = F.pad(x, margins, mode=mode), padded_as_volumes(x, margins, mode)
    assert torch.equal(kept, plain)
    assert layout_of(kept) is torch.channels_last
    gradient = torch.randn_like(plain)
    wanted, found = (torch.autograd.grad(y, x, gradient)[0] for y in (plain, kept))
    torch.testing.assert_close(found, wanted)
    assert layout_of(found) is torch.channels_last


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_normalisation_is_pytorchs_and_keeps_the_layout(layout):
    x = (3 + 2 * torch.randn(2, 5, 9, 11)).to(memory_format=layout)
    norm = InstanceNorm(5)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    expected = F.instance_norm(x, weight=norm.weight[0], bias=norm.bias[0])
    torch.testing.assert_close(norm(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(norm.eval()(x), expected, atol=1e-5, rtol=1e-5)
    assert norm(x).is_contiguous(memory_format=layout)


INSTANCE_NORMS = {
    "on a CPU": instance_norm,
    "elsewhere": torch.compile(instance_norm, backend="eager", dynamic=False),
}
"""Compiled code takes the way of other devices."""


@pytest.mark.parametrize("where", INSTANCE_NORMS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_normalisation_has_autograds_gradient_on_all_devices(layout, where):
    x = (3 + 2 * torch.randn(2, 3, 4, 5, dtype=torch.double)).to(memory_format=layout)
    inputs = [x, *torch.randn(2, 2, 3, dtype=torch.double)]
    for each in inputs:
        each.requires_grad_()
    normalised = F.instance_norm(x)
    expected = normalised * inputs[1][:, :, None, None] + inputs[2][:, :, None, None]
    y = INSTANCE_NORMS[where](*inputs)
    torch.testing.assert_close(y, expected)
    assert layout_of(y) is layout
    gradient = torch.randn_like(y)
    wanted, found = (torch.autograd.grad(z, inputs, gradient) for z in (expected, y))
    torch.testing.assert_close(found, wanted)


class HostNumbers(TorchDispatchMode):
    """Notes tensors made from Python's numbers: a GPU would wait for them at each pass, and a CUDA
    graph refuses them."""

    found = 0

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        self.found += operator is torch.ops.aten.lift_fresh.default
        return operator(*arguments, **(keywords or {}))


def test_numbers_from_the_host_are_noticed():
    with HostNumbers() as host:
        torch.tensor([1.0, 2.0])
    assert host.found == 1


@pytest.mark.parametrize(
    "network",
    [
        StyleNet(width=2),
        StyleNet.paper(width=2),
        SuperResolutionNet(4, width=4),
        SuperResolutionNet.paper(),
        SRCNN(4),
    ],
    ids=lambda network: type(network).__name__,
)
def test_a_step_makes_no_tensors_of_numbers_from_the_host(network):
    image = 255 * torch.rand(2, 3, 48, 48)
    with HostNumbers() as host:
        network(image).square().mean().backward()
    assert host.found == 0


def with_random_styles(*names):
    network = StyleNet(width=4, styles=names)
    for values in network.parameters():
        if values.ndim == 2:
            torch.nn.init.normal_(values)
    return network


def test_each_image_of_a_batch_is_painted_in_its_own_style():
    network, image = with_random_styles("a", "b", "c"), 255 * torch.rand(2, 3, 16, 20)
    both = network(image, torch.eye(3)[[2, 0]])
    for painted, photograph, name in zip(both, image, ("c", "a"), strict=True):
        alone = network.only(name)(photograph[None])[0]
        torch.testing.assert_close(painted, alone, atol=1e-2, rtol=0)


def test_a_mixture_of_styles_mixes_scales_and_shifts():
    network = with_random_styles("a", "b")
    mixed = network.only({"a": 3, "b": 1})
    norm, single = (net.layers[0].norm for net in (network, mixed))
    torch.testing.assert_close(single.weight[0], 0.75 * norm.weight[0] + 0.25 * norm.weight[1])
    assert mixed.layers[0].conv.weight.data_ptr() == network.layers[0].conv.weight.data_ptr()
    image = 255 * torch.rand(1, 3, 12, 12)
    torch.testing.assert_close(mixed(image), network(image, network.mixture({"a": 3, "b": 1})))


def test_a_wrong_byte_anywhere_in_a_file_is_noticed(tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(StyleNet(width=4), path, {"steps": 3})
    data = path.read_bytes()
    for at in (3, 20, len(data) // 3, len(data) - 1):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(NetworkError):
            load_network(path)


def test_a_single_styles_weights_fit_batch_normalisation():
    network, frozen = StyleNet(width=4), StyleNet(width=4, norm="batch")
    torch.nn.init.normal_(network.layers[0].norm.weight)
    frozen.load_state_dict(network.state_dict(), strict=False)
    assert torch.equal(frozen.layers[0].norm.weight, network.layers[0].norm.weight[0])


def test_a_layer_of_ones_own_need_not_know_styles():
    network = StyleNet(width=4)
    network.layers[3] = torch.nn.Identity()
    assert network(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)


def test_a_network_of_many_styles_comes_back_with_their_names(tmp_path):
    network = with_random_styles("a", "b")
    save_network(network, tmp_path / "net.safetensors")
    again = load_network(tmp_path / "net.safetensors")
    assert again.styles == ("a", "b")
    torch.testing.assert_close(
        again.layers[1].norm.bias, network.layers[1].norm.bias.half().float()
    )


def test_what_is_not_a_style_of_the_network_is_refused():
    network, image = StyleNet(width=4, styles=["a", "b"]), torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="style is 'c'; wanted is one of a, b"):
        network.only("c")
    with pytest.raises(ValueError, match="which style"):
        network(image)
    for weights in ({"a": 0}, {"a": -1, "b": 2}, {"a": float("nan")}, {}):
        with pytest.raises(ValueError, match="weights of styles"):
            network.mixture(weights)
    with pytest.raises(ValueError, match="norm is 'batch'"):
        StyleNet(norm="batch", styles=2)
    with pytest.raises(ValueError, match="each with its own name"):
        StyleNet(styles=["a", "a"])


def test_one_image_of_a_batch_does_not_change_another():
    network = with_random_norms(StyleNet(width=2))
    a, b = picture(40, 40), picture(40, 40)
    with torch.no_grad():
        torch.testing.assert_close(network(torch.cat([a, b]))[:1], network(a), atol=0.01, rtol=0)


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    "network",
    [StyleNet(width=2), StyleNet.paper(width=2), StyleNet(width=3, padding="zero", norm="batch")],
    ids=["ours", "paper", "batch"],
)
def test_a_saved_network_comes_back_in_half_precision(tmp_path, network):
    path = tmp_path / "network.safetensors"
    save_network(with_random_norms(network), path, {"steps": 3, "losses": {"style": 0.5}})
    loaded = load_network(path)
    assert loaded.config == network.config
    assert not loaded.training
    for name, values in network.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == (torch.float32 if values.is_floating_point() else values.dtype)
        torch.testing.assert_close(found, values.half().float().to(found.dtype), atol=0, rtol=0)
    assert read_card(path) == {"steps": 3, "losses": {"style": 0.5}}
    count = sum(values.numel() for values in network.state_dict().values())
    assert path.stat().st_size < 2 * count + 10_000


@pytest.mark.parametrize(
    "network",
    [
        StyleNet(width=8),
        StyleNet.paper(width=8),
        SuperResolutionNet(4),
        StyleNet(width=8, styles=3),
    ],
    ids=["ours", "paper", "super-resolution", "many"],
)
def test_a_network_saved_in_bytes_is_smaller_and_off_by_half_a_step_at_most(tmp_path, network):
    path, half = tmp_path / "network.safetensors", tmp_path / "half.safetensors"
    with_random_norms(network).layers[0].conv.weight.data[1] = 0  # a filter that is switched off
    save_network(network, path, {"steps": 3}, bits=8)
    save_network(network, half, {"steps": 3})
    with pytest.raises(ValueError, match="bits is 4; wanted is one of 8, 16"):
        save_network(network, tmp_path / "four.safetensors", bits=4)
    loaded = load_network(path)
    assert (loaded.config, read_card(path)) == (network.config, {"steps": 3})
    assert loaded.state_dict().keys() == network.state_dict().keys()
    for name, values in network.state_dict().items():
        found = loaded.state_dict()[name]
        if values.ndim < 4:
            torch.testing.assert_close(found, values.half().float().to(found.dtype), atol=0, rtol=0)
        else:
            step = values.abs().amax((1, 2, 3), keepdim=True) / 127
            # 127 steps of half precision may end short of the largest weight
            assert ((found - values).abs() <= 0.57 * step + 1e-7).all()
    filters = sum(values.numel() for values in network.state_dict().values() if values.ndim == 4)
    assert 0.8 * filters < half.stat().st_size - path.stat().st_size < filters


def test_a_network_without_a_card_has_an_empty_one(tmp_path):
    save_network(StyleNet(width=1), tmp_path / "n.safetensors")
    assert read_card(tmp_path / "n.safetensors") == {}


def _missing(path):
    pass


def _text(path):
    path.write_text("not a network")


def _empty(path):
    path.touch()


def _truncated(path):
    save_network(StyleNet(width=2), path)
    path.write_bytes(path.read_bytes()[:-100])


def _foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


def _another_class(path):
    header = {"architecture": json.dumps({"class": "Other"}), "card": "{}"}
    save_file({"weight": torch.zeros(3)}, path, header)


def _other_weights(path):
    architecture = {"class": "StyleNet", **StyleNet(width=2).config}
    header = {"architecture": json.dumps(architecture), "card": "{}"}
    save_file({"weight": torch.zeros(3)}, path, header)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, "no such file"),
        (_text, "not a trained network of this library"),
        (_empty, "not a trained network of this library"),
        (_truncated, "not a trained network of this library"),
        (_foreign, "not a trained network of this library"),
        (_another_class, "not a network of this library"),
        (_other_weights, "its weights do not fit its architecture"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(tmp_path, make, words):
    path = tmp_path / "wrong.safetensors"
    make(path)
    with pytest.raises(NetworkError) as caught:
        load_network(path)
    assert str(caught.value).startswith(f"{path}: {words}")
    assert "\n" not in str(caught.value)


def test_a_save_that_is_killed_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "network.safetensors"
    save_network(StyleNet(width=2), path)
    before = path.read_bytes()

    def killed(state, temporary, header):
        temporary.write_bytes(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(serialization, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        save_network(StyleNet(width=2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
