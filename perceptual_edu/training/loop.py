"""Minimise a loss over the weights of a network (section 3 of the paper).

:func:`train` is the one loop that does it: photographs in, network, loss, gradient, Adam. It is a
generator: whoever runs it decides what to plot, when to look and when to stop.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from torch import Tensor, nn

from ..datasets.crops import PhotoBank
from ..datasets.index import is_pack
from ..devices import autocast, device, fast_dtype, hardware
from ..files import written_atomically
from ..loss_network import LossNetwork
from ..losses import TERMS, LossTerms
from ..networks.serialization import read_card, save_network
from .muon import Muon
from .performance import CudaGraph, Switches
from .recipes import Recipe, TrainingError
from .state import as_json, check_out

# ---------------------------------------------------------------- the loop


@dataclass(frozen=True)
class TrainingStep:
    """One step of a training.

    Attributes
    ----------
    step
        Steps done so far, counting from 1.
    terms
        Loss terms of the step's batch, before its update (scalar tensors; ``terms.floats()``
        waits for the device).
    network
        The network being trained, in training mode; not a copy.
    waited
        Seconds that the step waited for its photographs.
    """

    step: int
    terms: LossTerms
    network: nn.Module
    waited: float


def train(
    recipe: Recipe,
    photographs: str | Path | PhotoBank,
    out: str | Path | None = None,
    *,
    save_every: int = 500,
    switches: Switches | None = None,
    phi: LossNetwork | None = None,
) -> Iterator[TrainingStep]:
    """Train a network, one step at a time.

    With ``out``, network and training state are saved every so often and at the end. Killed at any
    moment and called again with the same arguments, training goes on from the last save, and on a
    CPU the result is bit for bit that of an uninterrupted run. If the training is complete, nothing
    is yielded.

    Under ``torchrun`` every process takes its part of each batch.

    Parameters
    ----------
    recipe
        What to train.
    photographs
        A packed file, a folder of photographs, or a
        :class:`~perceptual_edu.datasets.crops.PhotoBank` of the recipe's size and batch.
    out
        The network's file, ``.safetensors``. The training state lies beside it, ``.training.pt``,
        while training is under way.
    save_every
        Steps between two saves.
    switches
        What makes it fast; by default what helps on this device.
    phi
        The loss network, if there is one already.

    Yields
    ------
    TrainingStep
        After each step.

    Raises
    ------
    TrainingError
        If the loss is not finite, if the file belongs to another recipe or other photographs, or
        if it cannot be written.
    """
    run = _Run(recipe, photographs, Path(out) if out else None, switches or Switches(), phi)
    return run.go(save_every)


class _Run:
    """A training under way: everything that a step changes, and how it is kept."""

    def __init__(
        self,
        recipe: Recipe,
        photographs: str | Path | PhotoBank,
        out: Path | None,
        switches: Switches,
        phi: LossNetwork | None,
    ) -> None:
        self.rank, self.world = _processes()
        self.recipe, self.out, self.switches = recipe, out, switches
        self.where = where = device()
        self.bank = _bank(photographs, recipe, where)
        self.network = recipe.network().to(where).train()
        self.half = switches.bfloat16 and fast_dtype() == torch.bfloat16
        phi = phi or LossNetwork(dtype=torch.bfloat16 if self.half else torch.float32)
        self.objective = recipe.objective(phi.to(where))
        if switches.channels_last:
            self.network.to(memory_format=torch.channels_last)
        self.graph = CudaGraph() if switches.cuda_graph and where.type == "cuda" else None
        self.optimizers = self._optimizers()
        self.step, self.seconds = 0, 0.0
        self.curve: list[list[float]] = []  # step and mean terms, about a hundred times
        self.block = torch.zeros(len(TERMS) + 1, device=where)  # sums of terms, and how many
        self._restore()
        model = self.network
        if self.world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        self.model = torch.compile(model, dynamic=False) if switches.compiled else model
        if switches.compiled:
            phi.compile(dynamic=False)  # after the style picture, which has another size
        if where.type == "cuda" and switches.tf32:
            torch.set_float32_matmul_precision("high")

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Adam, and Muon for the filters if the recipe says so; not for the last layer's, whose
        three rows are the colours."""
        muon = self.recipe.optimizer == "muon"
        filters, others = [], []
        for p in filter(lambda p: p.requires_grad, self.network.parameters()):
            (filters if muon and p.ndim == 4 and len(p) > 3 else others).append(p)
        rate = self.recipe.learning_rate
        rate = torch.tensor(rate, device=self.where) if self.graph else rate
        adam = torch.optim.Adam(
            others,
            lr=rate,
            fused=self.switches.fused_adam or None,
            capturable=self.graph is not None,
        )
        return [adam, Muon(filters, lr=rate)] if filters else [adam]

    # ------------------------------------------------------------ stepping

    def go(self, save_every: int) -> Iterator[TrainingStep]:
        steps, begin = self.recipe.steps, time.perf_counter() - self.seconds
        batches = self.bank.batches(self.step, steps - self.step, rank=self.rank, world=self.world)
        try:
            while self.step < steps:
                asked = time.perf_counter()
                batch = next(batches)
                waited = time.perf_counter() - asked
                self._set_learning_rate()
                inputs = batch, self._numbers(len(batch))
                terms = self.graph.run(self.update, *inputs) if self.graph else self.update(*inputs)
                self.step += 1
                self.seconds = time.perf_counter() - begin
                self._record(terms)
                if self.step % save_every == 0 or self.step == steps:
                    self._save()
                yield TrainingStep(self.step, terms, self.network, waited)
        except GeneratorExit:  # stopped between two steps: keep what there is
            self._save()
            raise
        finally:
            batches.close()
            if self.world > 1:
                dist.destroy_process_group()

    def _numbers(self, count: int) -> Tensor:
        """The numbers of the batch's photographs in the endless sequence, (B,)."""
        first = (self.step * self.world + self.rank) * count
        return torch.arange(first, first + count, device=self.where)

    def update(self, batch: Tensor, numbers: Tensor) -> LossTerms:
        """One step: network, loss, gradient, Adam (or Muon)."""
        self.network.zero_grad()
        terms = self.objective(self._apply, batch, numbers)
        terms.total.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return LossTerms(*(getattr(terms, name).detach() for name in TERMS))

    def _apply(self, photographs: Tensor, *style: Tensor) -> Tensor:
        # Only f_W: the losses compute in float32.
        with autocast(self.where, torch.bfloat16 if self.half else torch.float32):
            return self.model(photographs, *style)

    def _set_learning_rate(self) -> None:
        left = 1 - self.step / self.recipe.steps
        factor = min(1.0, left / self.recipe.cooldown) if self.recipe.cooldown else 1.0
        if self.recipe.warmup:
            factor *= min(1.0, (self.step + 1) / self.recipe.warmup)
        for group in (group for each in self.optimizers for group in each.param_groups):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(self.recipe.learning_rate * factor)
            else:
                group["lr"] = self.recipe.learning_rate * factor

    def _record(self, terms: LossTerms) -> None:
        values = torch.stack([getattr(terms, name) for name in TERMS])
        if self.world > 1:
            dist.all_reduce(values, dist.ReduceOp.SUM)
            values /= self.world
        self.block[:-1] += values
        self.block[-1] += 1
        # Asking a GPU for a number makes it wait, so there it is asked only now and then.
        if self.where.type != "cuda" or self.step % 50 == 0:
            self._check_finite(values)
        if self.step % max(1, self.recipe.steps // 100) == 0 or self.step == self.recipe.steps:
            self._check_finite(self.block[:-1])
            means = (self.block[:-1] / self.block[-1]).tolist()
            self.curve.append([self.step, *means])
            self.block.zero_()

    def _check_finite(self, values: Tensor) -> None:
        for name, value in zip(TERMS, values.tolist(), strict=True):
            if value - value != 0:  # infinity or not a number
                self._stop_at_nonsense(f"the {name} loss is {value}")

    def _stop_at_nonsense(self, what: str) -> None:
        kept = f"; {self.out} is as it was at the last save" if self.out else ""
        raise TrainingError(
            f"step {self.step}: {what}. Try a lower learning rate than "
            f"{self.recipe.learning_rate:g} or smaller weights, or bfloat16 off{kept}"
        )

    # ------------------------------------------------------------ keeping

    @property
    def _state_file(self) -> Path:
        return self.out.with_suffix(".training.pt")

    def _save(self) -> None:
        """The state first, then the network: if only the state is new, nothing is lost."""
        if self.out is None or self.rank != 0 or self.step == 0:
            return
        # In half precision, in which networks are kept, 65,504 is the largest number.
        if not all(p.half().isfinite().all() for p in self.network.parameters()):
            self._stop_at_nonsense("a weight is not finite")
        state = {
            "recipe": json.dumps(as_json(self.recipe)),
            "photographs": self.bank.digest,
            "step": self.step,
            "seconds": self.seconds,
            "curve": self.curve,
            "block": self.block.cpu(),
            "network": self.network.state_dict(),
            "optimizers": [each.state_dict() for each in self.optimizers],
        }
        try:
            with written_atomically(self._state_file) as temporary:
                torch.save(state, temporary)
            save_network(self.network, self.out, self._card())
        except (OSError, RuntimeError, SafetensorError) as error:
            raise TrainingError(
                f"step {self.step}: {self.out} cannot be written ({error}); what was saved before "
                "is intact: make room and run the same command to go on from there"
            ) from None
        if self.step == self.recipe.steps:
            self._state_file.unlink()

    def _card(self) -> dict:
        before = self.recipe.start_from or getattr(self.recipe, "base", None)
        return {
            "recipe": as_json(self.recipe),
            "photographs": {
                "name": self.bank.name, "count": len(self.bank), "digest": self.bank.digest
            },
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "hardware": hardware() + (f", {self.world} processes" if self.world > 1 else ""),
            "losses": dict(zip(TERMS, self.curve[-1][1:], strict=True)) if self.curve else {},
            "curve": [[round(value, 1) for value in row] for row in self.curve],
            "versions": {"perceptual_edu": version("perceptual_edu"), "torch": torch.__version__},
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "before": read_card(before) if before else None,
        }  # fmt: skip

    def _restore(self) -> None:
        if self.out is None:
            return
        check_out(self.out)
        if self._state_file.exists():
            self._load_state()
        elif self.out.exists():
            self._check_same(read_card(self.out), self.out)
            self.step = self.recipe.steps  # trained to the end already

    def _load_state(self) -> None:
        path = self._state_file
        try:
            state = torch.load(path, map_location=self.where, weights_only=True)
            found = {"recipe": json.loads(state["recipe"]), "photographs": state["photographs"]}
            optimizers = state["optimizers"]
        except Exception as error:  # torch.load raises anything
            reason = (str(error) or type(error).__name__).splitlines()[0]
            what = f"damaged or of another version ({reason})"
            raise TrainingError(f"{path}: {what}; delete it to begin anew") from None
        self._check_same(found, path)
        self.network.load_state_dict(state["network"])
        for optimizer, kept in zip(self.optimizers, optimizers, strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.seconds, self.curve = state["step"], state["seconds"], state["curve"]
        self.block = state["block"].to(self.where)

    def _check_same(self, found: dict, path: Path) -> None:
        """Refuse to go on from, or to overwrite, what was trained in another way."""
        advice = f"give another name than {self.out}, or delete {path} to begin anew"
        wanted, recipe = as_json(self.recipe), found.get("recipe", {})
        for field in wanted:
            # A field that is younger than the file had what is now its default.
            before = recipe.get(field, getattr(type(self.recipe), field, None))
            if before != wanted[field]:
                raise TrainingError(
                    f"{path} was trained with {field} {before!r}, not {wanted[field]!r}: {advice}"
                )
        photographs = found.get("photographs")
        digest = photographs.get("digest") if isinstance(photographs, dict) else photographs
        if digest != self.bank.digest:
            raise TrainingError(f"{path} was trained with other photographs: {advice}")


def _processes() -> tuple[int, int]:
    """This process' number and how many there are, under ``torchrun`` or alone."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return int(os.environ.get("RANK", 0)), world


def _bank(photographs: str | Path | PhotoBank, recipe: Recipe, where: torch.device):
    if isinstance(photographs, PhotoBank):
        return photographs
    how = {"size": recipe.size, "batch": recipe.batch, "seed": recipe.seed, "device": where}
    path = Path(photographs)
    return (PhotoBank if is_pack(path) else PhotoBank.from_folder)(path, **how)
