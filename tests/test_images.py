import os

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from perceptual_edu import ImageError, load_image, photo, save_image, to_pil


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


@pytest.mark.parametrize("shape", [(4, 4), (1, 1, 4, 4), (2, 3, 4, 4)])
def test_other_shapes_are_no_image(shape):
    with pytest.raises(ImageError, match=r"\(1, 3, H, W\)"):
        to_pil(torch.zeros(shape))
