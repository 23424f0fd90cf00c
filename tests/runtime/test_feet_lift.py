"""Feet that step are lifted: steps of known length and height, and what must be left alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import BONES, FEET, JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.feet_lift import HEIGHT_M, STEP_M, far_and_high_m, lifts_m, steps
from motion_runtime.feet_stand import feet_stand

FPS = 20.0
FRAMES = 60
FIRST, LAST = 20, 30
LEFT = [JOINT_INDEX[f"left_{name}"] for name in ("hip", "knee", "ankle", "foot")]


def dragging(far_m: float, high_m: float = 0.0, *, first: int = FIRST, last: int = LAST) -> np.ndarray:
    """Joints (T, 22, 3) of somebody who stands, the left foot dragged ahead by `far_m` at 1 cm, or lifted."""
    still = forward_kinematics(np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), np.zeros(3))[0] @ WORLD_FROM_BODY.T
    joints = np.tile(still - [0, 0, still[list(FEET), 2].min() - 0.01], (FRAMES, 1, 1))
    share = np.clip((np.arange(FRAMES) - first) / (last - first), 0.0, 1.0)
    for joint in LEFT[2:]:
        joints[:, joint, 0] += far_m * share
        joints[:, joint, 2] += high_m * np.sin(np.pi * share)
    return joints


@pytest.mark.parametrize("far_m", [0.25, 0.3, 0.4, 0.65])
def test_a_foot_that_drags_gets_as_high_as_recorded_ones(far_m: float) -> None:
    joints = dragging(far_m)
    lift = lifts_m(joints, FPS)
    # The line between two rows of the table, by hand.
    row = max(i for i, way in enumerate(STEP_M) if way <= far_m)
    share = (far_m - STEP_M[row]) / (STEP_M[row + 1] - STEP_M[row])
    expected = (1 - share) * HEIGHT_M[row] + share * HEIGHT_M[row + 1]
    assert lift[:, 0].max() + 0.01 == pytest.approx(expected, abs=0.002)
    assert not lift[:, 1].any()
    assert lift[:, 0].argmax() == pytest.approx((FIRST + LAST) / 2, abs=1)
    before, after = lift[: FIRST - 2, 0], lift[LAST + 3 :, 0]
    assert not before.any()
    assert not after.any()


def test_it_is_off_the_floor_before_it_is_half_way() -> None:
    lift = lifts_m(dragging(0.6), FPS)[:, 0]
    assert lift[FIRST + 2] > 0.5 * lift.max()
    assert np.abs(np.diff(lift)).max() < 0.6 * lift.max()


@pytest.mark.parametrize(
    ("name", "joints"),
    [
        ("stands", dragging(0.0)),
        ("is lifted", dragging(0.5, 0.07)),
        ("goes nowhere", dragging(0.06)),
        ("begins before the motion", dragging(0.5, first=-5, last=5)),
        ("ends after the motion", dragging(0.5, first=FRAMES - 6, last=FRAMES + 4)),
    ],
)
def test_what_is_left_alone(name: str, joints: np.ndarray) -> None:
    np.testing.assert_array_equal(lifts_m(joints, FPS), 0.0)


@pytest.mark.parametrize("name", ["sits", "other foot in the air", "on something"])
def test_who_does_not_step_on_the_floor_is_left_alone(name: str) -> None:
    joints = dragging(0.5)
    assert lifts_m(joints, FPS).any()
    if name == "sits":
        joints[:, 0, 2] = 0.5
    elif name == "other foot in the air":
        joints[:, FEET[1], 2] += 0.3
    else:
        joints[..., 2] += 0.2
    np.testing.assert_array_equal(lifts_m(joints, FPS), 0.0)


def test_a_step_is_found_as_far_and_as_high_as_it_is() -> None:
    joints = dragging(0.5, 0.05)
    ((foot, step),) = steps(joints, FPS)
    far, high = far_and_high_m(joints[step, FEET[foot]])
    assert foot == 0
    assert far == pytest.approx(0.5, abs=0.01)
    assert high == pytest.approx(0.06, abs=0.002)


def dragging_leg() -> tuple[np.ndarray, np.ndarray]:
    """Rotations (1, T, 22, 3, 3) and pelvis (1, T, 3) of somebody whose left foot goes ahead over the floor."""
    rotations = np.tile(np.eye(3), (1, FRAMES, JOINT_COUNT, 1, 1))
    rotations[..., 0, :, :] = WORLD_FROM_BODY
    share = np.clip((np.arange(FRAMES) - FIRST) / (LAST - FIRST), 0.0, 1.0)
    swing = 0.15 * np.sin(np.pi * (share - 0.5))
    for name, turn in (("hip", -0.5 - swing), ("knee", np.full(FRAMES, 1.0)), ("ankle", -0.5 + swing)):
        rotations[0, :, JOINT_INDEX[f"left_{name}"]] = Rotation.from_euler("x", turn[:, None]).as_matrix()
    for name, turn in (("hip", -0.5), ("knee", 1.0), ("ankle", -0.5)):
        rotations[0, :, JOINT_INDEX[f"right_{name}"]] = Rotation.from_euler("x", turn).as_matrix()
    lowest = forward_kinematics(rotations[0], np.zeros((FRAMES, 3)))[0][:, list(FEET), 2].min()
    return rotations, np.tile([0.0, 0.0, 0.01 - lowest], (1, FRAMES, 1))


def test_the_leg_bends_for_it_and_nothing_else_moves() -> None:
    rotations, root = dragging_leg()
    bent = feet_stand(rotations, root, FPS)
    (before, turned), (after, turned_after) = (forward_kinematics(r[0], root[0]) for r in (rotations, bent))
    lift = lifts_m(before, FPS)[:, 0]
    assert lift.max() > 0.015
    others = [joint for joint in range(JOINT_COUNT) if joint not in LEFT]
    np.testing.assert_allclose(after[:, others], before[:, others], atol=1e-9)
    rises = (after - before)[:, LEFT[2:], 2]
    np.testing.assert_allclose(rises, np.broadcast_to(lift[:, None], rises.shape), atol=1e-6)
    ankle = JOINT_INDEX["left_ankle"]
    np.testing.assert_allclose(turned_after[:, ankle], turned[:, ankle], atol=1e-9)
    parents, children = np.array(BONES).T
    lengths = [np.linalg.norm(body[:, children] - body[:, parents], axis=-1) for body in (before, after)]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=1e-9)


def test_a_motion_of_one_frame_stays() -> None:
    np.testing.assert_array_equal(lifts_m(dragging(0.5)[:1], FPS), 0.0)
