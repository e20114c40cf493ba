"""How good the results are and how fast (section 4: Table 1, Figure 5, the tables of 4.2).

:mod:`~perceptual_edu.evaluation.metrics` scores one picture,
:mod:`~perceptual_edu.evaluation.super_resolution` a folder of them, and
:mod:`~perceptual_edu.evaluation.reports` keeps the numbers, from which the book takes them. Speed
is measured by :mod:`~perceptual_edu.evaluation.speed` against the slow reference of
:mod:`~perceptual_edu.evaluation.plain`, with the clock of :mod:`~perceptual_edu.evaluation.timing`.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .metrics import (
        JUDGES,
        is_grey_file,
        perceptual_distance,
        perceptual_distances,
        psnr_y,
        scores,
        ssim_y,
    )
    from .reports import ResultError, make_report, read_report, write_report
    from .super_resolution import SuperResolutionError, enlarge, mean_scores, score_pictures

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "JUDGES",
    "ResultError",
    "SuperResolutionError",
    "enlarge",
    "is_grey_file",
    "make_report",
    "mean_scores",
    "perceptual_distance",
    "perceptual_distances",
    "psnr_y",
    "read_report",
    "score_pictures",
    "scores",
    "ssim_y",
    "write_report",
]
