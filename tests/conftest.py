import os
import signal
import sys

import pytest
import torch

from perceptual_edu import LossNetwork, cli, fast_dtype, load_image, photo, style


def pytest_addoption(parser):
    what = "run what depends on the number format in the one that is not this machine's own"
    parser.addoption("--other-number-format", action="store_true", help=what)


def pytest_configure(config):
    os.environ.setdefault("PERCEPTUAL_EDU_SCALE", "smoke")  # as `make test` does
    if config.getoption("other_number_format"):
        other = {torch.float32: "bfloat16"}.get(fast_dtype(), "float32")
        os.environ["PERCEPTUAL_EDU_DTYPE"] = other  # emulated where the processor does not have it
        config.option.markexpr = "number_format"


def pytest_report_header():
    return f"number format: {str(fast_dtype()).removeprefix('torch.')}"


@pytest.fixture(scope="session")
def phi():
    return LossNetwork()


@pytest.fixture(scope="session")
def photograph():
    return load_image(photo("neuschwanstein_castle"), square=64)


@pytest.fixture(scope="session")
def painting():
    return load_image(style("starry_night"), long_side=80)


@pytest.fixture(autouse=True)
def _same_random_numbers_in_each_test():
    torch.manual_seed(0)


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard():
    """A shell ignores Ctrl-C on behalf of what runs in the background, and programs inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run ``perceptual-edu`` in this process and in ``tmp_path``: -> exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["perceptual-edu", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, errors = capfd.readouterr()
        code = ended.value.code
        return (1, out, errors + code) if isinstance(code, str) else (code or 0, out, errors)

    return run
