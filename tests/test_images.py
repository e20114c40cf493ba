import io
import os
import struct
from itertools import product

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, features

from perceptual_edu import ImageError, load_image, photo, save_image, to_pil
from perceptual_edu.datasets import pack_photos
from perceptual_edu.images import load_with_alpha

LOSSLESS = {"webp": {"lossless": True}}


def picture(mode="RGB", size=(40, 30)):
    """A gradient: red grows to the right, green downwards."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    rgb = np.stack([x, y, 0 * x + 90], axis=-1).astype(np.uint8)
    return Image.fromarray(rgb).convert(mode)


def expected(image):
    return np.asarray(image.convert("RGB"), dtype=np.float32).transpose(2, 0, 1)[None]


def test_a_photograph_is_float_rgb_in_0_to_255():
    image = load_image(photo("kingfisher"))
    assert image.dtype == torch.float32
    assert image.shape == (1, 3, 384, 640)
    assert image.min() >= 0
    assert 200 < image.max() <= 255


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_formats_come_back_exactly(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    picture().save(path)
    np.testing.assert_array_equal(load_image(path).numpy(), expected(picture()))


@pytest.mark.parametrize(
    ("name", "mode", "tolerance"),
    [("x.jpg", "RGB", 12), ("x.jpg", "CMYK", 12), ("x.jpg", "L", 12), ("x.webp", "RGB", 16)],
)
def test_lossy_formats_come_back_nearly(tmp_path, name, mode, tolerance):
    original = picture(mode)
    original.save(tmp_path / name, quality=98)
    difference = np.abs(load_image(tmp_path / name).numpy() - expected(original))
    assert difference.mean() < tolerance / 4
    assert difference.max() <= tolerance


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to see it upright
    picture().save(tmp_path / "x.png", exif=exif)
    upright = picture().transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(load_image(tmp_path / "x.png").numpy(), expected(upright))


def rational_of_another_type(jpeg):
    """XResolution as a signed rational -1/1, which Pillow cannot write again."""
    entry = struct.pack("<HHLL", 0x011A, 10, 1, 8 + 2 + 2 * 12 + 4)
    turned = struct.pack("<HHLHH", 0x0112, 3, 1, 6, 0)
    ifd = struct.pack("<H", 2) + turned + entry + struct.pack("<L", 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<L", 8) + ifd + struct.pack("<ll", -1, 1)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def test_metadata_that_nobody_needs_rejects_no_picture(tmp_path):
    file = io.BytesIO()
    picture().save(file, "JPEG", quality=98)
    (tmp_path / "x.jpg").write_bytes(rational_of_another_type(file.getvalue()))
    image = load_image(tmp_path / "x.jpg")
    upright = expected(picture().transpose(Image.Transpose.ROTATE_270))
    assert np.abs(image.numpy() - upright).mean() < 3
    packed = list(pack_photos_of(tmp_path, size=(120, 90)))
    assert [record.error for record in packed] == [None]


def pack_photos_of(folder, size):
    file = io.BytesIO()
    picture(size=size).save(file, "JPEG")
    (folder / "in").mkdir()
    (folder / "in" / "x.jpg").write_bytes(rational_of_another_type(file.getvalue()))
    return pack_photos(folder / "in", folder / "x.photos")


@pytest.mark.parametrize("orientation", range(9))
def test_every_orientation_is_applied_in_every_format(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(tmp_path / "x.png", exif=exif)
    with Image.open(tmp_path / "x.png") as plain:
        upright = ImageOps.exif_transpose(plain)
    for suffix, mode in product(("png", "tif", "webp"), ("RGB", "L")):
        path = tmp_path / f"x.{suffix}"
        picture(mode).save(path, exif=exif, **LOSSLESS.get(suffix, {}))
        np.testing.assert_array_equal(load_image(path), expected(upright.convert(mode)))


@pytest.mark.parametrize("value", ["6", (6, 6), b"6", 77, -1])
def test_a_senseless_orientation_is_none(tmp_path, value, monkeypatch):
    picture().save(tmp_path / "x.png")
    monkeypatch.setattr(Image.Exif, "get", lambda *_: value)
    np.testing.assert_array_equal(load_image(tmp_path / "x.png").numpy(), expected(picture()))


def test_damaged_exif_is_ignored(tmp_path):
    for exif in (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense" * 9):
        picture().save(tmp_path / "x.png", exif=exif)
        np.testing.assert_array_equal(load_image(tmp_path / "x.png").numpy(), expected(picture()))


def test_a_png_may_carry_much_text_and_a_large_profile(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "words " * 1_000_000, zip=True)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = (len(srgb) + 3_000_000).to_bytes(4, "big") + srgb[4:] + bytes(3_000_000)
    picture().save(tmp_path / "x.png", pnginfo=text, icc_profile=profile)
    difference = load_image(tmp_path / "x.png").numpy() - expected(picture())
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(("top", "value", "wanted"), [(1.0, 0.5, 128), (255.0, 64.0, 64)])
def test_floats_are_0_to_1_or_0_to_255(tmp_path, top, value, wanted):
    values = np.full((10, 20), value, np.float32)
    values[0, :3] = (0, top, np.nan)
    Image.fromarray(values).save(tmp_path / "x.tif")
    image = load_image(tmp_path / "x.tif")
    assert image[0, :, 5, 5].tolist() == [wanted] * 3
    assert image[0, 0, 0, :3].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    ("kind", "white", "negative"),
    [
        (np.uint16, 65535, False),
        (np.uint16, 65535, True),
        (np.int16, 32767, False),
        (np.uint32, 2**32 - 1, False),
        (np.int32, 2**31 - 1, False),
        (np.int32, 65535, False),  # 16 bits or 8 in a file of 32
        (np.uint32, 255, False),
        (np.float32, 1, True),
        (np.float32, 255, True),
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_grey_tiff_files_have_their_range_and_may_be_negatives(
    tmp_path, kind, white, negative, compression
):
    """In a negative ("white is zero") black is the largest level."""
    light = np.linspace(0, 1, 12 * 9).reshape(9, 12)
    values = (1 - light if negative else light) * white
    values = values if kind is np.float32 else values.round()
    how = {"photometric": "miniswhite" if negative else "minisblack", "compression": compression}
    tifffile.imwrite(tmp_path / "x.tif", values.astype(kind), **how)
    found = load_image(tmp_path / "x.tif")[0].numpy()
    assert np.abs(found - (255 * light).round()).max() <= 1


@pytest.mark.parametrize(
    "how", [{}, {"byteorder": ">"}, {"tile": (16, 16)}, {"compression": "zlib"}]
)
def test_planes_of_16_bits_are_read_right_or_refused(tmp_path, how):
    planes = np.asarray(picture(), np.uint16).transpose(2, 0, 1) * 257
    tifffile.imwrite(tmp_path / "x.tif", planes, photometric="rgb", planarconfig="separate", **how)
    if how.get("compression"):
        assert np.array_equal(load_image(tmp_path / "x.tif").numpy(), expected(picture()))
    else:
        with pytest.raises(ImageError, match=r"x\.tif: .*planes of 16 bits.*save it as PNG"):
            load_image(tmp_path / "x.tif")
    tifffile.imwrite(tmp_path / "8.tif", (planes // 257).astype(np.uint8), photometric="rgb",
                     planarconfig="separate")  # fmt: skip
    assert np.array_equal(load_image(tmp_path / "8.tif").numpy(), expected(picture()))


def test_palette_with_transparency_and_alpha_are_laid_over_white(tmp_path):
    clear = Image.new("RGBA", (8, 6), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 4, 6))
    clear.save(tmp_path / "alpha.png")
    clear.quantize().save(tmp_path / "palette.png")
    for name in ("alpha.png", "palette.png"):
        image = load_image(tmp_path / name)
        assert image[0, :, 0, 0].tolist() == [0, 0, 255]
        assert image[0, :, 0, 7].tolist() == [255, 255, 255]


def test_sixteen_bits_keep_their_range(tmp_path):
    ramp = np.linspace(0, 65535, 20 * 10).reshape(10, 20)
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "x.png")
    image = load_image(tmp_path / "x.png")
    np.testing.assert_allclose(image[0, 0].numpy(), ramp / 257, atol=0.51)


def test_a_dark_sixteen_bit_picture_stays_dark(tmp_path):
    Image.fromarray(np.full((10, 20), 200, np.uint16)).save(tmp_path / "x.png")
    assert load_image(tmp_path / "x.png").max() <= 1


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    first, second = Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")
    first.save(tmp_path / "x.gif", save_all=True, append_images=[second])
    assert load_image(tmp_path / "x.gif")[0, :, 4, 4].tolist() == [254, 0, 0] or (
        load_image(tmp_path / "x.gif")[0, :, 4, 4].tolist() == [255, 0, 0]
    )


def test_an_embedded_profile_is_converted_to_srgb(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile whose red and green primaries are exchanged, by their names in the tag table.
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    Image.new("RGB", (4, 4), (200, 0, 0)).save(tmp_path / "x.png", icc_profile=swapped)
    red, green, _ = load_image(tmp_path / "x.png")[0, :, 1, 1].tolist()
    assert red < 5
    assert green == pytest.approx(200, abs=5)


def test_a_profile_means_the_same_in_every_mode(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    plain = Image.new("RGB", (4, 4), (200, 60, 40))
    plain.save(tmp_path / "RGB.png", icc_profile=profile)
    wanted = load_image(tmp_path / "RGB.png")
    assert (wanted[0, :, 0, 0] - torch.tensor([200, 60, 40])).abs().max() > 20
    modes = {
        "RGBA": plain.convert("RGBA"),
        "P": plain.quantize(4),
        "P-clear": plain.convert("RGBA").quantize(4),
        "YCbCr": plain.convert("YCbCr"),
    }
    for mode, same in modes.items():
        path = tmp_path / f"{mode}.{'tif' if mode == 'YCbCr' else 'png'}"
        same.save(path, icc_profile=profile)
        for image in (load_image(path), load_with_alpha(path)[0]):
            assert (image - wanted).abs().max() <= 2, mode
    plain.putalpha(128)
    plain.save(tmp_path / "half.png", icc_profile=profile)
    image, alpha = load_with_alpha(tmp_path / "half.png")
    assert torch.equal(image, wanted)
    assert (alpha == 128).all()
    assert (load_image(tmp_path / "half.png") - (wanted * 128 + 255 * 127) / 255).abs().max() <= 1


def test_grey_pictures_with_a_profile_agree_too(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, grey_profile(gamma=1.0)):
        images = []
        for mode in ("L", "LA", "I;16"):
            grey = Image.new("L", (4, 4), 100).convert("L" if mode == "I;16" else mode)
            if mode == "I;16":
                grey = Image.fromarray(np.full((4, 4), 100 * 257, np.uint16))
            grey.save(tmp_path / "x.png", icc_profile=profile)
            images.append(load_image(tmp_path / "x.png"))
        assert (images[0] - (100 if profile is srgb else 168)).abs().max() <= 2
        assert torch.equal(images[0], images[1])
        assert torch.equal(images[0], images[2])


def grey_profile(gamma):
    """A minimal ICC profile of grey values with a gamma: white point and curve."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3l", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">LH", 1, round(256 * gamma)) + b"\0\0"
    tags = struct.pack(">L4sLL4sLL", 2, b"wtpt", 156, 20, b"kTRC", 176, len(curve))
    head = struct.pack(">L4sL4s4s4s", 176 + len(curve), b"", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3l", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + tags + white + curve


def test_lab_is_understood(tmp_path):
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (4, 4), (200, 60, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.save(tmp_path / "x.tif")
    found = load_image(tmp_path / "x.tif")[0, :, 1, 1]
    assert (found - torch.tensor([200, 60, 40])).abs().max() <= 3


def test_hidden_pixels_take_the_colour_of_the_nearest_seen(tmp_path):
    clear = Image.new("RGBA", (9, 6), (0, 0, 0, 0))
    clear.paste((255, 200, 0, 255), (0, 0, 3, 6))
    clear.paste((9, 8, 7, 128), (6, 0, 9, 6))
    clear.save(tmp_path / "x.png")
    image, alpha = load_with_alpha(tmp_path / "x.png")
    assert image[0, :, 2].T.unique(dim=0).tolist() == [[9, 8, 7], [255, 200, 0]]
    assert image[0, :, 2, 3].tolist() == [255, 200, 0]
    assert alpha[0, 0, 2].tolist() == [255] * 3 + [0] * 3 + [128] * 3
    Image.new("RGBA", (9, 6)).save(tmp_path / "nothing.png")
    assert load_with_alpha(tmp_path / "nothing.png")[0].min() == 255
    Image.new("RGBA", (9, 6), (1, 2, 3, 255)).save(tmp_path / "opaque.png")
    assert load_with_alpha(tmp_path / "opaque.png")[1] is None


def test_the_hidden_level_of_sixteen_bits_is_hidden(tmp_path):
    grey = np.full((6, 8), 30_000, np.uint16)
    grey[:, 4:] = 500
    Image.fromarray(grey).save(tmp_path / "x.png", transparency=500)
    image = load_image(tmp_path / "x.png")
    assert image[0, 0, 0].tolist() == [117] * 4 + [255] * 4


def test_a_broken_profile_is_ignored(tmp_path):
    picture().save(tmp_path / "x.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(load_image(tmp_path / "x.png").numpy(), expected(picture()))


def test_long_side_keeps_the_aspect_and_square_crops_the_centre(tmp_path):
    assert load_image(photo("kingfisher"), long_side=320).shape == (1, 3, 192, 320)
    assert load_image(photo("kingfisher"), square=50).shape == (1, 3, 50, 50)
    wide = Image.new("RGB", (30, 10), "red")
    wide.paste("blue", (10, 0, 20, 10))
    wide.save(tmp_path / "x.png")
    assert load_image(tmp_path / "x.png", square=10)[0, :, 5, 5].tolist() == [0, 0, 255]
    assert load_image(tmp_path / "x.png", square=10)[0, 0].max() == 0


def test_one_pixel_is_a_picture(tmp_path):
    Image.new("RGB", (1, 1), "white").save(tmp_path / "x.png")
    assert load_image(tmp_path / "x.png").shape == (1, 3, 1, 1)


def bad_files(folder):
    (folder / "text.jpg").write_text("this is not a picture")
    (folder / "empty.png").touch()
    picture(size=(400, 300)).save(folder / "whole.jpg")
    data = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    picture(size=(400, 300)).save(folder / "whole.png")
    data = (folder / "whole.png").read_bytes()
    (folder / "truncated.png").write_bytes(data[: len(data) // 2])
    (folder / "folder.png").mkdir()


@pytest.mark.parametrize(
    "name",
    ["text.jpg", "empty.png", "truncated.jpg", "truncated.png", "folder.png", "missing.jpg"],
)
def test_bad_files_get_one_line_with_their_name(tmp_path, name):
    bad_files(tmp_path)
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    picture().save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(ImageError, match=r"bomb\.png: more than .* megapixels"):
        load_image(tmp_path / "bomb.png")


def test_saving_and_loading_gives_the_same_pixels(tmp_path):
    image = torch.randint(0, 256, (1, 3, 20, 30)).float()
    save_image(image, tmp_path / "x.png")
    assert torch.equal(load_image(tmp_path / "x.png"), image)
    assert os.listdir(tmp_path) == ["x.png"]


def test_saving_rounds_and_clips():
    image = torch.tensor([-5.0, 0.4, 0.6, 254.6, 300.0]).expand(1, 3, 1, 5)
    assert np.asarray(to_pil(image))[0, :, 0].tolist() == [0, 0, 1, 255, 255]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    save_image(torch.zeros(1, 3, 4, 4), path)
    before = path.read_bytes()

    def disk_full(self, target, **options):
        target.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(Image.Image, "save", disk_full)
    with pytest.raises(ImageError, match="no space left"):
        save_image(torch.ones(1, 3, 4, 4), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.png"]


@pytest.mark.parametrize("name", ["x.nothing", "x", "no/such/folder/x.png"])
def test_impossible_names_are_refused(tmp_path, name):
    with pytest.raises(ImageError, match="x"):
        save_image(torch.zeros(1, 3, 4, 4), tmp_path / name)


def test_formats_that_cannot_hold_the_picture_are_named(tmp_path):
    image, alpha = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    for suffix in ("jpg", "gif", "ppm", "bmp"):
        with pytest.raises(ImageError, match="does not hold transparency"):
            save_image(image, tmp_path / f"x.{suffix}", alpha=alpha)
    for suffix in ("ico", "msp", "pdf", "hdf", "icns"):
        with pytest.raises(ImageError, match="photographs are not written as"):
            save_image(image, tmp_path / f"x.{suffix}")
    with pytest.raises(ImageError, match="would be 16384 x 1 pixels, WEBP holds 16,383"):
        save_image(torch.zeros(1, 3, 1, 16384), tmp_path / "x.webp")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif"])
def test_transparency_comes_back(tmp_path, suffix):
    if suffix == "avif" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    alpha = torch.linspace(0, 255, 32).round().expand(1, 1, 32, 32)
    save_image(torch.full((1, 3, 32, 32), 100.0), tmp_path / f"x.{suffix}", alpha=alpha)
    assert (load_with_alpha(tmp_path / f"x.{suffix}")[1] - alpha).abs().max() <= 6


@pytest.mark.parametrize("shape", [(4, 4), (1, 1, 4, 4), (2, 3, 4, 4)])
def test_other_shapes_are_no_image(shape):
    with pytest.raises(ImageError, match=r"\(1, 3, H, W\)"):
        to_pil(torch.zeros(shape))
