"""Join two motions where their poses nearly meet, so that short clips fill long windows.

Most recorded clips last three or four seconds. The join is looked for between the last frames of the first motion and
the first frames of the second; the second is moved rigidly over the floor so that its pelvis and heading go on where
the first stopped, and a few frames are blended. No join is made where the poses differ too much.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad, move_points
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import about_z, matrix_from_6d, matrix_to_6d
from motion_preprocessing.skeleton import JOINT_COUNT

FloatArray = NDArray[np.floating[Any]]

BLEND: Final = 6
"""Frames over which the first motion fades into the second."""
MAX_GAP_M: Final = 0.13
"""Largest mean joint distance, pelvis and heading aligned, at which two poses may be joined."""


def _aligned(joints: FloatArray, roots: FloatArray) -> FloatArray:
    """Joints (N, 22, 3) about the pelvis' floor point, turned to face +x."""
    result = []
    for body, yaw in zip(joints, -heading_rad(roots), strict=True):
        turned = move_points(body, float(yaw), np.zeros(2))
        result.append(turned - np.array([turned[0, 0], turned[0, 1], 0.0]))
    return np.stack(result)


def _pace(root_m: FloatArray, roots: FloatArray) -> FloatArray:
    """Metres a frame (N, 2) ahead and to the left, from pelvis positions (N + 1, 3)."""
    ways, yaws = np.diff(root_m, axis=0), -heading_rad(roots)
    return np.stack([move_points(way, float(yaw), np.zeros(2))[:2] for way, yaw in zip(ways, yaws, strict=True)])


def join(
    first_rotations: FloatArray,
    first_root_m: FloatArray,
    second_rotations: FloatArray,
    second_root_m: FloatArray,
    search: int = 24,
) -> tuple[FloatArray, FloatArray] | None:
    """Join two motions at their best meeting poses.

    Args:
        first_rotations: (A, 22, 3, 3) local rotations, entry 0 the root's world orientation.
        first_root_m: (A, 3) pelvis positions.
        second_rotations: (B, 22, 3, 3).
        second_root_m: (B, 3).
        search: How many of the first motion's last and of the second's first frames are compared.

    Returns:
        Rotations (T, 22, 3, 3) and pelvis positions (T, 3) of the joined motion, or None where no two frames come
        within MAX_GAP_M of each other.
    """
    if len(first_root_m) < BLEND + 2 or len(second_root_m) < 2 * BLEND + 2:
        return None
    a_from = max(1, len(first_root_m) - search)
    b_to = min(len(second_root_m) - BLEND - 1, search)
    a_joints, _ = forward_kinematics(first_rotations[a_from - 1 :], first_root_m[a_from - 1 :])
    b_joints, _ = forward_kinematics(second_rotations[: b_to + 1], second_root_m[: b_to + 1])
    a = _aligned(a_joints[1:], first_rotations[a_from:, 0])
    b = _aligned(b_joints[:-1], second_rotations[:b_to, 0])
    # Velocity decides between standing and striding through the same pose; .15 s of it weighs like a distance.
    a_next = _aligned(a_joints[:-1], first_rotations[a_from:, 0]) - a
    b_next = b - _aligned(b_joints[1:], second_rotations[:b_to, 0])
    gap = np.linalg.norm(a[:, None] - b[None], axis=-1).mean(-1)
    gap += 3.0 * np.linalg.norm(a_next[:, None] - b_next[None], axis=-1).mean(-1)
    a_pace = _pace(first_root_m[a_from - 1 :], first_rotations[a_from:, 0])
    b_pace = _pace(second_root_m[: b_to + 1], second_rotations[:b_to, 0])
    gap += 3.0 * np.linalg.norm(a_pace[:, None] - b_pace[None], axis=-1)
    # A late leave and an early entry keep more of both motions.
    lost = (len(a) - 1 - np.arange(len(a)))[:, None] + np.arange(len(b))[None]
    i, j = np.unravel_index(int(np.argmin(gap + 0.001 * lost)), gap.shape)
    if gap[i, j] > MAX_GAP_M:
        return None
    leave = a_from + int(i)
    entry = int(j)
    yaw = float(heading_rad(first_rotations[leave, 0]) - heading_rad(second_rotations[entry, 0]))
    moved = move_points(second_root_m, yaw, np.zeros(2))
    moved = moved + np.append(first_root_m[leave, :2] - moved[entry, :2], 0.0)
    turned = np.array(second_rotations)
    turned[:, 0] = about_z(np.asarray(yaw)) @ second_rotations[:, 0]
    # The first motion's last pose is carried along by the second motion's velocity while it fades out.
    weight = smooth_step(np.arange(1, BLEND + 1) / (BLEND + 1))[:, None]
    hold = first_root_m[leave] + (moved[entry + 1 : entry + 1 + BLEND] - moved[entry])
    fade_root = (1 - weight) * hold + weight * moved[entry + 1 : entry + 1 + BLEND]
    six = (1 - weight[..., None]) * matrix_to_6d(first_rotations[leave])[None] + weight[..., None] * matrix_to_6d(
        turned[entry + 1 : entry + 1 + BLEND]
    )
    rotations = np.concatenate([first_rotations[: leave + 1], matrix_from_6d(six), turned[entry + 1 + BLEND :]])
    root = np.concatenate([first_root_m[: leave + 1], fade_root, moved[entry + 1 + BLEND :]])
    return rotations.astype(first_rotations.dtype), root.astype(first_root_m.dtype)


def unpack(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn pose vectors (T, 258) back into local rotations (T, 22, 3, 3) and pelvis positions (T, 3)."""
    joints = x[:, : 3 * JOINT_COUNT].reshape(-1, JOINT_COUNT, 3)
    body = matrix_from_6d(x[:, 6 * JOINT_COUNT :].reshape(-1, JOINT_COUNT - 1, 6))
    root = root_orientation(joints)[:, None]
    return np.concatenate([root, body], axis=1), joints[:, 0]
