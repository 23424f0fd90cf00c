"""Motions made in the test, whose every joint is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY

Joints = NDArray[np.floating[Any]]


def _posed(frames: int, yaw_deg: float = 0.0) -> NDArray[np.float64]:
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix() @ WORLD_FROM_BODY
    for side, sign in (("left", -1), ("right", 1)):  # arms down
        local[:, JOINT_INDEX[f"{side}_shoulder"]] = Rotation.from_euler("z", 65 * sign, degrees=True).as_matrix()
    return local


def _walking(frames: int = 80, speed: float = 1.0, stop_at: int | None = None) -> Joints:
    root = np.zeros((frames, 3))
    going = np.minimum(np.arange(frames), frames if stop_at is None else stop_at)
    root[:, 0], root[:, 2] = speed * going / 20, 0.93
    return forward_kinematics(_posed(frames), root)[0]


def _sitting_down(yaw_deg: float = 0.0, still: int = 30) -> Joints:
    """Stand for a second, sit down, stay, and stand up again; the ankles stay over (1, 2)."""
    down = np.linspace(0, 1, 16)
    bend = np.concatenate([np.zeros(20), down, np.ones(still), down[::-1], np.zeros(20)])
    local = _posed(len(bend), yaw_deg)
    for side in ("left", "right"):
        local[:, JOINT_INDEX[f"{side}_hip"]] = Rotation.from_euler("x", -88 * bend[:, None], degrees=True).as_matrix()
        local[:, JOINT_INDEX[f"{side}_knee"]] = Rotation.from_euler("x", 92 * bend[:, None], degrees=True).as_matrix()
    joints = forward_kinematics(local, np.zeros((len(bend), 3)))[0]
    ankles = joints[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]].mean(axis=1)
    return np.asarray(joints + (np.array([1.0, 2.0, 0.075]) - ankles)[:, None])


def _lying(height_m: float, yaw_deg: float = 0.0, frames: int = 30) -> Joints:
    """On the back, the head towards -x before the turn."""
    local = _posed(frames)
    lie = Rotation.from_euler("y", -90, degrees=True).as_matrix() @ WORLD_FROM_BODY
    local[:, 0] = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix() @ lie
    return forward_kinematics(local, np.tile([0.3, -0.2, height_m], (frames, 1)))[0]


def _on_a_step(height_m: float = 0.3, frames: int = 40) -> Joints:
    return np.asarray(_walking(frames, 0.0) + np.array([0.0, 0.0, height_m]))


@pytest.fixture
def walking() -> Callable[..., Joints]:
    return _walking


@pytest.fixture
def sitting_down() -> Callable[..., Joints]:
    return _sitting_down


@pytest.fixture
def lying() -> Callable[..., Joints]:
    return _lying


@pytest.fixture
def on_a_step() -> Callable[..., Joints]:
    return _on_a_step


@pytest.fixture
def depth_inside() -> Callable[[Joints, Joints], NDArray[np.float64]]:
    """Depth of points in the capsules by the closed form of a point's distance to a segment, float64, every frame."""

    def depth(people_m: Joints, points_m: Joints) -> NDArray[np.float64]:
        points = np.asarray(points_m, dtype=np.float64)
        deepest = np.full(len(points), -np.inf)
        poses = np.asarray(people_m, dtype=np.float64).reshape(-1, 22, 3)
        for joints in np.unique(poses.round(6), axis=0):
            low, high = joints.min(axis=0) - 0.25, joints.max(axis=0) + 0.25
            near = np.flatnonzero(np.all((points > low) & (points < high), axis=1))
            starts, ends, radii = body_capsules(joints)
            for a, b, radius in zip(starts, ends, radii, strict=True):
                along = np.clip((points[near] - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)
                gap = np.linalg.norm(points[near] - a - along[:, None] * (b - a), axis=1)
                deepest[near] = np.maximum(deepest[near], radius - gap)
        return deepest

    return depth
