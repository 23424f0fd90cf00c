"""Feet that stand: bodies with known slides, made by moving the pelvis or by turning a leg."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.feet_stand import FARTHEST_M, FREE_M, feet_stand, shifts_m

FPS = 20.0
FRAMES = 60
LEGS = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("knee", "ankle", "foot")]


def crouching(bend_rad: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (1, T, 22, 3, 3) and pelvis (1, T, 3) of somebody who stands with bent knees, feet flat, facing +x."""
    rotations = np.tile(np.eye(3), (1, FRAMES, JOINT_COUNT, 1, 1))
    rotations[..., 0, :, :] = WORLD_FROM_BODY
    for side in ("left", "right"):
        for name, share in (("hip", -1.0), ("knee", 2.0), ("ankle", -1.0)):
            rotations[..., JOINT_INDEX[f"{side}_{name}"], :, :] = Rotation.from_euler("x", share * bend_rad).as_matrix()
    lowest = forward_kinematics(rotations[0, :1], np.zeros((1, 3)))[0][0, list(FEET), 2].min()
    root = np.tile([0.0, 0.0, 0.02 - lowest], (1, FRAMES, 1))
    return rotations, root


def joints(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    return np.asarray(forward_kinematics(rotations[0], root[0])[0])


def sway(root: np.ndarray, cm: float) -> None:
    """Let the whole body glide to and fro, feet and all."""
    root[0, :, 1] += cm / 100 * np.sin(2 * np.pi * np.arange(FRAMES) / FRAMES)


def drift_m(body: np.ndarray) -> np.ndarray:
    """How far the ball of each foot is from its middle place at most, (2,)."""
    balls = body[:, list(FEET), :2]
    return np.linalg.norm(balls - np.median(balls, axis=0), axis=-1).max(axis=0)


def test_feet_that_glide_stay_and_the_body_above_them_goes_on() -> None:
    rotations, root = crouching()
    sway(root, 6.0)
    before, after = joints(rotations, root), joints(feet_stand(rotations, root, FPS), root)
    assert drift_m(before).min() > 0.055
    assert drift_m(after).max() < FREE_M + 0.01
    others = [joint for joint in range(JOINT_COUNT) if joint not in LEGS]
    np.testing.assert_allclose(after[:, others], before[:, others], atol=1e-9)
    np.testing.assert_allclose(after[:, list(FEET), 2], before[:, list(FEET), 2], atol=1e-9)  # over the floor only


def test_a_foot_keeps_its_orientation() -> None:
    rotations, root = crouching()
    sway(root, 6.0)
    worlds = [forward_kinematics(r[0], root[0])[1] for r in (rotations, feet_stand(rotations, root, FPS))]
    ankles = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
    np.testing.assert_allclose(worlds[1][:, ankles], worlds[0][:, ankles], atol=1e-9)


def test_who_stands_still_is_left_as_they_are() -> None:
    rotations, root = crouching()
    np.testing.assert_array_equal(feet_stand(rotations, root, FPS), rotations)
    sway(root, 99 * FREE_M)
    np.testing.assert_array_equal(feet_stand(rotations, root, FPS), rotations)


def test_one_foot_slides_and_the_other_is_not_touched() -> None:
    rotations, root = crouching()
    swing = 0.1 * np.sin(2 * np.pi * np.arange(FRAMES) / FRAMES)
    left = JOINT_INDEX["left_hip"]
    rotations[0, :, left] = Rotation.from_euler("z", swing[:, None]).as_matrix() @ rotations[0, :, left]
    before, after = joints(rotations, root), joints(feet_stand(rotations, root, FPS), root)
    right = [JOINT_INDEX[f"right_{name}"] for name in ("knee", "ankle", "foot")]
    np.testing.assert_array_equal(after[:, right], before[:, right])
    assert drift_m(before)[0] > 0.05
    assert drift_m(after)[0] < FREE_M + 0.015


def test_a_leg_is_not_stretched_for_it() -> None:
    rotations, root = crouching(0.0)
    sway(root, 13.0)  # as fast as a stance may be
    after = joints(feet_stand(rotations, root, FPS), root)
    hips, ankles = ([JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right")] for name in ("hip", "ankle"))
    straight = np.linalg.norm(after[:, hips] - after[:, ankles], axis=-1)
    was = np.linalg.norm(joints(rotations, root)[:, hips] - joints(rotations, root)[:, ankles], axis=-1)
    assert (straight <= was + 1e-6).all()
    moved = np.linalg.norm(shifts_m(joints(rotations, root), FPS), axis=-1)
    assert 0.5 * FARTHEST_M < moved.max() <= FARTHEST_M


@pytest.mark.parametrize(("height", "speed"), [(0.2, 0.0), (0.5, 0.25)], ids=["lies", "is pushed in a chair"])
def test_who_does_not_stand_is_left_alone(height: float, speed: float) -> None:
    body = np.tile(joints(*crouching()), 1)
    body[:, 0, 2] = height
    body[..., 0] += speed * np.arange(FRAMES)[:, None] / FPS
    if not speed:
        body[:, list(FEET), 1] += 0.05 * np.sin(np.arange(FRAMES)[:, None] / 8)
    assert not shifts_m(body, FPS).any()


def test_a_shift_fades_while_the_foot_is_in_the_air() -> None:
    body = joints(*crouching())
    body[:20, FEET[0], 1] += np.linspace(0, 0.1, 20)
    body[20:, FEET[0], 2] += 0.3
    shift = shifts_m(body, FPS)[:, 0, 1]
    assert shift[17] < -0.02
    assert np.abs(np.diff(shift)).max() < 0.02
    assert shift[35:] == pytest.approx(0.0, abs=1e-3)


def test_a_motion_of_one_frame_stays() -> None:
    rotations, root = crouching()
    np.testing.assert_array_equal(feet_stand(rotations[:, :1], root[:, :1], FPS), rotations[:, :1])
