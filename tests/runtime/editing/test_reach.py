"""Inverse kinematics: places within reach are met, bones keep their lengths, fixed joints stay."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import geodesic_angle, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.editing.reach import reach

NOTHING = np.zeros(JOINT_COUNT, np.bool_)


def a_pose(seed: int, size: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = matrix_from_rotation_vector(size * rng.normal(size=(JOINT_COUNT, 3)))
    rotations[0] = WORLD_FROM_BODY @ rotations[0]
    return rotations, np.array([1.0, 2.0, 0.9])


def known(*names: str) -> np.ndarray:
    mask = NOTHING.copy()
    mask[[JOINT_INDEX[name] for name in names]] = True
    return mask


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("names", [("left_wrist",), ("left_wrist", "right_ankle", "head"), ("left_foot", "right_foot")])
def test_another_pose_of_the_body_is_reached(seed: int, names: tuple[str, ...]) -> None:
    rotations, root = a_pose(seed)
    goal, _ = forward_kinematics(*a_pose(seed + 100))
    mask = known(*names)
    turned, moved = reach(rotations, root, goal, mask, NOTHING)
    joints, _ = forward_kinematics(turned, moved)
    assert np.linalg.norm(joints - goal, axis=-1)[mask].max() < 1e-3
    np.testing.assert_allclose(turned @ turned.swapaxes(-1, -2), np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), atol=1e-9)


def test_all_joints_of_another_pose_are_reached() -> None:
    rotations, root = a_pose(3)
    goal, _ = forward_kinematics(*a_pose(4))
    turned, moved = reach(rotations, root, goal, ~NOTHING, NOTHING)
    joints, _ = forward_kinematics(turned, moved)
    assert np.linalg.norm(joints - goal, axis=-1).max() < 1e-3


def test_what_is_fixed_does_not_turn_and_what_does_not_matter_neither() -> None:
    rotations, root = a_pose(1)
    goal, _ = forward_kinematics(*a_pose(2))
    fixed = known("left_shoulder", "spine2")
    turned, _ = reach(rotations, root, goal, known("left_wrist"), fixed)
    angle = geodesic_angle(turned, rotations)
    np.testing.assert_allclose(angle[fixed], 0, atol=1e-9)
    np.testing.assert_allclose(angle[known("right_elbow", "left_knee", "head", "left_wrist")], 0, atol=1e-9)
    assert angle[JOINT_INDEX["left_elbow"]] > 1e-3


def test_a_place_in_the_next_room_is_walked_to_and_a_contradiction_ends_nearby() -> None:
    rotations, root = a_pose(5)
    start, _ = forward_kinematics(rotations, root)
    goal = start + np.array([4.0, 0.0, 0.0])
    turned, moved = reach(rotations, root, goal, known("left_wrist"), NOTHING)
    joints, _ = forward_kinematics(turned, moved)
    assert np.linalg.norm(joints - goal, axis=-1)[JOINT_INDEX["left_wrist"]] < 1e-3
    torn = start.copy()
    torn[JOINT_INDEX["left_wrist"]] += [2.0, 0, 0]
    torn[JOINT_INDEX["right_wrist"]] -= [2.0, 0, 0]
    turned, moved = reach(rotations, root, torn, known("left_wrist", "right_wrist"), NOTHING)
    assert np.isfinite(turned).all()
    joints, _ = forward_kinematics(turned, moved)
    assert 0.5 < np.linalg.norm(joints - torn, axis=-1)[JOINT_INDEX["left_wrist"]] < 2.5
