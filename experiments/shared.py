"""What the scripts share: a command line that ends in a file, rows kept from an earlier run, a
training with its bar, what is measured of it, a style of a shipped network with its recipe."""

import argparse
import hashlib
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from perceptual_edu.assets import checkpoints, data_folder, photo, photos
from perceptual_edu.devices import device
from perceptual_edu.evaluation import make_report, read_report, write_report
from perceptual_edu.images import load_image
from perceptual_edu.inference import stylize
from perceptual_edu.losses import PerceptualLoss
from perceptual_edu.networks import StyleNet, TrainedStyle, load_style
from perceptual_edu.optimize import Step
from perceptual_edu.training import Recipe, StyleRecipe, TrainingStep, train

AVIF_QUALITY = 46
"""Of pictures on the book's pages: as good to look at as a JPEG of 85, and half as large."""

SHEET_QUALITY = 33
"""Of large sheets of them, which would else take too much of the repository."""


def result_parser(doc: str, name: str) -> argparse.ArgumentParser:
    """A command line with ``--out``: by default data/results/NAME.json."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    out = data_folder() / "results" / f"{name}.json"
    parser.add_argument("--out", type=Path, default=out, help="JSON file to write")
    return parser


def save(out: Path, what: str, settings: dict, *, compact: bool = False, **measured) -> None:
    """Write a report of this machine, now; see :func:`~perceptual_edu.evaluation.make_report`."""
    write_report(make_report(what, settings, **measured), out, compact=compact)


def kept(out: Path, name: str = "rows") -> list[dict]:
    """What an earlier run has left in a file of results."""
    return read_report(out)[name] if out.exists() else []


def digest(path: Path | None) -> str | None:
    """A fingerprint of a network's file: trained again, it is another network."""
    return path and hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def networks_for(factor: int) -> dict[str, Path | None]:
    """Bicubic enlargement (None), and the files of all shipped networks for this factor."""
    files = [path for path in checkpoints() if path.stem.startswith(f"x{factor}_")]
    return {"bicubic": None} | {path.stem.removeprefix(f"x{factor}_"): path for path in files}


def full_name(style: TrainedStyle) -> str:
    """NAME of a style that is alone in its file, FILE/NAME of one of many."""
    return style.name if style.number is None else f"{style.file.stem}/{style.name}"


def load_trained(style: TrainedStyle, paintings: Path | None) -> tuple[StyleNet, StyleRecipe]:
    """A style's network, and how it was trained; the painting from a folder, if it is there."""
    recipe = StyleRecipe(**style.card["recipe"]).alone(style.number or 0)
    painting = paintings and paintings / Path(recipe.style).name
    if painting and painting.is_file():
        recipe = replace(recipe, style=str(painting))
    return load_style(style.name, style.file), recipe


def sheet(rows: Iterable[Sequence[Tensor]]) -> Tensor:
    """Images of one size, row by row, as one image (1, 3, H, W)."""
    return torch.cat([torch.cat([image.cpu() for image in row], dim=3) for row in rows], dim=2)


def painted_sheet(
    network: StyleNet, styles: Sequence[str], names: Sequence[str], side: int
) -> Tensor:
    """Bundled photographs, and below them a row for each style; one image (1, 3, H, W)."""
    photographs = [load_image(photo(name), square=side) for name in names]
    painted = [[stylize(network, each, style) for each in photographs] for style in styles]
    return sheet([photographs, *painted])


# ---------------------------------------------------------------- optimisation, trainings


def clamped_lbfgs(
    loss: PerceptualLoss, start: Tensor, steps: int, every: int = 1
) -> Iterator[Step]:
    """PyTorch's L-BFGS, whose pixels are clamped to [0, 255] behind its back.

    So many evaluations, one an iteration, and a clamp after ``every`` iterations. A step has the
    objective before these iterations, and the picture after them.
    """
    x = start.clone().requires_grad_()
    lbfgs = torch.optim.LBFGS([x], lr=1, max_iter=every, max_eval=every, history_size=20)
    count = 0

    def closure() -> Tensor:
        nonlocal count
        count += 1
        lbfgs.zero_grad()
        total = loss(x).total
        total.backward()
        return total

    while count < steps:
        total = lbfgs.step(closure).item()
        with torch.no_grad():
            x.clamp_(0, 255)
        yield Step(count, count, {"total": total}, x.detach().clone())


def follow(recipe: Recipe, photographs: Path, out: Path, **how) -> None:
    """Train with a progress bar; ``how`` as for :func:`~perceptual_edu.training.train`."""
    with tqdm(desc=out.stem, total=recipe.steps, unit="step", mininterval=5) as bar:
        for step in train(recipe, photographs, out, **how):
            if not bar.n:  # it may go on from where it was
                bar.initial = bar.n = step.step - 1
            bar.update()


def on_the_way(
    recipe: Recipe, photographs: Path, name: str, times: int = 5, **how
) -> Iterator[tuple[TrainingStep, float]]:
    """Train; so many times, evenly spread, the step and the seconds of training until then.

    On a CPU seconds are those of the processor, which other work on the machine hardly changes.
    """
    clock = time.process_time if device().type == "cpu" else time.perf_counter
    begin, elsewhere = clock(), 0.0
    steps = train(recipe, photographs, **how)
    for step in tqdm(steps, desc=name, total=recipe.steps, unit="step"):
        if step.step % max(1, recipe.steps // times) == 0:
            now = clock()
            yield step, round(now - begin - elsewhere, 1)
            elsewhere += clock() - now


def held_out(side: int, every: int) -> list[Tensor]:
    """Squares of every n-th bundled photograph, to measure with what was trained on others."""
    return [load_image(path, square=side).to(device()) for path in photos()[::every]]


def described(recipe: Recipe, fields: Sequence[str], images: list[Tensor]) -> dict:
    """Fields of a recipe, and the photographs that it is measured on: a report's settings."""
    side = images[0].shape[-1]
    settings = {field: getattr(recipe, field) for field in fields}
    return settings | {"measured on": f"{len(images)} bundled photographs, {side} x {side}"}


@torch.no_grad()
def objective(network: nn.Module, loss: PerceptualLoss, images: list[Tensor]) -> dict[str, float]:
    """Medians over photographs: the terms, and the total as a part of the photograph's own."""
    network.eval()
    found: dict[str, list[float]] = {"content": [], "style": [], "total": [], "part": []}
    for photograph in images:
        loss.set_content(photograph)
        terms = loss(network(photograph)).floats()
        for name in ("content", "style", "total"):
            found[name].append(terms[name])
        found["part"].append(terms["total"] / loss(photograph).total.item())
    network.train()
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {name: round(value, 4 if name == "part" else None) for name, value in medians.items()}
