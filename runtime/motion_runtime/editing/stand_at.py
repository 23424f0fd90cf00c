"""People start where they were put, as a correction of x0 in the denoising loop.

Alone, somebody starts at the origin of the canonical frame, for that is what the model knows. Where several start it
decides by itself; here each of them is moved as one piece, so that the first frame stands and faces as was asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_pose_vectors
from motion_runtime.editing.joints import joints_of
from motion_runtime.placement import Placement
from motion_runtime.stage import Start

Array = NDArray[np.float64]


class StandAt:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, starts: Sequence[Start | None], placement: Placement) -> None:
        """Prepare for one window; `starts` are each person's in the room, None = where the model has them."""
        self._starts, self._placement = starts, placement

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        result = np.array(x)
        for person, start in enumerate(self._starts):
            if start is not None:
                place = self._placement.to_canonical(np.array([[*start.place_m, 0.0]]))[0, :2]
                yaw, shift = canonical_move(joints_of(x[person, 0]))
                own = move_pose_vectors(x[person], yaw, shift)
                facing = math.radians(start.heading_deg) - self._placement.heading_rad
                result[person] = move_pose_vectors(own, facing, place)
        return result
