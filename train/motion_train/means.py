"""Scalars of training steps between two lines of the log."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from motion_preprocessing.errors import MotionError


class Means:
    """Means of the scalars of several steps, summed on the device and read once."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._lr = 0.0
        self._count = 0

    def add(self, values: Mapping[str, Tensor], lr: float) -> None:
        """Add a step's scalars and its learning rate."""
        self._lr = lr
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value.detach() if name in self._sums else value.detach()

    def take(self, step: int) -> dict[str, float]:
        """Return the means since the last time, and the last learning rate as 'lr'; wait for the device.

        Raises:
            MotionError: The loss is not finite.
        """
        means = {name: float(total) / self._count for name, total in self._sums.items()} | {"lr": self._lr}
        self._sums, self._count = {}, 0
        if not math.isfinite(means["loss"]):
            raise MotionError(
                f"expected a finite loss, got {means['loss']} at step {step}; resume from the last checkpoint with a "
                "lower optimiser.lr or optimiser.clip_norm"
            )
        return means
