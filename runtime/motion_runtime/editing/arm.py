"""An arm as two bones: shoulder and elbow turn so that the palm, which goes on as the forearm does, is at a place."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M
from motion_runtime.editing.limb import turned_to, unit

Array = NDArray[np.float64]

SIDES: Final = ("left", "right")
PALM_M: Final = 0.08
"""The middle of the palm, beyond the wrist."""
REACH_M: Final = PALM_M + float(
    sum(np.linalg.norm(REST_OFFSETS_M[JOINT_INDEX[f"left_{name}"]]) for name in ("elbow", "wrist"))
)
"""From the shoulder to the palm of a stretched arm."""


def palms_m(joints_m: Array, side: str) -> Array:
    """Middle of a palm (..., 3) of joints (..., 22, 3): a hand goes on as the forearm does."""
    elbow, wrist = (joints_m[..., JOINT_INDEX[f"{side}_{name}"], :] for name in ("elbow", "wrist"))
    return np.asarray(wrist + PALM_M * unit(wrist - elbow))


def reached(rotations: Array, root_m: Array, side: str, places_m: Array) -> Array:
    """Turn an arm so that its palm is at places.

    Args:
        rotations: (T, 22, 3, 3), entry 0 the root's orientation in the room.
        root_m: (T, 3) pelvis.
        side: left or right.
        places_m: (T, 3) where the palm belongs; beyond its reach the arm is stretched towards them.

    Returns:
        (T, 22, 3, 3), the same but for shoulder and elbow.
    """
    collar, shoulder, elbow = (JOINT_INDEX[f"{side}_{name}"] for name in ("collar", "shoulder", "elbow"))
    joints, world = (np.asarray(value) for value in forward_kinematics(rotations, root_m))
    upper = joints[:, elbow] - joints[:, shoulder]
    fore = palms_m(joints, side) - joints[:, elbow]
    # A straight arm bends as elbows do, forward in the T-pose.
    turn, fore_turn = turned_to(upper, fore, places_m - joints[:, shoulder], world[:, shoulder, :, 2])
    result = rotations.copy()
    upper_arm = turn @ world[:, shoulder]
    result[:, shoulder] = world[:, collar].swapaxes(-1, -2) @ upper_arm
    result[:, elbow] = upper_arm.swapaxes(-1, -2) @ fore_turn @ world[:, elbow]
    return result
