"""The command line as a user meets it: a process, its exit code and its words."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

COMMAND = [sys.executable, "-m", "perceptual_edu"]


def run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=300,
        check=False,
    )


def size(path):
    with Image.open(path) as picture:
        return picture.size


def test_weights_says_where_they_are_and_that_they_are_right():
    done = run("weights")
    assert done.returncode == 0
    assert "vgg16" in done.stdout
    assert "verified" in done.stdout


@pytest.mark.number_format
def test_gatys_writes_a_picture_of_the_size_asked_for(tmp_path):
    out = tmp_path / "out.png"
    done = run("gatys", "kingfisher", "starry_night", "-o", out, "--size", 48, "--steps", 3)
    assert done.returncode == 0, done.stderr
    assert size(out) == (48, 29)
    assert "objective" in done.stdout
    assert "style=" in done.stderr  # the progress bar shows the terms


def test_ctrl_c_writes_the_picture_as_it_is(tmp_path):
    out = tmp_path / "out.png"
    arguments = ["gatys", "kingfisher", "starry_night", "-o", out, "--size", "64"]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--steps", "100000"], stderr=subprocess.PIPE, text=True
    )
    read = ""
    while "style=" not in read and process.poll() is None:
        read += process.stderr.read(1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, rest
    assert size(out) == (64, 38)
    assert os.listdir(tmp_path) == ["out.png"]
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("content", "style", "out", "words"),
    [
        ("text.jpg", "starry_night", "out.png", "text.jpg: not a picture"),
        ("empty.jpg", "starry_night", "out.png", "empty.jpg: the file is empty"),
        ("kingfisher", "no_such_style", "out.png", "no style is called 'no_such_style'"),
        ("kingfisher", "missing.jpg", "out.png", "missing.jpg: no such file"),
        ("kingfisher", "starry_night", "out.xyz", "out.xyz: no picture format"),
        ("kingfisher", "starry_night", "nowhere/out.png", "does not exist"),
        ("line.png", "starry_night", "out.png", "is too small for relu3_3"),
    ],
)
def test_bad_input_gets_one_line_and_writes_nothing(command, tmp_path, content, style, out, words):
    (tmp_path / "text.jpg").write_text("words")
    (tmp_path / "empty.jpg").touch()
    Image.new("RGB", (300, 1)).save(tmp_path / "line.png")
    before = sorted(os.listdir(tmp_path))
    code, _, errors = command("gatys", content, style, "-o", out, "--size", 64, "--steps", 2)
    assert code == 1
    assert words in errors
    assert len(errors.strip().splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == before


def test_a_one_pixel_picture_is_enlarged_like_any_other(command, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    arguments = ["--size", 32, "--steps", 2, "-o", "out.png"]
    code, _, errors = command("gatys", "dot.png", "starry_night", *arguments)
    assert code == 0, errors
    assert size(tmp_path / "out.png") == (32, 32)


def test_an_unwritable_cache_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    done = run("weights", PERCEPTUAL_EDU_CACHE=str(tmp_path / "file"), PERCEPTUAL_EDU_VGG16="")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write to the cache folder")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.number_format
def test_bench_prints_both_times_and_their_ratio(command, tmp_path):
    code, out, errors = command("bench", "gatys", "--size", 32, "--repeats", 2, "-o", "bench.json")
    assert code == 0, errors
    for word in ("plain float32 evaluation", "our iteration", "ratio"):
        assert word in out
    assert (tmp_path / "bench.json").read_text().startswith("{")


COMMANDS = [  # and the suffix of what they write
    (".png", "gatys", "kingfisher", "starry_night"),
    (".png", "stylize", "kingfisher", "-s", "starry_night"),
    (".png", "upscale", "kingfisher"),
    (".json", "score", "in"),
    (".onnx", "export", "starry_night"),
    (".safetensors", "train", "style", "starry_night", "--photos", "in"),
    (".safetensors", "train", "sr", "--photos", "in"),
    (".json", "bench"),
    (".json", "bench", "gatys"),
    (".json", "bench", "train"),
    (".json", "bench", "stylize"),
    (".json", "bench", "upscale"),
    (".photos", "photos", "pack", "in"),
]


IMPOSSIBLE = {
    "gone/x": "the folder gone does not exist",
    "in/photo.jpg/x": "in/photo.jpg",  # below a file
    "n" * 260: "File name too long",
    "folder": "is a folder",
    "loop": "leads back to itself",
}


def impossible(case):
    """A pack is a folder that is made if need be; into a folder go several pictures."""
    possible = {".photos": ("gone/x", "folder", "loop"), ".png": ("folder",)}.get(case[0], ())
    return [name for name in IMPOSSIBLE if name not in possible or "gatys" in case]


@pytest.mark.parametrize(
    ("case", "name"),
    [
        pytest.param(case, name, id=" ".join([*case[1:3], name[:10]]))
        for case in COMMANDS
        for name in impossible(case)
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(command, tmp_path, case, name):
    suffix, *arguments = case
    (tmp_path / "in").mkdir()
    Image.new("RGB", (80, 80), "red").save(tmp_path / "in" / "photo.jpg")
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"loop{suffix}").symlink_to(f"loop{suffix}")
    before = sorted(tmp_path.rglob("*"))
    code, out, errors = command(*arguments, "-o", f"{name}{suffix}")
    assert (code, out) == (1, "")
    assert errors.startswith("error: ")
    assert IMPOSSIBLE[name] in errors
    assert len(errors.strip().splitlines()) == 1  # no progress bar: nothing had begun
    assert sorted(tmp_path.rglob("*")) == before


def test_a_training_is_refused_where_what_lies_beside_its_network_cannot_be_written(
    command, tmp_path
):
    Image.new("RGB", (80, 80), "red").save(tmp_path / "photo.jpg")
    for suffix in (".training.pt", ".preview.jpg", ".lock"):
        (tmp_path / f"x{suffix}").mkdir()
        code, _, errors = command("train", "sr", "--photos", ".", "-o", "x.safetensors")
        assert (code, errors) == (1, f"error: x{suffix}: is a folder; wanted is the name of a file")
        (tmp_path / f"x{suffix}").rmdir()


def test_a_result_never_replaces_a_picture_that_is_read(command, tmp_path):
    (tmp_path / "in").mkdir()
    picture, link = tmp_path / "in" / "a.png", tmp_path / "link.png"
    Image.new("RGB", (70, 70), "red").save(picture)
    link.symlink_to(picture)
    before = picture.read_bytes()
    for arguments, words in (
        (("gatys", picture, "starry_night", "-o", link), "is one of the photographs"),
        (("gatys", "kingfisher", picture, "-o", "in/../in/a.png"), "is one of the photographs"),
        (("upscale", link, "-o", picture), "is one of the photographs"),
        (("upscale", "in", "-o", "in"), "is one of the photographs"),
        (("score", "in", "-o", picture), "a table is written as .json"),
        (("bench", "gatys", "-o", picture), "a table is written as .json"),
        (("photos", "pack", "in", "-o", "in/../in"), "is the folder of photographs itself"),
    ):
        code, out, errors = command(*arguments)
        assert (code, out) == (1, "")
        assert words in errors
        assert len(errors.strip().splitlines()) == 1
    assert picture.read_bytes() == before
    assert os.listdir(tmp_path / "in") == ["a.png"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("case", COMMANDS[:5], ids=lambda case: case[1])
def test_a_full_disk_is_one_line_that_names_the_file(command, tmp_path, case):
    suffix, *arguments = ("in/photo.jpg" if part == "kingfisher" else part for part in case)
    few = {"gatys": ("--steps", 1), "score": ("--model", "bicubic")}.get(arguments[0], ())
    few += ("--size", 32) if arguments[0] in ("gatys", "stylize") else ()
    (tmp_path / "in").mkdir()
    Image.new("RGB", (80, 80), "red").save(tmp_path / "in" / "photo.jpg")
    (tmp_path / f"full{suffix}").symlink_to("/dev/full")
    code, out, errors = command(*arguments, *few, "-o", f"full{suffix}")
    assert (code, out) == (1, "")
    last = errors.strip().splitlines()[-1]
    assert last.startswith(f"error: full{suffix}: ")
    assert "No space left on device" in last


def test_names_with_control_codes_take_one_line_and_command_no_terminal(command, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("bad\nerror: x\x1b[31m.png", "good\n.png"):
        Image.new("RGB", (20, 20)).save(tmp_path / "in" / name)
    (tmp_path / "in" / "bad\nerror: x\x1b[31m.png").write_text("words")
    code, out, errors = command("upscale", "in", "--model", "bicubic", "-o", "out\n")
    assert (code, out) == (1, "out\\n: 1 of 2 pictures\n")
    assert "skipped in/bad error: x\\x1b[31m.png: not a picture" in errors
    code, out, errors = command("upscale", "gone\n.png", "--model", "bicubic", "-o", "o.png")
    assert (code, errors) == (1, "error: gone\\n.png: no such file")


@pytest.mark.parametrize("verb", [("stylize", "-s", "starry_night"), ("upscale",)])
def test_a_link_to_itself_is_no_picture(command, tmp_path, verb):
    (tmp_path / "loop.png").symlink_to("loop.png")
    code, _, errors = command(*verb, "loop.png", "-o", "out.png")
    assert (code, errors) == (1, "error: loop.png: no such file")
