"""HumanML3D's 263 features of a frame (Guo et al. 2022), 20 frames a second, y up, metres.

    0        turn: half the angle about the vertical from this frame to the next, radians
    1..2     shift of the root from this frame to the next along x and z, in the facing frame of the next one
    3        height of the root
    4..66    positions of joints 1..21 in the facing frame, x and z relative to the root, y from the floor
    67..192  6D rotations of joints 1..21 (columns one after the other)
    193..258 shift of all 22 joints to the next frame, in the facing frame
    259..262 contacts of left ankle, left foot, right ankle, right foot

The facing frame turns with the body about the vertical; the first frame faces +z. Its turn accumulates the first
feature, the root's path the second and third, so that frame t needs all frames before it.

The rotations are no posture of SMPL's: they were computed from the joints, bone by bone, as the smallest rotations from
a rest pose with hanging arms and axis-parallel bones. They hold the directions of the bones once more and no twist.
They serve here to check the features against themselves, which tells normalised or reordered features from good ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_6d
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS

Array = NDArray[np.float64]

FEATURES: Final = 263
FPS: Final = 20.0
TURN: Final = 0
SHIFT: Final = slice(1, 3)
HEIGHT: Final = 3
POSITIONS: Final = slice(4, 67)
ROTATIONS: Final = slice(67, 193)
VELOCITIES: Final = slice(193, 259)

LARGEST_DISAGREEMENT_DEG: Final = 10.0

_CHAINS: Final = (
    (0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20),
)  # fmt: skip
"""The rotations accumulate along these; each chain starts from the facing frame, also the arms'."""
_RIGHT, _UP, _FRONT = (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_LEFT, _DOWN = (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)
_REST_DIRECTIONS: Final = np.array(
    [(0.0, 0.0, 0.0), _LEFT, _RIGHT, _UP, _DOWN, _DOWN, _UP, _DOWN, _DOWN, _UP, _FRONT, _FRONT, _UP, _LEFT, _RIGHT,
     _FRONT, _DOWN, _DOWN, _DOWN, _DOWN, _DOWN, _DOWN]
)  # fmt: skip
"""Where each joint's bone (from its parent to it) points in the rest pose of the rotations."""


def joints_from_features(features: Array) -> Array:
    """Decode features (T, 263) to joints (T, 22, 3) in metres, y up, first frame at the origin facing +z."""
    turn, path = _root(features)
    local = features[:, POSITIONS].reshape(len(features), JOINT_COUNT - 1, 3)
    joints = np.empty((len(features), JOINT_COUNT, 3))
    joints[:, 0] = path
    joints[:, 1:] = np.einsum("tij,tkj->tki", turn, local)
    joints[:, 1:, [0, 2]] += path[:, None, [0, 2]]
    return joints


def _root(features: Array) -> tuple[Array, Array]:
    """Return the turn of the facing frame in the world (T, 3, 3) and the root's path (T, 3)."""
    half = np.concatenate([[0.0], np.cumsum(features[:-1, TURN])])
    turn = _about_y(-2 * half)
    steps = np.zeros((len(features), 3))
    steps[1:, [0, 2]] = features[:-1, SHIFT]
    path = np.cumsum(np.einsum("tij,tj->ti", turn, steps), axis=0)
    path[:, 1] = features[:, HEIGHT]
    return turn, path


def _about_y(angle_rad: Array) -> Array:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    zero, one = np.zeros_like(c), np.ones_like(c)
    return np.stack([c, zero, s, zero, one, zero, -s, zero, c], axis=-1).reshape(-1, 3, 3)


def bones_from_rotations(features: Array) -> Array:
    """Decode the rotations of features (T, 263) to world directions of the bones (T, 22, 3); entry 0 is zero."""
    turn, _ = _root(features)
    local = np.asarray(matrix_from_6d(features[:, ROTATIONS].reshape(len(features), JOINT_COUNT - 1, 6)))
    bones = np.zeros((len(features), JOINT_COUNT, 3))
    for chain in _CHAINS:
        # The features' own code starts each chain with the turn INTO the facing frame, the inverse of ours.
        frame = np.swapaxes(turn, -1, -2)
        for joint in chain[1:]:
            frame = frame @ local[:, joint - 1]
            bones[:, joint] = frame @ _REST_DIRECTIONS[joint]
    return bones


def check_features(features: Array, path: Path) -> None:
    """Check that the rotations and the positions of features (T, 263) show the same bones.

    Raises:
        InputError: They do not.
    """
    joints = joints_from_features(features)
    bones = joints[:, 1:] - joints[:, [PARENTS[j] for j in range(1, JOINT_COUNT)]]
    others = bones_from_rotations(features)[:, 1:]
    cross = np.linalg.norm(np.cross(bones, others), axis=-1)
    angle_deg = float(np.median(np.degrees(np.arctan2(cross, np.sum(bones * others, axis=-1)))))
    if not angle_deg <= LARGEST_DISAGREEMENT_DEG:
        raise InputError(
            f"expected rotations that agree with the positions, got bones {angle_deg:.0f} degrees apart for {path}; "
            "take off Mean.npy and Std.npy if the features are normalised, or read new_joints"
        )
