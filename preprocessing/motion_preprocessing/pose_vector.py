"""The 258-d pose vector: joint positions, joint velocities and local rotations (thesis eq. 5.7).

    x = [ positions 22*3 (m) | velocities 22*3 (m/s) | 6D rotations of joints 1..21 relative to their parents 21*6 ]

Z up, the floor is z = 0. This is InterGen's non-canonical representation (Liang et al. 2023) without its foot
contacts. A velocity is the forward difference times the frame rate; the last frame repeats the one before it. The
root's orientation is not stored: pelvis, hips and spine1 move rigidly with the pelvis, so a rigid fit recovers it.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import fit_rotation, matrix_from_6d, matrix_to_6d
from motion_preprocessing.skeleton import JOINT_COUNT, REST_OFFSETS_M, RIGID_PELVIS, rest_joints

Array = Any

POSITIONS: Final = slice(0, 3 * JOINT_COUNT)
VELOCITIES: Final = slice(3 * JOINT_COUNT, 6 * JOINT_COUNT)
ROTATIONS: Final = slice(6 * JOINT_COUNT, 6 * JOINT_COUNT + 6 * (JOINT_COUNT - 1))
POSE_DIM: Final = ROTATIONS.stop  # 258


class Pose(NamedTuple):
    """What a pose vector says; leading shape (..., T)."""

    joints_m: Array
    """(..., T, 22, 3) positions in the world as stored."""
    velocities_m_s: Array
    """(..., T, 22, 3) as stored."""
    local_rotations: Array
    """(..., T, 22, 3, 3); entry 0 is the root's world orientation from the rigid fit."""


def velocities(joints_m: Array, fps: float) -> Array:
    """Forward differences of (..., T, 22, 3) times `fps`; the last frame repeats the one before it (zero if T is 1)."""
    xp = array_namespace(joints_m)
    if joints_m.shape[-3] < 2:
        return xp.zeros_like(joints_m)
    v = (joints_m[..., 1:, :, :] - joints_m[..., :-1, :, :]) * fps
    return xp.concat([v, v[..., -1:, :, :]], axis=-3)


def encode(
    local_rotations: Array,
    root_position_m: Array,
    fps: float,
    offsets_m: NDArray[np.float64] = REST_OFFSETS_M,
) -> Array:
    """Encode motion as pose vectors.

    Args:
        local_rotations: (..., T, 22, 3, 3), entry 0 the root's world orientation.
        root_position_m: (..., T, 3) pelvis position, metres.
        fps: Frames a second.
        offsets_m: (22, 3) rest offsets.

    Returns:
        (..., T, 258) in the dtype of the rotations.
    """
    xp = array_namespace(local_rotations)
    joints, _ = forward_kinematics(local_rotations, root_position_m, offsets_m)
    lead = joints.shape[:-2]
    six = matrix_to_6d(local_rotations[..., 1:, :, :])
    return xp.concat(
        [
            xp.reshape(joints, (*lead, 3 * JOINT_COUNT)),
            xp.reshape(velocities(joints, fps), (*lead, 3 * JOINT_COUNT)),
            xp.reshape(six, (*lead, 6 * (JOINT_COUNT - 1))),
        ],
        axis=-1,
    )


def root_orientation(joints_m: Array, offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> Array:
    """Recover the root's world orientation (..., 3, 3) from joints (..., 22, 3) by a rigid fit to the rest pelvis."""
    xp = array_namespace(joints_m)
    rest = rest_joints(offsets_m)[list(RIGID_PELVIS)]
    source = xp.asarray(rest - rest.mean(axis=0), dtype=joints_m.dtype, device=device(joints_m))
    rigid = xp.stack([joints_m[..., j, :] for j in RIGID_PELVIS], axis=-2)
    target = rigid - xp.mean(rigid, axis=-2, keepdims=True)
    return fit_rotation(xp.zeros_like(target) + source, target)


def decode(x: Array, offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> Pose:
    """Read pose vectors (..., T, 258); 6D rotations are orthonormalised, the root's orientation is fitted.

    Positions and rotations are both returned as they stand: a network's output need not agree with itself. Call
    `forward_kinematics(pose.local_rotations, pose.joints_m[..., 0, :])` for joints with exact bone lengths.
    """
    xp = array_namespace(x)
    joints, body = _joints_and_body(x)
    speed = xp.reshape(x[..., VELOCITIES], joints.shape)
    root = root_orientation(joints, offsets_m)[..., None, :, :]
    return Pose(joints, speed, xp.concat([root, body], axis=-3))


def _joints_and_body(x: Array) -> tuple[Array, Array]:
    """Positions (..., 22, 3) and local rotations (..., 21, 3, 3) without the root's of pose vectors (..., 258)."""
    xp = array_namespace(x)
    if x.shape[-1] != POSE_DIM:
        raise ValueError(f"expected pose vectors of {POSE_DIM} numbers, got {x.shape[-1]}")
    lead = x.shape[:-1]
    joints = xp.reshape(x[..., POSITIONS], (*lead, JOINT_COUNT, 3))
    return joints, matrix_from_6d(xp.reshape(x[..., ROTATIONS], (*lead, JOINT_COUNT - 1, 6)))


def fit_body(x: Array, offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> tuple[Array, Array]:
    """Read pose vectors (..., T, 258) as one body with exact bone lengths.

    The skeleton posed by the vectors' rotations is moved rigidly onto ALL their joint positions (least squares), not
    only onto the pelvis' four, which lie so close together that a centimetre between them turns the body by degrees.
    For vectors that agree with themselves this is `decode`.

    Returns:
        Local rotations (..., T, 22, 3, 3), entry 0 the root's world orientation, and pelvis positions (..., T, 3).
    """
    xp = array_namespace(x)
    joints, body = _joints_and_body(x)
    identity = xp.zeros_like(body[..., :1, :, :]) + xp.eye(3, dtype=x.dtype, device=device(x))
    own, _ = forward_kinematics(xp.concat([identity, body], axis=-3), xp.zeros_like(joints[..., 0, :]), offsets_m)
    own_centre = xp.mean(own, axis=-2, keepdims=True)
    centre = xp.mean(joints, axis=-2, keepdims=True)
    root = fit_rotation(own - own_centre, joints - centre)
    place = centre[..., 0, :] - xp.sum(root * own_centre, axis=-1)
    return xp.concat([root[..., None, :, :], body], axis=-3), place
