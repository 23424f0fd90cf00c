"""Skeletons that recognisers read, made from the 22 joints: COCO's 17 keypoints and the 25 of NTU RGB+D.

Limb joints are the motion's own. What the 22 joints lack is fixed to a joint that moves it: nose, eyes and ears to the
head, palm, fingertips and thumb to the wrist, at the places these have on the surface of the built-in body.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.motion import Motion

Array = NDArray[np.float64]

COCO_NAMES: Final = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
COCO_BONES: Final = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9), (8, 10),
    (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip

NTU_NAMES: Final = (
    "spine_base", "spine_mid", "neck", "head", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_shoulder", "right_elbow", "right_wrist", "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot",
    "right_hip", "right_knee", "right_ankle", "right_foot", "spine_shoulder", "left_hand_tip", "left_thumb",
    "right_hand_tip", "right_thumb",
)  # fmt: skip
NTU_BONES: Final = (
    (0, 1), (1, 20), (20, 2), (2, 3), (20, 4), (4, 5), (5, 6), (6, 7), (7, 21), (7, 22), (20, 8), (8, 9), (9, 10),
    (10, 11), (11, 23), (11, 24), (0, 12), (12, 13), (13, 14), (14, 15), (0, 16), (16, 17), (17, 18), (18, 19),
)  # fmt: skip

ON_SURFACE_M: Final[dict[str, tuple[str, tuple[float, float, float]]]] = {
    "nose": ("head", (0.0, 0.039, 0.153)),
    "left_eye": ("head", (0.030, 0.079, 0.126)),
    "right_eye": ("head", (-0.030, 0.079, 0.126)),
    "left_ear": ("head", (0.087, 0.073, 0.021)),
    "right_ear": ("head", (-0.087, 0.073, 0.021)),
    "left_hand_tip": ("left_wrist", (0.197, -0.036, -0.009)),
    "right_hand_tip": ("right_wrist", (-0.197, -0.036, -0.009)),
    "left_thumb": ("left_wrist", (0.107, -0.057, 0.077)),
    "right_thumb": ("right_wrist", (-0.107, -0.057, 0.077)),
}
"""Joint that carries each point and where the point lies from it in the T-pose: x left, y up, z forward."""
INSIDE_M: Final[dict[str, tuple[str, tuple[float, float, float]]]] = {
    "head": ("head", (0.0, 0.080, 0.040)),
    "left_hand": ("left_wrist", (0.085, -0.025, 0.0)),
    "right_hand": ("right_wrist", (-0.085, -0.025, 0.0)),
}
"""The same of points within: middle of the skull and of the palms."""


def coco_keypoints(motion: Motion) -> Array:
    """Return COCO's keypoints (P, T, 17, 3) in the room, metres."""
    named = _points(motion)
    return np.stack([named[name] for name in COCO_NAMES], axis=2)


def ntu_joints(motion: Motion) -> Array:
    """Return NTU RGB+D's joints (P, T, 25, 3) in the room, metres."""
    named = _points(motion)
    shoulders = 0.5 * (named["left_shoulder"] + named["right_shoulder"])
    named |= {
        "spine_base": named["pelvis"],
        "spine_mid": named["spine2"],
        # Kinect's spine_shoulder lies between the shoulders and the root of the neck, its neck halfway up to the head.
        "spine_shoulder": 0.5 * (shoulders + named["neck"]),
        "neck": 0.5 * (named["neck"] + named["skull"]),
        "head": named["middle of the head"],
    }
    return np.stack([named[name] for name in NTU_NAMES], axis=2)


def _points(motion: Motion) -> dict[str, Array]:
    """Every named point (P, T, 3)."""
    positions, world = forward_kinematics(
        motion.local_rotations.astype(np.float64), motion.root_position_m.astype(np.float64)
    )
    points: dict[str, Array] = {name: positions[:, :, index] for name, index in JOINT_INDEX.items()}
    points["skull"] = points["head"]
    for name, (joint, offset) in (ON_SURFACE_M | INSIDE_M).items():
        index = JOINT_INDEX[joint]
        place = positions[:, :, index] + world[:, :, index] @ np.array(offset)
        points["middle of the head" if name == "head" else name] = place
    return points
