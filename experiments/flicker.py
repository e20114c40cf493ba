"""Flicker of painted films, what reduces it, and how many frames a second a processor paints.

    python experiments/flicker.py [--steps 200] [--out OUT.json]

Two clips are made from bundled photographs: one stands still but for noise, in the other a camera
moves over the photograph by whole pixels, without and with noise. Each is painted frame by frame,
and with the recursive blend that `perceptual-edu video` uses. Then one network's scales and shifts
are trained on, for `--steps` steps, to paint a photograph that is moved a few pixels and has noise
as it paints the photograph, and all is measured again, with the price: equation 5 of photographs
that were not trained on.

Seconds are those of the processor (all threads added up), so that whatever else the machine does
counts little. Also writes the pictures of the book's page, flicker.avif and flicker.mp4.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import av
import torch
from overview import cell, sheet
from shared import AVIF_QUALITY, result_parser, save
from torch import Tensor
from torch.nn.functional import pad
from tqdm import tqdm

from perceptual_edu import LossNetwork, StyleNet, load_image, load_style, photo, photos, to_pil
from perceptual_edu.assets import checkpoint
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import autocast, device, fast_dtype
from perceptual_edu.evaluation.flicker import camera_moved, change, flicker, noisy
from perceptual_edu.inference import stylize
from perceptual_edu.inference.clips import Clip, open_clip
from perceptual_edu.inference.recording import recording
from perceptual_edu.inference.steadiness import MOVING, STEADY, STILL, Steadiness
from perceptual_edu.networks import read_card
from perceptual_edu.networks.blocks import InstanceNorm
from perceptual_edu.training import StyleRecipe

ROOT = Path(__file__).resolve().parents[1]
STYLES = ("starry_night", "the_scream")
TRAINED = "starry_night"
STILL_VIEW, MOVING_VIEW = "neuschwanstein_castle", "berlin_cathedral"
NOISE, STEP = 4.0, 2  # grey levels; pixels a frame
ALIKE = 100.0
"""Weight of the mean squared difference of a photograph's painting and of the disturbed one's."""
FARTHEST = 4
"""Pixels by which a photograph is moved in training, at most; what comes in at the border, and what
a border changes, is not compared."""
TRAINING_SIZE, BORDER = 128, 16


def main() -> None:
    parser = result_parser(__doc__, "flicker")
    parser.add_argument("--size", type=int, default=256, help="width and height of the clips")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--steps", type=int, default=200, help="of the training")
    parser.add_argument("--repeats", type=int, default=5, help="of each measurement of speed")
    parser.add_argument("--book", type=Path, default=ROOT / "book", help="where pictures go")
    arguments = parser.parse_args()
    clips = make_clips(arguments.size, arguments.frames)
    networks = {name: load_style(name).to(device()) for name in STYLES}
    found = {name: measured(network, clips) for name, network in networks.items()}
    training = trained_on(networks[TRAINED], arguments.steps, min(arguments.size, TRAINING_SIZE))
    found[f"{TRAINED}, trained on"] = measured(networks[TRAINED], clips)
    settings = {
        "photographs": [STILL_VIEW, MOVING_VIEW],
        "size": arguments.size,
        "frames": arguments.frames,
        "noise": NOISE,
        "step": STEP,
        "steady": STEADY,
        "still": STILL,
        "moving": MOVING,
        "format": str(fast_dtype()).removeprefix("torch."),
    }
    save(
        arguments.out,
        "mean change, grey levels, of what two frames in a row both show; processor seconds",
        settings,
        film={name: flicker(frames, shift) for name, (frames, shift) in clips.items()},
        flicker=found,
        training=training,
        speed=list(speed(arguments.repeats, arguments.size)),
        reading_and_writing=reading_and_writing(clips["moving"][0]),
    )
    write_pictures(clips, arguments.book)


# ---------------------------------------------------------------- flicker


def make_clips(size: int, frames: int) -> dict[str, tuple[list, tuple[int, int]]]:
    """Name -> frames, and how what they show moves."""
    still = [load_image(photo(STILL_VIEW), square=size)] * frames
    wide = load_image(photo(MOVING_VIEW), long_side=2 * size)
    top = (wide.shape[2] - size) // 2
    moving = camera_moved(wide[:, :, top : top + size], frames, size, STEP)
    return {
        "still, noise": (noisy(still, NOISE), (0, 0)),
        "moving": (noisy(moving, 0), (0, -STEP)),
        "moving, noise": (noisy(moving, NOISE), (0, -STEP)),
    }


def measured(network: StyleNet, clips: dict) -> dict[str, dict[str, float]]:
    """The flicker of each clip, painted frame by frame, and with the blend."""
    rows = {}
    for name, (frames, shift) in clips.items():
        alone, blended = painted(network, frames)
        rows[name] = {"alone": flicker(alone, shift), "blend": flicker(blended, shift)}
    return rows


def painted(network: StyleNet, frames: list) -> tuple[list, list]:
    """Each frame for itself, and with the blend."""
    alone, blend = [stylize(network, frame) for frame in frames], Steadiness()
    return alone, [blend.blend(*both) for both in zip(frames, alone, strict=True)]


# ---------------------------------------------------------------- trained on


def trained_on(network: StyleNet, steps: int, size: int) -> dict:
    """Train the network's scales and shifts on; what it took, and equation 5 before and after."""
    recipe = StyleRecipe(**read_card(checkpoint(TRAINED))["recipe"])
    recipe = replace(recipe, size=size, batch=2, steps=steps, start_from=None)
    objective = recipe.objective(LossNetwork(dtype=fast_dtype()).to(device()))
    network.requires_grad_(False)
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    weights = [weight.requires_grad_() for norm in norms for weight in norm.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3, fused=True)
    rates = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=steps)
    before, began = unseen_objective(network, objective, size), time.process_time()
    seen = [path for path in photos() if path.stem not in (STILL_VIEW, MOVING_VIEW)]
    bank = RandomCrops.from_folder(seen, size=size, batch=recipe.batch, device=device())
    for step in tqdm(range(steps), desc="training", unit="step", mininterval=5):
        optimizer.zero_grad()
        disturbed_loss(network, objective, bank.batch(step)).backward()
        optimizer.step()
        rates.step()
    network.requires_grad_(True)
    return {
        "style": TRAINED,
        "steps": steps,
        "batch": recipe.batch,
        "size": size,
        "weight of being alike": ALIKE,
        "weights trained": sum(weight.numel() for weight in weights),
        "processor seconds": round(time.process_time() - began, 1),
        "objective": {"before": before, "after": unseen_objective(network, objective, size)},
    }


def disturbed_loss(network: StyleNet, objective: Callable, photographs: Tensor) -> Tensor:
    """Equation 5, and how unlike the paintings of photographs, as they are and disturbed, are."""
    paintings = []

    def f_w(images: Tensor) -> Tensor:
        with autocast(images.device, fast_dtype()):
            paintings.append(network(images))
        return paintings[-1]

    terms = objective(f_w, photographs)
    y, x = torch.randint(-FARTHEST, FARTHEST + 1, (2,)).tolist()
    f_w(photographs.roll((y, x), (2, 3)) + NOISE * torch.randn_like(photographs))
    difference = paintings[0] - paintings[1].roll((-y, -x), (2, 3))
    inside = difference[:, :, BORDER:-BORDER, BORDER:-BORDER]
    return terms.total + ALIKE * inside.square().mean()


@torch.no_grad()
def unseen_objective(network: StyleNet, objective: Callable, size: int) -> float:
    """Equation 5 of two photographs that were not trained on, the mean."""
    views = [load_image(photo(name), square=size) for name in (STILL_VIEW, MOVING_VIEW)]
    return statistics.mean(float(objective(network, view.to(device())).total) for view in views)


# ---------------------------------------------------------------- speed


def speed(repeats: int, size: int) -> Iterator[dict]:
    """Processor seconds a frame, by the network's width, the number format and the size."""
    for side, width, dtype in product((size, 2 * size), (16, 32), (torch.float32, torch.bfloat16)):
        network = StyleNet(width=width).to(device())
        frame = load_image(photo(STILL_VIEW), square=side)
        work = partial(stylize, network, frame, dtype=dtype)
        spent = [seconds_of(work) for _ in range(repeats + 1)]
        yield {
            "size": side,
            "width": width,
            "format": str(dtype).removeprefix("torch."),
            "processor seconds": statistics.median(spent[1:]),
        }


def reading_and_writing(frames: list) -> dict[str, float]:
    """Processor seconds a frame, of a film's coding alone."""

    def write() -> None:
        clip = Clip(film, iter(()))
        with recording(film, clip) as out:
            for number, frame in enumerate(frames):
                out.add(frame, number / clip.rate, 1 / clip.rate)

    def read() -> None:
        with open_clip(film) as clip:
            for _ in clip:
                pass

    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder, "film.mp4")
        spent = {"writing": seconds_of(write), "reading": seconds_of(read)}
    return {name: seconds / len(frames) for name, seconds in spent.items()}


def seconds_of(work: Callable) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


# ---------------------------------------------------------------- pictures for the book


def write_pictures(clips: dict, book: Path) -> None:
    network = load_style(TRAINED).to(device())
    cells = []
    for name in ("still, noise", "moving"):
        frames, shift = clips[name]
        alone, blended = painted(network, frames)
        cells.append(cell(to_pil(frames[-1]), name.capitalize(), "a frame of the film"))
        cells.append(cell(to_pil(blended[-1]), "Painted", "with the blend"))
        for each, title in ((alone, "Change, alone"), (blended, "Change, blended")):
            value = flicker(each, shift)
            moved = 255 - 4 * change(each[-2], each[-1], shift)
            moved = pad(moved, (0, STEP * bool(shift[1])), value=255)
            cells.append(cell(to_pil(moved), title, f"{value:.1f} grey levels in the mean"))
    for folder in (book / "images", book / "_static"):
        folder.mkdir(parents=True, exist_ok=True)
    picture = sheet(cells, columns=4)
    picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)).save(
        book / "images" / "flicker.avif", quality=AVIF_QUALITY
    )
    write_player(network, len(clips["moving"][0]), book / "_static" / "flicker.mp4")


def write_player(network: StyleNet, frames: int, path: Path) -> None:
    """A camera that moves over a photograph, and the painting: small, for a page."""
    wide = load_image(photo(MOVING_VIEW), long_side=2 * 256)
    views = camera_moved(wide[:, :, :192], 3 * frames, 256, STEP)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        video = container.add_stream("libx264", rate=24, options={"crf": "30"})
        video.height, video.width, video.pix_fmt = 192, 256, "yuv420p"
        for frame in painted(network, views)[1]:
            container.mux(video.encode(av.VideoFrame.from_image(to_pil(frame))))
        container.mux(video.encode())


if __name__ == "__main__":
    main()
