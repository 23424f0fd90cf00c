"""Bodies that lie in the floor are raised onto it, their limbs turned out of it, and nobody else is moved."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import BONES, JOINT_INDEX, JOINT_NAMES, REST_OFFSETS_M, WORLD_FROM_BODY
from motion_runtime.above_floor import LOWEST_M, above_floor

FPS = 20.0
# On the back: the rest pose, upright along z, turned by a quarter about y.
BACK = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) @ WORLD_FROM_BODY


def body(height_m: np.ndarray, root: np.ndarray = BACK) -> tuple[np.ndarray, np.ndarray]:
    frames = len(height_m)
    rotations = np.tile(np.eye(3), (1, frames, 22, 1, 1))
    rotations[:, :, 0] = root
    pelvis = np.zeros((1, frames, 3))
    pelvis[0, :, 2] = height_m
    return rotations, pelvis


def lowest(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """How far above the least height of a trunk's joint the pelvis' own is, (T,)."""
    return np.asarray(forward_kinematics(rotations, root)[0])[0, :, JOINT_INDEX["pelvis"], 2] - LOWEST_M["pelvis"]


@pytest.mark.parametrize("deep_m", [0.01, 0.1, 0.3])
def test_who_lies_in_the_floor_ends_on_it(deep_m: float) -> None:
    level = np.full(40, 0.5)
    flat = np.asarray(forward_kinematics(*body(level))[0])[0, 0, :, 2]
    names = {name: flat[JOINT_INDEX[name]] - 0.5 for name in ("pelvis", "spine3", "head", "left_knee", "left_hip")}
    least = {"pelvis": 0.06, "spine3": 0.06, "head": 0.05, "left_knee": 0.025, "left_hip": 0.06}
    given = body(np.full(40, 0.06 - deep_m))
    rotations, root = above_floor(*given, FPS)
    np.testing.assert_array_equal(rotations, given[0])
    np.testing.assert_array_equal(root[..., :2], given[1][..., :2])
    heights = {name: root[0, :, 2] + offset for name, offset in names.items()}
    assert all((heights[name] >= least[name] - 1e-9).all() for name in names)
    # Raised by what is needed and no further: something touches.
    joints = np.asarray(forward_kinematics(rotations, root)[0])[0]
    keeps = np.array([LOWEST_M[n.removeprefix("left_").removeprefix("right_")] for n in JOINT_INDEX])
    np.testing.assert_allclose((joints[..., 2] - keeps).min(axis=-1), 0.0, atol=1e-9)


def test_a_dip_is_raised_in_time_and_smoothly() -> None:
    height = np.full(60, 0.4)
    height[30] = 0.0
    given = body(height)
    _, root = above_floor(*given, FPS)
    lift = root[0, :, 2] - height
    assert lowest(*above_floor(*given, FPS)).min() >= -1e-9
    assert (lift[:22] == 0).all()
    assert (lift[39:] == 0).all()
    assert np.abs(np.diff(lift)).max() < 0.5 * lift.max()  # a jump would be all of it at once


def test_who_stands_and_who_lies_on_the_floor_is_left_as_they_are() -> None:
    standing = body(np.full(30, 1.0), WORLD_FROM_BODY)
    feet = np.asarray(forward_kinematics(*standing)[0])[..., 2].min()
    standing[1][..., 2] -= feet + 0.015  # a step in the floor by no more than a sole's error
    for given in (standing, body(np.full(30, 0.3))):
        _, root = above_floor(*given, FPS)
        np.testing.assert_array_equal(root, given[1])


LEAST = np.array([LOWEST_M[n.removeprefix("left_").removeprefix("right_")] for n in JOINT_NAMES])
ARM = [JOINT_INDEX["left_shoulder"], JOINT_INDEX["left_elbow"]]


def arm_down(pelvis_m: np.ndarray, angle_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """On the back, the left arm turned by (T,) from the side, 0, straight through the floor, a right angle."""
    rotations, pelvis = body(pelvis_m)
    about_spine = np.stack([0 * angle_rad, angle_rad, 0 * angle_rad], axis=-1)
    rotations[0, :, ARM[0]] = matrix_from_rotation_vector(about_spine)
    return rotations, pelvis


def lying_m() -> float:
    """Height of the pelvis of a body on its back whose trunk is where trunks lie at least."""
    flat = np.asarray(forward_kinematics(*body(np.zeros(1)))[0])[0, 0, :, 2]
    return float((LEAST - flat).max())


@pytest.mark.parametrize("angle_deg", [10.0, 45.0, 80.0, 90.0])
def test_an_arm_in_the_floor_is_turned_onto_it_and_does_not_raise_the_body(angle_deg: float) -> None:
    given = arm_down(np.full(40, lying_m() + 0.02), np.full(40, np.radians(angle_deg)))
    before = np.asarray(forward_kinematics(*given)[0])[0]
    rotations, root = above_floor(*given, FPS)
    joints = np.asarray(forward_kinematics(rotations, root)[0])[0]
    assert before[:, JOINT_INDEX["left_wrist"], 2].max() < 0
    np.testing.assert_allclose(root[0], given[1][0], atol=0.001)
    assert (joints[..., 2] >= LEAST - 1e-9).all()
    # Turned by as little as brings it there, in the plane that it is in: bones as long, the elbow at its least height.
    elbow, wrist = JOINT_INDEX["left_elbow"], JOINT_INDEX["left_wrist"]
    if before[0, elbow, 2] < 0:
        np.testing.assert_allclose(joints[:, elbow, 2], 0.0, atol=0.001)
    np.testing.assert_allclose(joints[:, wrist, 2], 0.0, atol=0.001)
    for parent, child in BONES:
        length = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
        np.testing.assert_allclose(length, np.linalg.norm(REST_OFFSETS_M[child]), atol=1e-12)
    others = [joint for joint in range(22) if joint not in ARM]
    np.testing.assert_array_equal(rotations[:, :, others], given[0][:, :, others])
    np.testing.assert_allclose(rotations, rotations[:, :1] + 0 * rotations, atol=1e-9)


def test_an_arm_is_turned_by_the_angle_that_the_height_of_its_shoulder_says() -> None:
    given = arm_down(np.full(40, lying_m() + 0.02), np.full(40, np.radians(60.0)))
    joints = [np.asarray(forward_kinematics(*one)[0])[0, 20] for one in (given, above_floor(*given, FPS))]
    ways = [one[JOINT_INDEX["left_elbow"]] - one[JOINT_INDEX["left_shoulder"]] for one in joints]
    slopes = [np.arcsin(way[2] / np.linalg.norm(way)) for way in ways]
    wanted = np.arcsin(-joints[0][JOINT_INDEX["left_shoulder"], 2] / np.linalg.norm(ways[0]))
    assert slopes[1] == pytest.approx(wanted, abs=0.005)
    turned = np.arccos(ways[0] @ ways[1] / np.linalg.norm(ways[0]) ** 2)
    # Within the vertical plane, but for what the way of the collar bone has its say in.
    assert turned == pytest.approx(slopes[1] - slopes[0], abs=0.05)


def test_an_arm_that_swings_through_the_floor_is_turned_smoothly() -> None:
    angle = np.radians(np.interp(np.arange(80), [20, 40, 60], [0.0, 85.0, 0.0]))
    given = arm_down(np.full(80, lying_m() + 0.02), angle)
    rotations, root = above_floor(*given, FPS)
    both = [np.asarray(forward_kinematics(*one)[0])[0] for one in (given, (rotations, root))]
    wrists = [joints[:, JOINT_INDEX["left_wrist"]] for joints in both]
    assert wrists[0][:, 2].min() < -0.3
    assert wrists[1][:, 2].min() >= -1e-9
    steps = [np.linalg.norm(np.diff(wrist, 2, axis=0), axis=-1).max() for wrist in wrists]
    assert steps[1] <= steps[0]
    np.testing.assert_array_equal(rotations[0, :10], given[0][0, :10])


def test_who_pushes_up_is_raised_by_their_hand_and_who_stays_down_is_not() -> None:
    angle = np.radians(np.interp(np.arange(80), [34, 38, 40, 44], [0.0, 80.0, 80.0, 0.0]))
    lies = np.full(80, lying_m() + 0.02)
    stays, rises = arm_down(lies, angle), arm_down(lies + np.interp(np.arange(80), [40, 50], [0.0, 0.5]), angle)
    rotations, root = above_floor(*stays, FPS)
    assert not np.allclose(rotations, stays[0], atol=0.1)
    np.testing.assert_allclose(root, stays[1], atol=0.05)
    rotations, root = above_floor(*rises, FPS)
    wrist = np.asarray(forward_kinematics(rotations, root)[0])[0, :, JOINT_INDEX["left_wrist"], 2]
    np.testing.assert_array_equal(rotations, rises[0])
    assert wrist.min() >= -1e-9
    np.testing.assert_array_equal(root[0, :25], rises[1][0, :25])


def test_who_kneels_in_the_floor_is_raised_by_their_knees() -> None:
    rotations, pelvis = body(np.full(40, 0.36), WORLD_FROM_BODY)
    bent = matrix_from_rotation_vector(np.array([np.pi / 2, 0.0, 0.0]))
    rotations[0, :, [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]] = bent
    knees = np.asarray(forward_kinematics(rotations, pelvis)[0])[0, 0, :, 2]
    raised, root = above_floor(rotations, pelvis, FPS)
    np.testing.assert_array_equal(raised, rotations)
    np.testing.assert_allclose(root[0, :, 2] - 0.36, (LEAST - knees).max(), atol=1e-9)
