"""How good the results are and how fast (section 4: Table 1, Figure 5, the tables of 4.2).

:mod:`~perceptual_edu.evaluation.metrics` scores one picture,
:mod:`~perceptual_edu.evaluation.super_resolution` a folder of them,
:mod:`~perceptual_edu.evaluation.judge` asks an independent network,
:mod:`~perceptual_edu.evaluation.flicker` measures how restless a painted film is, and
:mod:`~perceptual_edu.evaluation.reports` keeps the numbers, from which the book takes them. Speed
is measured by :mod:`~perceptual_edu.evaluation.speed` against the slow reference of
:mod:`~perceptual_edu.evaluation.plain`, with the clock of :mod:`~perceptual_edu.evaluation.timing`.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .judge import DEPTHS, Judge, Judgement, class_names, feature_distances, judge_weights
    from .metrics import JUDGES, is_grey_file, perceptual_distance, psnr_y, ssim_y, wilson_interval
    from .reports import ResultError, make_report, read_report, write_report
    from .super_resolution import SuperResolutionError, enlarge, mean_scores, score_pictures

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "DEPTHS",
    "JUDGES",
    "Judge",
    "Judgement",
    "ResultError",
    "SuperResolutionError",
    "class_names",
    "enlarge",
    "feature_distances",
    "is_grey_file",
    "judge_weights",
    "make_report",
    "mean_scores",
    "perceptual_distance",
    "psnr_y",
    "read_report",
    "score_pictures",
    "ssim_y",
    "wilson_interval",
    "write_report",
]
