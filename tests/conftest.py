import signal

import pytest
import torch

from perceptual_edu import LossNetwork, load_image, photo, style


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
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard():
    """A shell ignores Ctrl-C on behalf of what runs in the background, and programs inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
