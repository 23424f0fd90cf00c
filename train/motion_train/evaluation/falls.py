"""Is a fall one that a body could have? Times, speeds and accelerations of one person's fall.

Limits: free fall at most 1.1 x 9.81 m/s^2 downwards; onset to impact .35 to 2.3 s and descent .35 to 1.1 s (video of
falls in care homes: mean 1.27 +- .65 s to impact); impact at 1.5 to 4.5 m/s; the pelvis ends below .35 m; and then at
least 1 s at less than .1 m/s.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.motion_features import measure

Floats = NDArray[np.floating[Any]]
GRAVITY_M_S2: Final = 9.81
LOW_PELVIS_M: Final = 0.35
_ONSET_DROP_M: Final = 0.05
_DESCENDING_M_S: Final = 0.3
_STOPPED_M_S: Final = 0.3
LYING: Final = ("prone", "on the side", "supine")
"""Ways to lie."""
_ON_THE_SIDE: Final = 0.5
"""Sine of the chest's slope, 30 degrees from the vertical plane, up to which somebody lies on the side."""


@dataclass(frozen=True)
class FallPhysics:
    """What was measured on a fall."""

    acceleration: bool
    """The mean of the joints never falls faster than gravity allows, by a tenth."""
    onset_to_impact: bool
    """.35 to 2.3 s from where the pelvis has sunk 5 cm to where it stops."""
    descent: bool
    """.35 to 1.1 s of sinking faster than .3 m/s before the impact."""
    impact_speed: bool
    """The pelvis, hip height lost or not, sinks at 1.5 to 4.5 m/s at most."""
    ends_low: bool
    """The pelvis ends below .35 m."""
    settles: bool
    """The mean joint speed stays below .1 m/s for the last second."""

    @property
    def plausible(self) -> bool:
        """All of them."""
        return all(getattr(self, field.name) for field in fields(self))


def fall_physics(joints_m: Floats, fps: float) -> FallPhysics | None:
    """Measure the fall of one person, (T, 22, 3); None where nobody falls.

    A fall is where the pelvis is above .6 m at some time and below .35 m at a later one.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    height = joints[:, 0, 2]
    upright, low = np.flatnonzero(height > 0.6), np.flatnonzero(height < LOW_PELVIS_M)
    if not len(upright) or not len(low) or low[-1] < upright[0]:
        return None
    speed = np.gradient(height) * fps  # central differences
    peak = int(upright[0] + np.argmin(speed[upright[0] : low[-1] + 1]))
    stops = np.flatnonzero(speed[peak:] > -_STOPPED_M_S)
    impact = peak + int(stops[0]) if len(stops) else len(joints) - 1
    before = height[: peak + 1]
    standing = before[before > 0.6].max() if (before > 0.6).any() else before.max()
    still_up = np.flatnonzero(before > standing - _ONSET_DROP_M)
    onset = int(still_up[-1]) if len(still_up) else 0
    slow = np.flatnonzero(speed[: peak + 1] > -_DESCENDING_M_S)
    start = int(slow[-1]) if len(slow) else 0
    # Over a tenth of a second: a difference over one frame makes metres a second squared of millimetres of noise.
    step = max(1, round(0.1 * fps))
    body = joints[max(0, onset - 2 * step) : impact + 2 * step + 1].mean(axis=1)[:, 2]
    second = (body[2 * step :] - 2 * body[step:-step] + body[: -2 * step]) * (fps / step) ** 2
    rest = joints[-round(fps) - 1 :]
    still = np.linalg.norm(np.diff(rest, axis=0), axis=-1).mean(axis=1) * fps
    return FallPhysics(
        acceleration=bool((second >= -1.1 * GRAVITY_M_S2).all()),
        onset_to_impact=0.35 <= (impact - onset) / fps <= 2.3,
        descent=0.35 <= (impact - start) / fps <= 1.1,
        impact_speed=bool(1.5 <= -speed[peak] <= 4.5),
        ends_low=bool(height[-1] < LOW_PELVIS_M),
        settles=bool(len(rest) > round(fps) and (still < 0.1).all()),
    )


def lies(joints_m: Floats, fps: float) -> str:
    """How who fell comes to lie, one of `LYING`: where the chest of (T, 22, 3) faces in the last half second."""
    up = float(np.median(measure(np.asarray(joints_m, dtype=np.float64), fps).chest_up[-max(1, round(0.5 * fps)) :]))
    return LYING[1] if abs(up) < _ON_THE_SIDE else LYING[2] if up > 0 else LYING[0]
