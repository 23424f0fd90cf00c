"""Classifier-free guidance: how far the conditions are exaggerated, each by itself, and in which steps.

The network is run with all conditions, with the scene alone, and with none; its clean motion is their weighted sum

    x0 = x0_none + g_scene (x0_scene - x0_none) + g_text (x0_all - x0_scene)     (Brooks et al. 2023, eq. 3)

Written as weights of the three branches, those of weight 0 need not be run at all: with g_text = g_scene = g there are
two, g and 1 - g (eq. 3.21 of the thesis), and with g = 1 there is one. Outside an interval of the steps (Kynkaanniemi
et al. 2024) the conditions are followed plainly, which takes half the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from motion_preprocessing.errors import InputError

Weights = tuple[float, float, float]

KEPT: Final[tuple[tuple[bool, bool], ...]] = ((True, True), (False, True), (False, False))
"""(text, scene) that each branch is told: all, the scene alone, nothing."""
ALL_STEPS: Final = (0.0, 1.0)
"""The interval that leaves out no step."""
CONDITIONAL: Final[Weights] = (1.0, 0.0, 0.0)
"""All conditions, plainly."""


@dataclass(frozen=True)
class Guidance:
    """Scales of guidance: 0 = ignored, 1 = followed plainly, more = exaggerated."""

    text: float
    """Scale of the prompt."""
    scene: float
    """Scale of the room."""
    interval: tuple[float, float] = ALL_STEPS
    """Steps in which it counts, as shares of the way from noise (0) to motion (1)."""

    def __post_init__(self) -> None:
        low, high = self.interval
        if not 0 <= low <= high <= 1:
            raise InputError(
                f"expected an interval within 0 and 1, got {low:g},{high:g} for the guidance; "
                "write --guidance-interval 0.2,0.8 to guide in the middle steps only"
            )

    def weights(self, step: int, steps: int) -> Weights:
        """Weights of the branches in step 0 .. steps - 1: all conditions, the scene alone, none; their sum is 1."""
        low, high = self.interval
        if not low <= (step + 0.5) / steps <= high:
            return CONDITIONAL
        return self.text, self.scene - self.text, 1.0 - self.scene
