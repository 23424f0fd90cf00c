"""An arm as two bones: shoulder and elbow turn so that the palm comes to a place, in closed form.

With the upper arm a and the forearm f, palm included, the palm is at a distance r from the shoulder where

    |a + f|^2 = r^2,  hence  cos(bend) = (r^2 - |a|^2 - |f|^2) / (2 |a| |f|)

for the angle that the forearm makes with the upper arm's line. It bends in the plane that it bends in already; then the
whole arm is turned by the least turn that points it at the place. So an elbow stays on its side, and a palm that is
where it should be stays as it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import between_vectors
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]

SIDES: Final = ("left", "right")
PALM_M: Final = 0.08
"""The middle of the palm, beyond the wrist."""
REACH_M: Final = PALM_M + float(
    sum(np.linalg.norm(REST_OFFSETS_M[JOINT_INDEX[f"left_{name}"]]) for name in ("elbow", "wrist"))
)
"""From the shoulder to the palm of a stretched arm."""
MOST_BENT_RAD: Final = np.radians(150.0)


def palms_m(joints_m: Array, side: str) -> Array:
    """Middle of a palm (..., 3) of joints (..., 22, 3): a hand goes on as the forearm does."""
    elbow, wrist = (joints_m[..., JOINT_INDEX[f"{side}_{name}"], :] for name in ("elbow", "wrist"))
    return np.asarray(wrist + PALM_M * _unit(wrist - elbow))


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
    way = places_m - joints[:, shoulder]
    a, f, r = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (upper, fore, way))
    bent = np.clip((r**2 - a**2 - f**2) / (2 * a * f), np.cos(MOST_BENT_RAD), 1.0)
    along = upper / a
    was = np.sum(along * fore, axis=-1, keepdims=True) / f
    # A straight arm shows no plane: it bends as elbows do, forward in the T-pose. As little of that as it bends more.
    aside = fore / f + np.abs(bent - was) * world[:, shoulder, :, 2]
    aside = _unit(aside - np.sum(aside * along, axis=-1, keepdims=True) * along)
    bent_fore = f * (bent * along + np.sqrt(1 - bent**2) * aside)
    forearm = np.asarray(between_vectors(fore, bent_fore)) @ world[:, elbow]
    turn = np.asarray(between_vectors(upper + bent_fore, way))
    result = rotations.copy()
    upper_arm = turn @ world[:, shoulder]
    result[:, shoulder] = world[:, collar].swapaxes(-1, -2) @ upper_arm
    result[:, elbow] = upper_arm.swapaxes(-1, -2) @ turn @ forearm
    return result


def _unit(v: Array) -> Array:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
