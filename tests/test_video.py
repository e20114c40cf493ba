"""Films, animations and folders of frames: painted with their times, their sound, their colours.

With ``strength=0`` a network paints the film itself, so that all else can be compared exactly.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from perceptual_edu import load_image, save_network
from perceptual_edu.evaluation.flicker import camera_moved, flicker, noisy
from perceptual_edu.inference import open_clip, stylize, stylize_video
from perceptual_edu.inference.cameras import newest, open_camera
from perceptual_edu.inference.clips import ClipError, Frame
from perceptual_edu.inference.frames import EXACT
from perceptual_edu.inference.steadiness import Steadiness, movement
from perceptual_edu.networks import StyleNet

WIDTH, HEIGHT = 64, 48


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return StyleNet(width=4).eval()


@pytest.fixture
def style(tmp_path, network):
    save_network(network, tmp_path / "style.safetensors")
    return tmp_path / "style.safetensors"


def corners(shift=0):
    """A picture that shows how it was turned: a red corner top left, a blue one top right."""
    pixels = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    pixels[:16, :16], pixels[:16, -16:] = (200, 40, 40), (40, 40, 200)
    pixels[32:, 8 + shift : 24 + shift] = 230
    return pixels


def flat(color, height=HEIGHT, width=WIDTH):
    return np.full((height, width, 3), color, np.uint8)


def write_film(path, pictures, *, times=None, rate=25, sound=None, rotation=None, **coding):
    """A film by PyAV; times in milliseconds, ``sound`` an encoder's name."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "4", "bf": "0"})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        matrix, levels = coding.get("matrix"), coding.get("levels", 1)
        if matrix:
            video.codec_context.colorspace, video.codec_context.color_range = matrix, levels
        if rotation:
            video.set_display_rotation(rotation)
        tone = sound and container.add_stream(sound, rate=44100 if sound != "libopus" else 48000)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format="yuv420p", dst_colorspace=matrix or 5, dst_color_range=levels,
                src_color_range=2, interpolation=EXACT,
            )  # fmt: skip
            frame.pts = times[number] if times else number * 1000 // rate
            frame.time_base = Fraction(1, 1000)
            container.mux(video.encode(frame))
        if sound:
            for number in range(len(pictures)):
                container.mux(tone.encode(noise(number, tone.rate)))
            container.mux(tone.encode())
        container.mux(video.encode())
    return path


def noise(number, rate):
    samples = np.random.default_rng(number).uniform(-0.1, 0.1, (2, rate // 25)).astype("float32")
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, number * rate // 25, Fraction(1, rate)
    return frame


def frames_of(path):
    """[(milliseconds, pixels as a player shows them)]"""
    with av.open(str(path)) as container:
        return [
            (round(1000 * frame.time), frame.to_ndarray(format="rgb24", interpolation=EXACT))
            for frame in container.decode(video=0)
        ]


def times_of(path):
    return [milliseconds for milliseconds, _ in frames_of(path)]


def packets_of_sound(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def paint(network, source, out, **how):
    with open_clip(source, size=how.pop("size", None)) as clip:
        return list(stylize_video(network, clip, out, **{"strength": 0, "steady": 0} | how))


def near(found, wanted, levels=3):
    return np.abs(found.astype(int) - wanted.astype(int)).max() <= levels


# ---------------------------------------------------------------- times


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "gif"])
def test_the_frames_keep_their_number_and_their_times(network, tmp_path, suffix):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(10)])
    records = paint(network, film, tmp_path / f"out.{suffix}")
    assert [record.number for record in records] == list(range(1, 11))
    assert times_of(tmp_path / f"out.{suffix}") == [40 * n for n in range(10)]


def test_a_film_of_variable_rate_keeps_its_times(network, tmp_path):
    times = [0, 40, 300, 310, 1000]
    film = write_film(tmp_path / "in.mkv", [corners(n) for n in range(5)], times=times)
    paint(network, film, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4") == times


def test_a_film_that_does_not_start_at_zero_starts_there(network, tmp_path):
    times = [1_400 + 40 * n for n in range(5)]
    film = write_film(tmp_path / "in.ts", [corners(n) for n in range(5)], times=times)
    with av.open(str(film)) as container:
        assert container.start_time > 0
    paint(network, film, tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4")[0] < 50


def test_a_gif_keeps_its_timing_and_how_often_it_is_shown(network, tmp_path):
    pictures = [Image.fromarray(flat(color)) for color in ((200, 60, 30), (20, 90, 180), (9, 9, 9))]
    durations = [70, 230, 500]
    how = dict(save_all=True, append_images=pictures[1:], duration=durations, loop=3)
    pictures[0].save(tmp_path / "in.gif", **how)
    paint(network, tmp_path / "in.gif", tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as found:
        assert found.info["loop"] == 3
        for number, picture in enumerate(pictures):
            found.seek(number)
            assert found.info["duration"] == durations[number]
            assert near(np.asarray(found.convert("RGB")), np.asarray(picture))


def test_a_gif_of_a_fast_film_is_not_shown_in_slow_motion(network, tmp_path):
    """Browsers show delays below 2 hundredths as 10."""
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(12)], rate=100)
    paint(network, film, tmp_path / "out.gif")
    assert times_of(tmp_path / "out.gif") == [0, 20, 40, 60, 80, 100]


# ---------------------------------------------------------------- sound


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_is_copied_as_it_is(network, tmp_path, suffix):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(10)], sound="aac")
    paint(network, film, tmp_path / f"out.{suffix}")
    assert packets_of_sound(tmp_path / f"out.{suffix}") == packets_of_sound(film)
    assert len(packets_of_sound(film)) > 10


def test_sound_that_the_file_cannot_hold_is_left_out_with_a_word(network, tmp_path, caplog):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(5)], sound="aac")
    paint(network, film, tmp_path / "out.webm")
    assert [record.message for record in caplog.records] == [
        "the sound is left out: .webm does not hold aac as it is; .mkv holds nearly everything"
    ]
    with av.open(str(tmp_path / "out.webm")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_film_is_turned_once(network, tmp_path, turn):
    film = write_film(tmp_path / "in.mp4", [corners()] * 3, rotation=turn)
    paint(network, film, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert frame.rotation == 0
    found = frame.to_ndarray(format="rgb24").astype(int)
    wanted = np.rot90(corners(), turn // 90).astype(int)  # counterclockwise, as PyAV has it
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 3


@pytest.mark.parametrize("levels", [1, 2], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 5], ids=["bt709", "bt601"])
def test_a_flat_color_comes_out_as_the_network_paints_it(network, tmp_path, matrix, levels):
    for number, color in enumerate([(200, 60, 30), (20, 90, 180), (250, 250, 5), (16, 16, 16)]):
        film = tmp_path / f"in{number}.mkv"
        write_film(film, [flat(color)] * 2, matrix=matrix, levels=levels)
        out = tmp_path / f"out{number}.mp4"
        paint(network, film, out, strength=0.5)
        image = torch.tensor(flat(color)).permute(2, 0, 1)[None].float()
        wanted = stylize(network, image, strength=0.5)[0].permute(1, 2, 0).round().numpy()
        assert near(frames_of(out)[1][1], wanted)


def test_an_untagged_film_is_read_as_players_do_by_its_height(tmp_path):
    for height, matrix in ((480, 5), (720, 1)):
        frame = av.VideoFrame.from_ndarray(flat((200, 60, 30), height, 64), "rgb24")
        film = tmp_path / f"{height}.mkv"
        with av.open(str(film), "w") as container:
            video = container.add_stream("libx264", rate=25, options={"crf": "4"})
            video.height, video.width, video.pix_fmt = height, 64, "yuv420p"
            coded = frame.reformat(format="yuv420p", dst_colorspace=matrix)
            coded.colorspace = 2  # not said
            container.mux(video.encode(coded))
            container.mux(video.encode())
        with open_clip(film) as clip:
            image = next(item.image for item in clip if isinstance(item, Frame))
        assert near(image[0].permute(1, 2, 0).numpy(), flat((200, 60, 30), height, 64))


def test_a_film_of_odd_size_loses_a_row_and_a_column(network, tmp_path):
    for number in range(3):
        Image.fromarray(corners(number)[:47, :63]).save(tmp_path / f"{number}.png")
    paint(network, tmp_path, tmp_path / "out.mp4")
    _, found = frames_of(tmp_path / "out.mp4")[0]
    assert found.shape == (46, 62, 3)
    paint(network, tmp_path, tmp_path / "out.gif")
    assert frames_of(tmp_path / "out.gif")[0][1].shape == (47, 63, 3)


def test_pixels_that_are_not_square_become_square(network, tmp_path):
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(3, 2)
        container.mux(video.encode(av.VideoFrame.from_ndarray(corners(), "rgb24")))
        container.mux(video.encode())
    records = paint(network, tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert records[0].image.shape == (1, 3, HEIGHT, WIDTH * 3 // 2)


def test_frames_are_resized_to_their_longer_side(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners()] * 2)
    assert paint(network, film, None, size=32)[0].image.shape == (1, 3, 24, 32)


def test_frames_are_painted_as_pictures_are(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners()] * 2)
    with open_clip(film) as clip:
        image = next(item.image for item in clip)
    record = paint(network, film, None, strength=1, keep_colors=True)[0]
    assert torch.equal(record.image, stylize(network, image, keep_colors=True))


# ---------------------------------------------------------------- folders of frames


def test_a_folder_of_frames_is_read_in_the_order_of_its_numbers(network, tmp_path):
    for number in (1, 2, 10):
        Image.fromarray(flat((20 * number,) * 3)).save(tmp_path / f"frame_{number}.png")
    levels = [round(float(r.image.mean())) for r in paint(network, tmp_path, None)]
    assert levels == [20, 40, 200]


def test_frames_of_different_sizes_make_no_film(network, tmp_path):
    Image.fromarray(corners()).save(tmp_path / "1.png")
    Image.fromarray(corners()[:32]).save(tmp_path / "2.png")
    with pytest.raises(ClipError, match=r"0\.04 s is 64 x 32 pixels; wanted is 64 x 48"):
        paint(network, tmp_path, tmp_path / "out.mp4")


def test_a_film_becomes_a_folder_of_frames_and_that_a_film(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(4)])
    paint(network, film, tmp_path / "frames")
    names = [f"frame_00000{n}.png" for n in range(1, 5)]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == names
    paint(network, tmp_path / "frames", tmp_path / "out.mp4")
    assert times_of(tmp_path / "out.mp4") == [0, 40, 80, 120]


def test_a_folder_that_holds_frames_is_gone_on_with_only_when_asked(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(5)])
    whole, part = tmp_path / "whole", tmp_path / "part"
    paint(network, film, whole, steady=0.5, strength=1)
    with open_clip(film) as clip:
        frames = stylize_video(network, clip, part, steady=0.5)
        for _ in range(3):
            next(frames)
        frames.close()
    with pytest.raises(ClipError, match="holds frames already"):
        paint(network, film, part)
    records = paint(network, film, part, resume=True, steady=0.5, strength=1)
    assert [record.number for record in records] == [4, 5]
    for path in whole.iterdir():
        found, wanted = load_image(part / path.name), load_image(path)
        assert (found - wanted).abs().mean() < 1  # of the film, only the last frame is remembered


# ---------------------------------------------------------------- runs that end early


def test_a_run_that_is_stopped_leaves_a_film_of_the_frames_so_far(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(10)], sound="aac")
    with open_clip(film) as clip:
        frames = stylize_video(network, clip, tmp_path / "out.mp4", strength=0)
        for _ in range(4):
            next(frames)
        frames.close()
    assert times_of(tmp_path / "out.mp4") == [0, 40, 80, 120]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_after_an_error_what_was_there_before_is_left(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(5)])
    (tmp_path / "out.mp4").write_text("an earlier film")
    with open_clip(film) as clip:
        frames = stylize_video(network, clip, tmp_path / "out.mp4", strength=0)
        next(frames)
        with pytest.raises(RuntimeError):
            frames.throw(RuntimeError("not enough memory"))
    assert (tmp_path / "out.mp4").read_text() == "an earlier film"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_ctrl_c_ends_the_command_with_a_film_that_can_be_played(tmp_path, style):
    film = write_film(tmp_path / "in.mp4", [np.tile(corners(), (8, 8, 1))] * 60)
    command = [sys.executable, "-m", "perceptual_edu", "video", "in.mp4", "-s", style.name]
    with subprocess.Popen(
        [*command, "-o", "out.mp4"], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        seen = b""
        while not re.search(rb" ([3-9]|[1-5]\d)/60", seen):  # the bar leaves some numbers out
            byte = process.stderr.read(1)
            assert byte, f"it ended: {seen}"
            seen += byte
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert 3 <= len(times_of(tmp_path / "out.mp4")) < 60
    assert out.startswith(b"out.mp4: 512 x 384, ")
    assert len(times_of(film)) == 60


# ---------------------------------------------------------------- damaged and other files


def test_a_film_without_its_index_is_refused_in_a_line(command, tmp_path, style):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(10)])
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    code, out, errors = command("video", "in.mp4", "-s", style, "-o", "out.mp4")
    assert (code, out) == (1, "")
    assert errors.startswith("error: in.mp4: cannot be opened (")
    assert errors.count("\n") <= 1
    assert not (tmp_path / "out.mp4").exists()


def test_a_film_that_was_cut_is_painted_as_far_as_it_goes_and_named(command, tmp_path, style):
    film = write_film(tmp_path / "in.mkv", [corners(n % 30) for n in range(100)])
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    code, out, errors = command("video", "in.mkv", "-s", style, "-o", "out.mp4")
    assert code == 1
    assert "error: in.mkv: ends after " in errors
    assert " of 4.0 seconds; it was cut" in errors
    painted = times_of(tmp_path / "out.mp4")
    assert 10 < len(painted) < 90
    assert f"{len(painted)} frames" in out


def test_a_film_with_a_damaged_place_is_read_around_it_and_named(network, tmp_path):
    film = write_film(tmp_path / "in.mp4", [corners(n) for n in range(10)])
    with av.open(str(film)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    data = bytearray(film.read_bytes())
    start = data.index(bytes(packets[4]))
    data[start : start + packets[4].size] = b"\xff" * packets[4].size
    film.write_bytes(data)
    with pytest.raises(ClipError, match="is damaged in"):
        paint(network, film, tmp_path / "out.mp4")
    assert len(times_of(tmp_path / "out.mp4")) >= 8


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.mp4", "nothing.mp4: cannot be opened (no such file or directory)"),
        ("text.mp4", "text.mp4: cannot be opened (invalid data found when processing input)"),
        ("song.mp4", "song.mp4: holds no moving pictures, but audio"),
        ("picture.png", "picture.png: is a picture, not a film"),
        ("empty", "empty: no pictures in this folder"),
    ],
)
def test_what_is_no_film_is_refused_in_a_line(command, tmp_path, style, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no film " * 100)
    Image.fromarray(corners()).save(tmp_path / "picture.png")
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        tone = container.add_stream("aac", rate=44100)
        container.mux(tone.encode(noise(0, 44100)))
        container.mux(tone.encode())
    code, _, errors = command("video", name, "-s", style, "-o", "out.mp4")
    assert code == 1
    assert errors.startswith(f"error: {message}")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("out.xyz", "no film is written under this suffix"),
        ("missing/out.mp4", "the folder missing does not exist"),
        ("in.mp4", "is the clip itself"),
        ("file", "is no folder; films have a suffix"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    command, tmp_path, style, out, message
):
    film = write_film(tmp_path / "in.mp4", [corners()] * 2)
    (tmp_path / "file").touch()
    before = film.read_bytes()
    code, said, errors = command("video", "in.mp4", "-s", style, "-o", out)
    assert (code, said) == (1, "")
    assert message in errors
    assert film.read_bytes() == before


# ---------------------------------------------------------------- the command, and cameras


def test_the_command_says_what_it_wrote_and_how_fast(command, tmp_path, style):
    write_film(tmp_path / "in.mp4", [corners(n) for n in range(5)], sound="aac")
    code, out, _ = command("video", "in.mp4", "-s", style, "--size", 32, "-o", "out.mp4")
    assert code == 0
    assert out.startswith("out.mp4: 32 x 24, 5 frames, ")
    assert out.endswith(" a second\n")


def test_without_a_camera_there_is_one_clear_line(command, style):
    code, _, errors = command("webcam", "-s", style, "--camera", "/dev/no_such_camera")
    assert code == 1
    assert errors.startswith("error: /dev/no_such_camera: no camera: cannot be opened (")


def test_of_a_camera_that_is_too_fast_the_newest_frame_is_painted():
    def camera():
        for number in range(20):
            time.sleep(0.01)
            yield number

    seen = []
    for number in newest(camera()):
        seen.append(number)
        time.sleep(0.05)
    assert seen == sorted(seen)
    assert 2 < len(seen) < 15


def test_an_error_of_a_camera_reaches_its_reader():
    def camera():
        yield 1
        raise ClipError("pulled out")

    with pytest.raises(ClipError, match="pulled out"):
        list(newest(camera()))


def test_a_camera_is_shown_on_a_page(tmp_path, style):
    """FFmpeg's test picture stands for the camera."""
    command = [sys.executable, "-m", "perceptual_edu", "webcam", "-s", style.name, "--port", "0"]
    camera = ["--driver", "lavfi", "--camera", "testsrc2=size=64x48,realtime", "--size", "32"]
    with subprocess.Popen(
        [*command, *camera, "-o", "out.mp4"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        address = process.stdout.readline().split()[0]
        with urllib.request.urlopen(address) as page:
            assert b'<img src="stream"' in page.read()
        with urllib.request.urlopen(address + "stream") as stream:
            assert stream.readline() == b"--frame\r\n"
            stream.readline()
            length = int(stream.readline().split()[1])
            stream.readline()
            assert stream.read(length).startswith(b"\xff\xd8")
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode == 130
    assert len(times_of(tmp_path / "out.mp4")) >= 1


def test_a_camera_gives_frames_while_it_is_open():
    with open_camera("testsrc2=size=64x48", driver="lavfi", size=32) as clip:
        assert next(iter(clip)).image.shape == (1, 3, 24, 32)


# ---------------------------------------------------------------- flicker


@pytest.mark.parametrize("shift", [(0, 3), (0, -3), (2, 0), (-2, 5)])
def test_a_film_that_only_moves_does_not_flicker(shift):
    wide = 255 * torch.rand(1, 3, 60, 60)
    (y, x), step = shift, range(3)
    frames = [wide[:, :, 20 - n * y : 40 - n * y, 20 - n * x : 40 - n * x] for n in step]
    assert flicker(frames, shift) == 0
    assert flicker(frames) > 50


def test_flicker_is_the_mean_change_in_grey_levels():
    frames = [torch.full((1, 3, 8, 8), level) for level in (10.0, 14.0, 12.0)]
    assert flicker(frames) == pytest.approx(3)
    with pytest.raises(ValueError, match="two frames or more, not 1"):
        flicker(frames[:1])


def test_a_camera_moves_over_a_photograph_as_far_as_it_goes(photograph):
    frames = camera_moved(photograph, 5, 40, 6)
    assert flicker(frames, (0, -6)) == 0
    with pytest.raises(ValueError, match="64 wide; wanted is at least 70"):
        camera_moved(photograph, 6, 40, 6)


def test_noise_is_as_strong_as_asked_and_another_in_each_frame():
    frames = noisy([torch.full((1, 3, 64, 64), 128.0)] * 2, 4)
    assert frames[0].std() == pytest.approx(4, rel=0.05)
    assert flicker(frames) == pytest.approx(2 * 4 / np.pi**0.5, rel=0.05)  # of a normal deviate


def test_what_stands_still_becomes_calmer_and_what_moves_is_left():
    still = torch.full((1, 3, 64, 64), 100.0)
    noisy = [still + 3 * torch.randn_like(still) for _ in range(20)]
    painted = [still + 30 * torch.randn_like(still) for _ in range(20)]
    blend = Steadiness(0.8)
    calm = [blend.blend(x, y) for x, y in zip(noisy, painted, strict=True)]
    change = (painted[-1] - painted[-2]).abs().mean()
    assert (calm[-1] - calm[-2]).abs().mean() < 0.3 * change
    moved = 255 - still
    assert torch.equal(blend.blend(moved, painted[0]), painted[0])


@pytest.mark.parametrize("shift", [(0, -2), (3, 0), (-4, 5), (0, 0)])
def test_when_the_camera_moves_what_is_remembered_moves_along(photograph, shift):
    wide = torch.nn.functional.interpolate(photograph, scale_factor=2, mode="bilinear")
    (y, x), start = shift, 30
    film = [
        wide[:, :, start - n * y : start - n * y + 64, start - n * x : start - n * x + 64]
        for n in range(5)
    ]
    film = noisy(film, 3)
    assert movement(film[0], film[1]) == shift
    painted = [frame + 30 * torch.randn_like(frame) for frame in film]
    blend = Steadiness(0.8)
    calm = [blend.blend(x, y) for x, y in zip(film, painted, strict=True)]
    assert flicker(calm[3:], shift) < 0.5 * flicker(painted[3:], shift)


def test_noise_is_not_taken_for_movement():
    fog = [128 + 4 * torch.randn(1, 3, 64, 64) for _ in range(2)]
    assert movement(*fog) == (0, 0)


def test_what_moves_slowly_leaves_no_trace():
    """From one frame to the next little changes; over many it adds up and counts."""
    blend = Steadiness(0.8)
    for level in range(0, 200, 2):
        frame = torch.full((1, 3, 32, 32), float(level))
        result = blend.blend(frame, frame)
        assert (result - frame).abs().max() < 10


def test_without_steadiness_each_frame_is_for_itself():
    blend = Steadiness(0)
    frames = torch.rand(3, 1, 3, 32, 32)
    for painted in frames:
        assert torch.equal(blend.blend(frames[0], painted), painted)


@pytest.mark.parametrize("steady", [-0.1, 1])
def test_a_steadiness_that_is_none_is_refused(steady):
    with pytest.raises(ValueError, match="wanted is a number from 0 to below 1"):
        Steadiness(steady)
