"""Every bundled file is accounted for, small enough, and a real photograph or picture."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from perceptual_edu import StyleNet, load_image, load_network, read_card, stylize, upscale
from perceptual_edu.assets import data_folder, photos, styles

FREE = ("CC0", "CC-BY", "public domain", "BSD", "MIT", "GPL", "LGPL")


def rows():
    text = (data_folder() / "README.md").read_text()
    return {
        match[1]: [cell.strip() for cell in match[2].split("|")]
        for match in re.finditer(r"^\| `([\w.]+)` \|(.*)\|$", text, re.MULTILINE)
    }


def test_every_file_has_author_licence_and_origin():
    networks = (data_folder() / "checkpoints").glob("*")
    files = {path.name for path in [*photos(), *styles(), *networks]}
    assert files == set(rows())
    for name, (what, author, licence, origin) in rows().items():
        assert what, name
        assert author, name
        assert origin, name
        assert licence.startswith(FREE), name
        assert "NC" not in licence, name
        assert "ND" not in licence, name


def test_all_tracked_files_together_are_at_most_22_mebibytes():
    root = data_folder().parent
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not a clone: git knows no tracked files here")
    files = [root / name.decode() for name in listing.stdout.split(b"\0") if name]
    assert sum(path.stat().st_size for path in files if path.exists()) <= 22 * 2**20


def test_there_are_sixty_to_a_hundred_and_twenty_photographs_under_8_megabytes():
    assert 60 <= len(photos()) <= 120
    assert sum(path.stat().st_size for path in photos()) < 8e6


@pytest.mark.parametrize("path", photos() + styles(), ids=lambda path: path.stem)
def test_the_picture_opens_as_rgb(path):
    with Image.open(path) as picture:
        picture.load()
        assert picture.mode == "RGB"
        assert min(picture.size) >= 256
        assert not picture.getexif()


def test_the_procedural_styles_are_drawn_by_their_script(tmp_path):
    script = Path(__file__).parents[1] / "experiments" / "draw_styles.py"
    copy = tmp_path / "experiments" / "draw_styles.py"
    drawings = tmp_path / "data" / "styles"
    copy.parent.mkdir()
    drawings.mkdir(parents=True)
    copy.write_text(script.read_text())
    subprocess.run([sys.executable, copy, "woodblock_waves"], check=True)
    with (
        Image.open(drawings / "woodblock_waves.jpg") as drawn,
        Image.open(data_folder() / "styles" / "woodblock_waves.jpg") as bundled,
    ):
        assert drawn.size == bundled.size
        assert drawn.resize((8, 8)).tobytes() == pytest.approx(
            bundled.resize((8, 8)).tobytes(), abs=6
        )


CHECKPOINTS = sorted((data_folder() / "checkpoints").glob("*"))


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda path: path.stem)
def test_checkpoints_are_small_and_say_how_they_were_trained(path):
    card = read_card(path)
    wide = card["recipe"].get("width") == 32  # the paper's, four times the weights
    assert path.stat().st_size < (1.8e6 if wide else 1e6)
    assert card["steps"] == card["recipe"]["steps"]
    assert card["photographs"]["count"] > 1000
    assert card["hardware"]
    assert card["losses"]["total"] > 0
    network, image = load_network(path), load_image(photos()[0], long_side=64)
    if isinstance(network, StyleNet):
        style = network.styles[-1] if len(network.styles) > 1 else None
        assert stylize(network, image, style).shape == image.shape
    else:
        height, width = (network.config["factor"] * side for side in image.shape[2:])
        assert upscale(network, image).shape == (1, 3, height, width)
