"""What makes training faster without changing what is trained."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..losses import TERMS, LossTerms

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PerformanceOptions:
    """What makes training faster without changing what is trained. Chapter 6 measures each."""

    bfloat16: bool = True
    """Convolutions in bfloat16 where it is fast (:func:`~perceptual_edu.devices.fast_dtype`);
    weights in float32."""
    winograd: bool = True
    """phi's deep convolutions with a quarter of the products, where a processor computes in
    float32 (:mod:`~perceptual_edu.winograd`). Not in what is compiled."""
    channels_last: bool = True
    """A pixel's channels side by side in memory."""
    fused_adam: bool = True
    """One kernel for the whole update instead of several a parameter."""
    compiled: bool = False
    """``torch.compile``: a minute or two to compile. Needs a C++ compiler. Experimental: with
    PyTorch 2.14 on a CPU a bfloat16 training stopped with a loss that was not a number."""
    cuda_graph: bool = True
    """Record a step once and replay it: no time between kernels. CUDA only, and only where a
    single process trains; a step that cannot be recorded is said so and computed as ever."""
    cudnn_benchmark: bool = True
    """Let CUDA's library of convolutions try its ways and keep the fastest."""
    tf32: bool = True
    """Let a GPU round float32 factors to 10 bits of mantissa in products."""

    @classmethod
    def plain(cls) -> PerformanceOptions:
        """All off: PyTorch as it comes."""
        return cls(*[False] * len(dataclasses.fields(cls)))


class CudaGraph:
    """A step as a CUDA graph: recorded once, then replayed without any work of Python's.

    If it cannot be recorded, a warning says why, and steps are computed without.
    """

    def __init__(self, step: Callable[..., LossTerms]) -> None:
        self.step = step
        self.graph: torch.cuda.CUDAGraph | None = None
        self.steps = 0
        self.refused = False

    def __call__(self, batch: Tensor, numbers: Tensor) -> LossTerms:
        self.steps += 1
        if self.refused:
            return self.step(batch, numbers)
        if self.steps <= 3:  # libraries choose their kernels first; real steps, on another stream
            return self._warm_up(batch, numbers)
        if self.graph is None:
            try:
                self._record(batch, numbers)
            except RuntimeError as error:
                self.refused = True
                reason = str(error).partition("\n")[0]
                _logger.warning("the step is not recorded as a CUDA graph: %s", reason)
                return self.step(batch, numbers)
        for ours, new in zip(self.inputs, (batch, numbers), strict=True):
            ours.copy_(new)
        self.graph.replay()
        return LossTerms(*(getattr(self.terms, name).clone() for name in TERMS))

    def _warm_up(self, batch: Tensor, numbers: Tensor) -> LossTerms:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream), warnings.catch_warnings():
            # Adam says that to be ready for a graph is of no use without one.
            warnings.filterwarnings("ignore", "This instance was constructed with capturable")
            terms = self.step(batch, numbers)
        torch.cuda.current_stream().wait_stream(stream)
        return terms

    def _record(self, batch: Tensor, numbers: Tensor) -> None:
        self.inputs = batch.clone(), numbers.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.terms = self.step(*self.inputs)
        self.graph = graph
