"""Recorded motion as hinge angles: what key-pose motions go on from and what falls start in."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.simulation.hinges import Array, Pose, angles_of
from motion_preprocessing.simulation.solve import Goals, even_weight, solve
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY

_LEAVES: Final = (
    ("left_foot", (0.06, 0.0, 0.0)), ("right_foot", (0.06, 0.0, 0.0)), ("left_wrist", (0.0, 0.1, 0.0)),
    ("right_wrist", (0.0, -0.1, 0.0)), ("head", (0.1, 0.0, 0.0)), ("pelvis", (0.15, 0.0, 0.0)),
)  # fmt: skip
_ON: Final = np.array([*range(JOINT_COUNT), *(JOINT_INDEX[name] for name, _ in _LEAVES)])
_OFFSETS_M: Final = np.concatenate([np.zeros((JOINT_COUNT, 3)), np.array([offset for _, offset in _LEAVES])])
_PULL: Final = even_weight(0.04, spine=0.12, collar=0.16, wrist=0.2, foot=0.2, neck=0.1, head=0.1)


def fit(rotations: Array, root_m: Array) -> Pose:
    """Fit hinge angles to recorded frames.

    Args:
        rotations: (T, 22, 3, 3) local rotations, entry 0 the root's world orientation.
        root_m: (T, 3) pelvis positions.
    """
    joints, turns = forward_kinematics(rotations, root_m)
    turns = turns @ WORLD_FROM_BODY.T
    targets = joints[:, _ON] + np.einsum("tcij,cj->tci", turns[:, _ON], _OFFSETS_M)
    neutral = np.tile(angles_of({"shoulder.x": -70.0, "elbow": -15.0, "knee": 8.0}), (len(root_m), 1))
    prior = Pose(np.array(root_m), np.array(turns[:, 0]), neutral)
    weights = np.full((*targets.shape,), 3.0)
    weights[:, :4] = 6.0
    goals = Goals(_ON, _OFFSETS_M, targets, weights, prior, _PULL, (0.01, 0.01), push_weight=0.0)
    return solve(prior, goals, iterations=14, damping=0.05)


def faded(local: Array, at: int, rotations: Array, share: Array) -> Array:
    """Apply `share` (T,) of the difference between `rotations` and frame `at` of `local` to every frame."""
    lost = quaternion_from_matrix(np.swapaxes(local[at], -1, -2) @ rotations)
    none = np.zeros_like(lost)
    none[..., 0] = 1.0
    pair = continuous(np.stack([none, np.asarray(lost)]))
    mixed = (1 - share)[:, None, None] * pair[0] + share[:, None, None] * pair[1]
    return np.asarray(local @ np.asarray(matrix_from_quaternion(mixed)))


class Recording:
    """One recorded motion of the dataset, with what starting from it needs."""

    def __init__(self, name: str, subject: str, split: str, action: str, pose_vectors: NDArray[np.float32]) -> None:
        """Decode pose vectors (T, 258)."""
        self.name, self.subject, self.split, self.action = name, subject, split, action
        decoded = decode(pose_vectors.astype(np.float64))
        self.joints_m: Array = np.asarray(decoded.joints_m)
        """(T, 22, 3)."""
        self.rotations: Array = np.asarray(decoded.local_rotations)
        """(T, 22, 3, 3)."""

    @property
    def root_m(self) -> Array:
        """Pelvis positions (T, 3)."""
        return self.joints_m[:, 0]


def recordings(dataset: MotionDataset, actions: tuple[str, ...]) -> list[Recording]:
    """Read the recorded motions of some coarse actions; simulated ones are left out."""
    return [
        Recording(r.name, r.subject, r.split, r.action, r.pose)
        for r in dataset
        if r.action in actions and r.subject.startswith("cmu")
    ]
