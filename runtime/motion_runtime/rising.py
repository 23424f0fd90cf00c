"""How who lies on the floor goes on from there: of several draws, the one that begins as they lie.

What comes before a window is imposed on it, but how it begins is settled by the first few steps, from noise: somebody
on the back whom the model has on hands and knees is thrown over, through the air, within half a second. Where a draw
does so another one is made, and the calmest is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from motion_runtime.editing.joints import joints_of

Drawn = TypeVar("Drawn")

DRAWS: Final = 8
"""As many are made at most."""
CALM_M_S: Final = 3.0
"""Who gets up from the floor has joints no faster than that, most of the time."""
AFTER_S: Final = 1.0
"""So long after what is known a draw is looked at."""


def calmest(draw: Callable[[int], Drawn], speed: Callable[[Drawn], float]) -> Drawn:
    """The first of several draws that is calm, or the calmest of all.

    Args:
        draw: Makes a draw by its number, from 0 on.
        speed: How fast anything of it is, m/s.
    """
    best = draw(0)
    least = speed(best)
    for number in range(1, DRAWS):
        if least <= CALM_M_S:
            break
        other = draw(number)
        if (found := speed(other)) < least:
            best, least = other, found
    return best


def fastest_m_s(x: NDArray[np.floating[Any]], frames: int, fps: float) -> float:
    """The highest speed of any joint of people's pose vectors (P, T, 258) in their first frames, m/s."""
    steps = np.linalg.norm(np.diff(joints_of(np.asarray(x[:, :frames], np.float64)), axis=1), axis=-1)
    return float(steps.max(initial=0.0)) * fps
