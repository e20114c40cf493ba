"""Write what the page *Try it* runs: networks, thumbnails, photographs and the browser's runtime.

A page that was opened from a file may load scripts and show pictures, but it may not fetch files or
read the pixels of a picture. So whatever try.js reads is a script that hands over one value:
`tryIt.take(NAME, VALUE)`. Such a script is loaded when it is wanted, from any server or none.

    python book/tools/try_it.py          book/_static/try/made, which git ignores
"""

import base64
import gzip
import json
import re
import shutil
import tempfile
from pathlib import Path

import torch
from PIL import Image, ImageOps

from perceptual_edu import assets, load_image, load_network, photo, stylize
from perceptual_edu.images import LUMA, to_pil
from perceptual_edu.inference.onnx_export import export_onnx
from perceptual_edu.inference.stylization import MARGIN, SPACING
from perceptual_edu.networks import StyleNet
from perceptual_edu.networks.catalogue import style_names

STATIC = Path(__file__).resolve().parents[1] / "_static"
MADE = STATIC / "try" / "made"
RUNTIME = STATIC / "vendor" / "onnxruntime-web"

# For the processor alone, and with WebGPU: script, glue, and WebAssembly of ONNX Runtime Web.
RUNTIMES = {
    "processor": ("ort.wasm.min.js", "ort-wasm-simd-threaded"),
    "webgpu": ("ort.jspi.min.js", "ort-wasm-simd-threaded.jspi"),
}

# Photographs that may be passed on without naming anybody: public domain or CC0.
PHOTOS = {
    "neuschwanstein_castle": "Castle",
    "cat_chelsea": "Cat (Chelsea)",
    "red_panda": "Red panda",
    "astronaut_eileen_collins": "Astronaut",
    "kingfisher": "Kingfisher",
    "eiffel_tower": "Eiffel Tower",
    "tiger_in_snow": "Tiger",
    "coffee_cup": "Coffee",
}

# Where the words of a style's name are not yet its title.
TITLES = {
    "starry_night": "The Starry Night",
    "great_wave": "The Great Wave",
    "grande_jatte": "La Grande Jatte",
    "adele_bloch_bauer_i": "Adele Bloch-Bauer I",
    "shipwreck_of_the_minotaur": "The Shipwreck of the Minotaur",
    "flow_brush": "Flowing brush",
    "stained_glass": "Stained glass",
}
NOISE = 20
"""Of "Forms in plain skies": grey levels."""

SMALL_WORDS = {"a", "an", "and", "by", "in", "of", "on", "the", "with"}
THUMBNAIL = (144, 144)


def title(name: str) -> str:
    """A style's name as one reads it: composition_vii -> Composition VII."""
    words = name.split("_")
    for i, word in enumerate(words):
        if i and re.fullmatch("[ivx]+", word):
            words[i] = word.upper()
        elif not i or word not in SMALL_WORDS:
            words[i] = word.capitalize()
    return TITLES.get(name, " ".join(words))


def write_part(folder: Path, name: str, value: object) -> int:
    """One script; returns its size in bytes."""
    path = folder / f"{name}.js"
    path.write_text(f"tryIt.take({json.dumps(name)}, {json.dumps(value)});\n")
    return path.stat().st_size


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_runtimes(folder: Path, runtime: Path) -> dict[str, int]:
    """Sizes by name; empty if npm was missing at set-up."""
    sizes = {}
    for name, (script, core) in RUNTIMES.items():
        if (runtime / script).is_file():
            wasm = gzip.compress((runtime / f"{core}.wasm").read_bytes(), 6, mtime=0)
            parts = dict(
                ort=(runtime / script).read_text(),
                glue=(runtime / f"{core}.mjs").read_text(),
                wasm=text(wasm),
                gpu=name == "webgpu",
            )
            sizes[name] = write_part(folder, f"runtime_{name}", parts)
    return sizes


def write_thumbnail(picture: Image.Image, path: Path) -> None:
    """The middle square, small."""
    small = ImageOps.fit(picture.convert("RGB"), THUMBNAIL, Image.Resampling.LANCZOS)
    small.save(path, quality=82, optimize=True)


def write_model(folder: Path, file: Path) -> dict:
    """A network as ONNX; returns the part's name and its size in bytes."""
    part = f"network_{file.stem}"
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model.onnx"
        export_onnx(load_network(file), model, half=True)
        return {"part": part, "bytes": write_part(folder, part, text(model.read_bytes()))}


def write_network(folder: Path, file: Path) -> dict | None:
    """A file's network as ONNX, and a small picture of each of its styles; None if it has none."""
    network = load_network(file)
    if not isinstance(network, StyleNet):
        return None
    model = write_model(folder, file)
    part = model["part"]
    bundled = {path.stem: path for path in assets.styles()}
    styles = []
    for name, own in zip(style_names(file), network.styles, strict=True):
        thumbnail = f"{part}.{name}.jpg"
        if name in bundled:
            picture = Image.open(bundled[name])
        else:  # the painting may not lie here: then what the network makes of a photograph
            picture = to_pil(stylize(network, load_image(photo("green_hills"), square=192), own))
        write_thumbnail(picture, folder / thumbnail)
        styles.append({"name": name, "title": title(name), "thumbnail": thumbnail})
    return model | {"name": file.stem, "width": network.config["width"], "styles": styles}


def tell_apart(networks: list[dict]) -> None:
    """A style that is in an earlier network too says in its title that it is alone."""
    seen = set()
    for style in (style for network in networks for style in network["styles"]):
        style["title"] += ", alone" if style["name"] in seen else ""
        seen.add(style["name"])


def write_enlargers(folder: Path) -> list[dict]:
    """The networks that enlarge four times, with either loss."""
    titles = {"x4_pixel": "Pixel loss", "x4_feature": "Feature loss"}
    return [
        write_model(folder, assets.checkpoint(name)) | {"title": title}
        for name, title in titles.items()
    ]


def write_photos(folder: Path) -> list[dict]:
    photos = []
    for name, words in PHOTOS.items():
        data = photo(name).read_bytes()
        write_part(folder, f"photo_{name}", f"data:image/jpeg;base64,{text(data)}")
        thumbnail = f"photo_{name}.jpg"
        write_thumbnail(Image.open(photo(name)), folder / thumbnail)
        photos.append({"name": name, "title": words, "thumbnail": thumbnail})
    return photos


def make(folder: Path, checkpoints: list[Path], runtime: Path = RUNTIME) -> None:
    """Write everything into a fresh folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    networks = [network for file in checkpoints if (network := write_network(folder, file))]
    networks.sort(key=lambda network: -len(network["styles"]))  # those that can be mixed first
    tell_apart(networks)
    contents = dict(
        runtimes=write_runtimes(folder, runtime),
        networks=networks,
        enlargers=write_enlargers(folder),
        photos=write_photos(folder),
        margin=MARGIN,
        luma=LUMA,
        noise={"deviation": NOISE, "spacing": SPACING},
    )
    write_part(folder, "contents", contents)


if __name__ == "__main__":
    torch.set_num_threads(1)
    make(MADE, assets.checkpoints())
