"""Forward and backward of the objective as CUDA graphs, one a shape of batch.

A step of a small model is a thousand small kernels, which a host launches more slowly than a fast GPU runs them. A
graph is launched whole: the kernels of a step are recorded once for each shape of batch and replayed on new numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from motion_train.loader import Batch

_WARM_UP: Final = 3
"""Steps before recording, in which libraries choose their kernels and constants are placed."""

Compute = Callable[[Batch, torch.Generator], Mapping[str, Tensor]]


@dataclass(frozen=True)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Batch
    """What the graph reads."""
    losses: Tensor
    """(L,) what it writes, beside the gradients."""


class GraphedBackward:
    """Computes losses and gradients as `compute` and `backward` would, with one launch."""

    def __init__(self, compute: Compute, model: nn.Module, device: torch.device) -> None:
        """Give every parameter a gradient to be written to.

        Args:
            compute: (batch, generator) -> scalars by name, of which 'loss' is minimised; must not wait for the device.
            model: Whose parameters are trained.
            device: A CUDA device; batches must be on it and come in few shapes.
        """
        self._compute = compute
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._gradients = [torch.zeros_like(parameter) for parameter in self._parameters]
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        self._device = device
        self._generator = torch.Generator(device)
        self._pool = torch.cuda.graph_pool_handle()  # graphs never run at once: they share one workspace
        self._names: list[str] = []
        self._recorded: dict[tuple[tuple[str, torch.Size], ...], _Recorded] = {}

    def __call__(self, batch: Batch, seed: int) -> dict[str, Tensor]:
        """Return the scalars of a batch and leave its gradients at the parameters."""
        key = tuple((name, value.shape) for name, value in batch.items())
        if key not in self._recorded:
            self._recorded[key] = self._record(batch, seed)
        recorded = self._recorded[key]
        for name, value in recorded.inputs.items():
            value.copy_(batch[name], non_blocking=True)
        self._generator.manual_seed(seed)
        recorded.graph.replay()
        losses = recorded.losses.clone()  # the next replay writes over them
        return {name: losses[i] for i, name in enumerate(self._names)}

    def _record(self, batch: Batch, seed: int) -> _Recorded:
        inputs = {name: value.clone() for name, value in batch.items()}
        self._generator.manual_seed(seed)
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        # What dropout draws in these steps is given back, or a shape's first batch would have masks of its own.
        with torch.cuda.stream(aside), torch.random.fork_rng([self._device]):
            for _ in range(_WARM_UP):
                found = self._backward(inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._names = list(found)
        losses = torch.zeros(len(found), device=self._device)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        # Another thread may prepare batches meanwhile: what it does on the device is no part of the graph.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            losses.copy_(torch.stack([value.float() for value in self._backward(inputs).values()]))
        return _Recorded(graph, inputs, losses)

    def _backward(self, batch: Batch) -> dict[str, Tensor]:
        losses = self._compute(batch, self._generator)
        # Zeros where a batch does not use a parameter: another shape's graph may have left its gradient there.
        found = torch.autograd.grad(losses["loss"], self._parameters, allow_unused=True, materialize_grads=True)
        torch._foreach_copy_(self._gradients, list(found))
        return {name: value.detach() for name, value in losses.items()}
