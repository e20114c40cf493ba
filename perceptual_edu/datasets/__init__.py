"""Photographs to train with, and pictures to score with (section 4 of the paper).

Training takes random crops, :mod:`~perceptual_edu.datasets.crops`, from photographs that were
packed once, :mod:`~perceptual_edu.datasets.packing`; how a pack is laid out stands in
:mod:`~perceptual_edu.datasets.index`, how a file becomes pixels in
:mod:`~perceptual_edu.datasets.decoding`. The paper's photographs are COCO's,
:mod:`~perceptual_edu.datasets.coco`; its super-resolution is scored on Set5, Set14 and BSD100,
:mod:`~perceptual_edu.datasets.sr_benchmarks`, after
:mod:`~perceptual_edu.datasets.degradation` has made them small.
"""

from typing import TYPE_CHECKING

from ..lazy import on_demand

if TYPE_CHECKING:  # imported when first used
    from .coco import coco_2014
    from .crops import RandomCrops
    from .degradation import PAPER_BLUR, crop_to_multiple, degrade
    from .index import PhotosError, is_pack
    from .packing import pack_archive, pack_photos

__getattr__, __dir__ = on_demand(__name__, __file__)

__all__ = [
    "PAPER_BLUR",
    "PhotosError",
    "RandomCrops",
    "coco_2014",
    "crop_to_multiple",
    "degrade",
    "is_pack",
    "pack_archive",
    "pack_photos",
]
