"""Joint positions of pose vectors: read, and put elsewhere so that velocities follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, velocities
from motion_preprocessing.skeleton import JOINT_COUNT

Array = NDArray[np.float64]


def joints_of(x: Array) -> Array:
    """Joint positions (..., 22, 3) of pose vectors (..., 258), metres; of contiguous ones a view, not to be written."""
    return np.asarray(x[..., POSITIONS].reshape(*x.shape[:-1], JOINT_COUNT, 3), dtype=np.float64)


def with_joints(x: Array, joints_m: Array, fps: float) -> Array:
    """Pose vectors (..., T, 258) with their joints at (..., T, 22, 3); local rotations stay.

    Velocities change by those of the correction: what they differ from the positions' is the network's, and is kept.
    """
    result = np.array(x)
    result[..., POSITIONS] = joints_m.reshape(*x.shape[:-1], -1)
    result[..., VELOCITIES] += np.asarray(velocities(joints_m - joints_of(x), fps)).reshape(*x.shape[:-1], -1)
    return result
