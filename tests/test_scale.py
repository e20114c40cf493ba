import pytest
import torch

from perceptual_edu import fast_dtype, provenance, scale
from perceptual_edu.devices import autocast


@pytest.mark.parametrize("name", ["smoke", "laptop", "gpu"])
def test_the_environment_chooses_the_scale(monkeypatch, name):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", name)
    assert scale(smoke="smoke", laptop="laptop", gpu="gpu") == name
    assert f"{name} scale" in provenance()


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", "huge")
    with pytest.raises(ValueError, match=r"'huge'.*smoke, laptop, gpu"):
        scale(smoke=1, laptop=2, gpu=3)


def test_the_number_format_can_be_chosen_by_hand(monkeypatch):
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        monkeypatch.setenv("PERCEPTUAL_EDU_DTYPE", name)
        assert fast_dtype() == dtype
    monkeypatch.setenv("PERCEPTUAL_EDU_DTYPE", "half")
    with pytest.raises(ValueError, match="PERCEPTUAL_EDU_DTYPE is 'half'; set it to one of"):
        fast_dtype()


def test_autocast_with_float32_changes_nothing_and_does_not_warn():
    x = torch.randn(3, 3)
    for dtype in (torch.float32, torch.bfloat16):
        with autocast(torch.device("cpu"), dtype):
            assert (x @ x).dtype == dtype
