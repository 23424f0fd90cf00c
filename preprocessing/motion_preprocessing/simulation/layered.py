"""Actions laid over recorded motion: waving, and pushing a wheelchair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.simulation.hinges import Array
from motion_preprocessing.simulation.spans import Span
from motion_preprocessing.simulation.waves import make_waving
from motion_preprocessing.simulation.wheelchair import make_ride


class Laid(Protocol):
    """Motion of one person or two, made."""

    def faults(self) -> list[str]:
        """Why it is not kept; nothing for good ones."""
        ...

    def people_m(self) -> tuple[Array, ...]:
        """Everybody's joints (T, 22, 3)."""
        ...

    def sequences(self, name: str, seed: int, split: str, rng: np.random.Generator) -> list[MotionSequence]:
        """Describe everybody for the dataset."""
        ...


KINDS: Final[dict[str, tuple[Callable[[np.random.Generator, list[Span]], Laid], float]]] = {
    "wave": (make_waving, 0.4), "wheelchair": (make_ride, 0.2),
}  # fmt: skip
"""Each action with its share of the layered clips."""
