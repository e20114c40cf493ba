"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
import shutil
from pathlib import Path

import pytest

import perceptual_edu
from perceptual_edu import noise_like, photo
from perceptual_edu.datasets.packing import pack_photos

LIBRARY = Path(perceptual_edu.__file__).parent
WITH_EXAMPLES = [
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
    for path in sorted(LIBRARY.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with ``train.photos``, a pack of photographs, as a user would have made it."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "photographs").mkdir()
    shutil.copy(photo("raccoon"), folder / "photographs")
    list(pack_photos(folder / "photographs", folder / "train.photos"))
    return folder


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(name, folder, phi, photograph, painting, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    values = {
        "phi": phi,
        "photograph": photograph,
        "painting": painting,
        "image": noise_like(photograph),
    }
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(importlib.import_module(name), extraglobs=values, optionflags=how)
    assert found.attempted > 0
    assert found.failed == 0, capsys.readouterr().out
