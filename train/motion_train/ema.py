"""Exponential moving average of a model's weights: the weights that are validated and exported."""

from __future__ import annotations

import copy

import torch
from torch import nn


def decay_at(step: int, decay: float) -> float:
    """Decay after `step` updates: min(decay, (1 + n) / (10 + n)), so that the random start is soon forgotten.

    A pure function of the step: a resumed run needs no counter besides it.
    """
    return min(decay, (1 + step) / (10 + step))


class ExponentialMovingAverage:
    """A second module whose weights follow the first: average <- d * average + (1 - d) * weights."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Start from a copy of `model`; call before it is wrapped for several devices."""
        self.decay = decay
        self.module = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow `model` after optimiser step number `step` (counted from 1); buffers are copied."""
        weight = 1.0 - decay_at(step, self.decay)
        torch._foreach_lerp_(list(self.module.parameters()), [p.detach() for p in model.parameters()], weight)
        for average, live in zip(self.module.buffers(), model.buffers(), strict=True):
            average.copy_(live)
