"""Files are written whole or not at all, wherever they go and whatever they are called."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image

from perceptual_edu import StyleNet, load_network, save_image, save_network
from perceptual_edu.files import written_atomically


def write(path, text="new"):
    with written_atomically(path) as temporary:
        temporary.write_text(text)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("length", [1, 200, 246, 255])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path, length, letter):
    stem = letter * ((length - 4) // len(letter.encode())) or "a"
    save_image(torch.zeros(1, 3, 2, 2), tmp_path / f"{stem}.png")
    assert os.listdir(tmp_path) == [f"{stem}.png"]
    suffix = "." + letter * ((length - 2) // len(letter.encode()))
    write(tmp_path / f"x{suffix}")
    assert sorted(os.listdir(tmp_path)) == sorted([f"{stem}.png", f"x{suffix}"])


def test_a_network_may_have_a_long_name(tmp_path):
    path = tmp_path / ("n" * 243 + ".safetensors")
    save_network(StyleNet(width=1), path)
    assert load_network(path).config["width"] == 1


def test_new_files_have_the_permissions_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "x.txt")
        save_network(StyleNet(width=1), tmp_path / "x.safetensors")
        save_image(torch.zeros(1, 3, 2, 2), tmp_path / "x.png")
    finally:
        os.umask(before)
    assert {mode(path) for path in tmp_path.iterdir()} == {0o640}


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(0o600)
    write(tmp_path / "x")
    assert (mode(tmp_path / "x"), (tmp_path / "x").read_text()) == (0o600, "new")


def test_a_file_system_without_permissions_is_written_to(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError("Operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, denied)
    for text in ("new", "newer"):
        write(tmp_path / "x", text)
        assert (tmp_path / "x").read_text() == text


def test_threads_do_not_disturb_the_umask(tmp_path):
    """No file may come to be writable by all because another thread asked what the umask is."""
    before = os.umask(0o077)
    try:

        def some(thread):
            for number in range(50):
                write(tmp_path / f"{thread}-{number}")

        threads = [threading.Thread(target=some, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
    finally:
        assert os.umask(before) == 0o077


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_points_at_is_written(tmp_path, there):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "data"  # the format is that of the name that was given
    if there:
        target.write_text("old")
    (tmp_path / "second.png").symlink_to("elsewhere/data")
    (tmp_path / "first.png").symlink_to("second.png")
    save_image(torch.zeros(1, 3, 2, 2), tmp_path / "first.png")
    assert os.readlink(tmp_path / "first.png") == "second.png"
    assert os.readlink(tmp_path / "second.png") == "elsewhere/data"
    with Image.open(target) as picture:
        assert picture.format == "PNG"
    assert os.listdir(tmp_path / "elsewhere") == ["data"]


def test_a_link_to_itself_is_an_error(tmp_path):
    (tmp_path / "x").symlink_to("x")
    with pytest.raises(OSError, match="leads back to itself"):
        write(tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]


def test_a_failure_leaves_what_a_link_points_at(tmp_path):
    (tmp_path / "data").write_text("old")
    (tmp_path / "link").symlink_to("data")

    def fails():
        with written_atomically(tmp_path / "link") as temporary:
            temporary.write_text("half")
            raise RuntimeError("power failure")

    with pytest.raises(RuntimeError, match="power"):
        fails()
    assert (tmp_path / "data").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["data", "link"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_and_devices_are_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    read = []
    reader.start()
    write(tmp_path / "pipe")
    reader.join()
    assert read == ["new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    program = (
        "from pathlib import Path\nfrom perceptual_edu.files import written_atomically\n"
        "with written_atomically(Path('/dev/stdout')) as path:\n    path.write_text('to a pipe')"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert out == b"to a pipe"
    write(Path(os.devnull))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
