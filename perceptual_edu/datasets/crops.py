"""Training photographs: crops of packed photographs, fast, and the same ones each time."""

from __future__ import annotations

import itertools
import random
import warnings
import zlib
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..devices import device as best_device
from .decoding import decode_all, in_order
from .index import (
    PIXELS,
    PhotosError,
    entry_end,
    finished_index,
    index_digest,
    make_entry,
    make_header,
)
from .packing import Source, find_photos


class RandomCrops:
    """Random crops of packed photographs, the same ones for the same seed and step.

    The photographs go by in an endless sequence of seeded permutations; step ``s`` takes the
    items ``s * batch`` to ``(s + 1) * batch`` of it. Each crop has native pixels (only a
    photograph smaller than the crop is enlarged, just enough) and is mirrored half of the time.

    >>> bank = RandomCrops("train.photos", size=256, batch=4)
    >>> bank.batch(0).shape
    torch.Size([4, 3, 256, 256])

    Parameters
    ----------
    path
        A pack that :func:`~perceptual_edu.datasets.packing.pack_photos` made.
    size
        Height and width of the crops, pixels.
    batch
        Crops per step, of all processes together.
    seed
        Of the order, the positions and the mirroring; not negative.
    device
        Where batches appear; default: :func:`perceptual_edu.devices.device`. On CUDA, photographs
        that take less than half of the free memory are kept there as a whole.

    Attributes
    ----------
    name
        The pack's name, ``"train"`` for ``train.photos``.
    names
        The photographs' names, in the order of the pack.
    skipped
        Name -> reason, of the files that could not be packed.
    digest
        12 hexadecimal digits that stand for names, order and pixels of all photographs.

    Raises
    ------
    PhotosError
        If there is no finished pack at ``path``.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: int = 256,
        batch: int = 4,
        seed: int = 0,
        device: torch.device | str | None = None,
    ) -> None:
        if size < 1 or batch < 1 or seed < 0:
            raise PhotosError(f"size {size}, batch {batch}, seed {seed}: at least 1, 1 and 0")
        name, header, entries, pixels = path if isinstance(path, tuple) else _opened(Path(path))
        self.size, self.batch_size, self.seed = size, batch, seed
        self.device = torch.device(device) if device is not None else best_device()
        self.name: str = name
        self.digest: str = index_digest(header, entries)
        self.skipped: dict[str, str] = {e["name"]: e["skipped"] for e in entries if "skipped" in e}
        self._entries = [entry for entry in entries if "offset" in entry]
        self.names: list[str] = [entry["name"] for entry in self._entries]
        with warnings.catch_warnings():
            # PyTorch warns that a pack's bytes must not be written to. Nobody does.
            warnings.simplefilter("ignore")
            self._pixels = torch.from_numpy(pixels)
        # A photograph's checksum is verified when it is first cropped, or before it leaves.
        self._unchecked = set(range(len(self)))
        cuda = self.device.type == "cuda"
        self._resident = cuda and 2 * len(pixels) < torch.cuda.mem_get_info(self.device)[0]
        if self._resident:
            for place in range(len(self)):
                self._flat(place)
            self._pixels = self._pixels.to(self.device)

    @classmethod
    def from_folder(cls, folders: Source, *, short_side: int = 288, **settings) -> RandomCrops:
        """Decode a small folder (or several, or files) into memory, as if from a pack of it.

        ``settings`` are those of a pack: ``size``, ``batch``, ``seed``, ``device``.
        """
        folders = [folders] if isinstance(folders, str | Path) else list(folders)
        items = find_photos(folders)
        entries, pixels = [], bytearray()
        for item, result in zip(items, decode_all(items, short_side), strict=True):
            entries.append(make_entry(item.name, result, len(pixels)))
            if not isinstance(result, str):
                pixels += result.data
        if not pixels:
            reason = f"{items[0].name}: {entries[0]['skipped']}"
            raise PhotosError(f"none of the {len(items):,} files is a photograph ({reason})")
        name = "+".join(Path(folder).resolve().stem for folder in folders[:3])
        header = make_header(items, short_side)
        return cls((name, header, entries, np.frombuffer(pixels, np.uint8)), **settings)

    def _flat(self, place: int) -> Tensor:
        """A photograph's pixels, as they lie in the pack."""
        entry = self._entries[place]
        flat = self._pixels[entry["offset"] : entry_end(entry)]
        if place in self._unchecked:
            if zlib.crc32(flat.numpy()) != entry["crc32"]:
                name = entry["name"]
                raise PhotosError(f"{name} is damaged in the pack; delete the pack and repeat")
            self._unchecked.discard(place)
        return flat

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return (
            f"RandomCrops({self.name}: {len(self):,} photographs, {len(self._pixels) / 1e6:,.0f} "
            f"MB on {self._pixels.device}; crops of {self.size} x {self.size}, batch "
            f"{self.batch_size}, seed {self.seed}; digest {self.digest})"
        )

    def batch(self, step: int, *, rank: int = 0, world: int = 1) -> Tensor:
        """Batch number ``step``; it depends on the seed and the step alone.

        Returns
        -------
        Tensor
            (batch / world, 3, size, size), float32 in [0, 255], channels last, on the device:
            the part of process ``rank`` of ``world``. The parts in order are the whole batch.

        Raises
        ------
        PhotosError
            If the batch cannot be divided by ``world``, or if the pack is damaged.
        """
        return self._as_images(self._crops(step, rank, world))

    def batches(
        self, start: int = 0, steps: int | None = None, *, rank: int = 0, world: int = 1
    ) -> Iterator[Tensor]:
        """``batch(start), batch(start + 1), ...``, ``steps`` of them or without end.

        A thread prepares the next few meanwhile. It never talks to a GPU, so that it does not
        disturb a CUDA graph that is being captured; and when the photographs are on the GPU
        there is no need of it, for that work is queued, not waited for.
        """
        numbers = itertools.count(start) if steps is None else range(start, start + steps)
        batch = partial(self.batch, rank=rank, world=world)
        if self._resident:
            yield from map(batch, numbers)
        elif self.device.type == "cpu":
            yield from in_order(batch, numbers, workers=1)
        else:
            crops = partial(self._crops, rank=rank, world=world)
            yield from map(self._as_images, in_order(crops, numbers, workers=1))

    def _crops(self, step: int, rank: int, world: int) -> Tensor:
        """(batch / world, size, size, 3), uint8, where the photographs are."""
        if self.batch_size % world:
            raise PhotosError(f"a batch of {self.batch_size} cannot be shared by {world} processes")
        part = self.batch_size // world
        first = step * self.batch_size + rank * part
        return torch.stack([self._crop(item) for item in range(first, first + part)])

    def _as_images(self, crops: Tensor) -> Tensor:
        # Bytes travel, floats do not. Rows of RGB pixels, permuted, are "channels last" already.
        return crops.to(self.device).permute(0, 3, 1, 2).float()

    def _crop(self, item: int) -> Tensor:
        """Item number ``item`` of the endless sequence: (size, size, 3), uint8."""
        epoch, place = divmod(item, len(self))
        place = int(_permutation(self.seed, epoch, len(self))[place])
        entry = self._entries[place]
        photo = self._flat(place).view(entry["height"], entry["width"], 3)
        if min(photo.shape[:2]) < self.size:
            photo = _enlarge(photo, self.size)
        chance = random.Random(f"{self.seed} {item}")  # sooner made than one of NumPy's
        top, left = (int(chance.random() * (side - self.size + 1)) for side in photo.shape[:2])
        crop = photo[top : top + self.size, left : left + self.size]
        return crop.flip(1) if chance.random() < 0.5 else crop


def _opened(pack: Path) -> tuple[str, dict, list[dict], np.ndarray]:
    """Name, header, entries and pixels of a pack."""
    header, entries = finished_index(pack)
    return pack.resolve().stem, header, entries, np.memmap(pack / PIXELS, np.uint8, mode="r")


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    # NumPy promises that raw bits stay the same in its future versions; of permutation() it does
    # not. Sorting random numbers of 64 bits shuffles as well.
    return np.random.PCG64((seed, epoch)).random_raw(count).argsort(kind="stable")


def _enlarge(photo: Tensor, short_side: int) -> Tensor:
    """(H, W, 3) uint8, enlarged so that its shorter side has this many pixels."""
    scale = short_side / min(photo.shape[:2])
    size = [max(short_side, round(side * scale)) for side in photo.shape[:2]]
    image = photo.permute(2, 0, 1).unsqueeze(0).float()
    larger = functional.interpolate(image, size=size, mode="bicubic", align_corners=False)
    return larger.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0)


def with_grain_if_flat(images: Tensor) -> Tensor:
    """Add up to 3 grey levels of grain to those images (B, 3, H, W), in [0, 255], of one colour.

    In such an image normalisation has no variance to divide by: the gradient grows by a factor of
    hundreds in each layer, in the end beyond all numbers.
    """
    height, width = images.shape[2:]
    count = torch.arange(height * width, dtype=torch.float32, device=images.device)
    grain = 3 * count.square().sin().view(height, width)  # irregular, and the same in every run
    spread = (images.amax((2, 3), True) - images.amin((2, 3), True)).amax(1, True)
    return torch.where(spread <= 2, (images + grain).clamp(0, 255), images)
