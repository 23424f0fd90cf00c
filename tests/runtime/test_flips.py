"""Bodies that a network flips within a frame turn as fast as people do, and nobody else is touched."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import (
    about_z,
    geodesic_angle,
    matrix_from_quaternion,
    matrix_from_rotation_vector,
)
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.flips import FASTEST_RAD_S, joints_without_flips, stretched, without_flips

FPS = 20.0
MOST = FASTEST_RAD_S / FPS


def facing(yaw_rad: np.ndarray) -> np.ndarray:
    return np.asarray(about_z(yaw_rad) @ WORLD_FROM_BODY)


def steps(orientations: np.ndarray) -> np.ndarray:
    return np.asarray(geodesic_angle(orientations[1:], orientations[:-1]))


def body(orientations: np.ndarray, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    """A T-pose (1, T, ...) of given orientations with its pelvis above one spot."""
    rotations = np.tile(np.eye(3), (1, len(orientations), JOINT_COUNT, 1, 1))
    rotations[0, :, 0] = orientations
    return rotations, np.tile([0.3, 0.1, height_m], (1, len(orientations), 1))


@pytest.mark.parametrize("turn_rad", [0.6, 1.5, 2.8, -2.8])
def test_a_jump_becomes_a_smooth_step(turn_rad):
    yaw = np.where(np.arange(60) < 30, 0.4, 0.4 + turn_rad)
    result, windows = stretched(facing(yaw), FPS)
    ((first, last),) = windows
    assert 1.5 * abs(turn_rad) / MOST <= last - first <= 1.5 * abs(turn_rad) / MOST + 2
    assert abs((first + last) / 2 - 29.5) <= 0.5
    u = np.clip((np.arange(60) - first) / (last - first), 0.0, 1.0)
    np.testing.assert_allclose(result, facing(0.4 + turn_rad * (3 * u**2 - 2 * u**3)), atol=1e-6)
    assert steps(result).max() <= MOST


def test_who_turns_as_fast_as_people_is_left_alone():
    rng = np.random.default_rng(0)
    yaw = np.cumsum(0.95 * MOST * rng.choice([-1.0, 1.0], 80))
    rotations, root_m = body(facing(yaw), 0.9)
    found = without_flips(rotations, root_m, FPS)
    np.testing.assert_array_equal(found[0], rotations)
    np.testing.assert_array_equal(found[1], root_m)


def test_a_flash_there_and_back_goes():
    yaw = np.zeros(40)
    yaw[20:22] = 2.5
    np.testing.assert_allclose(stretched(facing(yaw), FPS)[0], facing(np.zeros(40)), atol=1e-9)


def turn_rad(orientations: np.ndarray) -> float:
    """By how much a body that stays upright turns in all, counter-clockwise."""
    return float(np.diff(np.unwrap(heading_rad(orientations))).sum())


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("jump_rad", [2.2, 2.5, 2.9])
def test_who_turns_when_they_are_flipped_turns_on_and_not_back(jump_rad, side):
    """Four radians a second: over what the jump is stretched to, both together are more than half a turn."""
    yaw = side * (4.0 * np.arange(60) / FPS + np.where(np.arange(60) < 30, 0.0, jump_rad))
    result, ((first, last),) = stretched(facing(yaw), FPS)
    assert abs(yaw[last] - yaw[first]) > math.pi
    assert turn_rad(result) == pytest.approx(yaw[-1] - yaw[0], abs=1e-6)
    assert steps(result).max() <= MOST * (1 + 1e-9)


@pytest.mark.parametrize("drift_rad", [0.2, -0.2])
def test_a_flash_is_no_whole_turn_however_it_goes_on(drift_rad):
    """Half a turn there and back, each by less than half in the same direction: the unwrapped heading turns once."""
    yaw = np.where((np.arange(40) >= 20) & (np.arange(40) < 22), np.sign(drift_rad) * (math.pi - 0.1), 0.0)
    yaw[21] += drift_rad
    assert abs(turn_rad(facing(yaw))) == pytest.approx(2 * math.pi)
    assert turn_rad(stretched(facing(yaw), FPS)[0]) == pytest.approx(0.0, abs=1e-6)


def test_where_there_is_no_time_for_the_long_way_the_short_one_is_gone():
    yaw = 5.0 * np.arange(12) / FPS + np.where(np.arange(12) < 6, 0.0, 2.8)
    result, _ = stretched(facing(yaw), FPS)
    assert turn_rad(result) == pytest.approx(yaw[-1] - 2 * math.pi)
    assert steps(result).max() <= MOST


def test_nobody_turns_faster_whatever_the_network_says():
    quaternions = np.random.default_rng(1).normal(size=(5, 60, 4))
    for orientations in np.asarray(matrix_from_quaternion(quaternions)):
        found, _ = stretched(orientations, FPS)
        assert steps(found).max() <= MOST * (1 + 1e-9)
        np.testing.assert_allclose(found[[0, -1]], orientations[[0, -1]], atol=1e-9)


def test_a_standing_body_turns_about_its_joints_centre_without_being_lifted():
    rotations, root_m = body(facing(np.where(np.arange(50) < 25, 0.0, 2.6)), 0.9)
    turned, moved = without_flips(rotations, root_m, FPS)
    before, after = (np.asarray(forward_kinematics(*b)[0]).mean(axis=2) for b in ((rotations, root_m), (turned, moved)))
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert steps(turned[0, :, 0]).max() <= MOST
    np.testing.assert_array_equal(turned[:, :, 1:], rotations[:, :, 1:])


def test_a_lying_body_rolls_over_on_the_floor_and_not_through_it():
    """Half way it lies on its side, on an arm that sticks out: its centre has to be that much higher."""
    prone = np.asarray(matrix_from_rotation_vector(np.array([0.0, math.pi / 2, 0.0]))) @ WORLD_FROM_BODY
    roll = np.asarray(matrix_from_rotation_vector(np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])))
    rotations, root_m = body((roll @ prone)[(np.arange(60) >= 30).astype(int)], 0.2)
    turned, moved = without_flips(rotations, root_m, FPS)
    lowest = np.asarray(forward_kinematics(turned, moved)[0])[0, ..., 2].min(axis=1)
    unraised = np.asarray(forward_kinematics(turned, root_m)[0])[0, ..., 2].min(axis=1)
    assert unraised.min() < -0.4
    assert lowest.min() > 0.5 * unraised.min()
    np.testing.assert_allclose(moved[:, :10], root_m[:, :10], atol=1e-6)


def test_each_person_by_itself():
    flipped, steady = (facing(np.where(np.arange(40) < 20, 0.0, yaw)) for yaw in (2.0, 0.2))
    (a, root_a), (b, root_b) = body(flipped, 0.9), body(steady, 0.9)
    both = without_flips(np.concatenate([a, b]), np.concatenate([root_a, root_b]), FPS)
    np.testing.assert_array_equal(both[0][1], b[0])
    np.testing.assert_allclose(both[0][0], without_flips(a, root_a, FPS)[0][0], atol=1e-12)
    assert without_flips(a[:0], root_a[:0], FPS)[0].shape == (0, 40, JOINT_COUNT, 3, 3)


def standing(orientations: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) of a T-pose that glides along and faces as it is told."""
    rotations, root_m = body(orientations, 0.9)
    root_m[0, :, 0] += np.arange(len(orientations)) / FPS
    return np.asarray(forward_kinematics(rotations, root_m)[0])[0]


@pytest.mark.parametrize("turn_rad", [2.9, -2.9])
def test_a_body_that_loses_its_breadth_between_two_ways_of_facing_keeps_it(turn_rad):
    """What lies in the middle of a body and its half turn has both hips in one place; a turned one has not."""
    before, after = (standing(facing(np.full(60, yaw))) for yaw in (0.2, 0.2 + turn_rad))
    share = np.clip((np.arange(60) - 26) / 6, 0.0, 1.0)[:, None, None]
    blurred = before + share * (after - before)
    hips = lambda joints: np.linalg.norm(joints[:, 1] - joints[:, 2], axis=-1)  # noqa: E731
    assert hips(blurred).min() < 0.2 * hips(before).min()
    made, orientations = joints_without_flips(blurred, FPS)
    assert hips(made).min() > 0.75 * hips(before).min()  # of the frames about the flip that are no flip themselves
    np.testing.assert_allclose(made[:, 0], blurred[:, 0], atol=1e-12)
    np.testing.assert_array_equal(made[[0, -1]], blurred[[0, -1]])
    assert steps(root_orientation(made)).max() <= MOST * (1 + 1e-6)
    # How it is turned is what its pelvis shows, but where that is in between two shapes.
    assert np.degrees(geodesic_angle(orientations, root_orientation(made))).max() < 10.0


@pytest.mark.parametrize("turn_rad", [1.5, -2.8])
def test_a_rigid_body_that_is_flipped_turns_as_one(turn_rad):
    yaw = np.where(np.arange(60) < 30, 0.4, 0.4 + turn_rad)
    made, orientations = joints_without_flips(standing(facing(yaw)), FPS)
    np.testing.assert_allclose(orientations, root_orientation(made), atol=1e-6)
    np.testing.assert_allclose(made, standing(stretched(facing(yaw), FPS)[0]), atol=1e-6)


def test_joints_that_do_not_flip_are_handed_back():
    joints = standing(facing(np.linspace(0.0, 6.0, 60)))
    assert joints_without_flips(joints, FPS)[0] is joints
