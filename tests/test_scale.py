import pytest

from perceptual_edu import provenance, scale


@pytest.mark.parametrize("name", ["smoke", "laptop", "gpu"])
def test_the_environment_chooses_the_scale(monkeypatch, name):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", name)
    assert scale(smoke="smoke", laptop="laptop", gpu="gpu") == name
    assert f"{name} scale" in provenance()


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", "huge")
    with pytest.raises(ValueError, match=r"'huge'.*smoke, laptop, gpu"):
        scale(smoke=1, laptop=2, gpu=3)
