"""How the command starts: without PyTorch where it can, stopped cleanly, from a mere clone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import perceptual_edu
from perceptual_edu import networks, training
from perceptual_edu.errors import MendableError

REPOSITORY = Path(__file__).resolve().parents[1]


def python(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, *options.pop("flags", ()), "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["styles"],
        *([name, "--help"] for name in ("stylize", "video", "upscale", "export")),
        *([name, "--help"] for name in ("webcam", "score", "gatys")),
        *([*name.split(), "--help"] for name in ("bench", "train style", "train sr", "photos")),
    ],
    ids=" ".join,
)
def test_what_needs_no_pytorch_does_not_import_it(arguments):
    code = (
        "import sys, atexit\n"
        "from perceptual_edu.__main__ import main\n"
        "atexit.register(lambda: print('torch' in sys.modules))\n"
        "main()\n"
    )
    done = python(code, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("name", perceptual_edu.__all__)
def test_a_public_name_can_be_imported(name):
    code = f"from perceptual_edu import {name}; import perceptual_edu; perceptual_edu.{name}"
    scope = {}
    exec(code, scope)
    assert scope[name] is getattr(perceptual_edu, name)
    assert name in dir(perceptual_edu)


def test_in_a_new_process_all_names_and_modules_are_there():
    code = (
        "from perceptual_edu import *\n"
        "import perceptual_edu as p\n"
        "print(gatys.__module__, scale.__module__, p.losses.gram_matrix is gram_matrix)\n"
        "import perceptual_edu.scale\n"
        "print(callable(p.scale), p.networks.style.StyleNet is StyleNet)\n"
    )
    done = python(code)
    assert done.stdout.splitlines() == [
        "perceptual_edu.optimize perceptual_edu.scale True",
        "True True",
    ], done.stderr


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'perceptual_edu' has no attribute 'no_such'"):
        perceptual_edu.no_such  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'no_such'"):
        exec("from perceptual_edu.networks import no_such")


def test_another_library_that_is_missing_is_named(tmp_path):
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import perceptual_edu\n"
        "try: perceptual_edu.load_image\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    assert "scipy" in python(code).stdout


@pytest.mark.parametrize(
    ("arguments", "choices"),
    [
        (
            ("train", "style"),
            (*training.OPTIMIZERS, *networks.NORMS, *networks.UPSAMPLINGS, *networks.PADDINGS),
        ),
        (("train", "sr"), (*training.LOSSES, *training.ARCHITECTURES)),
    ],
)
def test_help_names_every_choice(command, arguments, choices):
    code, out, _ = command(*arguments, "--help")
    assert code == 0
    assert [choice for choice in choices if choice not in out] == []


def test_what_a_user_can_mend_is_told_in_one_line():
    errors = [name for name in perceptual_edu.__all__ if name.endswith("Error")]
    assert len(errors) > 4
    for name in errors:
        assert issubclass(getattr(perceptual_edu, name), MendableError)


# ---------------------------------------------------------------- Ctrl-C


COMMANDS = {
    "module": ["-m", "perceptual_edu"],
    "entry point": ["-c", "from perceptual_edu.__main__ import main; main()"],
}


@pytest.mark.parametrize("how", COMMANDS)
@pytest.mark.parametrize("reached", ["perceptual_edu.cli.main", "torch._C", "torch.nn.functional"])
def test_ctrl_c_while_modules_are_imported_ends_the_command_without_a_traceback(
    tmp_path, how, reached
):
    """The signal comes when Python says that it has imported the module."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == {reached!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder)\n"
    )
    paths = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, *COMMANDS[how], "weights"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_installed_command_is_the_one_that_hears_ctrl_c():
    assert 'perceptual-edu = "perceptual_edu.__main__:main"' in (
        REPOSITORY / "pyproject.toml"
    ).read_text("utf-8")


# ---------------------------------------------------------------- a clone that is not installed


def without_metadata(folder, code):
    """Run code with the library in ``folder``, and with no distribution of its name to be found."""
    hidden = (
        "import sys, importlib.metadata as m\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        "find = m.MetadataPathFinder.find_distributions\n"
        "def others(context=m.DistributionFinder.Context()):\n"
        "    return () if context.name == 'perceptual_edu' else find(context)\n"
        "m.MetadataPathFinder.find_distributions = staticmethod(others)\n"
    )
    return python(hidden + code, flags=["-P"])


def copied(folder):
    shutil.copytree(
        REPOSITORY / "perceptual_edu",
        folder / "perceptual_edu",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return folder


@pytest.mark.parametrize("clone", [True, False])
def test_without_metadata_the_version_is_the_clones_or_unknown(tmp_path, clone):
    copied(tmp_path)
    if clone:
        shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    code = (
        "import perceptual_edu; from perceptual_edu import provenance\n"
        f"assert perceptual_edu.__file__.startswith({str(tmp_path)!r})\n"
        "print(provenance())\n"
    )
    done = without_metadata(tmp_path, code)
    assert f"perceptual_edu {'0.1.0' if clone else 'unknown'} and torch" in done.stdout, done.stderr
