"""SMPL's first 22 joints: names, tree, left/right map and the project's own rest pose.

The rest pose is a T-pose in SMPL's body axes: x to the body's left, y up, z forward. A world orientation of the root
therefore carries the turn from y-up body axes to the z-up world (see `WORLD_FROM_BODY`). The offsets are the project's
own rounded figures for an adult of 1.7 m; only SMPL's joint order and topology (Loper et al. 2015) are shared with it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

JOINT_NAMES: Final[tuple[str, ...]] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
JOINT_COUNT: Final = len(JOINT_NAMES)
JOINT_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(JOINT_NAMES)}

PARENTS: Final[tuple[int, ...]] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
"""Parent of each joint; parents precede children."""

BONES: Final[tuple[tuple[int, int], ...]] = tuple((p, j) for j, p in enumerate(PARENTS) if p >= 0)
"""The 21 (parent, child) pairs."""

MIRROR: Final[tuple[int, ...]] = tuple(
    JOINT_INDEX[
        name.replace("left", "right") if name.startswith("left") else name.replace("right", "left")
    ]
    for name in JOINT_NAMES
)
"""Joint j of a mirrored body is joint MIRROR[j] of the original."""

_OFFSETS: Final = (
    (0.0, 0.0, 0.0), (0.07, -0.09, 0.0), (-0.07, -0.09, 0.0), (0.0, 0.11, -0.025), (0.035, -0.38, 0.0),
    (-0.035, -0.38, 0.0), (0.0, 0.135, 0.0), (-0.015, -0.4, -0.04), (0.015, -0.4, -0.04), (0.0, 0.055, 0.025),
    (0.025, -0.055, 0.12), (-0.025, -0.055, 0.12), (0.0, 0.215, -0.04), (0.08, 0.12, -0.03), (-0.08, 0.12, -0.03),
    (0.0, 0.07, 0.05), (0.095, 0.03, -0.01), (-0.095, 0.03, -0.01), (0.258, -0.012, -0.025), (-0.258, -0.012, -0.025),
    (0.25, 0.008, 0.0), (-0.25, 0.008, 0.0),
)  # fmt: skip


def _rest_offsets() -> NDArray[np.float64]:
    offsets = np.array(_OFFSETS, dtype=np.float64)
    offsets.setflags(write=False)
    return offsets


REST_OFFSETS_M: Final[NDArray[np.float64]] = _rest_offsets()
"""(22, 3) metres, body axes: each joint's position relative to its parent in the T-pose."""


def rest_joints(offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> NDArray[np.float64]:
    """Return the T-pose's joint positions (22, 3) in metres, body axes, with the pelvis at the origin."""
    joints = np.array(offsets_m, dtype=np.float64)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            joints[joint] += joints[parent]
    return joints


WORLD_FROM_BODY: Final[NDArray[np.float64]] = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rotation of the root that stands a rest body upright in the z-up world, facing +x with its left towards +y."""

FEET: Final = (JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"])
"""The toe-base joints whose contact with the floor the metrics look at (GMD's convention)."""

RIGID_PELVIS: Final = (0, 1, 2, 3)
"""Joints that move rigidly with the pelvis: pelvis, hips, spine1."""

SMPL_PELVIS_M: Final = (-0.0018, -0.2233, 0.0282)
"""Where the pelvis joint of SMPL's neutral mean body is at rest, from the origin that its `transl` moves; body axes."""

SMPLX_PELVIS_M: Final = (0.0031, -0.3514, 0.0120)
"""The same of SMPL-X."""
