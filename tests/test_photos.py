"""Packing, sampling and downloading photographs."""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from typer.testing import CliRunner

from perceptual_edu import load_image, photo, photos
from perceptual_edu.cli import main
from perceptual_edu.cli.photos import app
from perceptual_edu.datasets import (
    PhotosError,
    RandomCrops,
    coco_2014,
    decoding,
    is_pack,
    pack_archive,
    pack_photos,
)
from perceptual_edu.datasets.coco import COCO_2014, COCO_2014_BYTES, download
from perceptual_edu.datasets.packing import locked


def picture(width, height, seed=0):
    """A smooth random photograph, so that resizing and JPEG change it little."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def pack(folders, out, **settings):
    return list(pack_photos(folders, out, **settings))


def contents(pack):
    return [(pack / name).read_bytes() for name in ("pixels.u8", "index.jsonl")]


def packed(pack, name):
    """The pixels of one photograph, read independently of the library."""
    for line in (pack / "index.jsonl").read_text().splitlines():
        entry = json.loads(line.rpartition(" ")[0])
        if entry.get("name") == name:
            size = entry["height"], entry["width"], 3
            data = (pack / "pixels.u8").read_bytes()[entry["offset"] :]
            return np.frombuffer(data[: np.prod(size)], np.uint8).reshape(size).astype(float)
    raise KeyError(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """150 photographs, and some files that are none."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "sub" / "deeper").mkdir(parents=True)
    for number in range(150):
        place = folder / ("sub" if number % 3 else "sub/deeper") / f"{number:03}.jpg"
        picture(100 + number % 7, 90, number).save(place)
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("words")
    whole = (folder / "sub" / "001.jpg").read_bytes()
    (folder / "sub" / "cut_short.jpg").write_bytes(whole[: len(whole) // 2])
    picture(63, 300).save(folder / "tiny.webp")
    (folder / "notes.txt").write_text("not to be listed")
    return folder


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """The pack of it, made in one go."""
    out = tmp_path_factory.mktemp("pack") / "whole.photos"
    pack(folder, out, short_side=64)
    return out


# ---------------------------------------------------------------- packing


def test_each_file_is_recorded_in_sorted_order(folder, tmp_path):
    records = pack(folder, tmp_path / "out.photos", short_side=64)
    assert [record.done for record in records] == list(range(1, 155))
    assert {record.total for record in records} == {154}
    assert [record.path for record in records] == sorted(record.path for record in records)
    errors = {record.path: record.error for record in records if record.error}
    assert errors["empty.jpg"] == "the file is empty"
    assert errors["text.png"] == "not a picture in a format that Pillow reads"
    assert errors["tiny.webp"] == "only 63 x 300 pixels; the least is 64"
    assert errors["sub/cut_short.jpg"].startswith("cannot be decoded (image file is truncated")
    assert len(errors) == 4


@pytest.mark.parametrize("workers", [1, 5])
def test_the_pack_does_not_depend_on_the_number_of_workers(folder, whole, tmp_path, workers):
    pack(folder, tmp_path / "out.photos", short_side=64, workers=workers)
    assert contents(tmp_path / "out.photos") == contents(whole)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 480), (384, 288)),
        ((480, 640), (288, 384)),
        ((500, 500), (288, 288)),
        ((2500, 400), (384, 288)),  # of a panorama the middle
        ((400, 2500), (288, 384)),
        ((100, 80), (100, 80)),  # nothing is enlarged
        ((300, 80), (106, 80)),
        ((1501, 1006), (384, 288)),
    ],
)
def test_the_shorter_side_is_reduced_and_the_longer_one_cut(tmp_path, size, expected):
    (tmp_path / "in").mkdir()
    picture(*size).save(tmp_path / "in" / "a.png")
    pack(tmp_path / "in", tmp_path / "out")
    height, width, _ = packed(tmp_path / "out", "a.png").shape
    assert (width, height) == expected


def test_of_a_panorama_the_middle_is_kept(tmp_path):
    panorama = Image.new("RGB", (1000, 100), "red")
    panorama.paste("blue", (430, 0, 570, 100))
    panorama.save(tmp_path / "a.png")
    pack(tmp_path / "a.png", tmp_path / "out", short_side=64)
    found = packed(tmp_path / "out", "a.png")
    assert found.shape == (64, 85, 3)
    np.testing.assert_array_equal(found, np.broadcast_to([0, 0, 255], found.shape))


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp", ".TIF", ".bmp"])
def test_the_picture_is_the_one_that_load_image_reads(tmp_path, suffix):
    original = picture(1280, 960)
    original.save(tmp_path / f"a{suffix}", quality=95)  # JPEG decodes this at half size
    pack(tmp_path, tmp_path / "out.photos")
    found = packed(tmp_path / "out.photos", f"a{suffix}")
    expected = load_image(tmp_path / f"a{suffix}", long_side=384)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).mean() < 1


def _with_a_profile(original):
    # Red and green primaries are exchanged, by their names in the table of tags.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    return original, {"icc_profile": swapped}


def _sideways(original):
    exif = Image.Exif()
    exif[0x0112] = 6
    return original.convert("RGB"), {"exif": exif}


@pytest.mark.parametrize(
    ("suffix", "make"),
    [
        (".jpg", _sideways),
        (".jpg", _with_a_profile),
        (".jpg", lambda original: (original.convert("CMYK"), {})),
        (".jpg", lambda original: (original.convert("L"), {})),
        (".png", lambda original: (original.convert("P"), {})),
        (".png", lambda original: (original.convert("LA"), {})),
        (
            ".png",
            lambda original: (Image.merge("RGBA", [*original.split(), original.split()[0]]), {}),
        ),
        (".png", lambda original: (original.convert("L").convert("I;16"), {})),
    ],
    ids=["EXIF", "profile", "CMYK", "grey", "palette", "grey with alpha", "alpha", "16 bits"],
)
def test_modes_and_orientation_are_those_of_load_image(tmp_path, suffix, make):
    changed, settings = make(picture(120, 90))
    changed.save(tmp_path / f"a{suffix}", **settings)
    pack(tmp_path / f"a{suffix}", tmp_path / "out", short_side=90)
    found = packed(tmp_path / "out", f"a{suffix}")
    expected = load_image(tmp_path / f"a{suffix}")[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, expected)


def test_several_folders_and_files_go_into_one_pack(tmp_path):
    for name in ("one/a.png", "two/a.png", "b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(64, 64).save(tmp_path / name)
    sources = [tmp_path / "two", tmp_path / "one", tmp_path / "b.png"]
    records = pack(sources, tmp_path / "out.photos")
    assert [record.path for record in records] == ["b.png", "one/a.png", "two/a.png"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_name_that_is_not_unicode_does_no_harm(tmp_path):
    (tmp_path / "in").mkdir()
    name = os.fsencode(tmp_path / "in") + b"/caf\xe9.png"
    with open(name, "wb") as file:
        picture(64, 64).save(file, "PNG")
    (record,) = pack(tmp_path / "in", tmp_path / "out")
    assert record.error is None
    record.path.encode()
    assert len(RandomCrops(tmp_path / "out")) == 1


def test_an_archive_gives_the_same_photographs_as_its_folder(folder, whole, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    records = list(pack_archive(tmp_path / "a.zip", tmp_path / "out.photos", short_side=64))
    assert len(records) == 154
    assert contents(tmp_path / "out.photos") == contents(whole)


# ---------------------------------------------------------------- interruptions


def test_an_interrupted_pack_goes_on_where_it_stood(folder, whole, tmp_path):
    out = tmp_path / "out.photos"
    work = pack_photos(folder, out, short_side=64)
    assert [record.done for record in itertools.islice(work, 100)][-1] == 100
    work.close()
    with pytest.raises(PhotosError, match=r"not finished \(100 of 154 files\); repeat"):
        RandomCrops(out)
    assert pack(folder, out, short_side=64)[0].done == 101
    assert contents(out) == contents(whole)
    assert pack(folder, out, short_side=64) == []


@pytest.mark.parametrize(
    ("pixels", "index"),
    [(0, 0), (1, 1), (None, -1), (None, 60), (-1, None), (100_000, None), (None, 5000), (0, None)],
)
def test_a_torn_tail_is_mended(folder, whole, tmp_path, pixels, index):
    out = tmp_path / "out.photos"
    out.mkdir()
    for name, data, length in zip(
        ("pixels.u8", "index.jsonl"), contents(whole), (pixels, index), strict=True
    ):
        (out / name).write_bytes(data[:length])
    pack(folder, out, short_side=64)
    assert contents(out) == contents(whole)


def test_an_index_that_does_not_fit_its_pixels_is_mended(folder, whole, tmp_path):
    out = tmp_path / "out.photos"
    out.mkdir()
    pixels, index = contents(whole)
    (out / "pixels.u8").write_bytes(pixels)
    lines = index.splitlines(keepends=True)
    (out / "index.jsonl").write_bytes(b"".join([*lines[:50], *lines[40:]]))
    pack(folder, out, short_side=64)
    assert contents(out) == contents(whole)


def test_a_killed_process_leaves_nothing_that_cannot_be_resumed(folder, whole, tmp_path):
    out = tmp_path / "out.photos"
    program = (
        "import sys, time\nfrom perceptual_edu.datasets import pack_photos\n"
        "for record in pack_photos(sys.argv[1], sys.argv[2], short_side=64):\n"
        "    print(record.done, flush=True); time.sleep(0.005)"
    )
    command = [sys.executable, "-c", program, str(folder), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line == "80\n":
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    assert 64 <= pack(folder, out, short_side=64)[0].done < 154
    assert contents(out) == contents(whole)


def test_a_full_disk_is_one_line_and_can_be_resumed(folder, whole, tmp_path):
    out = tmp_path / "out.photos"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(PhotosError, match=r"cannot be written \(File too large\) after [0-9]+"):
            pack(folder, out, short_side=64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert pack(folder, out, short_side=64)[0].done > 1
    assert contents(out) == contents(whole)


def test_a_folder_that_vanishes_and_comes_back_loses_nothing(folder, whole, tmp_path):
    shutil.copytree(folder, tmp_path / "in")
    out = tmp_path / "out.photos"
    work = pack_photos(tmp_path / "in", out, short_side=64, workers=1)
    assert [record.done for record in itertools.islice(work, 70)][-1] == 70
    (tmp_path / "in").rename(tmp_path / "away")
    with pytest.raises(
        PhotosError, match=r"cannot be read \(No such file.*the same command goes on"
    ):
        list(work)
    (tmp_path / "away").rename(tmp_path / "in")
    assert 70 < pack(tmp_path / "in", out, short_side=64)[0].done < 154
    assert contents(out) == contents(whole)


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_a_disk_that_fails_for_a_moment_is_asked_again(folder, whole, tmp_path, fails, monkeypatch):
    monkeypatch.setattr(decoding, "_PAUSES", (0, 0))
    left, read = [fails], Path.read_bytes

    def flaky(path):
        if path.name == "030.jpg" and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", flaky)
    out = tmp_path / "out.photos"
    if fails == 3:
        with pytest.raises(PhotosError, match=r"030.jpg: cannot be read \(Input/output error\)"):
            pack(folder, out, short_side=64)
    pack(folder, out, short_side=64)
    assert contents(out) == contents(whole)


def test_photographs_that_memory_does_not_suffice_for_are_not_skipped(
    folder, whole, tmp_path, monkeypatch
):
    def too_large(*_):
        raise MemoryError

    out = tmp_path / "out.photos"
    with monkeypatch.context() as context:
        context.setattr(decoding, "_reduce", too_large)
        with pytest.raises(PhotosError, match="not enough memory to decode it; the same command"):
            pack(folder, out, short_side=64)
    pack(folder, out, short_side=64)
    assert contents(out) == contents(whole)


def test_an_archive_on_a_disk_that_fails_is_not_half_skipped(folder, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "_PAUSES", (0, 0))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in folder.rglob("*.*"):
            archive.write(path, path.relative_to(folder))
    read = zipfile.ZipFile.read

    def fails(archive, member):
        if member.filename.endswith("100.jpg"):
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(archive, member)

    out = tmp_path / "out.photos"
    with monkeypatch.context() as context:
        context.setattr(zipfile.ZipFile, "read", fails)
        with pytest.raises(PhotosError, match=r"100.jpg: cannot be read \(Stale file handle\)"):
            list(pack_archive(tmp_path / "a.zip", out, short_side=64))
    list(pack_archive(tmp_path / "a.zip", out, short_side=64))
    assert contents(out) == contents(whole)


def test_links_to_folders_are_followed_and_loops_are_not(tmp_path, caplog):
    for name in ("in/own.png", "elsewhere/linked.png", "elsewhere/deeper/too.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture(64, 64).save(tmp_path / name)
    (tmp_path / "in" / "train2014").symlink_to("../elsewhere")
    (tmp_path / "in" / "train2014" / "back").symlink_to("../in")
    (tmp_path / "in" / "self").symlink_to(".")
    (tmp_path / "in" / "unmounted").symlink_to("../not there")
    (tmp_path / "elsewhere" / "gone.png").symlink_to("not there")
    records = pack(tmp_path / "in", tmp_path / "out")
    expected = ["own.png", "train2014/deeper/too.png", "train2014/linked.png"]
    assert [record.path for record in records] == expected
    assert len(RandomCrops.from_folder(tmp_path / "in")) == 3
    assert "in/unmounted: left out (a broken link)" in caplog.text
    assert "gone.png: left out (a broken link)" in caplog.text


def test_hidden_files_and_folders_are_left_out(tmp_path):
    names = ("._a.png", "a.png", ".thumbnails/a.png", "__MACOSX/._a.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names:
            path = tmp_path / ".in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(64, 64).save(path)
            if not name.startswith(".t"):
                archive.write(path, name)
    assert [record.path for record in pack(tmp_path / ".in", tmp_path / "out")] == ["a.png"]
    assert [r.path for r in pack_archive(tmp_path / "a.zip", tmp_path / "z")] == ["a.png"]


def test_what_may_not_be_read_is_left_out_with_a_warning(folder, tmp_path, monkeypatch, caplog):
    shutil.copytree(folder, tmp_path / "in")
    (tmp_path / "in" / "sub" / "001.jpg").chmod(0)
    access = os.access
    monkeypatch.setattr(os, "access", lambda p, m: p.name != "001.jpg" and access(p, m))  # not root
    assert len(pack(tmp_path / "in", tmp_path / "out", short_side=64)) == 153
    assert "sub/001.jpg: left out (may not be read)" in caplog.text


def test_an_encrypted_archive_is_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", b"1234")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # of the file's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the list of files
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(PhotosError, match=r"a.png cannot be unpacked \(.*encrypted"):
        list(pack_archive(tmp_path / "a.zip", tmp_path / "out"))


def test_other_settings_or_other_photographs_are_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    picture(70, 70).save(tmp_path / "in" / "a.png")
    out = tmp_path / "out.photos"
    pack(tmp_path / "in", out, short_side=64)
    with pytest.raises(PhotosError, match=r"1 files, short side 64; now it would be .* side 65"):
        pack(tmp_path / "in", out, short_side=65)
    picture(70, 70, seed=5).save(tmp_path / "in" / "a.png")
    with pytest.raises(PhotosError, match="other names or contents; delete it or choose another"):
        pack(tmp_path / "in", out, short_side=64)
    picture(70, 70).save(tmp_path / "in" / "b.png")
    with pytest.raises(PhotosError, match="now it would be 2 files"):
        pack(tmp_path / "in", out, short_side=64)


def test_two_processes_cannot_make_the_same_pack(folder, tmp_path):
    with locked(tmp_path / "out.photos"), pytest.raises(PhotosError, match="another process"):
        pack(folder, tmp_path / "out.photos")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder.rmdir(), "no such folder"),
        (lambda folder: None, "no photographs in there"),
        (lambda folder: (folder / "a.jpg").touch(), "none of the 1 files is a photograph"),
    ],
)
def test_without_photographs_there_is_no_pack(tmp_path, make, words):
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    with pytest.raises(PhotosError, match=words):
        pack(tmp_path / "in", tmp_path / "out")
    with pytest.raises(PhotosError, match=words):
        RandomCrops.from_folder(tmp_path / "in")


def test_an_output_that_cannot_be_written_is_an_error(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PhotosError, match="cannot be written"):
        pack(folder, tmp_path / "file")
    with pytest.raises(PhotosError, match="must be 64 or more"):
        pack(folder, tmp_path / "out", short_side=5)


# ---------------------------------------------------------------- sampling


def test_a_batch_is_float_rgb_in_0_to_255_and_channels_last(whole):
    batch = RandomCrops(whole, size=48, batch=3, device="cpu").batch(0)
    assert batch.shape == (3, 3, 48, 48)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= batch.min() < 64 < 192 < batch.max() <= 255
    assert torch.equal(batch, batch.round())


def test_a_batch_depends_on_seed_and_step_alone(whole):
    def make(**settings):
        return RandomCrops(whole, size=32, device="cpu", **settings)

    first, second = make(), make()
    first.batch(3)
    assert torch.equal(first.batch(70), second.batch(70))
    assert not torch.equal(first.batch(70), first.batch(71))
    assert not torch.equal(first.batch(0), make(seed=1).batch(0))
    halves = torch.cat([make(batch=2).batch(step) for step in (140, 141)])
    assert torch.equal(first.batch(70), halves)


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Ten photographs, each of one colour, which is its number."""
    folder = tmp_path_factory.mktemp("colours")
    for number in range(10):
        Image.new("RGB", (80, 70), (number, number, number)).save(folder / f"{number}.png")
    return folder


def numbers(bank, steps):
    return [int(x) for step in range(steps) for x in bank.batch(step)[:, 0, 0, 0]]


def test_each_epoch_is_another_permutation_of_all_photographs(colours):
    bank = RandomCrops.from_folder(colours, size=64, batch=4, device="cpu")
    order = numbers(bank, 15)
    epochs = [order[start : start + 10] for start in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_batches_stay_the_same_in_future_versions(colours, tmp_path):
    """A checkpoint's training goes on with the batches that it would have seen."""
    bank = RandomCrops.from_folder(colours, size=64, batch=10, seed=7, device="cpu")
    assert numbers(bank, 1) == [6, 3, 4, 9, 0, 2, 8, 7, 5, 1]
    pixels = np.arange(80 * 90 * 3).reshape(80, 90, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "a.png")
    bank = RandomCrops.from_folder(tmp_path, size=64, batch=20, seed=7, device="cpu")
    data = bank.batch(0).permute(0, 2, 3, 1).byte().numpy().tobytes()
    assert hashlib.sha256(data).hexdigest()[:12] == "a77375f6a684"


def test_ranks_share_a_batch_in_order(whole):
    bank = RandomCrops(whole, size=32, batch=6, device="cpu")
    parts = [bank.batch(4, rank=rank, world=3) for rank in range(3)]
    assert torch.equal(torch.cat(parts), bank.batch(4))
    with pytest.raises(PhotosError, match="batch of 6 cannot be shared by 4"):
        bank.batch(4, world=4)


def test_batches_are_the_same_as_batch_by_batch(whole):
    bank = RandomCrops(whole, size=32, batch=4, device="cpu")
    expected = [bank.batch(step) for step in range(2, 9)]
    found = list(bank.batches(2, 7))
    assert len(found) == 7
    assert all(map(torch.equal, found, expected))
    assert list(bank.batches(5, 0)) == []
    endless = bank.batches(8)
    assert torch.equal(next(endless), expected[-1])
    endless.close()
    shared = next(bank.batches(3, 1, rank=1, world=2))
    assert torch.equal(shared, bank.batch(3, rank=1, world=2))


def test_prefetching_ends_with_its_consumer(whole):
    before = threading.active_count()
    work = RandomCrops(whole, size=32, device="cpu").batches()
    next(work)
    assert threading.active_count() == before + 1
    work.close()
    assert threading.active_count() == before


def test_crops_are_native_pixels_everywhere_and_mirrored_half_the_time(tmp_path):
    rows, columns = np.mgrid[:70, :90].astype(np.uint8)
    original = np.stack([rows, columns, np.zeros_like(rows)], axis=2)
    Image.fromarray(original).save(tmp_path / "a.png")
    bank = RandomCrops.from_folder(tmp_path, size=64, batch=50, device="cpu")
    places, mirrored = set(), 0
    for crop in torch.cat([bank.batch(step) for step in range(8)]).byte().numpy():
        flip = crop[1, 0, 0] > crop[1, 0, 1]
        crop = (crop[:, :, ::-1] if flip else crop).transpose(1, 2, 0)
        top, left = map(int, crop[0, 0, :2])
        np.testing.assert_array_equal(crop, original[top : top + 64, left : left + 64])
        places.add((top, left))
        mirrored += flip
    assert {top for top, _ in places} == set(range(7))
    assert {left for _, left in places} == set(range(27))
    assert 150 < mirrored < 250


def test_a_photograph_smaller_than_the_crop_is_enlarged_just_enough(tmp_path):
    picture(90, 66).save(tmp_path / "a.png")
    bank = RandomCrops.from_folder(tmp_path, size=132, batch=1, device="cpu")
    crop = bank.batch(0)
    expected = picture(90, 66).resize((180, 132), Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.array(expected)).permute(2, 0, 1).float()
    expected = expected.unfold(2, 132, 1).permute(2, 0, 1, 3)  # a crop at each position
    either = torch.cat([expected, expected.flip(3)])
    assert (either - crop).abs().mean((1, 2, 3)).min() < 2


def test_a_folder_gives_the_same_batches_as_its_pack(folder, whole):
    one = RandomCrops(whole, size=32, device="cpu")
    other = RandomCrops.from_folder(folder, short_side=64, size=32, device="cpu")
    assert torch.equal(one.batch(7), other.batch(7))
    assert one.digest == other.digest
    assert one.skipped == other.skipped


def test_a_bank_describes_itself(folder, whole, tmp_path):
    bank = RandomCrops(whole, size=32, seed=3, device="cpu")
    assert len(bank) == len(bank.names) == 150
    assert bank.names == sorted(bank.names)
    assert len(bank.skipped) == 4
    assert bank.name == "whole"
    assert re.fullmatch("[0-9a-f]{12}", bank.digest)
    assert repr(bank) == (
        "RandomCrops(whole: 150 photographs, 2 MB on cpu; crops of 32 x 32, batch 4, seed 3; "
        f"digest {bank.digest})"
    )
    assert RandomCrops.from_folder(folder, short_side=65, device="cpu").digest != bank.digest


def test_all_bundled_photographs_can_be_sampled():
    bank = RandomCrops.from_folder(photos()[0].parent, short_side=64, size=64, device="cpu")
    assert bank.names == [path.name for path in photos()]
    assert not bank.skipped
    assert bank.name == "photos"


def test_a_list_of_files_can_be_sampled():
    bank = RandomCrops.from_folder([photo("kingfisher"), photo("bee_on_aster")], device="cpu")
    assert bank.names == ["bee_on_aster.jpg", "kingfisher.jpg"]
    assert bank.batch(0).shape == (4, 3, 256, 256)


@pytest.mark.parametrize("settings", [{"size": 0}, {"batch": 0}, {"seed": -1}])
def test_senseless_settings_are_an_error(whole, settings):
    with pytest.raises(PhotosError, match="at least 1, 1 and 0"):
        RandomCrops(whole, **settings, device="cpu")


def test_what_is_no_pack_is_an_error_that_says_how_to_make_one(folder, whole, tmp_path):
    assert is_pack(whole)
    assert not is_pack(folder)
    assert not is_pack(tmp_path / "nothing")
    with pytest.raises(PhotosError, match="folder0: is not a pack; make one with: perceptual-edu"):
        RandomCrops(folder)
    with pytest.raises(PhotosError, match="nothing: no such pack; make one"):
        RandomCrops(tmp_path / "nothing")


@pytest.mark.gpu
def test_a_gpu_holds_the_photographs_and_gives_the_same_batches(whole):
    here = RandomCrops(whole, size=48, device="cpu")
    there = RandomCrops(whole, size=48, device="cuda")
    assert "on cuda" in repr(there)
    for one, other in zip(here.batches(5, 3), there.batches(5, 3), strict=True):
        assert other.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(one, other.cpu())


# ---------------------------------------------------------------- downloading


class Server:
    """Serves one file at ``/a.zip``, with the faults it is told to have."""

    def __init__(self, data):
        self.data, self.ranges, self.break_after = data, True, None
        self.tag, self.failures, self.statuses, self.shift = '"one"', 0, [], 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/a.zip"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        start = int((request.headers["Range"] or "bytes=0-")[6:-1])
        same = request.headers["If-Range"] in (None, self.tag)
        status = 206 if start and self.ranges and same else 200
        if start > len(self.data):
            status = 416
        if self.failures:
            self.failures, status = self.failures - 1, 503
        if request.path != "/a.zip":
            status = 404
        self.statuses.append(status)
        request.send_response(status)
        if status >= 400:
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        start += self.shift
        data = self.data[start:] if status == 206 else self.data
        request.send_header("Content-Length", str(len(data)))
        request.send_header("ETag", self.tag)
        if status == 206:
            end = len(self.data)
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        request.end_headers()
        with contextlib.suppress(ConnectionError):  # who asked may have gone
            request.wfile.write(data[: self.break_after])


@pytest.fixture
def server():
    server = Server(np.random.default_rng(0).bytes(5_000_000))
    yield server
    server.http.shutdown()
    server.http.server_close()


def fetch(server, path, **settings):
    return list(download(server.url, path, pause=0.01, **settings))


def test_a_download_that_breaks_off_goes_on_from_there(server, tmp_path):
    server.break_after = 1_500_000
    records = fetch(server, tmp_path / "a.zip", size=5_000_000)
    assert server.statuses == [200, 206, 206, 206]
    assert (tmp_path / "a.zip").read_bytes() == server.data
    assert os.listdir(tmp_path) == ["a.zip"]
    assert records[-1].done == records[-1].total == 5_000_000
    assert [r.done for r in records] == sorted(r.done for r in records)


def test_a_download_is_resumed_by_the_next_call(server, tmp_path):
    work = download(server.url, tmp_path / "a.zip")
    next(work), next(work)
    work.close()
    assert sorted(os.listdir(tmp_path)) == ["a.zip.part", "a.zip.part.json"]
    assert fetch(server, tmp_path / "a.zip")[0].done > 2_000_000
    assert server.statuses == [200, 206]
    assert (tmp_path / "a.zip").read_bytes() == server.data
    assert fetch(server, tmp_path / "a.zip") == []
    assert len(server.statuses) == 2


@pytest.mark.parametrize("ranges", [True, False], ids=["honours If-Range", "ignores Range"])
def test_a_file_that_has_changed_is_fetched_anew(server, tmp_path, ranges):
    work = download(server.url, tmp_path / "a.zip")
    next(work)
    work.close()
    server.data, server.tag, server.ranges = server.data[::-1], '"two"', ranges
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 200]
    assert (tmp_path / "a.zip").read_bytes() == server.data


def test_a_changed_file_is_noticed_even_if_the_server_ignores_if_range(server, tmp_path):
    work = download(server.url, tmp_path / "a.zip")
    next(work)
    work.close()
    server.data = server.data[::-1]
    part = tmp_path / "a.zip.part.json"
    part.write_text(part.read_text().replace("5000000", "4999999"))
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 206, 200]
    assert (tmp_path / "a.zip").read_bytes() == server.data


def test_another_range_than_was_asked_for_is_not_used(server, tmp_path):
    work = download(server.url, tmp_path / "a.zip")
    next(work)
    work.close()
    server.shift = 100
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 206, 200]
    assert (tmp_path / "a.zip").read_bytes() == server.data


def test_a_file_that_has_become_shorter_is_fetched_anew(server, tmp_path):
    work = download(server.url, tmp_path / "a.zip")
    next(work)
    work.close()
    server.data = server.data[:1000]
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 416, 200]
    assert (tmp_path / "a.zip").read_bytes() == server.data


def test_a_server_without_ranges_is_asked_for_all_of_it(server, tmp_path):
    work = download(server.url, tmp_path / "a.zip")
    next(work)
    work.close()
    server.ranges = False
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 200]
    assert (tmp_path / "a.zip").read_bytes() == server.data


def test_a_server_that_is_down_for_a_while_is_asked_again(server, tmp_path):
    server.failures = 2
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [503, 503, 200]


@pytest.mark.parametrize("fault", ["down", "breaks off without ranges", "gone"])
def test_a_server_that_stays_down_is_an_error(server, tmp_path, fault):
    server.failures = 100 * (fault == "down")
    if fault == "breaks off without ranges":
        server.ranges, server.break_after = False, 1000
    if fault == "gone":
        server.http.shutdown()
        server.http.server_close()
    words = {"down": "says 503", "gone": "refused"}.get(fault, "broke off after 1,000 of")
    with pytest.raises(PhotosError, match=words + r".*3 times in a row.* goes on from there"):
        fetch(server, tmp_path / "a.zip", attempts=3)
    assert not (tmp_path / "a.zip").exists()


def test_a_missing_or_different_file_is_an_error_at_once(server, tmp_path):
    with pytest.raises(PhotosError, match=r"/b.zip: the server says 404 Not Found"):
        list(download(server.url.replace("a.zip", "b.zip"), tmp_path / "a.zip"))
    with pytest.raises(PhotosError, match="has 5,000,000 bytes instead of 6,000,000"):
        fetch(server, tmp_path / "a.zip", size=6_000_000)
    assert os.listdir(tmp_path) == []
    (tmp_path / "a.zip").write_bytes(b"1234")
    with pytest.raises(PhotosError, match="has 4 bytes instead of 5,000,000; delete it"):
        fetch(server, tmp_path / "a.zip", size=5_000_000)


def test_a_disk_that_is_too_small_is_an_error_before_the_download(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("perceptual_edu.datasets.coco.shutil.disk_usage", lambda path: usage)
    with pytest.raises(PhotosError, match="are to come"):
        fetch(server, tmp_path / "a.zip")


def test_a_disk_that_fills_up_is_an_error_and_can_be_resumed(server, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, before[1]))
    try:
        with pytest.raises(PhotosError, match=r"cannot be written \(File too large\)"):
            fetch(server, tmp_path / "a.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    fetch(server, tmp_path / "a.zip")
    assert server.statuses == [200, 206]
    assert (tmp_path / "a.zip").read_bytes() == server.data


@pytest.fixture
def archive(tmp_path):
    """A small COCO."""
    with zipfile.ZipFile(tmp_path / "source.zip", "w") as archive:
        for number in range(5):
            with archive.open(f"train2014/{number}.jpg", "w") as file:
                picture(130, 100, number).save(file, "JPEG")
    return (tmp_path / "source.zip").read_bytes()


def test_coco_is_downloaded_and_packed(server, archive, tmp_path):
    server.data = archive
    records = list(coco_2014(tmp_path / "coco", short_side=64, url=server.url, size=None))
    assert [type(record).__name__ for record in records] == ["Downloaded"] + ["Packed"] * 5
    assert RandomCrops(tmp_path / "coco" / "a.photos", device="cpu").names == [
        f"train2014/{number}.jpg" for number in range(5)
    ]
    (tmp_path / "coco" / "a.zip").unlink()  # no longer needed
    assert list(coco_2014(tmp_path / "coco", short_side=64, url=server.url)) == []
    with pytest.raises(PhotosError, match="has a shorter side of 64, not 288"):
        list(coco_2014(tmp_path / "coco", url=server.url))


def test_a_damaged_archive_is_never_packed_as_if_it_were_good(server, archive, tmp_path):
    good, damaged = archive, bytearray(archive)
    damaged[len(archive) // 2] ^= 255
    server.data = bytes(damaged)
    settings = {"short_side": 64, "url": server.url, "size": len(archive)}
    with pytest.raises(PhotosError, match=r"a.zip: is damaged at train2014/2.jpg .*; delete it"):
        list(coco_2014(tmp_path, **settings))
    (tmp_path / "a.zip").unlink()
    server.data = good
    records = list(coco_2014(tmp_path, **settings))
    assert records[1].done == 3  # the first two are packed already
    assert len(RandomCrops(tmp_path / "a.photos", device="cpu")) == 5


def test_what_is_no_archive_is_an_error(server, tmp_path):
    with pytest.raises(PhotosError, match=r"a.zip: cannot be opened as a ZIP archive"):
        list(coco_2014(tmp_path, url=server.url, size=None))


def test_coco_comes_from_its_official_place():
    assert COCO_2014 == "http://images.cocodataset.org/zips/train2014.zip"
    assert COCO_2014_BYTES == 13_510_573_713


# ---------------------------------------------------------------- the commands


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_pack_says_what_it_packed_and_lists_what_it_skipped(folder, tmp_path):
    out = tmp_path / "out.photos"
    done = invoke("pack", folder, "-o", out, "--short-side", 64)
    assert done.exit_code == 0, done.output
    assert f"{out}: 150 photographs, shorter side at most 64, 2 MB, digest " in done.stdout
    assert "files/s" in done.stdout
    assert "skipped 4 of 154 files:" in done.stdout
    assert "  empty.jpg: the file is empty" in done.stdout
    assert "packing" in done.stderr
    again = invoke("pack", folder, "-o", out, "--short-side", 64)
    assert again.exit_code == 0
    assert "150 photographs" in again.stdout


def test_info_says_what_is_in_a_pack(whole, folder):
    done = invoke("info", whole)
    digest = RandomCrops(whole, device="cpu").digest
    assert f"150 photographs, shorter side at most 64, 2 MB, digest {digest}" in done.stdout
    assert "tiny.webp: only 63 x 300 pixels" in done.stdout
    assert isinstance(invoke("info", folder).exception, PhotosError)


def test_errors_are_one_line(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        sys, "argv", ["perceptual-edu", "photos", "info", str(tmp_path / "nothing")]
    )
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == (
        f"error: {tmp_path}/nothing: no such pack; make one with: perceptual-edu photos pack FOLDER"
    )


def test_coco_command_packs_into_the_folder(server, archive, tmp_path):
    server.data = archive
    done = invoke("coco", "-o", tmp_path / "coco", "--short-side", 64, "--url", server.url)
    assert done.exit_code == 0, done.output
    assert f"{tmp_path / 'coco' / 'a.photos'}: 5 photographs" in done.stdout


def test_ctrl_c_says_how_to_go_on(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(2000):
        (tmp_path / "in" / f"{number:04}.jpg").symlink_to(photo("kingfisher"))
    command = [sys.executable, "-m", "perceptual_edu", "photos", "pack"]
    command += [tmp_path / "in", "-o", tmp_path / "out"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    pixels = tmp_path / "out" / "pixels.u8"
    while process.poll() is None and not (pixels.exists() and pixels.stat().st_size):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130, errors
    assert "interrupted; the same command goes on from there" in errors
    assert "Traceback" not in errors
    work = pack_photos(tmp_path / "in", tmp_path / "out")
    assert 1 < next(work).done < 2000
    work.close()


def test_a_wrong_byte_in_a_pack_is_noticed(tmp_path):
    pack = tmp_path / "all.photos"
    list(pack_photos(photos()[:2], pack, short_side=64))

    def read():
        RandomCrops(pack, size=32, batch=2, device="cpu").batch(0)

    read()
    for name in ("index.jsonl", "pixels.u8"):
        data = (pack / name).read_bytes()
        for at in (1, 60, len(data) // 2, len(data) - 2):
            (pack / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(PhotosError):
                read()
        (pack / name).write_bytes(data)
    read()
