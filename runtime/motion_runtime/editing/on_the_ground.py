"""People stand on something: a height that nothing explains is taken back, as a correction of x0 in the denoising loop.

A small model knows a pose better than its height: what it learned from jumping and climbing lifts other motions too,
and whoever bends then does so half a metre above the floor. The lowest joint of a person comes down to the floor, or to
furniture under it, again and again in whatever people do; so the height at which it is found a tenth of the time is
where the support is. The whole motion is moved there, up or down, by one and the same amount.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS
from motion_runtime.editing.joints import joints_of
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

Array = NDArray[np.float64]

SHARE: Final = 0.1
"""A person's lowest joint is on its support at least so much of the time."""
LEAST_M: Final = 0.0
MOST_M: Final = 0.06
"""Between these heights above the support the lowest joint is in place: a sole, a heel, a hip of one who lies."""
_REACH_M: Final = 0.1
"""A joint may be so far inside of what it lies on."""


class OnTheGround:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, placement: Placement, supports: Supports | None) -> None:
        """Prepare for one window.

        Args:
            placement: Where the canonical frame stands in the room.
            supports: Heights of what can carry a body there; None = there is only the floor.
        """
        self._placement, self._supports = placement, supports

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        joints = joints_of(x)
        shift = np.array([self.shift_m(person) for person in joints])  # (P,)
        if not shift.any():
            return x
        result = np.array(x)
        moved = joints.copy()
        moved[..., 2] += shift[:, None, None]
        result[..., POSITIONS] = moved.reshape(*x.shape[:2], -1)
        return result

    def shift_m(self, joints: Array) -> float:
        """How far a motion (T, 22, 3) is to be raised."""
        above_floor = _at_share(joints[..., 2].min(axis=-1))
        if above_floor < LEAST_M:
            return LEAST_M - above_floor
        if self._supports is None:
            return min(MOST_M - above_floor, 0.0)
        above = above_support_m(joints, self._placement, self._supports)
        return min(MOST_M - _at_share(above.min(axis=-1)), 0.0)


def _at_share(heights: Array) -> float:
    """The height below which `SHARE` of heights (T,) are: np.quantile, which takes ten times as long for so few."""
    place = SHARE * (len(heights) - 1)
    low = int(place)
    high = min(low + 1, len(heights) - 1)
    parted = np.partition(heights, (low, high))
    return float(parted[low] + (place - low) * (parted[high] - parted[low]))


def above_support_m(joints: Array, placement: Placement, supports: Supports | None) -> Array:
    """How high joints (T, 22, 3) in a canonical frame are over what carries a body there, (T, 22)."""
    height: Array = joints[..., 2]
    if supports is None:
        return height
    under = supports.height_m(placement.to_room(joints)[..., :2])
    return np.asarray(height - np.where(height > under - _REACH_M, under, 0.0))
