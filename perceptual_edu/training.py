"""Minimise a loss over the weights of a network (section 3 of the paper).

A recipe says what is trained and towards what; :func:`train` is the one loop that does it:
photographs in, network, loss, gradient, Adam. It is a generator: whoever runs it decides what to
plot, when to look and when to stop.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from .assets import file_or_bundled, style
from .files import written_atomically
from .images import load_image
from .loss_network import LossNetwork
from .losses import CONTENT_LAYER, STYLE_LAYERS, LossTerms, PerceptualLoss
from .muon import Muon
from .networks import (
    SRCNN,
    InstanceNorm,
    StyleNet,
    SuperResolutionNet,
    load_network,
    read_card,
    save_network,
)
from .packing import is_pack
from .photobank import PhotoBank
from .scale import autocast, device, fast_dtype, hardware
from .superres import PAPER_BLUR, degrade


class TrainingError(Exception):
    """Training cannot begin or go on; the message says why and what to do."""


OPTIMIZERS = ("adam", "muon")
"""What changes a style network's weights: the paper's, or a faster one."""

# ---------------------------------------------------------------- what to train


def _check_choice(name: str, found: str, choices: tuple[str, ...]) -> None:
    if found not in choices:
        raise TrainingError(f"{name} is {found!r}; wanted is {' or '.join(choices)}")


Objective = Callable[..., LossTerms]
"""Of a network, a batch of photographs (B, 3, H, W), and their numbers in the training (B,)."""


@dataclass(frozen=True)
class StyleRecipe:
    """A style network, with the paper's numbers and the released code's weights as defaults."""

    style: str | tuple[str, ...]
    """The style picture, a file or a bundled style's name; or several, for one network."""
    style_size: int | tuple[int, ...] = 256
    """Its longer side in pixels, or each one's. It sets the size of the brush strokes."""
    width: int = 32
    """Filters of the first layer; 16 is what most released networks have."""
    norm: str = "instance"
    """``"instance"``, or ``"batch"`` as in the paper."""
    upsampling: str = "resize"
    """``"resize"``, or ``"transposed"`` as in the paper."""
    padding: str = "reflection"
    """``"reflection"``, ``"zero"``, or ``"start"`` as in the paper."""
    content_layer: str = CONTENT_LAYER
    """Where content is compared."""
    content_weight: float = 1.0
    """lambda_c."""
    style_layers: tuple[str, ...] = STYLE_LAYERS
    """Where Gram matrices are compared."""
    style_weight: float | tuple[float, ...] = 5.0
    """lambda_s, for each style layer (mean-squared Gram matrices, as in the released code); or
    each style's."""
    tv: float | tuple[float, ...] = 1e-6
    """lambda_TV, or each style's."""
    size: int = 256
    """Width and height of the training crops, pixels."""
    batch: int = 4
    """Photographs a step (over all processes)."""
    steps: int = 40_000
    """Iterations; 40,000 batches of 4 are about two passes over COCO 2014."""
    optimizer: str = "adam"
    """``"adam"`` as in the paper, or ``"muon"``: Muon for the filters, Adam for all else. It needs
    about half the steps."""
    learning_rate: float = 1e-3
    """Of the optimiser, constant in the paper."""
    cooldown: float = 0.0
    """The last part of the steps, 0 to 1, over which the learning rate falls to zero."""
    start_from: str | None = None
    """A trained network's file to go on from, instead of random weights."""
    base: str | None = None
    """A trained network's file whose convolutions are taken and kept: only the scales and shifts
    of the normalisation are trained, which is how a network of many styles learns another one."""
    seed: int = 0
    """Of the first weights and of the order of the photographs."""
    warmup: ClassVar[int] = 0
    """Normalisation makes a slow start needless; compare super-resolution's."""

    def __post_init__(self) -> None:
        _check_choice("optimizer", self.optimizer, OPTIMIZERS)
        for field in ("style_size", "style_weight", "tv"):
            value = getattr(self, field)
            if isinstance(value, tuple) and len(value) != len(self.pictures):
                raise TrainingError(
                    f"{field} has {len(value)} values; wanted are {len(self.pictures)}, one a style"
                )

    @property
    def pictures(self) -> tuple[str, ...]:
        """The style pictures, one or more."""
        return (self.style,) if isinstance(self.style, str) else tuple(self.style)

    def each(self, field: str) -> tuple:
        """A field's value for each style: ``recipe.each("tv")``."""
        value = getattr(self, field)
        return value if isinstance(value, tuple) else (value,) * len(self.pictures)

    def network(self) -> nn.Module:
        """The network with its first weights."""
        if self.start_from:
            return load_network(self.start_from)
        styles = [Path(picture).stem for picture in self.pictures]
        if self.base:
            return with_new_styles(load_network(self.base), styles)
        torch.manual_seed(self.seed)
        how = dict(norm=self.norm, upsampling=self.upsampling, padding=self.padding)
        return StyleNet(width=self.width, styles=styles, **how)

    def loss(self, phi: LossNetwork) -> PerceptualLoss:
        """Equation 5 with the style targets; the content target is still to be set."""
        weights, tvs = self.each("style_weight"), self.each("tv")
        weight, tv = max(weights), max(tvs)
        loss = PerceptualLoss(
            phi,
            content={self.content_layer: self.content_weight} if self.content_weight else {},
            style=dict.fromkeys(self.style_layers, weight) if weight else {},
            tv=tv,
        )
        pictures = [
            load_image(file_or_bundled(name, style), long_side=side).to(phi.mean_bgr.device)
            for name, side in zip(self.pictures, self.each("style_size"), strict=True)
        ]
        factors = ([value / (top or 1) for value in v] for v, top in ((weights, weight), (tvs, tv)))
        return loss.set_styles(pictures, *factors)

    def objective(self, phi: LossNetwork) -> Objective:
        """Equation 5 as a function of the network and a batch of photographs.

        Photograph number i of the training is painted in style number i modulo N.
        """
        loss, count = self.loss(phi), len(self.pictures)

        def compare(
            network: nn.Module, photographs: Tensor, numbers: Tensor | None = None
        ) -> LossTerms:
            photographs = _with_grain_if_flat(photographs)
            loss.set_content(photographs)
            if count == 1:
                return loss(network(photographs))
            chosen = numbers % count
            return loss(network(photographs, F.one_hot(chosen, count).float()), chosen)

        return compare


def with_new_styles(base: nn.Module, styles: Sequence[str]) -> StyleNet:
    """The convolutions of ``base``, frozen, and scales and shifts for new styles, to be trained.

    These begin as the mean of all styles that ``base`` has.

    Raises
    ------
    TrainingError
        If ``base`` is not a style network with instance normalisation.
    """
    if not isinstance(base, StyleNet) or base.config["norm"] != "instance":
        raise TrainingError(f"base is {base!r}; wanted is a StyleNet with instance norm")
    network = StyleNet(**base.config | {"styles": list(styles)})
    mean = base.only(dict.fromkeys(base.styles, 1.0))
    for name, values in mean.state_dict().items():
        network.get_parameter(name).data.copy_(values)
    norms = [module for module in network.modules() if isinstance(module, InstanceNorm)]
    network.requires_grad_(False)
    for norm in norms:
        norm.requires_grad_(True)
    return network


def _with_grain_if_flat(images: Tensor) -> Tensor:
    """Add up to 3 grey levels of grain to those images (B, 3, H, W), in [0, 255], of one colour.

    In such an image normalisation has no variance to divide by: the gradient grows by a factor of
    hundreds in each layer, in the end beyond all numbers.
    """
    height, width = images.shape[2:]
    count = torch.arange(height * width, dtype=torch.float32, device=images.device)
    grain = 3 * count.square().sin().view(height, width)  # irregular, and the same in every run
    spread = (images.amax((2, 3), True) - images.amin((2, 3), True)).amax(1, True)
    return torch.where(spread <= 2, (images + grain).clamp(0, 255), images)


ARCHITECTURES = ("recommended", "paper", "srcnn")
"""Super-resolution networks: ours, the supplement's, and the baseline's."""

LOSSES = ("feature", "pixel")
"""Super-resolution losses: l_feat and l_pixel of section 3.2."""


@dataclass(frozen=True)
class SuperResolutionRecipe:
    """A super-resolution network; the defaults are the paper's, but for the network itself."""

    factor: int = 4
    """How many times larger the result is: 4 or 8."""
    loss: str = "feature"
    """``"feature"``: phi's features of result and truth are compared; ``"pixel"``: their pixels."""
    architecture: str = "recommended"
    """``"recommended"``, ``"paper"`` or ``"srcnn"``."""
    layer: str = "relu2_2"
    """Where features are compared."""
    blur: float = PAPER_BLUR
    """Blur before shrinking, pixels; 0 is the standard of the benchmarks."""
    size: int = 288
    """Width and height of the large patches, pixels."""
    batch: int = 4
    """Patches a step (over all processes)."""
    steps: int = 200_000
    """Iterations."""
    learning_rate: float = 1e-3
    """Of Adam, constant in the paper."""
    warmup: int = 200
    """The first steps, over which the learning rate rises from zero. Without them the few filters
    of the last layers may be switched off by the first large steps, and stay so."""
    cooldown: float = 0.0
    """The last part of the steps, 0 to 1, over which the learning rate falls to zero."""
    start_from: str | None = None
    """A trained network's file to go on from, instead of random weights."""
    seed: int = 0
    """Of the first weights and of the order of the photographs."""
    optimizer: ClassVar[str] = "adam"
    """The paper's."""

    def __post_init__(self) -> None:
        _check_choice("loss", self.loss, LOSSES)
        _check_choice("architecture", self.architecture, ARCHITECTURES)
        if self.size % self.factor:
            raise TrainingError(f"patches of {self.size} pixels: not a multiple of {self.factor}")

    def network(self) -> nn.Module:
        """The network with its first weights."""
        if self.start_from:
            return load_network(self.start_from)
        torch.manual_seed(self.seed)
        makers = {"paper": SuperResolutionNet.paper, "srcnn": SRCNN}
        return makers.get(self.architecture, SuperResolutionNet)(self.factor)

    def objective(self, phi: LossNetwork) -> Objective:
        """l_feat or l_pixel as a function of the network and a batch of photographs."""
        if self.loss == "pixel":
            loss = PerceptualLoss(phi, pixel=1.0)
        else:
            loss = PerceptualLoss(phi, content={self.layer: 1.0})

        def compare(network: nn.Module, photographs: Tensor, _: Tensor | None = None) -> LossTerms:
            small = degrade(photographs, self.factor, blur=self.blur)
            return loss.set_content(photographs)(network(small))

        return compare


Recipe = StyleRecipe | SuperResolutionRecipe


# ---------------------------------------------------------------- how fast


@dataclass(frozen=True)
class Switches:
    """What makes training faster without changing what is trained. Chapter 6 measures each."""

    bfloat16: bool = True
    """Convolutions in bfloat16 where the hardware multiplies it natively; weights in float32."""
    channels_last: bool = True
    """A pixel's channels side by side in memory."""
    fused_adam: bool = True
    """One kernel for the whole update instead of several a parameter."""
    compiled: bool = False
    """``torch.compile``: a minute or two to compile. Needs a C++ compiler. Experimental: with
    PyTorch 2.14 on a CPU a bfloat16 training stopped with a loss that was not a number."""
    cuda_graph: bool = False
    """Record a step once and replay it: no time between kernels. CUDA, one process only."""
    tf32: bool = True
    """Let a GPU round float32 factors to 10 bits of mantissa in products."""

    @classmethod
    def plain(cls) -> Switches:
        """All off: PyTorch as it comes."""
        return cls(*[False] * len(dataclasses.fields(cls)))


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
        A packed file, a folder of photographs, or a :class:`~perceptual_edu.photobank.PhotoBank` of
        the recipe's size and batch.
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
        self.graph = _Graph() if switches.cuda_graph and where.type == "cuda" else None
        self.optimizers = self._optimizers()
        self.step, self.seconds = 0, 0.0
        self.curve: list[list[float]] = []  # step and mean terms, about a hundred times
        self.block = torch.zeros(len(_TERMS) + 1, device=where)  # sums of terms, and how many
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
                terms = self.graph.run(self, *inputs) if self.graph else self.update(*inputs)
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
        return LossTerms(*(getattr(terms, name).detach() for name in _TERMS))

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
        values = torch.stack([getattr(terms, name) for name in _TERMS])
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
        for name, value in zip(_TERMS, values.tolist(), strict=True):
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
            "recipe": json.dumps(_as_json(self.recipe)),
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
            "recipe": _as_json(self.recipe),
            "photographs": {
                "name": self.bank.name, "count": len(self.bank), "digest": self.bank.digest
            },
            "steps": self.step,
            "seconds": round(self.seconds, 1),
            "hardware": hardware() + (f", {self.world} processes" if self.world > 1 else ""),
            "losses": dict(zip(_TERMS, self.curve[-1][1:], strict=True)) if self.curve else {},
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
        wanted, recipe = _as_json(self.recipe), found.get("recipe", {})
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


_TERMS = tuple(field.name for field in dataclasses.fields(LossTerms))


class _Graph:
    """A CUDA graph of one step: recorded once, then replayed without any work of Python's."""

    def __init__(self) -> None:
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps = 0

    def run(self, run: _Run, batch: Tensor, numbers: Tensor) -> LossTerms:
        self.steps += 1
        if self.steps <= 3:  # libraries choose their kernels first; real steps, on another stream
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                terms = run.update(batch, numbers)
            torch.cuda.current_stream().wait_stream(stream)
            return terms
        if self.graph is None:
            self.inputs = batch.clone(), numbers.clone()
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.terms = run.update(*self.inputs)
        for ours, new in zip(self.inputs, (batch, numbers), strict=True):
            ours.copy_(new)
        self.graph.replay()
        return LossTerms(*(getattr(self.terms, name).clone() for name in _TERMS))


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


def check_out(out: Path) -> None:
    """Raise :class:`TrainingError` if a network cannot be written as ``out``."""
    if out.suffix != ".safetensors":
        raise TrainingError(f"{out}: a network's file ends in .safetensors")
    if not out.parent.is_dir():
        raise TrainingError(f"{out}: there is no folder {out.parent}")


def _as_json(recipe: Recipe) -> dict:
    """The recipe as JSON holds it; of a file only the name, for folders differ from one machine
    to the next."""
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    for name in {"style", "start_from", "base"} & fields.keys():
        path = fields[name]
        several = isinstance(path, list)
        fields[name] = [Path(p).name for p in path] if several else path and Path(path).name
    return fields
