"""Minimise a loss over the weights of a network (section 3 of the paper).

:meth:`Trainer.step` is one step of it: batch, forward, loss, backward, step. :func:`train` repeats
it. It is a generator: whoever runs it decides what to plot, when to look and when to stop.
"""

from __future__ import annotations

import atexit
import copy
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..datasets.crops import RandomCrops
from ..datasets.index import is_pack
from ..devices import autocast, check_memory, device, fast_dtype, tf32, tried_convolutions
from ..loss_network import LossNetwork
from ..losses import TERMS, LossTerms
from .optimizers import make_optimizers, schedule
from .performance import CudaGraph, PerformanceOptions
from .recipes import Recipe
from .state import TrainingState, only_training_of

_SECONDS_BETWEEN_SAVES = 20  # on a GPU, where a step takes less time than saving

_logger = logging.getLogger(__name__)


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
    photographs: str | Path | RandomCrops,
    out: str | Path | None = None,
    *,
    save_every: int = 500,
    options: PerformanceOptions | None = None,
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
        :class:`~perceptual_edu.datasets.crops.RandomCrops` of the recipe's size and batch.
    out
        The network's file, ``.safetensors``. The training state lies beside it, ``.training.pt``,
        while training is under way.
    save_every
        Steps between two saves; with CUDA they are also at least 20 seconds apart.
    options
        What makes it fast; by default what helps on this device.
    phi
        The loss network, if there is one already; it is left as it is.

    Yields
    ------
    TrainingStep
        After each step.

    Raises
    ------
    TrainingError
        If the loss is not finite, if the file belongs to another recipe or other photographs, if
        another training is writing it, or if it cannot be written.
    ValueError
        If there is not enough memory for a step.
    """
    rank, world = _processes()
    recipe, out = recipe.resolved(), Path(out) if out else None
    _check_memory(recipe, world)
    with ExitStack() as held:
        if out and rank == 0:
            held.enter_context(only_training_of(out))
        bank = _bank(photographs, recipe)
        if bank.skipped and rank == 0:
            name, reason = next(iter(bank.skipped.items()))
            count, total = len(bank.skipped), len(bank.skipped) + len(bank)
            _logger.warning("%d of %d files are left out, as %s: %s", count, total, name, reason)
        trainer = Trainer(recipe, options or PerformanceOptions(), phi, rank, world)
        state = TrainingState(recipe, bank, out)
        state.load(trainer.network, trainer.optimizers)
        return _steps(trainer, state, save_every, held.pop_all())


class Trainer:
    """A step, and what it changes: a network's weights, and what its optimisers remember."""

    def __init__(
        self,
        recipe: Recipe,
        options: PerformanceOptions,
        phi: LossNetwork | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        where, self.rank, self.world = device(), rank, world
        half = options.bfloat16 and fast_dtype() == torch.bfloat16
        self.device, self.dtype = where, torch.bfloat16 if half else torch.float32
        self.options = options
        winograd = options.winograd and not options.compiled
        phi = phi or LossNetwork(dtype=self.dtype, winograd=winograd).to(where)
        here = torch.empty(0, device=where).device  # which of several GPUs
        if options.compiled or phi.device != here:
            phi = copy.deepcopy(phi).to(where)  # the caller's stays as it is, where it is
        self.objective = recipe.objective(phi)
        self.network = recipe.network().to(where).train()
        if options.channels_last:
            self.network.to(memory_format=torch.channels_last)
        graph = options.cuda_graph and where.type == "cuda" and world == 1
        self.optimizers = make_optimizers(
            self.network, recipe, fused=options.fused_adam, captured=graph
        )
        model = self.network
        if world > 1:
            model = nn.parallel.DistributedDataParallel(model)
        self.model = torch.compile(model, dynamic=False) if options.compiled else model
        if options.compiled:
            phi.compile(dynamic=False)  # after the style picture, which has another size
        if graph:
            self.step = CudaGraph(self.step)

    def step(self, photographs: Tensor, numbers: Tensor) -> LossTerms:
        """One step: a batch, forward, loss, backward, and the step of the optimiser.

        Parameters
        ----------
        photographs
            The batch, Tensor of shape (B, 3, H, W) in [0, 255].
        numbers
            The photographs' numbers in the training, (B,).
        """
        self.network.zero_grad()
        with tf32(self.options.tf32), tried_convolutions(self.options.cudnn_benchmark):
            # Equation 1: equation 5 of f_W(x), averaged over photographs x, lowered by W.
            terms = self.objective(self.f_w, photographs, numbers)
            terms.total.backward()  # through phi and through the picture to W
            for optimizer in self.optimizers:
                optimizer.step()
        return LossTerms(*(getattr(terms, name).detach() for name in TERMS))

    def f_w(self, photographs: Tensor, *style: Tensor) -> Tensor:
        """Forward. It alone computes in half precision; the losses want float32."""
        with autocast(self.device, self.dtype):
            return self.model(photographs, *style)


def _steps(
    trainer: Trainer, state: TrainingState, save_every: int, held: ExitStack
) -> Iterator[TrainingStep]:
    """Steps until all are done, each recorded and some of them saved."""
    rank, world, begin = trainer.rank, trainer.world, time.perf_counter() - state.seconds
    rates = schedule(trainer.optimizers, state.recipe, state.step)
    batches = _batches(state, trainer)

    def save() -> None:
        if rank == 0:
            state.save(trainer.network, trainer.optimizers, world)

    with held:
        saved = time.perf_counter()
        try:
            while not state.finished:
                asked = time.perf_counter()
                photographs, numbers = next(batches)
                waited = time.perf_counter() - asked
                terms = trainer.step(photographs, numbers)
                for rate in rates:
                    rate.step()
                state.record(_mean_of_processes(terms, world))
                now = time.perf_counter()
                state.seconds = now - begin
                soon = trainer.device.type == "cuda" and now - saved < _SECONDS_BETWEEN_SAVES
                if state.finished or (state.step % save_every == 0 and not soon):
                    save()
                    saved = now
                yield TrainingStep(state.step, terms, trainer.network, waited)
        except GeneratorExit:  # stopped between two steps: keep what there is
            save()
            raise
        finally:
            batches.close()


def _batches(state: TrainingState, trainer: Trainer) -> Iterator[tuple[Tensor, Tensor]]:
    """This process' part of each batch to come, with the photographs' numbers in the training."""
    rank, world, start = trainer.rank, trainer.world, state.step
    left = state.recipe.steps - start
    batches = state.photographs.batches(start, left, rank=rank, world=world)
    with closing(batches):
        for step, photographs in enumerate(batches, start):
            first = (step * world + rank) * len(photographs)
            numbers = torch.arange(first, first + len(photographs), device=trainer.device)
            yield photographs.to(trainer.device), numbers


def _mean_of_processes(terms: LossTerms, world: int) -> Tensor:
    values = torch.stack([getattr(terms, name) for name in TERMS])
    if world > 1:
        dist.all_reduce(values, dist.ReduceOp.SUM)
    return values / world


def _check_memory(recipe: Recipe, world: int) -> None:
    # As measured, for each pixel of a batch: what phi keeps for the way back, and the network.
    width = getattr(recipe, "width", 8)  # the features at full size, or their like
    phi = 0 if getattr(recipe, "loss", "feature") == "pixel" else 1500
    pixels = recipe.batch * recipe.size**2 / world
    what = f"a step of {recipe.batch} crops of {recipe.size} x {recipe.size} pixels"
    check_memory(what, pixels * (phi + 35 * width * fast_dtype().itemsize), device())


def _processes() -> tuple[int, int]:
    """This process' number and how many there are, under ``torchrun`` or alone."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    if world > 1 and not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(dist.destroy_process_group)  # not sooner: there may be another training
    return int(os.environ.get("RANK", 0)), world


def _bank(photographs: str | Path | RandomCrops, recipe: Recipe) -> RandomCrops:
    if isinstance(photographs, RandomCrops):
        return photographs
    how = {"size": recipe.size, "batch": recipe.batch, "seed": recipe.seed, "device": device()}
    path = Path(photographs)
    return (RandomCrops if is_pack(path) else RandomCrops.from_folder)(path, **how)
