"""From 0 to 1 without a jolt: how corrections and key poses fade in and out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smooth_step(u: NDArray[np.floating[Any]]) -> Array:
    """Go from 0 at u <= 0 to 1 at u >= 1 without a jump in speed; at most 1.5 times as fast as on the whole."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u * u * (3 - 2 * u))


def min_jerk(u: NDArray[np.floating[Any]]) -> Array:
    """Go from 0 at u <= 0 to 1 at u >= 1 without a jump in speed or acceleration (Flash and Hogan 1985)."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u**3 * (10 - 15 * u + 6 * u * u))
