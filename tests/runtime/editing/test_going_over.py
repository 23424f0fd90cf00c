"""Held body parts against poses that ask otherwise: closed forms, and a motion that does not jump."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.errors import InputError
from motion_runtime.editing import Edits, Hold, Keyframes, Pose
from motion_runtime.editing.edits import miss_of
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion

TOY = Path(__file__).parents[1] / "toy_bundle"
FPS = 20.0
REACH = 10  # frames in half a second
SHOULDER, ELBOW = 17, 19
Walk = Callable[..., Motion]


def fade(frames: np.ndarray) -> np.ndarray:
    """From 1 to 0 within the reach: the polynomial of degree 5 without slope and curvature at its ends."""
    u = np.clip(frames / REACH, 0.0, 1.0)
    return np.asarray(1 - 10 * u**3 + 15 * u**4 - 6 * u**5)


def turned(motion: Motion, joint: int, degrees: float) -> Motion:
    """The motion with one joint turned about its own x."""
    rotations = motion.local_rotations.copy()
    rotations[..., joint, :, :] @= Rotation.from_euler("x", degrees, degrees=True).as_matrix().astype(np.float32)
    return replace(motion, local_rotations=rotations)


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees between rotations (T, 3, 3)."""
    return np.asarray(np.degrees((Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)).magnitude()))


def test_a_start_pose_goes_over_into_what_is_held(walk: Walk) -> None:
    motion = walk(1, 40)
    pose = Pose.of(turned(motion, SHOULDER, 60.0), 0.5)
    known = Edits(start_pose=pose, holds=(Hold.of("right_arm", motion),)).constraints(1, 60, FPS)
    held, frames = motion.local_rotations[0, :, SHOULDER].astype(np.float64), np.arange(40)
    np.testing.assert_allclose(known.rotations[0, 0, SHOULDER], pose.rotations[0, SHOULDER], atol=1e-6)
    difference = angle(held, known.rotations[0, :40, SHOULDER])
    np.testing.assert_allclose(difference, difference[0] * fade(frames), atol=1e-4)
    assert difference[0] > 50
    np.testing.assert_array_equal(known.rotations[0, REACH:40, SHOULDER], held[REACH:])
    # What the hold does not cover is not known, and elbows that agree are as they were.
    assert not known.rotation_mask[0, 40:].any()
    assert not known.rotation_mask[0, 1:, ELBOW - 1].any()
    np.testing.assert_allclose(known.rotations[0, 1:40, ELBOW], motion.local_rotations[0, 1:, ELBOW], atol=1e-6)


def test_poses_and_keyframes_in_the_middle_and_at_the_end_count(walk: Walk) -> None:
    motion = walk(1, 60)
    key = Rotation.from_euler("y", 40, degrees=True).as_matrix()
    mask = np.arange(22).reshape(1, 1, 22) == SHOULDER
    edits = Edits(
        keyframes=(Keyframes(np.array([1.0]), rotations=np.tile(key, (1, 1, 22, 1, 1)), rotation_mask=mask),),
        end_pose=Pose.of(turned(motion, SHOULDER, -30.0), 0.0),
        holds=(Hold.of("right_arm", motion, 0.0),),
    )
    known = edits.constraints(1, 60, FPS).rotations[0, :, SHOULDER]
    held = motion.local_rotations[0, 0, SHOULDER].astype(np.float64)
    np.testing.assert_allclose(known[20], key, atol=1e-12)
    gap = angle(held[None], known[[20, 59]])
    expected = gap[0] * fade(np.abs(np.arange(60) - 20)) + gap[1] * fade(59 - np.arange(60))
    np.testing.assert_allclose(angle(np.tile(held, (60, 1, 1)), known), expected, atol=1e-4)


def test_of_two_holds_the_later_counts_and_the_earlier_goes_over_into_it(walk: Walk) -> None:
    motion = walk(1, 20)
    other = turned(motion, SHOULDER, 90.0)
    known = Edits(holds=(Hold.of("arms", motion, 0.0), Hold.of("right_arm", other))).constraints(1, 60, FPS)
    np.testing.assert_allclose(known.rotations[0, :20, SHOULDER], other.local_rotations[0, :, SHOULDER], atol=1e-6)
    steps = angle(known.rotations[0, :-1, SHOULDER], known.rotations[0, 1:, SHOULDER])
    assert steps.max() <= 1.875 * 90 / REACH + 1e-6, "the steepest place of the fade"
    still = motion.local_rotations[0, 0, SHOULDER]
    np.testing.assert_allclose(known.rotations[0, 30:, SHOULDER], np.tile(still, (30, 1, 1)), atol=1e-6)


def test_a_pelvis_is_led_a_hands_breadth_and_not_through_the_room(walk: Walk) -> None:
    motion = walk(1, 40)
    pose = Pose.of(motion, 0.0)

    def known(by_m: float) -> np.ndarray:
        moved = replace(pose, root_m=pose.root_m + [by_m, 0.0, 0.0])
        constraints = Edits(start_pose=moved, holds=(Hold.of("lower_body", motion),)).constraints(1, 60, FPS)
        np.testing.assert_array_equal(constraints.floor_m[0, :40], constraints.positions_m[0, :40, 0, :2])
        assert not constraints.floor_mask[0, 40:].any()
        return constraints.positions_m[0, :40, 0, 0] - motion.root_position_m[0, :, 0]

    np.testing.assert_allclose(known(0.2), 0.2 * fade(np.arange(40)), atol=1e-5)
    with pytest.raises(
        InputError, match=r"^expected what is held and the pose to agree, got places 0\.40 m apart at 0 s"
    ):
        known(0.4)


def test_where_nothing_contradicts_nothing_changes(walk: Walk) -> None:
    motion = walk(2, 40)
    holds = (Hold.of("lower_body", motion), Hold.of("left_arm", motion))
    alone = Edits(holds=holds).constraints(2, 60, FPS)
    both = Edits(holds=holds, start_pose=Pose.of(motion, 0.0)).constraints(2, 60, FPS)
    np.testing.assert_allclose(both.rotations[:, 1:], alone.rotations[:, 1:], atol=1e-9)
    np.testing.assert_allclose(both.positions_m[:, 1:], alone.positions_m[:, 1:], atol=1e-6)
    for mask in ("rotation_mask", "position_mask", "floor_mask", "yaw_mask"):
        np.testing.assert_array_equal(getattr(both, mask)[:, 1:], getattr(alone, mask)[:, 1:])
    np.testing.assert_allclose(both.yaw_rad, alone.yaw_rad, atol=1e-6)


def test_the_written_motion_does_not_jump(walk: Walk) -> None:
    generator = Generator.load(TOY, "cpu")
    motion = walk(1, 40)
    edits = Edits(
        start_pose=Pose.of(turned(motion, SHOULDER, 80.0), 0.0), holds=(Hold.of("right_arm", motion, 0.0),)
    )  # fmt: skip
    made = generator.generate(GenerationRequest(("a person walks",), seconds=2.0, edits=edits))
    arm = made.local_rotations[0, :, SHOULDER].astype(np.float64)
    assert angle(arm[:1], arm[-1:])[0] == pytest.approx(80.0, abs=0.1)
    assert angle(arm[:-1], arm[1:]).max() < 1.875 * 80 / REACH + 0.1
    assert miss_of(edits, made).position_m < 0.01
    assert miss_of(edits, made).angle_rad < 1e-3
