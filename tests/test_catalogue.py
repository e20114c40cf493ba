"""Trained styles by name: alone in a file, or many in one, and their mixtures."""

import onnxruntime
import pytest
import torch

from perceptual_edu import AssetError, NetworkError, StyleNet, assets, load_style, save_network
from perceptual_edu.images import load_image, save_image
from perceptual_edu.inference import stylize
from perceptual_edu.networks import SuperResolutionNet, load_network, trained_styles

MANY = ("the_scream", "udnie", "great_wave")


def random_network(styles=1):
    network = StyleNet(width=4, styles=styles)
    for name, values in network.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(values, mean=0.5, std=0.5)
    return network.eval()


def card(style):
    losses = {"content": 1234.5, "style": 600.0, "tv": 3.0}
    recipe = {"style": style, "batch": 4, "size": 256}
    return {"recipe": recipe, "steps": 40000, "photographs": {"count": 82783}, "losses": losses}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Bundled: one style alone, three in one file, of which the first is also alone elsewhere."""
    folder = tmp_path / "data" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setattr(assets, "data_folder", lambda: folder.parent)
    save_network(random_network(), folder / "mosaic.safetensors", card("mosaic"))
    save_network(random_network(), folder / "the_scream.safetensors", card("the_scream.jpg"))
    pictures = [f"{name}.jpg" for name in MANY]
    save_network(random_network(MANY), folder / "many.safetensors", card(pictures))
    save_network(random_network(["candy", "feathers"]), folder / "two.safetensors")
    upscaler = SuperResolutionNet(factor=4, width=4)
    save_network(upscaler, folder / "x4_pixel.safetensors")
    return folder


@pytest.fixture
def picture():
    return torch.rand(1, 3, 24, 32) * 255


def same(network, other, picture):
    with torch.no_grad():
        return torch.allclose(network(picture), other(picture), atol=1e-2)


def test_a_style_alone_in_a_file_comes_before_one_of_many(shelf, picture):
    alone = load_network(shelf / "the_scream.safetensors")
    assert same(load_style("the_scream"), alone, picture)
    many = load_network(shelf / "many.safetensors")
    assert not same(many.only("the_scream"), alone, picture)
    for network in ("many", shelf / "many.safetensors"):
        assert same(load_style("the_scream", network), many.only("the_scream"), picture)


@pytest.mark.parametrize("name", MANY[1:])
def test_a_style_of_many_is_found_by_its_name(shelf, picture, name):
    found = load_style(name)
    assert found.styles == (name,)
    assert same(found, load_network(shelf / "many.safetensors").only(name), picture)


@pytest.mark.parametrize(
    ("written", "mixture"),
    [
        ("the_scream:0.7+udnie:0.3", {"the_scream": 0.7, "udnie": 0.3}),
        ("the_scream:7 + udnie:3", {"the_scream": 0.7, "udnie": 0.3}),
        ("the_scream+udnie+great_wave", dict.fromkeys(MANY, 1.0)),
        ("udnie:1+great_wave:0", {"udnie": 1.0}),
        ("udnie:0.2", {"udnie": 1.0}),
        ({"udnie": 1, "great_wave": 3}, {"udnie": 0.25, "great_wave": 0.75}),
    ],
    ids=str,
)
def test_a_mixture_is_that_of_the_network_that_has_its_styles(shelf, picture, written, mixture):
    many = load_network(shelf / "many.safetensors")
    assert same(load_style(written), many.only(mixture), picture)


def test_a_file_of_one_style_needs_no_name(shelf, picture, tmp_path):
    network = random_network(["udnie"])
    save_network(network, tmp_path / "mine.safetensors")
    read = load_network(tmp_path / "mine.safetensors")
    assert same(load_style(tmp_path / "mine.safetensors"), read, picture)
    for name in ("mine", "udnie"):
        assert same(load_style(name, tmp_path / "mine.safetensors"), read, picture)


def test_a_name_with_a_plus_or_a_colon_is_a_name_if_there_is_one(shelf, picture):
    network = random_network(["a+b", "a", "b:2"])
    save_network(network, shelf / "odd.safetensors")
    read = load_network(shelf / "odd.safetensors")
    assert same(load_style("a+b"), read.only("a+b"), picture)
    assert same(load_style("b:2"), read.only("b:2"), picture)


MISTAKES = [
    ("the_screem", None, AssetError, "no style is called 'the_screem'; there are: the_scream"),
    ("udnie:1+wave:2", None, AssetError, "no style is called 'wave'; there are: great_wave"),
    ("mosaic", "many", AssetError, "is called 'mosaic'; there are: the_scream, udnie, great_wave"),
    ("udnie", "nothing", AssetError, "no checkpoint is called 'nothing'"),
    ("many", None, NetworkError, "holds 3 styles: the_scream, udnie, great_wave; name one"),
    ("x4_pixel", None, NetworkError, "is a SuperResolutionNet, not a style network"),
    ("mosaic+udnie", None, NetworkError, "mosaic and udnie are not in one network"),
    ("candy+udnie", None, NetworkError, "can be mixed: the_scream, udnie, great_wave; candy"),
    ("udnie:x+great_wave:1", None, ValueError, "has a weight that is no number"),
    ("udnie:1+great_wave", None, ValueError, "give each style a weight, or none"),
    ("udnie+udnie", None, ValueError, "names a style twice"),
    ("udnie:-1+great_wave:2", None, ValueError, "wanted are positive numbers"),
    ("udnie:0+great_wave:0", None, ValueError, "wanted are positive numbers"),
    ("udnie:nan", None, ValueError, "wanted are positive numbers"),
    ("udnie:inf", None, ValueError, "wanted are positive numbers"),
    ("mosaic:-1", None, ValueError, "wanted are positive numbers"),
    ("", None, AssetError, "no style is called ''"),
    ("gone.safetensors", None, NetworkError, "gone.safetensors: no such file"),
]


@pytest.mark.parametrize(("style", "network", "kind", "words"), MISTAKES, ids=str)
def test_a_style_that_is_not_to_be_had_is_refused_in_words(shelf, style, network, kind, words):
    with pytest.raises(kind) as caught:
        load_style(style, network)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_styles_are_listed_those_alone_first(shelf):
    assert [(style.name, style.file.stem, style.number) for style in trained_styles()] == [
        ("mosaic", "mosaic", None),
        ("the_scream", "the_scream", None),
        ("the_scream", "many", 0),
        ("udnie", "many", 1),
        ("great_wave", "many", 2),
        ("candy", "two", 0),
        ("feathers", "two", 1),
    ]


# ---------------------------------------------------------------- the command


def test_styles_prints_a_line_of_each(shelf, command):
    code, out, errors = command("styles")
    assert (code, errors) == (0, "")
    how = "40,000 steps of 4 x 256 px, 82,783 photographs"
    losses = "content 1,234, style 600, tv 3"
    assert out.splitlines() == [
        f"mosaic      mosaic, {how}; {losses}",
        f"the_scream  the_scream, {how}; {losses}",
        f"the_scream  one of 3 in many, {how}",
        f"udnie       one of 3 in many, {how}",
        f"great_wave  one of 3 in many, {how}",
        f"in {shelf}",
    ]


@pytest.mark.parametrize(
    ("arguments", "mixture"),
    [
        (("--style", "udnie"), "udnie"),
        (("--style", "the_scream:0.7+udnie:0.3"), {"the_scream": 0.7, "udnie": 0.3}),
        (("--style", "the_scream", "--network", "many"), "the_scream"),
        (("--style", "great_wave", "--network", "own.safetensors"), "great_wave"),
    ],
    ids=str,
)
def test_stylize_paints_in_the_style_named(shelf, command, picture, tmp_path, arguments, mixture):
    many = load_network(shelf / "many.safetensors")
    save_network(many, tmp_path / "own.safetensors")
    save_image(picture, tmp_path / "in.png")
    code, _, errors = command("stylize", "in.png", *arguments, "-o", "out.png")
    assert code == 0, errors
    expected = stylize(many, load_image(tmp_path / "in.png"), mixture)
    save_image(expected, tmp_path / "expected.png")
    difference = load_image(tmp_path / "out.png") - load_image(tmp_path / "expected.png")
    assert difference.abs().max() <= 1


def test_a_file_of_many_says_how_to_name_one(shelf, command, picture, tmp_path):
    save_image(picture, tmp_path / "in.png")
    save_network(random_network(MANY), tmp_path / "own.safetensors")
    code, out, errors = command("stylize", "in.png", "--style", "own.safetensors", "-o", "o.png")
    assert (code, out) == (1, "")
    assert len(errors.strip().splitlines()) == 1
    assert "own.safetensors: holds 3 styles: the_scream, udnie, great_wave" in errors
    assert "--network own.safetensors --style the_scream" in errors


@pytest.mark.parametrize(
    ("arguments", "inputs"),
    [
        (("own.safetensors",), ["image", "weights"]),
        (("udnie",), ["image"]),
        (("udnie+great_wave",), ["image"]),
        (("great_wave", "--network", "own.safetensors"), ["image"]),
        (("many",), ["image", "weights"]),
        (("mosaic",), ["image"]),
    ],
    ids=str,
)
def test_export_takes_the_same_names_and_of_a_file_all_styles(
    shelf, command, tmp_path, arguments, inputs
):
    save_network(random_network(MANY), tmp_path / "own.safetensors")
    code, _, errors = command("export", *arguments, "-o", "out.onnx")
    assert code == 0, errors
    session = onnxruntime.InferenceSession(str(tmp_path / "out.onnx"))
    assert [each.name for each in session.get_inputs()] == inputs
