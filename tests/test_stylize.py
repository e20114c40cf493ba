"""Applying trained networks: in strips, mixed with the photograph, from the command line, as ONNX.

The networks here have random weights: what is tested is that the same function is computed.
"""

import ctypes
import importlib
import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from perceptual_edu import assets, devices, load_image, photo, save_image
from perceptual_edu.devices import tf32
from perceptual_edu.inference import stylization, stylize
from perceptual_edu.inference.onnx_export import export_onnx
from perceptual_edu.inference.stylization import MARGIN, smooth_noise
from perceptual_edu.networks import StyleNet, load_network, save_network

CHOICES = [
    dict(norm=norm, padding=padding)
    for norm, padding in product(("instance", "batch"), ("reflection", "zero"))
]


def random_network(**choices):
    network = StyleNet(**{"width": 4} | choices)
    for name, values in network.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(values, mean=0.5, std=0.5)
    for name, values in network.named_buffers():
        if "running" in name:
            torch.nn.init.uniform_(values, 0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module")
def landscape():
    return load_image(photo("neuschwanstein_castle"), long_side=110)  # 110 x 73


def whole_pass(network, image):
    """The network's output for the picture with reflected pixels around, without these."""
    height, width = image.shape[2:]
    margin = min(MARGIN, height - 1, width - 1)
    with torch.no_grad():
        y = network(torch.nn.functional.pad(image, (margin,) * 4, mode="reflect"))
    return y[:, :, margin:-margin, margin:-margin]


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("choices", CHOICES, ids=str)
@pytest.mark.parametrize("strip", [None, 16, 40])
def test_strips_give_the_picture_that_the_network_gives(landscape, choices, strip):
    network = random_network(**choices)
    expected = whole_pass(network, landscape)
    styled = stylize(network, landscape, dtype=torch.float32, strip=strip)
    torch.testing.assert_close(styled, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [(8, 8), (8, 37), (21, 8), (17, 18), (33, 9)])
def test_small_pictures_and_odd_sizes_too(landscape, size):
    network, image = random_network(), landscape[:, :, : size[0], : size[1]]
    expected = whole_pass(network, image)
    for strip in (None, 16):
        styled = stylize(network, image, dtype=torch.float32, strip=strip)
        torch.testing.assert_close(styled, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_papers_network_is_computed_whole(landscape, norm):
    network = random_network(norm=norm, padding="start", upsampling="transposed")
    expected = whole_pass(network, landscape)
    network.train()  # the running statistics are to be used all the same
    styled = stylize(network, landscape, dtype=torch.float32, strip=16)
    torch.testing.assert_close(styled, expected, atol=0.02, rtol=0)
    assert network.training
    assert network.layers[0].training


@pytest.mark.parametrize("choices", [CHOICES[0], dict(padding="start")], ids=str)
def test_bfloat16_changes_little(landscape, choices):
    network = random_network(width=8, **choices)
    expected = whole_pass(network, landscape)
    difference = (stylize(network, landscape, dtype=torch.bfloat16) - expected).abs().mean()
    assert 0 < difference < 2


class LargestTensor(TorchDispatchMode):
    values = 0

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        result = operator(*arguments, **(keywords or {}))
        tensors = [
            t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, torch.Tensor)
        ]
        self.values = max([self.values, *(t.numel() for t in tensors)])
        return result


@pytest.mark.number_format
def test_in_strips_no_layer_of_the_full_size_ever_exists():
    image, network = 255 * torch.rand(1, 3, 512, 96), random_network(width=8)
    with LargestTensor() as whole:
        stylize(network, image)
    with LargestTensor() as strips:
        stylize(network, image, strip=32)
    full_size = 8 * 512 * 96
    assert whole.values >= full_size
    assert strips.values <= 0.65 * full_size  # half of it, and the margin


@pytest.mark.number_format
def test_the_result_is_an_ordinary_tensor_and_the_network_as_before(landscape):
    network = random_network()
    before = {name: values.clone() for name, values in network.state_dict().items()}
    image = landscape.clone()
    styled = stylize(network, image)
    assert styled.requires_grad_().sum().backward() is None
    assert styled.dtype == torch.float32
    torch.testing.assert_close(image, landscape, atol=0, rtol=0)
    for name, values in network.state_dict().items():
        torch.testing.assert_close(values, before[name], atol=0, rtol=0)


def test_strength_goes_from_the_photograph_to_the_output(landscape):
    network = random_network()
    full = stylize(network, landscape, dtype=torch.float32)
    assert torch.equal(stylize(network, landscape, strength=0), landscape)
    half = stylize(network, landscape, dtype=torch.float32, strength=0.5)
    torch.testing.assert_close(half, (full + landscape) / 2, atol=1e-3, rtol=0)


def test_kept_colours_are_the_photographs_and_the_brightness_the_outputs(landscape):
    network = random_network()
    styled = stylize(network, landscape, dtype=torch.float32)
    kept = stylize(network, landscape, dtype=torch.float32, keep_colors=True)
    inside = ((kept > 0) & (kept < 255)).all(1)
    to_ycbcr = torch.tensor(
        [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    )
    ycbcr = {
        name: torch.einsum("dc,bchw->dbhw", to_ycbcr, image)[:, inside]
        for name, image in (("photo", landscape), ("styled", styled), ("kept", kept))
    }
    assert inside.float().mean() > 0.2
    torch.testing.assert_close(ycbcr["kept"][0], ycbcr["styled"][0], atol=0.01, rtol=0)
    torch.testing.assert_close(ycbcr["kept"][1:], ycbcr["photo"][1:], atol=0.01, rtol=0)


def test_noise_is_beneath_what_the_network_sees_and_not_beneath_the_photograph(landscape):
    network = random_network()
    how = {"dtype": torch.float32, "strength": 0.5}
    beneath = (landscape + smooth_noise(landscape, 20, 3)).clamp(0, 255)
    expected = (stylize(network, beneath, dtype=torch.float32) + landscape) / 2
    found = stylize(network, landscape, noise=20, seed=3, **how)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)
    other = stylize(network, landscape, noise=20, seed=4, **how)
    assert (found - other).abs().max() > 1
    assert torch.equal(stylize(network, landscape, strength=0, noise=20), landscape)


def test_noise_is_smooth_and_as_strong_as_wanted():
    noise = smooth_noise(torch.zeros(1, 3, 640, 960), 20)
    assert noise.shape == (1, 1, 640, 960)
    assert abs(noise.mean()) < 3
    assert 12 < noise.std() < 22  # between its random values a surface varies less
    assert noise.diff(dim=3).abs().max() < 10
    assert torch.equal(noise, smooth_noise(torch.ones(2, 3, 640, 960), 20, seed=0))
    # Random values are as far apart in a small picture as in a large one.
    for height, width in ((4, 9), (32, 33), (33, 640)):
        small = smooth_noise(torch.zeros(1, 3, height, width), 20)
        assert small.shape == (1, 1, height, width)
        assert small.diff(dim=2).abs().max() < 10


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (torch.zeros(1, 3, 7, 20), {}, "20 x 7 pixels is too small"),
        (torch.zeros(3, 20, 20), {}, "an image is"),
        (torch.zeros(2, 3, 20, 20), {}, "stylize takes one image"),
        (
            torch.zeros(1, 3, 20, 20),
            {"strength": 1.5},
            "strength is 1.5; wanted is a number from 0",
        ),
        (torch.zeros(1, 3, 20, 20), {"noise": -1}, "noise is -1; wanted is a number of grey"),
        (torch.zeros(1, 3, 20, 20), {"noise": math.nan}, "noise is nan; wanted is a number"),
    ],
)
def test_what_cannot_be_done_is_said(image, options, words):
    with pytest.raises(ValueError, match=words):
        stylize(StyleNet(width=1), image, **options)


def test_a_picture_that_memory_does_not_suffice_for_is_refused(landscape, monkeypatch):
    monkeypatch.setattr(devices, "free_memory", lambda where: 1e8)
    with pytest.raises(ValueError, match=r"needs about 0\.4 GB of memory.*0\.1 GB are free"):
        stylize(StyleNet(width=1), landscape)


@pytest.mark.gpu
def test_on_a_gpu_the_picture_is_the_same_and_comes_back(landscape):
    network = random_network(width=8)
    expected = stylize(network, landscape, dtype=torch.float32)
    for strip in (None, 16):
        with tf32(False):
            styled = stylize(network.cuda(), landscape, dtype=torch.float32, strip=strip)
        assert styled.device == landscape.device
        torch.testing.assert_close(styled, expected, atol=0.5, rtol=0)


# ---------------------------------------------------------------- ONNX


@pytest.mark.parametrize(
    "choices",
    [
        *CHOICES,
        dict(padding="start", upsampling="transposed"),
        dict(padding="start", upsampling="transposed", norm="batch"),
    ],
    ids=str,
)
def test_the_onnx_model_gives_the_same_pictures_at_any_size(tmp_path, choices):
    network = random_network(**choices)
    export_onnx(network, tmp_path / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", options)
    for size in ((1, 64, 48), (2, 45, 50)):
        images = 255 * torch.rand(size[0], 3, *size[1:])
        with torch.no_grad():
            expected = network(images)
        (styled,) = session.run(["styled"], {"image": images.numpy()})
        torch.testing.assert_close(torch.from_numpy(styled), expected, atol=0.05, rtol=0)


def test_half_precision_weights_halve_the_onnx_model_and_change_nothing_that_is_seen(tmp_path):
    network = random_network()
    image = 255 * torch.rand(1, 3, 24, 30).numpy()
    pictures, sizes = [], []
    for half in (False, True):
        path = tmp_path / f"{half}.onnx"
        export_onnx(network, path, half=half)
        session = onnxruntime.InferenceSession(path)
        pictures.append(session.run(None, {"image": image})[0])
        sizes.append(path.stat().st_size)
    assert abs(pictures[0] - pictures[1]).max() < 0.5
    assert sizes[1] < 0.6 * sizes[0]


def test_the_onnx_model_of_many_styles_takes_their_weights(tmp_path):
    network = random_network(styles=["a", "b", "c"])
    export_onnx(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_modelmeta().custom_metadata_map == {"styles": "a\nb\nc"}
    image, weights = 255 * torch.rand(1, 3, 24, 30), network.mixture({"a": 1, "c": 3})
    with torch.no_grad():
        expected = network(image, weights)
    (styled,) = session.run(None, {"image": image.numpy(), "weights": weights.numpy()})
    torch.testing.assert_close(torch.from_numpy(styled), expected, atol=0.05, rtol=0)


def test_stylize_paints_in_a_style_by_name_or_in_a_mixture(landscape):
    network = random_network(styles=["a", "b"])
    for style in ("b", {"a": 1, "b": 1}):
        expected = stylize(network.only(style), landscape, dtype=torch.float32)
        found = stylize(network, landscape, style, dtype=torch.float32)
        assert torch.equal(found, expected)
    with pytest.raises(ValueError, match="which style"):
        stylize(network, landscape)


# ---------------------------------------------------------------- the command line


@pytest.fixture
def run(command, tmp_path):
    """Run the command in a folder with a network: -> exit code, output, errors."""
    torch.manual_seed(0)
    save_network(random_network(), tmp_path / "net.safetensors")
    return command


STYLE = ("--style", "net.safetensors")


def size(path):
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.number_format
def test_a_photograph_becomes_the_picture_asked_for(run, tmp_path, landscape):
    save_image(landscape, tmp_path / "in.png")
    code, out, errors = run("stylize", "in.png", *STYLE, "-o", "out.png")
    assert (code, errors) == (0, "")
    assert out.startswith("out.png: 110 x 73, ")
    assert size("out.png") == (110, 73)
    assert run("stylize", "in.png", *STYLE, "-o", "out.png", "--size", 50)[0] == 0
    assert size("out.png") == (50, 33)  # overwritten
    assert run("stylize", "in.png", *STYLE, "-o", "plain.png", "--strength", 0)[0] == 0
    assert torch.equal(load_image("plain.png"), load_image("in.png"))
    assert run("stylize", "in.png", *STYLE, "-o", "kept.png", "--keep-colors")[0] == 0
    assert not torch.equal(load_image("kept.png"), load_image("in.png"))


@pytest.mark.number_format
def test_transparency_is_kept_and_what_is_hidden_changes_nothing(run, landscape):
    save_image(landscape, "in.png")
    clear = Image.open("in.png").convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").point(lambda v: v * (v > 99)).resize(clear.size, 0))
    clear.save("clear.png")
    hidden = Image.new("RGBA", clear.size, (0, 255, 0, 0))
    Image.composite(clear, hidden, clear.getchannel("A").point(lambda v: 255 * (v > 0))).save(
        "other.png"
    )
    names = ("clear.png", "other.png")
    for more in ((), ("--size", 64)):
        assert run("stylize", *names, *STYLE, "-o", "out", *more)[0] == 0
        first, second = (Image.open(f"out/{name}") for name in names)
        assert first.mode == "RGBA"
        assert first.tobytes() == second.tobytes()
        if not more:
            assert first.getchannel("A").tobytes() == clear.getchannel("A").tobytes()
    assert run("stylize", "clear.png", *STYLE, "-o", "white.jpg", "--strength", 0)[0] == 0
    assert load_image("white.jpg")[0, :, 5, 50].min() > 250  # laid over white, as there is no alpha


def test_folders_patterns_and_names_go_to_a_folder(run, tmp_path, landscape):
    for name in ("a/one.PNG", "a/two.gif", "a/.hidden.png", "b/one.png", "b/c/three.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_image(landscape, tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    arguments = ("a", "b/*.png", "b/**/*.webp", "a/one.PNG", "kingfisher")
    code, out, errors = run("stylize", *arguments, *STYLE, "-o", "new/out", "--size", 32)
    assert code == 0, errors
    assert out == "new/out: 5 of 5 pictures\n"
    assert "5/5" in errors  # the progress bar
    names = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert names == {"one.PNG", "two.jpg", "one-2.png", "three.webp", "kingfisher.jpg"}


def test_a_single_picture_goes_into_a_folder_that_exists(run, tmp_path):
    (tmp_path / "out").mkdir()
    code, _, errors = run("stylize", "kingfisher", *STYLE, "-o", "out", "--size", 32)
    assert code == 0, errors
    assert size("out/kingfisher.jpg") == (32, 19)


def test_pictures_that_cannot_be_painted_are_named_and_the_others_written(run, tmp_path, landscape):
    (tmp_path / "in").mkdir()
    save_image(landscape, tmp_path / "in" / "good.png")
    (tmp_path / "in" / "broken.jpg").write_text("words")
    Image.new("RGB", (50, 3)).save(tmp_path / "in" / "thin.png")
    code, out, errors = run("stylize", "in", "gone.png", *STYLE, "-o", "out")
    assert code == 1
    assert out == "out: 1 of 4 pictures\n"
    assert "skipped in/broken.jpg: not a picture" in errors
    assert "skipped in/thin.png: a picture of 50 x 3 pixels is too small" in errors
    assert "skipped gone.png: no such file" in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_whatever_a_picture_raises_the_next_one_is_painted(run, landscape, monkeypatch):
    for name in ("a.png", "b.png"):
        save_image(landscape, name)
    paint, seen = stylization.stylize, []

    def fails_first(*arguments, **options):
        seen.append(arguments)
        if len(seen) == 1:
            raise RuntimeError("several\nlines")
        return paint(*arguments, **options)

    monkeypatch.setattr(stylization, "stylize", fails_first)
    code, out, errors = run("stylize", "a.png", "b.png", *STYLE, "-o", "out")
    assert (code, out) == (1, "out: 1 of 2 pictures\n")
    assert "skipped a.png: several lines" in errors


def test_brackets_in_the_name_of_a_folder_are_no_pattern(run, landscape):
    for name in ("trip [2019]/a.png", "x/trip [2019]/b.png", "years/2/c.png", "d[1].png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        save_image(landscape, name)
    few = ("--size", 16, *STYLE)
    for pattern, names in (
        ("trip [2019]/*.png", {"a.png"}),
        ("trip [2019]/*", {"a.png"}),
        ("*/trip [2019]/*.png", {"b.png"}),
        ("**/trip [2019]/?.png", {"a.png", "b.png"}),
        ("years/[2019]/*.png", {"c.png"}),  # one of these letters
        ("d[1]*", {"d[1].png"}),
    ):
        out = Path(f"out {len(list(Path().iterdir()))}")
        code, _, errors = run("stylize", pattern, *few, "-o", out)
        assert code == 0, errors
        assert {path.name for path in out.iterdir()} == names
    assert run("stylize", "d[1].png", *few, "-o", "one.png")[0] == 0
    code, _, errors = run("stylize", "d[1].png", *few, "-o", "one")
    assert (code, "no picture format has this suffix" in errors) == (1, True)  # not a folder


def test_what_lies_beside_the_pictures_of_a_folder_is_left_alone(run, landscape):
    Path("in").mkdir()
    save_image(landscape, "in/x.png")
    for name in ("._x.png", "notes.pdf", "film.mpg", "data.h5", "x.txt", ".DS_Store"):
        Path("in", name).write_bytes(b"no picture")
    code, out, errors = run("stylize", "in", "--size", 16, *STYLE, "-o", "out")
    assert (code, out) == (0, "out: 1 of 1 pictures\n"), errors


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
@pytest.mark.parametrize(("encoding", "out"), [("utf-8", b"out\xe9.png"), ("ascii", b"out\xe9")])
def test_names_that_the_terminal_cannot_show_do_no_harm(run, tmp_path, landscape, encoding, out):
    names = [b"caf\xe9.png", "Zürich 東京.png".encode()]
    for name in names:
        save_image(landscape, os.fsdecode(name))
    environment = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict", "PYTHONUTF8": "1"}
    sources = names[:1] if out.endswith(b".png") else names
    command = [sys.executable, "-m", "perceptual_edu", "stylize", *sources, *STYLE, "-o", out]
    done = subprocess.run([*command, "--size", "16"], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"out\\udce9")
    assert os.path.exists(out)


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc keeps what was freed, and only it gives it back",
)
def test_pictures_of_many_sizes_do_not_fill_the_memory():
    program = (
        "import psutil, torch\nfrom perceptual_edu import load_style, stylize\n"
        "torch.set_num_threads(1)\nnetwork = load_style('udnie')\nused = []\n"
        "for n in range(45):\n"
        "    stylize(network, torch.full((1, 3, 150 + 37 * n % 101, 150 + 53 * n % 97), 99.0))\n"
        "    used.append(psutil.Process().memory_info().rss)\n"
        "print(used[4], used[-1])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    early, late = map(int, out.split())
    assert late - early < 30e6  # 35 to 48 MB if nothing is given back, 17 to 25 else


@pytest.mark.parametrize("verb", [("stylize", *STYLE, "--size"), ("gatys",)])
def test_a_size_that_memory_does_not_suffice_for_is_refused_before_resizing(
    run, landscape, verb, monkeypatch
):
    images = importlib.import_module("perceptual_edu.images")
    monkeypatch.setattr(images, "free_memory", lambda: 2e9)
    save_image(landscape, "in.png")
    if verb == ("gatys",):
        code, _, errors = run("gatys", "in.png", "in.png", "-o", "out.png", "--size", 40000)
    else:
        code, _, errors = run(*verb, 40000, "in.png", "-o", "out.png")
    assert code == 1
    assert errors.startswith("error: in.png: 40,000 x 26,545 pixels take about 38.2 GB of memory, ")
    assert errors.endswith("and 2.0 GB are free; make it smaller")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to the limit")
def test_under_a_limit_of_memory_what_fits_is_done_and_the_rest_named(run, tmp_path, landscape):
    save_image(landscape, "a.png")
    save_image(landscape[:, :, :20], "long.png")
    program = (
        "import psutil, resource, sys, torch\nfrom perceptual_edu import cli, loss_network\n"
        "from perceptual_edu.inference import stylization\n"
        "used = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 3_000_000_000,) * 2)\ncli.main()"
    )
    Image.new("L", (12_000, 12_000)).save("big.png")  # 144 megapixels in a small file
    arguments = ["stylize", "a.png", "big.png", "long.png", *STYLE, "-o", "out"]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stdout == "out: 2 of 3 pictures\n"
    assert "skipped big.png: " in done.stderr
    assert "memory" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in Path("out").iterdir()} == {"a.png", "long.png"}


def test_a_link_given_as_output_stays_and_its_file_is_written(run, tmp_path, landscape):
    save_image(landscape, "in.png")
    Path("store").mkdir()
    Path("link.png").symlink_to("store/x.png")
    assert run("stylize", "in.png", *STYLE, "-o", "link.png", "--size", 16)[0] == 0
    assert os.readlink("link.png") == "store/x.png"
    assert size("store/x.png") == (16, 11)
    Path("linked").symlink_to("store")
    assert run("stylize", "in.png", "in.png", *STYLE, "-o", "linked", "--size", 16)[0] == 0
    assert Path("store/in.png").is_file()
    Path("photo.png").symlink_to("in.png")
    code, _, errors = run("stylize", "in.png", *STYLE, "-o", "photo.png")
    assert (code, "is one of the photographs" in errors) == (1, True)


def test_noise_of_a_command_is_that_of_the_function(run, landscape):
    save_image(landscape, "in.png")
    assert run("stylize", "in.png", *STYLE, "-o", "out.png", "--noise", 20, "--seed", 3)[0] == 0
    network, image = load_network("net.safetensors"), load_image("in.png")
    expected = stylize(network, image, noise=20, seed=3)
    torch.testing.assert_close(load_image("out.png"), expected.round(), atol=1, rtol=0)
    for level in (-1, 256, "1e39", "inf", "nan", "much"):
        code, _, errors = run("stylize", "in.png", *STYLE, "-o", "o.png", "--noise", level)
        assert code != 0
        assert "noise" in errors
        assert not Path("o.png").exists()
    for seed in (-1, 10**25):
        code, _, errors = run("stylize", "in.png", *STYLE, "-o", "o.png", "--seed", seed)
        assert (code, "--seed" in errors) == (2, True)


def test_names_as_long_as_can_be_and_longer(run, landscape):
    save_image(landscape, "in.png")
    for length in (246, 255):
        name = "n" * (length - 4) + ".png"
        assert run("stylize", "in.png", *STYLE, "-o", name, "--size", 16)[0] == 0
        assert size(name) == (16, 11)
        assert run("stylize", name, "in.png", *STYLE, "-o", "out", "--size", 16)[0] == 0
        assert size(Path("out", name)) == (16, 11)
    code, _, errors = run("stylize", "in.png", *STYLE, "-o", "n" * 252 + ".png")
    assert (code, "File name too long" in errors) == (1, True)


def _foreign(path):
    save_file({"weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.png", "-s", "no_such_style", "-o", "o.png"), "'no_such_style'; there are: "),
        (("in.png", "-s", "gone.safetensors", "-o", "o.png"), "gone.safetensors: no such file"),
        (("in.png", "-s", "foreign.safetensors", "-o", "o.png"), "not a trained network"),
        (("in.png", "-s", "in.png", "-o", "o.png"), "in.png: is a picture; wanted is a trained"),
        (("in.png", *STYLE, "-o", "o.xyz"), "o.xyz: no picture format has this suffix"),
        (("in.png", *STYLE, "-o", "no/o.png"), "the folder no does not exist"),
        (("in.png", *STYLE, "-o", "in.png"), "in.png: is one of the photographs"),
        (("in.png", *STYLE, "-o", "."), "in.png: is one of the photographs"),
        (("in.png", "kitten", *STYLE, "-o", "o.png"), "o.png: is not a folder"),
        (("in.png", "kitten", *STYLE, "-o", "net.safetensors"), "net.safetensors: is not a folder"),
        (("thin.png", *STYLE, "-o", "o.png"), "50 x 3 pixels is too small for this network"),
        (("gone.png", *STYLE, "-o", "o.png"), "gone.png: no such file"),
        (("no_such_photo", *STYLE, "-o", "o.png"), "no photo is called 'no_such_photo'"),
        (("*.jpg", *STYLE, "-o", "o"), "*.jpg: no file fits this pattern"),
        (("empty", *STYLE, "-o", "o"), "empty: no pictures in this folder"),
        (("in.png", *STYLE, "-o", "o.png", "--strength", "1.5"), "--strength is 1.5; wanted is"),
    ],
)
def test_a_mistake_gets_one_line_and_writes_nothing(run, tmp_path, landscape, arguments, words):
    save_image(landscape, tmp_path / "in.png")
    Image.new("RGB", (50, 3)).save(tmp_path / "thin.png")
    _foreign(tmp_path / "foreign.safetensors")
    (tmp_path / "empty").mkdir()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, out, errors = run("stylize", *arguments)
    assert code == 1
    assert words in errors
    assert errors.startswith("error: ")
    assert len(errors.strip().splitlines()) == 1
    assert out == ""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_styles_says_what_there_is_and_how_it_was_made(run, tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "data_folder", lambda: tmp_path)
    assert run("styles") == (0, f"none yet in {tmp_path / 'checkpoints'}\n", "")
    (tmp_path / "checkpoints").mkdir()
    card = {
        "recipe": {"style": "starry_night", "batch": 4, "size": 256},
        "photographs": {"count": 82783},
        "steps": 40000,
        "losses": {"content": 1234.5, "style": 600.0, "tv": 3.0, "total": 1837.5},
    }
    save_network(random_network(), tmp_path / "checkpoints" / "night.safetensors", card)
    save_network(random_network(), tmp_path / "checkpoints" / "other.safetensors")
    code, out, _ = run("styles")
    assert code == 0
    assert out.splitlines() == [
        "night  starry_night, 40,000 steps of 4 x 256 px, 82,783 photographs; "
        "content 1,234, style 600, tv 3",
        f"in {tmp_path / 'checkpoints'}",
    ]


def test_export_writes_a_model_and_refuses_other_suffixes(run, tmp_path):
    code, out, errors = run("export", "net.safetensors", "-o", "net.onnx")
    assert (code, errors) == (0, "")
    assert out.startswith("net.onnx: 0.1 MB")
    code, _, errors = run("export", "net.safetensors", "-o", "net.pb")
    assert code == 1
    assert errors == "error: net.pb: an ONNX model's name ends in .onnx"
    assert not (tmp_path / "net.pb").exists()


def test_the_installed_command_runs(tmp_path):
    save_network(random_network(), tmp_path / "net.safetensors")
    arguments = ["kingfisher", "-s", tmp_path / "net.safetensors", "-o", tmp_path / "out.png"]
    command = [sys.executable, "-m", "perceptual_edu", "stylize", *arguments, "--size", "40"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert size(tmp_path / "out.png") == (40, 24)
