"""What is kept of a training: the network's file with its card, and what it needs to go on."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.optim import Optimizer

from ..datasets.crops import RandomCrops
from ..devices import hardware
from ..files import check_destination, written_atomically
from ..losses import TERMS
from ..networks.cards import read_card
from ..networks.serialization import save_network
from ..version import version
from .optimizers import restore
from .recipes import Recipe
from .starts import TrainingError


class TrainingState:
    """How far a training is.

    It is kept in two files: the network's, ``NAME.safetensors``, and while training is under way
    ``NAME.training.pt`` beside it, with the weights in full precision and what the optimisers
    remember.

    Parameters
    ----------
    recipe, photographs
        What is trained, on what.
    out
        The network's file; None keeps nothing.

    Attributes
    ----------
    step
        Steps done.
    seconds
        Time that they took, over all runs.
    curve
        Step and mean loss terms since the row before, about a hundred rows.
    """

    def __init__(self, recipe: Recipe, photographs: RandomCrops, out: Path | None) -> None:
        self.recipe, self.photographs, self.out = recipe, photographs, out
        self.step, self.seconds = 0, 0.0
        self.curve: list[list[float]] = []
        self._sums = torch.zeros(len(TERMS) + 1)  # of the terms since the last row, and how many
        start = recipe.start_from or getattr(recipe, "base", None)
        self._before = read_card(start) if start else None

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.recipe.steps

    @property
    def file(self) -> Path:
        """Where it is kept while training is under way."""
        return self.out.with_suffix(".training.pt")

    # ------------------------------------------------------------ the curve

    def record(self, terms: Tensor) -> None:
        """Count a step, with its loss terms in the order of ``losses.TERMS``."""
        self.step += 1
        self._sums = self._sums.to(terms.device)
        self._sums[:-1] += terms
        self._sums[-1] += 1
        # Asking a GPU for a number makes it wait, so there it is asked only now and then.
        if terms.device.type != "cuda" or self.step % 50 == 0:
            self._check_finite(terms)
        if self.step % max(1, self.recipe.steps // 100) == 0 or self.finished:
            means = self._sums[:-1] / self._sums[-1]
            self._check_finite(means)
            self.curve.append([self.step, *means.tolist()])
            self._sums.zero_()

    def _check_finite(self, terms: Tensor) -> None:
        for name, value in zip(TERMS, terms.tolist(), strict=True):
            if value - value != 0:  # infinity or not a number
                raise self._nonsense(f"the {name} loss is {value}")

    def _nonsense(self, what: str) -> TrainingError:
        kept = f"; {self.out} is as it was at the last save" if self.out else ""
        return TrainingError(
            f"step {self.step}: {what}. Try a lower learning rate than "
            f"{self.recipe.learning_rate:g} or smaller weights, or bfloat16 off{kept}"
        )

    # ------------------------------------------------------------ saving

    def save(self, network: nn.Module, optimizers: Sequence[Optimizer], processes: int = 1) -> None:
        """Write both files; the state first, so that nothing is lost if only it is new.

        Raises
        ------
        TrainingError
            If a weight is not finite, or a file cannot be written.
        """
        if self.out is None or self.step == 0:
            return
        # In half precision, in which networks are kept, 65,504 is the largest number.
        if not all(p.half().isfinite().all() for p in network.parameters()):
            raise self._nonsense("a weight is not finite")
        state = {
            "recipe": json.dumps(as_json(self.recipe)),
            "photographs": self.photographs.digest,
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "block": self._sums.cpu(),
            "network": network.state_dict(),
            "optimizers": [each.state_dict() for each in optimizers],
        }
        try:
            with written_atomically(self.file) as temporary:
                temporary.write_bytes(_packed(state))
            save_network(network, self.out, self.card(processes))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise TrainingError(
                f"step {self.step}: {self.out} cannot be written ({error}); what was saved before "
                "is intact: make room and run the same command to go on from there"
            ) from None
        if self.finished:
            self.file.unlink()

    def card(self, processes: int = 1) -> dict:
        """What the network's file says about its training."""
        bank = self.photographs
        return {
            "recipe": as_json(self.recipe),
            "photographs": {"name": bank.name, "count": len(bank), "digest": bank.digest},
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "hardware": hardware() + (f", {processes} processes" if processes > 1 else ""),
            "losses": dict(zip(TERMS, self.curve[-1][1:], strict=True)) if self.curve else {},
            "curve": [[round(value, 1) for value in row] for row in self.curve],
            "versions": {"perceptual_edu": version(), "torch": torch.__version__},
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "before": self._before,
        }

    # ------------------------------------------------------------ loading

    def load(self, network: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        """Go on from what was kept, if anything was.

        Raises
        ------
        TrainingError
            If it is damaged, or of another recipe or other photographs.
        """
        if self.out is None:
            return
        if self.file.exists():
            self._load(network, optimizers)
        elif self.out.exists():
            self._check_same(read_card(self.out), self.out)
            self.step = self.recipe.steps

    def _load(self, network: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        try:
            state = _unpacked(self.file.read_bytes())
            found = {"recipe": json.loads(state["recipe"]), "photographs": state["photographs"]}
            remembered = state["optimizers"]
        except Exception as error:  # torch.load raises anything
            raise self._useless(error) from None
        self._check_same(found, self.file)
        try:
            network.load_state_dict(state["network"])
            for optimizer, kept in zip(optimizers, remembered, strict=True):
                restore(optimizer, kept)
            self.step, self.seconds = state["step"], state["seconds"]
            self.curve, self._sums = state["curve"], state["block"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise self._useless(error) from None

    def _useless(self, error: Exception) -> TrainingError:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        what = f"damaged or of another version ({reason})"
        return TrainingError(f"{self.file}: {what}; delete it to begin anew")

    def _check_same(self, found: dict, path: Path) -> None:
        """Refuse to go on from, or to overwrite, what was trained in another way."""
        advice = f"give another name than {self.out}, or delete {path} to begin anew"
        wanted, recipe = as_json(self.recipe), found.get("recipe", {})
        for field in wanted:
            # A field that is younger than the file had what is now its default.
            default = getattr(type(self.recipe), field, None)
            before = recipe.get(field, list(default) if isinstance(default, tuple) else default)
            if before != wanted[field]:
                raise TrainingError(
                    f"{path} was trained with {field} {before!r}, not {wanted[field]!r}: {advice}"
                )
        photographs = found.get("photographs")
        digest = photographs.get("digest") if isinstance(photographs, dict) else photographs
        if digest != self.photographs.digest:
            raise TrainingError(f"{path} was trained with other photographs: {advice}")


def _packed(state: dict) -> bytes:
    """As PyTorch saves it, and a digest: PyTorch itself would not notice a wrong byte."""
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue() + hashlib.sha256(file.getvalue()).digest()


def _unpacked(data: bytes) -> dict:
    content, digest = data[:-32], data[-32:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("its content is not what was saved")
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def check_out(out: Path) -> None:
    """Raise :class:`~perceptual_edu.training.starts.TrainingError` if a network cannot be written
    as ``out``."""
    if out.suffix != ".safetensors":
        raise TrainingError(f"{out}: a network's file ends in .safetensors")
    try:
        for suffix in (".safetensors", ".training.pt", ".preview.jpg", ".lock"):
            check_destination(out.with_suffix(suffix))
    except OSError as error:
        raise TrainingError(str(error)) from None


@contextmanager
def only_training_of(out: Path) -> Iterator[None]:
    """Keep all other trainings from writing ``out``, until this one ends or is killed.

    Raises
    ------
    TrainingError
        If another one is writing it.
    """
    check_out(out)
    lock = FileLock(out.with_suffix(".lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise TrainingError(
            f"{out}: another training is writing it; wait for its end, or give another name"
        ) from None
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror or error})") from None
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def as_json(recipe: Recipe) -> dict:
    """The recipe as JSON holds it; of a file only the name, for folders differ from one machine
    to the next."""
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    for name in {"style", "start_from", "base"} & fields.keys():
        path = fields[name]
        several = isinstance(path, list)
        fields[name] = [Path(p).name for p in path] if several else path and Path(path).name
    return fields
