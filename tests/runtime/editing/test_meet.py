"""What is known is met by the written body: a walk bent to places, poses and ways, without jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import jerk_m_s3
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.editing.constraints import Constraints, worst_miss, wrapped
from motion_runtime.editing.meet import meet
from motion_runtime.placement import Placement

FPS = 20.0
Walk = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def walk(walk_rotations: Walk) -> tuple[np.ndarray, np.ndarray]:
    """Two people, 5 s: rotations (2, 100, 22, 3, 3) and pelvis (2, 100, 3)."""
    rotations, root = walk_rotations(100, 1.0, FPS)
    return np.stack([rotations, rotations]), np.stack([root, root + [0.0, 1.0, 0.0]])


def only(*names: str) -> np.ndarray:
    mask = np.zeros(JOINT_COUNT, np.bool_)
    mask[[JOINT_INDEX[name] for name in names]] = True
    return mask


def test_nothing_known_changes_nothing(walk: tuple[np.ndarray, np.ndarray]) -> None:
    rotations, root = meet(*walk, Constraints.none(2, 100), FPS)
    np.testing.assert_array_equal(rotations, walk[0])
    np.testing.assert_array_equal(root, walk[1])


def test_what_the_motion_does_anyway_changes_nothing(walk: tuple[np.ndarray, np.ndarray]) -> None:
    known = Constraints.none(2, 100)
    for frame in (0, 40, 41, 99):
        known.set_pose(1, frame, walk[0][1, frame], walk[1][1, frame])
    rotations, root = meet(*walk, known, FPS)
    np.testing.assert_allclose(rotations, walk[0], atol=1e-9)
    np.testing.assert_allclose(root, walk[1], atol=1e-9)
    assert worst_miss(known, rotations, root).position_m < 1e-9


def test_a_way_moves_the_body_rigidly_over_the_floor(walk: tuple[np.ndarray, np.ndarray]) -> None:
    known = Constraints.none(2, 100)
    known.set_floor(0, 0, walk[1][0, 0, :2])
    known.set_floor(0, 99, walk[1][0, 99, :2] + [0.0, 0.99])
    rotations, root = meet(*walk, known, FPS)
    np.testing.assert_array_equal(rotations, walk[0])
    np.testing.assert_allclose(root[0] - walk[1][0], np.outer(np.arange(100) / 100, [0, 1, 0]), atol=1e-9)
    np.testing.assert_array_equal(root[1], walk[1][1])


def test_facing_is_met_and_fades(walk: tuple[np.ndarray, np.ndarray]) -> None:
    known = Constraints.none(2, 100)
    asked = float(heading_rad(walk[0][0, 50, 0])) + 0.5
    known.set_yaw(0, 50, asked)
    rotations, root = meet(*walk, known, FPS)
    assert abs(wrapped(heading_rad(rotations[0, 50, 0]) - asked)) < 1e-9
    np.testing.assert_array_equal(root, walk[1])
    np.testing.assert_array_equal(rotations[0, :29], walk[0][0, :29])


def test_a_foreign_pose_at_the_end_is_met_without_a_jump(walk: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    pose = walk[0][0, 20] @ matrix_from_rotation_vector(0.3 * rng.normal(size=(JOINT_COUNT, 3)))
    place = walk[1][0, 99] + [0.1, -0.1, -0.05]
    known = Constraints.none(2, 100)
    known.set_pose(0, 99, pose, place)
    rotations, root = meet(*walk, known, FPS)
    np.testing.assert_allclose(rotations[0, 99], pose, atol=1e-9)
    np.testing.assert_allclose(root[0, 99], place, atol=1e-9)
    np.testing.assert_array_equal(rotations[0, :80], walk[0][0, :80])
    joints, _ = forward_kinematics(rotations[0], root[0])
    plain, _ = forward_kinematics(walk[0][0], walk[1][0])
    # A jump of the 0.2 m that hands and feet are off would be a jerk of 0.2 * 20^3 = 1600 and more.
    assert (jerk_m_s3(joints, FPS) - jerk_m_s3(plain, FPS)).max() < 700


def test_places_of_hands_and_feet_are_met_by_a_body_of_the_same_bones(walk: tuple[np.ndarray, np.ndarray]) -> None:
    plain, _ = forward_kinematics(*walk)
    known = Constraints.none(2, 100)
    goal = plain[1] + [0.05, 0.05, 0.1]
    for frame in (30, 31, 32, 70):
        known.set_positions(1, frame, goal[frame], only("left_wrist", "right_wrist"))
    rotations, root = meet(*walk, known, FPS)
    assert worst_miss(known, rotations, root).position_m < 1e-3
    assert worst_miss(known, *walk).position_m == pytest.approx(np.sqrt(0.015))
    np.testing.assert_array_equal(rotations[0], walk[0][0])
    np.testing.assert_array_equal(rotations[1, :21], walk[0][1, :21])


def test_a_held_arm_and_a_place_for_the_hand_share_a_frame(walk: tuple[np.ndarray, np.ndarray]) -> None:
    known = Constraints.none(2, 100)
    plain, _ = forward_kinematics(*walk)
    bent = matrix_from_rotation_vector(np.array([0.0, -1.2, 0.0]))
    for frame in range(100):
        known.set_rotations(0, frame, np.tile(bent, (JOINT_COUNT, 1, 1)), only("left_elbow"))
    known.set_positions(0, 60, plain[0, 60] + [0.0, 0.0, 0.15], only("left_wrist"))
    miss = worst_miss(known, *meet(*walk, known, FPS))
    assert miss.position_m < 1e-3
    assert miss.angle_rad < 1e-6


def test_places_follow_from_turns_down_from_the_pelvis(walk: tuple[np.ndarray, np.ndarray]) -> None:
    joints, _ = forward_kinematics(*walk)
    known = Constraints.none(2, 100)
    legs = only("pelvis", "left_hip", "left_knee")
    known.set_rotations(0, 5, walk[0][0, 5], legs)
    known.set_positions(0, 5, joints[0, 5], only("pelvis"))
    whole = known.completed()
    assert set(np.flatnonzero(whole.position_mask[0, 5])) == {
        JOINT_INDEX[name] for name in ("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "left_ankle")
    }
    np.testing.assert_allclose(whole.positions_m[0, 5][whole.position_mask[0, 5]],
                               joints[0, 5][whole.position_mask[0, 5]], atol=1e-12)  # fmt: skip
    assert known.position_mask.sum() == 1  # the original stays


def test_constraints_move_with_their_frame(walk: tuple[np.ndarray, np.ndarray]) -> None:
    """The room turned and the motion with it: the same is known in the canonical frame."""
    placement = Placement((1.0, -2.0), 0.7)
    turn, known, moved = about_z(np.array(0.7)), Constraints.none(2, 100), Constraints.none(2, 100)
    here, there = walk[0].copy(), walk[0].copy()
    there[..., 0, :, :] = turn @ there[..., 0, :, :]
    for frame in (0, 60):
        known.set_pose(0, frame, here[0, frame], walk[1][0, frame])
        moved.set_pose(0, frame, there[0, frame], placement.to_room(walk[1][0, frame]))
    back = moved.in_frame(placement)
    for name in ("positions_m", "rotations", "floor_m"):
        mask = {"positions_m": known.position_mask, "rotations": known.rotation_mask}.get(name, known.floor_mask)
        np.testing.assert_allclose(getattr(back, name)[mask], getattr(known, name)[mask], atol=1e-12)
    np.testing.assert_allclose(wrapped(back.yaw_rad - known.yaw_rad)[known.yaw_mask], 0, atol=1e-12)
    assert replace(back).window(0, 1).floor_mask.shape == (2, 1)
