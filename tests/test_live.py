"""The page *Try it* of the built book, used as a reader uses it: `make book` first.

Real clicks in a headless Chromium, real files, a fake camera; what is downloaded is compared with
what PyTorch paints. A copy of the page has two networks: a shipped one, and a small one of three
styles with random weights.
"""

import contextlib
import itertools
import shutil
import subprocess
import sys

import pytest
import torch
from built_book import ROOT, browser, keep_errors, needs, tool
from PIL import Image
from torch.nn.functional import avg_pool2d

from perceptual_edu import StyleNet, checkpoint, load_image, load_network, photo, save_network
from perceptual_edu.evaluation import read_report
from perceptual_edu.images import to_pil
from perceptual_edu.inference import stylize, upscale

try_it = tool("try_it")
PAGE = "book/try_it.html"
pytestmark = [
    *needs(PAGE),
    pytest.mark.skipif(not try_it.RUNTIME.is_dir(), reason="npm was missing at set-up"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the page, of the sources as they are now."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(browser.HTML / "_static", folder / "_static")
    shutil.copytree(try_it.MADE.parent, folder / "_static" / "try", dirs_exist_ok=True)
    (folder / "book").mkdir()
    shutil.copy(browser.HTML / PAGE, folder / PAGE)
    torch.manual_seed(0)
    many = StyleNet(width=4, styles=["first_light", "second_wind", "third_rail"])
    for name, values in many.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(values, mean=0.5, std=0.5)
    save_network(many, folder / "many.safetensors")
    files = [checkpoint("starry_night"), folder / "many.safetensors"]
    try_it.make(folder / "_static" / "try" / "made", files)
    return folder


@pytest.fixture(scope="module")
def address(site):
    with browser.served(site) as address:
        yield f"{address}/{PAGE}"


@pytest.fixture(scope="module")
def chromium():
    camera = (
        "--use-fake-device-for-media-stream=device-count=2",
        "--use-fake-ui-for-media-stream",
    )
    with browser.chromium(*camera) as chromium:
        yield chromium


@pytest.fixture
def visit(chromium):
    """A function: address -> a tab in a fresh context, which no script of the page disturbs."""
    with contextlib.ExitStack() as stack:
        errors = []

        def visit(address, **settings):
            context = stack.enter_context(
                contextlib.closing(
                    browser.calm_context(chromium, accept_downloads=True, **settings)
                )
            )
            tab = context.new_page()
            tab.set_default_timeout(120_000)
            keep_errors(tab, errors)
            tab.goto(address)
            return tab

        yield visit
        assert errors == []


@pytest.fixture
def tab(visit, address):
    tab = visit(address)
    wait(tab, "ready")
    return tab


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A real photograph, small enough to stay as it is, of uneven size."""
    path = tmp_path_factory.mktemp("pictures") / "my cat.png"
    to_pil(load_image(photo("cat_chelsea"), long_side=165)).save(path)
    return path


def forget(tab):
    """So that a wait is not over before what is asked next has begun."""
    tab.evaluate("document.querySelector('#try-status').dataset.state = 'asked'")


def wait(tab, state):
    """Until the page says that it is so far; an error that nobody expects ends the wait."""
    tab.wait_for_selector(f"#try-status:is([data-state={state}], [data-state=error])")
    assert tab.locator("#try-status").get_attribute("data-state") == state, status(tab)


def status(tab):
    return tab.locator("#try-status").inner_text()


def open_file(tab, path):
    tab.get_by_label("Open a file").set_input_files(path)
    tab.wait_for_function(
        "name => document.querySelector('#try-status').textContent.includes(name)", arg=path.name
    )


def paint(tab):
    tab.get_by_role("button", name="Paint").click()
    wait(tab, "done")


def saved(tab):
    """What the button Download gives: (1, 3, H, W) in [0, 255], and the file's name."""
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download", exact=True).click()
    return load_image(download.value.path()), download.value.suggested_filename


def move(tab, label, value):
    tab.get_by_role("slider", name=label).fill(str(value))


def assert_alike(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().mean() < 2
    assert (found - expected).abs().max() <= 3


# ---------------------------------------------------------------- what is painted


@pytest.mark.parametrize("how", ["served", "opened as a file"])
def test_an_uploaded_photograph_is_painted_as_pytorch_paints_it(how, site, address, visit, picture):
    tab = visit(address if how == "served" else (site / PAGE).as_uri())
    wait(tab, "ready")
    tab.get_by_role("button", name="The Starry Night").click()
    open_file(tab, picture)
    paint(tab)
    found, name = saved(tab)
    network = load_network(checkpoint("starry_night"))
    assert_alike(found, stylize(network, load_image(picture), dtype=torch.float32))
    assert name == f"my_cat-starry_night-{found.shape[3]}x{found.shape[2]}.png"
    assert " s on " in status(tab)


def test_strength_and_colours_are_those_of_stylize(tab, picture):
    tab.get_by_role("button", name="The Starry Night").click()
    open_file(tab, picture)
    paint(tab)
    move(tab, "Strength", 60)
    tab.get_by_label("Keep the photograph's colours").check()
    found, name = saved(tab)
    network = load_network(checkpoint("starry_night"))
    expected = stylize(
        network, load_image(picture), strength=0.6, keep_colors=True, dtype=torch.float32
    )
    assert_alike(found, expected)
    assert "-strength_60-own_colours-" in name
    assert "--strength 0.6 --keep-colors" in tab.locator("#try-command").inner_text()


def test_smooth_noise_gives_a_plain_sky_forms(tab, tmp_path):
    plain = tmp_path / "plain.png"
    Image.new("RGB", (160, 128), (90, 140, 200)).save(plain)
    tab.get_by_role("button", name="The Starry Night").click()
    open_file(tab, plain)
    paint(tab)
    without, _ = saved(tab)
    forget(tab)
    tab.get_by_label("Forms in plain skies").check()
    wait(tab, "done")
    found, name = saved(tab)
    grey = [image.mean(1)[:, 32:-32, 32:-32] for image in (without, found)]
    forms = [avg_pool2d(each, 16).std() for each in grey]
    assert forms[0] < 1
    assert forms[1] > 10
    assert "-noise-" in name
    assert " --noise 20 " in tab.locator("#try-command").inner_text()


def test_styles_of_one_network_are_mixed_with_sliders(tab, site, picture):
    open_file(tab, picture)
    tab.get_by_label("Mix styles").check()
    assert tab.get_by_role("button", name="The Starry Night").is_disabled()
    for name in ("Third Rail", "First Light", "Second Wind"):  # the middle one was in; it goes out
        tab.get_by_role("button", name=name).click()
    paint(tab)
    move(tab, "Third Rail", 90)
    move(tab, "Second Wind", 30)
    wait(tab, "done")
    found, name = saved(tab)
    network = load_network(site / "many.safetensors")
    mixture = {"third_rail": 0.75, "second_wind": 0.25}
    assert_alike(found, stylize(network, load_image(picture), mixture, dtype=torch.float32))
    assert "-third_rail_75+second_wind_25-" in name
    command = "--style third_rail:0.75+second_wind:0.25 --network many"
    assert command in tab.locator("#try-command").inner_text()


def test_a_painted_picture_follows_every_change(tab):
    paint(tab)
    first, _ = saved(tab)
    forget(tab)
    tab.get_by_role("button", name="Second Wind").click()
    wait(tab, "done")
    second, _ = saved(tab)
    forget(tab)
    tab.get_by_label("Longer side").select_option("256")
    wait(tab, "done")
    third, _ = saved(tab)
    forget(tab)
    tab.get_by_role("button", name="Cat (Chelsea)").click()
    wait(tab, "done")
    fourth, name = saved(tab)
    assert (first - second).abs().mean() > 2
    assert max(third.shape) == 256
    assert third.shape != fourth.shape
    assert name.startswith("cat_chelsea-second_wind-")


def test_a_small_picture_is_enlarged_as_pytorch_enlarges_it(tab, tmp_path):
    small = tmp_path / "small.png"
    to_pil(load_image(photo("red_panda"), long_side=48)).save(small)
    tab.locator("#try-modes").get_by_text("Enlarge").click()
    open_file(tab, small)
    tab.get_by_role("button", name="Enlarge").click()
    wait(tab, "done")
    for loss, keep in itertools.product(("pixel", "feature"), (True, False)):
        tab.locator("#try-right").select_option(f"{loss.capitalize()} loss")
        tab.get_by_label("Keep the small picture's colours").set_checked(keep)
        found, name = saved(tab)
        how = dict(keep_colors=keep, dtype=torch.float32)
        expected = upscale(load_network(checkpoint(f"x4_{loss}")), load_image(small), **how)
        assert_alike(found, expected.float())
        height, width = found.shape[2:]
        own = "-own_colours" if keep else ""
        assert name == f"small-x4-{loss}_loss{own}-{width}x{height}.png"
        assert ("--no-keep-colors" in tab.inner_text("#try-command")) is not keep
    assert f"It becomes {width} × {height}." in tab.inner_text("#try-size-hint")


def test_each_mode_has_the_colours_that_are_kept_and_begins_as_its_command_does(tab):
    for mode, (label, other), checked in (
        ("Paint", ("photograph's", "small picture's"), False),
        ("Enlarge", ("small picture's", "photograph's"), True),
    ):
        tab.locator("#try-modes").get_by_text(mode).click()
        assert tab.get_by_label(f"Keep the {label} colours").is_checked() is checked
        assert not tab.get_by_label(f"Keep the {other} colours").is_visible()


def test_an_enlarged_grey_picture_stays_grey_while_colours_are_kept(tab, tmp_path):
    grey = to_pil(load_image(photo("tiger_in_snow"), long_side=40)).convert("L")
    grey.convert("RGB").save(tmp_path / "grey.png")
    tab.locator("#try-modes").get_by_text("Enlarge").click()
    open_file(tab, tmp_path / "grey.png")
    tab.get_by_role("button", name="Enlarge").click()
    wait(tab, "done")
    tint = []
    for keep in (True, False):
        tab.get_by_label("Keep the small picture's colours").set_checked(keep)
        found, _ = saved(tab)
        tint.append((found.amax(dim=1) - found.amin(dim=1)).max().item())
    assert tint[0] <= 1
    assert tint[1] > 5


def test_an_enlargement_can_be_compared_with_the_original(tab, tmp_path):
    tab.locator("#try-modes").get_by_text("Enlarge").click()
    tab.get_by_label("Longer side").select_option("64")
    tab.get_by_role("button", name="Enlarge").click()
    wait(tab, "done")
    pictures = []
    tab.get_by_role("slider", name="Border").fill("100")
    for name in ("Small picture", "Smoothed", "Pixel loss", "Feature loss", "Original"):
        tab.locator("#try-left").select_option(name)
        assert tab.locator("#try-left-corner").inner_text() == name
        pictures.append(tab.evaluate("document.querySelector('#try-left-view').toDataURL()"))
    assert len(set(pictures)) == 5


# ---------------------------------------------------------------- where pictures come from


def test_the_camera_takes_a_picture_and_is_switched_off(tab):
    tab.get_by_role("button", name="Camera").click()
    tab.get_by_role("button", name="Other camera").click()
    tab.get_by_role("button", name="Take the picture").click()
    tab.wait_for_function("document.querySelector('#try-video').srcObject === null")
    assert "Your picture" in status(tab)
    paint(tab)
    found, name = saved(tab)
    assert name.startswith("camera-first_light-512x")
    assert found.std() > 5


def test_a_picture_can_be_dropped_and_pasted(visit, address, picture):
    tab = visit(address, permissions=["clipboard-read", "clipboard-write"])
    wait(tab, "ready")
    data = list(picture.read_bytes())
    tab.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", {type: "image/png"}));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.querySelector("#try-stage").dispatchEvent(new DragEvent(
                    kind, {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        data,
    )
    tab.wait_for_function("document.querySelector('#try-status').textContent.includes('dropped')")
    tab.evaluate(
        """(bytes) => navigator.clipboard.write([new ClipboardItem({
            "image/png": new Blob([new Uint8Array(bytes)], {type: "image/png"})})])""",
        data,
    )
    tab.keyboard.press("Control+V")
    tab.wait_for_function("!document.querySelector('#try-status').textContent.includes('dropped')")
    with Image.open(picture) as opened:
        assert "{} × {} pixels".format(*opened.size) in status(tab)


def test_a_large_picture_is_shrunk_and_the_page_says_so(tab, tmp_path):
    Image.new("RGB", (3000, 1500), "teal").save(tmp_path / "large.png")
    open_file(tab, tmp_path / "large.png")
    hint = tab.locator("#try-size-hint")
    assert hint.inner_text() == "The picture is shrunk from 3000 × 1500 to 512 × 256 pixels."
    tab.get_by_label("Longer side").select_option("1024")
    assert "to 1024 × 512 pixels" in hint.inner_text()


def test_a_turned_photograph_stands_upright(tab, tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(picture) as opened:
        size = opened.size
        opened.save(tmp_path / "turned.jpg", exif=exif)
    open_file(tab, tmp_path / "turned.jpg")
    assert f"{size[1]} × {size[0]} pixels" in status(tab)


@pytest.mark.parametrize("kind", ["no picture", "too narrow"])
def test_a_file_that_will_not_do_is_named(tab, tmp_path, kind):
    path = tmp_path / "bad.png"
    if kind == "no picture":
        path.write_text("this is not a picture")
    else:
        Image.new("RGB", (300, 5)).save(path)
    tab.get_by_label("Open a file").set_input_files(path)
    tab.wait_for_selector("#try-status[data-state=error]")
    assert "bad.png is" in status(tab)
    assert "640 × 427" in tab.inner_text("#try-size-hint")  # the photograph that was there still is


# ---------------------------------------------------------------- the page


def test_stopped_it_can_paint_again(tab):
    tab.get_by_label("Longer side").select_option("1024")
    tab.get_by_role("button", name="Paint").click()
    tab.get_by_role("button", name="Stop").click()
    wait(tab, "stopped")
    tab.get_by_label("Longer side").select_option("256")
    paint(tab)


def test_before_is_on_the_left_and_after_on_the_right(tab, tmp_path):
    Image.new("RGB", (200, 100), (0, 160, 160)).save(tmp_path / "plain.png")
    open_file(tab, tmp_path / "plain.png")
    paint(tab)
    wipe = tab.get_by_role("slider", name="Border between")
    for place, plain in ((100, (True, True)), (50, (True, False)), (0, (False, False))):
        wipe.fill(str(place))
        tab.locator("#try-stage").screenshot(path=tmp_path / "seen.png")
        with Image.open(tmp_path / "seen.png") as seen:
            colours = [seen.getpixel((seen.width * x // 8, seen.height // 4)) for x in (1, 7)]
        assert tuple(colour[:3] == (0, 160, 160) for colour in colours) == plain
    wipe.fill("50")
    wipe.press("ArrowRight")
    assert wipe.get_attribute("aria-valuetext") == "Before up to 51 %, then After"


def test_only_this_server_is_asked_and_the_runtime_only_when_painting_begins(visit, address):
    weights = {}
    tab = visit("about:blank")
    tab.on("response", lambda reply: weights.update({reply.url: len(reply.body())}))
    tab.goto(address, wait_until="networkidle")
    assert sum(weights.values()) < 3e6
    scripts = [url.rpartition("/")[2] for url in weights if url.endswith(".js")]
    assert not any(name.startswith(("runtime_", "network_")) for name in scripts)
    paint(tab)
    assert any("/runtime_" in url for url in weights)
    assert all(url.startswith((address.removesuffix(PAGE), "blob:", "data:")) for url in weights)


def test_every_control_is_within_a_phone(visit, address):
    tab = visit(address, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    wait(tab, "ready")
    paint(tab)
    for control in tab.locator("#try :is(button, input, select, h2)").all():
        if control.is_visible() and not control.evaluate("e => e.closest('.try-strip')"):
            box = control.bounding_box()
            assert box["x"] >= 0, control
            assert box["x"] + box["width"] <= 390, control


def test_without_javascript_the_page_says_what_to_do(visit, address):
    tab = visit(address, java_script_enabled=False)
    assert tab.get_by_text("This page needs JavaScript").is_visible()
    assert not tab.get_by_role("button", name="Paint").is_visible()


def test_without_npm_the_page_says_that_it_was_built_without(visit, site, tmp_path):
    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns("made"))
    made = tmp_path / "site" / "_static" / "try" / "made"
    made.mkdir()
    try_it.write_part(made, "contents", {"runtimes": {}})
    tab = visit((tmp_path / "site" / PAGE).as_uri())
    tab.get_by_text("was built without npm").wait_for()
    assert not tab.get_by_role("button", name="Paint").is_visible()


def test_the_page_shows_how_long_it_took_as_the_file_says():
    report, shown = read_report("try_times"), (browser.HTML / PAGE).read_text()
    assert report["machine"] in shown
    for row in report["rows"]:
        assert f"{row['side']} × {row['side']}" in shown
        assert f"<p>{row['median']:.2f}</p>" in shown


def test_the_script_of_the_times_presses_the_button_of_the_page(site, tmp_path):
    out = tmp_path / "try_times.json"
    script = ROOT / "experiments" / "try_times.py"
    few = ("--paint", "32", "--enlarge", "16", "--count", "3")
    command = [sys.executable, script, "--site", site, *few, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    report = read_report(out)
    assert report["machine"].startswith("1 core of ")
    assert report["settings"]["network"] == "many"
    rows = report["rows"]
    assert [(row["work"], row["side"], len(row["seconds"])) for row in rows] == [
        ("paint", 32, 3),
        ("enlarge", 16, 3),
    ]
    for row in rows:
        assert 0 < min(row["seconds"]) <= row["median"] <= max(row["seconds"])
        assert row["first picture, from the press"] > row["median"]


# ---------------------------------------------------------------- the tool


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("starry_night", "The Starry Night"),
        ("composition_vii", "Composition VII"),
        ("great_wave", "The Great Wave"),
        ("wheat_field_with_cypresses", "Wheat Field with Cypresses"),
        ("my_style", "My Style"),
    ],
)
def test_the_titles_of_styles_read_naturally(name, title):
    assert try_it.title(name) == title


def test_a_style_that_is_alone_and_in_a_network_of_many_has_two_titles():
    udnie, scream = ({"name": name, "title": name.title()} for name in ("udnie", "scream"))
    alone = {"name": "udnie", "title": "Udnie"}
    try_it.tell_apart([{"styles": [udnie, scream]}, {"styles": [alone]}])
    assert [style["title"] for style in (udnie, scream, alone)] == [
        "Udnie",
        "Scream",
        "Udnie, alone",
    ]


def test_without_npm_there_is_no_runtime(tmp_path):
    assert try_it.write_runtimes(tmp_path, tmp_path / "missing") == {}
