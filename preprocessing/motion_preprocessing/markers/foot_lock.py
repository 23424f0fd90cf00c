"""Keeps standing feet where they stand when motion is carried to a body of other proportions.

With rotations copied and the path scaled by the legs' ratio, a foot lands where the subject's does only if thigh and
shin have the same share of the leg; where they have not, feet creep by centimetres as the knees bend. The pelvis is
shifted so that the feet that rest follow the subject's scaled ones; it moves by as much as the feet would have crept.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.motion_features import rate, smooth
from motion_preprocessing.skeleton import JOINT_INDEX

Array = NDArray[np.float64]

RESTING_M_S: Final = 0.1
"""A foot half as slow as this counts nearly fully, one twice as fast hardly."""
WEIGHT_S: Final = 0.3
_ANKLES: Final = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
_TOES: Final = [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]


def lock_feet(local_rotations: Array, root_m: Array, scaled_joints_m: Array, fps: float) -> Array:
    """Return the root (T, 3) with which resting feet stay put.

    Args:
        local_rotations: (T, 22, 3, 3) on the project's skeleton.
        root_m: (T, 3).
        scaled_joints_m: (T, 22, 3) joints of the subject, scaled as the path was.
        fps: Frames a second.
    """
    own, _ = forward_kinematics(local_rotations, root_m)
    there = scaled_joints_m[:, _ANKLES] + scaled_joints_m[:, _TOES]
    away = (np.asarray(own[:, _ANKLES] + own[:, _TOES]) - there) / 2  # (T, 2, 3)
    away = away - np.median(away, axis=0)
    speed = np.linalg.norm(rate(there / 2, fps), axis=-1)
    resting = smooth(1 / (1 + (speed / RESTING_M_S) ** 4), WEIGHT_S, fps) + 1e-3
    share = resting / resting.sum(axis=1, keepdims=True)
    return np.asarray(root_m - np.sum(share[..., None] * away, axis=1))
