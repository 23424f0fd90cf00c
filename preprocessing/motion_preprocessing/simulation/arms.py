"""Arms laid over a body that moves already: a hand is put where it must be, and faded in and out.

Arms are solved in closed form: the elbow's bend from the distance to the target, the shoulder's turn from the target's
direction and from where the elbow is to point. The orientation of the rest of the body stays as it was.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import (
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    quaternion_slerp,
)
from motion_preprocessing.simulation.hinges import HIGH_RAD, HINGE_INDEX, LOW_RAD, OFFSETS_M, Array
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY

ARM_M: Final = float(
    np.linalg.norm(OFFSETS_M[JOINT_INDEX["left_elbow"]]) + np.linalg.norm(OFFSETS_M[JOINT_INDEX["left_wrist"]])
)
"""Length of a stretched arm, shoulder to wrist."""
_SPINE: Final = tuple(JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3"))


def turns_of(rotations: Array, root_m: Array) -> tuple[Array, Array]:
    """Return joints (T, 22, 3) and their orientations (T, 22, 3, 3) in hinge axes, from local rotations."""
    joints, turns = forward_kinematics(rotations, root_m)
    return np.asarray(joints), np.asarray(turns @ WORLD_FROM_BODY.T)


def _unit(v: Array) -> Array:
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


def _frame(first: Array, second: Array) -> Array:
    """Right-handed frames (T, 3, 3): along `first`, then the part of `second` at right angles to it."""
    a = _unit(first)
    b = _unit(second - np.sum(a * second, axis=-1, keepdims=True) * a)
    return np.stack([a, b, np.cross(a, b)], axis=-1)


def hand_at(rotations: Array, root_m: Array, side: str, target_m: Array, elbow_to: Array) -> Array:
    """Turn a shoulder and an elbow so that the wrist is at a point.

    Args:
        rotations: (T, 22, 3, 3) local rotations.
        root_m: (T, 3).
        side: left or right.
        target_m: (T, 3) where the wrist belongs; out of reach, the arm is stretched towards it.
        elbow_to: (T, 3) direction that the elbow is to point in, seen from the line from shoulder to wrist.

    Returns:
        Local rotations (T, 2, 3, 3) of shoulder and elbow.
    """
    shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
    collar = JOINT_INDEX[f"{side}_collar"]
    joints, turns = turns_of(rotations, root_m)
    away = target_m - joints[:, shoulder]
    a, b = OFFSETS_M[elbow], OFFSETS_M[wrist]
    # Left elbows bend by turning about -z, right ones about +z: |a + E b| is to be the distance.
    sign = -1.0 if side == "left" else 1.0
    even, odd = a[0] * b[0] + a[1] * b[1], sign * (a[1] * b[0] - a[0] * b[1])
    wanted = (np.sum(away * away, axis=-1) - a @ a - b @ b) / 2 - a[2] * b[2]
    bend = np.arctan2(odd, even) + np.arccos(np.clip(wanted / np.hypot(even, odd), -1, 1))
    bend = np.clip(bend, 0.0, np.radians(150))
    turn = np.zeros((len(bend), 3))
    turn[:, 2] = sign * bend
    elbows = np.asarray(matrix_from_rotation_vector(turn))
    reached = a + elbows @ b
    world = _frame(away, elbow_to) @ np.swapaxes(_frame(reached, np.broadcast_to(a, reached.shape)), -1, -2)
    local = np.stack([np.swapaxes(turns[:, collar], -1, -2) @ world, elbows], axis=1)
    return np.asarray(WORLD_FROM_BODY.T @ local @ WORLD_FROM_BODY)


def blended(rotations: Array, joints: tuple[int, ...], others: Array, weight: Array) -> Array:
    """Turn some joints towards other local rotations (T, len(joints), 3, 3) by a weight (T,), the shorter way."""
    result = rotations.copy()
    mine = np.asarray(quaternion_from_matrix(rotations[:, list(joints)]))
    theirs = np.asarray(quaternion_from_matrix(others))
    share = np.broadcast_to(weight[:, None], mine.shape[:-1])
    result[:, list(joints)] = matrix_from_quaternion(quaternion_slerp(mine, theirs, share))
    return result


def turned(local: Array, turn_rad: Array) -> Array:
    """Turn local rotations (T, 3, 3) of a joint by rotation vectors (T, 3) or (1, 3) in hinge axes."""
    inner = np.asarray(matrix_from_rotation_vector(turn_rad))
    return np.asarray(local @ (WORLD_FROM_BODY.T @ inner @ WORLD_FROM_BODY))


def bent_spine(rotations: Array, turn_rad: Array) -> Array:
    """Bend the trunk by rotation vectors (T, 3) or (1, 3) in hinge axes, shared out to the spine's three joints."""
    result = rotations.copy()
    for joint in _SPINE:
        result[:, joint] = turned(result[:, joint], turn_rad / 3)
    return result


def shoulder_excess_deg(rotations: Array, side: str) -> float:
    """Return how far a shoulder goes beyond the limits of its hinges at most, degrees."""
    local = WORLD_FROM_BODY @ rotations[:, JOINT_INDEX[f"{side}_shoulder"]] @ WORLD_FROM_BODY.T
    if side == "right":
        flip = np.diag([1.0, -1.0, 1.0])
        local = flip @ local @ flip
    middle = np.arccos(np.clip(local[:, 1, 1], -1, 1))
    best = np.full(len(local), np.inf)
    # The same turn is y, x, y' in two ways: that within the limits counts.
    for sense in (-1.0, 1.0):
        angles = np.stack(
            [
                np.arctan2(sense * local[:, 0, 1], sense * local[:, 2, 1]),
                sense * middle,
                np.arctan2(sense * local[:, 1, 0], -sense * local[:, 1, 2]),
            ],
            axis=-1,
        )
        index = [HINGE_INDEX[f"left_shoulder_{axis}"] for axis in ("y", "x", "y'")]
        over = np.maximum(LOW_RAD[index] - angles, angles - HIGH_RAD[index]).max(axis=-1)
        best = np.minimum(best, over)
    return float(np.degrees(max(best.max(), 0.0)))
