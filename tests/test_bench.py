import pytest

from perceptual_edu import STYLE_LAYERS, PerceptualLoss, noise_like
from perceptual_edu.bench import plain_gatys_objective


def test_the_plain_objective_is_the_same_objective(phi, photograph, painting):
    ours = PerceptualLoss(
        phi, content={"relu3_3": 1.0}, style=dict.fromkeys(STYLE_LAYERS, 5.0), tv=1e-6
    )
    ours.set_content(photograph).set_style(painting)
    plain = plain_gatys_objective(photograph, painting)
    image = noise_like(photograph)
    assert plain(image).item() == pytest.approx(ours(image).total.item(), rel=1e-5)
