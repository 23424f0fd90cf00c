"""COCO's 17 keypoints of a posed body of 22 joints."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.poses.track import KEYPOINT_NAMES
from motion_preprocessing.skeleton import JOINT_INDEX

_FACE_M: Final = np.array(
    [[0.0, 0.03, 0.12], [0.03, 0.06, 0.1], [-0.03, 0.06, 0.1], [0.075, 0.04, 0.01], [-0.075, 0.04, 0.01]]
)
"""Nose, eyes and ears from the head's joint, head axes (x left, y up, z forward): rounded figures of an adult."""
COCO_JOINTS: Final = [JOINT_INDEX[name] for name in KEYPOINT_NAMES[5:]]
"""Joints of the last 12 keypoints, shoulders to ankles; the first five are of the face."""


def coco_keypoints(joints_m: NDArray[np.floating[Any]], world_rotations: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Return the keypoints (..., 17, 3) of joints (..., 22, 3) with rotations (..., 22, 3, 3), in the joints' frame."""
    head = JOINT_INDEX["head"]
    face = joints_m[..., head, None, :] + np.einsum("...ij,kj->...ki", world_rotations[..., head, :, :], _FACE_M)
    return np.concatenate([face, joints_m[..., COCO_JOINTS, :]], axis=-2)
