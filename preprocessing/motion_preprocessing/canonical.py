"""Rigid moves of pose vectors over the floor, and the canonical frame that the model works in.

In the canonical frame, at frame 0, the pelvis stands over the origin and the body faces +x. A move is a turn about +z
followed by a shift along the floor; heights and the local rotations of a pose vector do not change under it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, root_orientation
from motion_preprocessing.skeleton import JOINT_COUNT

FloatArray = NDArray[np.floating[Any]]


def heading_rad(root: FloatArray) -> FloatArray:
    """Return the direction that bodies with root orientations (..., 3, 3) face, radians from +x, counter-clockwise.

    The horizontal parts of the body's forward axis and of its left axis turned by -90 degrees are added: they agree
    when the body is upright, and each stands in where the other is vertical (lying on the back, on the side).
    """
    forward, left = root[..., :, 2], root[..., :, 0]
    return np.asarray(np.arctan2(forward[..., 1] - left[..., 0], forward[..., 0] + left[..., 1]))


def move_points(points: FloatArray, yaw_rad: float, shift_xy: FloatArray) -> FloatArray:
    """Turn points (..., 3) about +z by `yaw_rad`, then shift them by `shift_xy` (2,) metres."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    x = c * points[..., 0] - s * points[..., 1] + shift_xy[0]
    y = s * points[..., 0] + c * points[..., 1] + shift_xy[1]
    return np.stack([x, y, points[..., 2]], axis=-1).astype(points.dtype)


def move_pose_vectors(x: FloatArray, yaw_rad: float, shift_xy: FloatArray) -> FloatArray:
    """Move pose vectors (..., 258) as `move_points` moves points."""
    lead = x.shape[:-1]
    result = np.array(x)
    for part, shift in ((POSITIONS, np.asarray(shift_xy)), (VELOCITIES, np.zeros(2))):
        vectors = x[..., part].reshape(*lead, JOINT_COUNT, 3)
        result[..., part] = move_points(vectors, yaw_rad, shift).reshape(*lead, 3 * JOINT_COUNT)
    return result


def canonical_move(first_joints_m: FloatArray) -> tuple[float, FloatArray]:
    """Return (yaw_rad, shift_xy) of the move that takes a first frame's joints (22, 3) into the canonical frame."""
    yaw = -float(heading_rad(root_orientation(np.asarray(first_joints_m, dtype=np.float64))))
    turned = move_points(np.asarray(first_joints_m[0], dtype=np.float64), yaw, np.zeros(2))
    return yaw, -turned[:2]


def canonicalise(x: FloatArray) -> FloatArray:
    """Move pose vectors (T, 258) of one person into the canonical frame of their first frame."""
    yaw, shift = canonical_move(x[0, POSITIONS].reshape(JOINT_COUNT, 3))
    return move_pose_vectors(x, yaw, shift)
