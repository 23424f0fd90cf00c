"""Who falls to the floor stands on it before.

What a small model learned from climbing has people stand half a metre up in the air, sink, and then fall; and since in
the end they do lie on the floor, `on_the_ground`, which moves whole motions, finds nothing to move. But air carries
nobody. From the start until somebody first touches what is below, the body is lowered by what its lowest joint is too
high. Only who stands at first and lies on the floor at last is: whoever climbs, jumps or comes down stairs does not end
lying there, and whoever falls out of a bed does not start standing.

Finished motions are corrected: in the loop, motion that is still blurred is taken for what floats, and falls that need
nothing come out as others.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.on_the_ground import MOST_M, SHARE, above_support_m
from motion_runtime.low_pass import low_pass
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

Array = NDArray[np.float64]

STANDS_M: Final = 0.65
"""A pelvis this far above the lowest joint, in the first frame, stands ..."""
LIES_M: Final = 0.35
"""... and one that is lower than this for the last tenth of the motion has fallen."""
_SMOOTH_S: Final = 0.1


class StandBeforeFall:
    """Corrects pose vectors (P, T, 258) in metres in a canonical frame."""

    def __init__(self, placement: Placement, supports: Supports | None, fps: float) -> None:
        """Prepare for the first window of a motion.

        Args:
            placement: Where the canonical frame stands in the room.
            supports: Heights of what can carry a body there; None = there is only the floor.
            fps: Frames a second.
        """
        self._placement, self._supports, self._fps = placement, supports, fps

    def __call__(self, x: Array) -> Array:
        """Return the corrected pose vectors."""
        joints = joints_of(x)
        drop = np.stack([self.drop_m(person) for person in joints])  # (P, T)
        if not drop.any():
            return x
        moved = joints.copy()
        moved[..., 2] -= drop[..., None]
        return with_joints(x, moved, self._fps)

    def drop_m(self, joints: Array) -> Array:
        """How far a motion (T, 22, 3) is to be lowered at each frame, (T,)."""
        above = above_support_m(joints, self._placement, self._supports)
        lowest = above.min(axis=-1)
        stands = joints[0, 0, 2] - joints[0, :, 2].min() >= STANDS_M
        lies = above[-max(1, round(SHARE * len(above))) :, 0].max() < LIES_M
        touching = np.flatnonzero(lowest <= MOST_M)
        if not (stands and lies and len(touching)):
            return np.zeros(len(lowest))
        drop = np.where(np.arange(len(lowest)) < touching[0], lowest - MOST_M, 0.0)
        return np.asarray(low_pass(drop[:, None], _SMOOTH_S * self._fps)[:, 0])
