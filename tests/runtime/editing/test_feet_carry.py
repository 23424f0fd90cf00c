"""Ways as long as the steps: gaits with known slides, and what must be left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import floor_fit
from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS, VELOCITIES, encode
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.editing import Edits, RootPath
from motion_runtime.editing.feet_carry import FeetCarry, slide_m, stances
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest

FPS = 20.0
STEP_FRAMES = 12
STILL = forward_kinematics(np.tile(np.eye(3), (JOINT_COUNT, 1, 1)), np.zeros(3))[0] @ WORLD_FROM_BODY.T
"""Joints (22, 3) of the rest pose, facing +x."""


def gait(frames: int, speed: float, slides: float, angle: float = 0.0) -> np.ndarray:
    """Joints (T, 22, 3) of a walk at `speed` m/s whose stance feet slide along at `slides` m/s: only feet swing."""
    body = STILL - [0, 0, STILL[list(FEET), 2].min() - 0.01]
    joints = np.tile(body, (frames, 1, 1))
    time = np.arange(frames) / FPS
    joints[:, :, 0] += (speed * time)[:, None]
    for side, (ankle, ball) in enumerate(((7, 10), (8, 11))):
        x, lift = np.zeros(frames), np.zeros(frames)
        place = 0.0
        for frame in range(frames):
            swings = (frame // STEP_FRAMES) % 2 == side
            u = (frame % STEP_FRAMES) / STEP_FRAMES
            x[frame] = place
            lift[frame] = 0.12 * np.sin(np.pi * u) if swings else 0.0
            # Over a swing the foot makes up for the stance before it.
            place += (2 * speed - slides if swings else slides) / FPS
        for joint in (ankle, ball):
            joints[:, joint, 0] = body[joint, 0] + x
            joints[:, joint, 2] += lift
    turn = Rotation.from_euler("z", angle).as_matrix()
    return joints @ turn.T


def vectors(joints: np.ndarray) -> np.ndarray:
    """Pose vectors (1, T, 258) that say where joints are; rotations are not looked at."""
    x = np.zeros((1, len(joints), 258))
    x[..., POSITIONS] = joints.reshape(1, len(joints), -1)
    return x


def joints_of(x: np.ndarray) -> np.ndarray:
    return x[0, :, POSITIONS].reshape(-1, JOINT_COUNT, 3)


def test_stances_are_the_frames_of_the_gait() -> None:
    found = stances(gait(96, 1.0, 0.2), FPS)
    frames = np.arange(96)
    for side in (0, 1):
        stance = (frames // STEP_FRAMES) % 2 != side
        inner = stance & np.roll(stance, 2) & np.roll(stance, -2)
        assert found[inner, side].all()
        swing = ~stance & ~np.roll(stance, 3) & ~np.roll(stance, -3)
        assert not found[swing, side].any()


@pytest.mark.parametrize("slides", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("angle", [0.0, 2.0])
def test_the_way_becomes_as_long_as_the_steps(slides: float, angle: float) -> None:
    joints = gait(120, 1.0, slides, angle)
    moved = joints_of(FeetCarry(FPS)(vectors(joints)))
    way = np.linalg.norm(moved[90, 0, :2] - moved[30, 0, :2])
    assert way == pytest.approx((1.0 - slides) * 3.0, rel=0.05)
    direction = (moved[90, 0, :2] - moved[30, 0, :2]) / way
    np.testing.assert_allclose(direction, [np.cos(angle), np.sin(angle)], atol=0.02)
    if slides:
        assert floor_fit(moved - [0, 0, 0.01]).skate_mm < 0.4 * floor_fit(joints - [0, 0, 0.01]).skate_mm


def test_a_body_that_drifts_while_standing_stays() -> None:
    joints = np.tile(STILL - [0, 0, STILL[..., 2].min()], (60, 1, 1))
    joints[..., 1] += 0.1 * (np.arange(60) / FPS)[:, None]
    moved = joints_of(FeetCarry(FPS)(vectors(joints)))
    np.testing.assert_allclose(moved[:, 0, 1], moved[0, 0, 1], atol=0.015)


def standing_body(frames: int) -> np.ndarray:
    """Joints (T, 22, 3) of somebody who stands on both feet, facing +x."""
    return np.tile(STILL - [0, 0, STILL[list(FEET), 2].min() - 0.01], (frames, 1, 1))


def test_who_glides_on_both_feet_stays() -> None:
    joints = standing_body(60)
    joints[..., 0] += 0.8 * (np.clip(np.arange(60) - 15, 0, 30) / FPS)[:, None]  # 1.2 m without a step
    moved = joints_of(FeetCarry(FPS)(vectors(joints)))
    assert np.linalg.norm(moved[-1, 0, :2] - moved[0, 0, :2]) < 0.15


def test_who_glides_on_one_foot_stays() -> None:
    joints = standing_body(60)
    joints[..., 0] += 0.8 * (np.clip(np.arange(60) - 15, 0, 30) / FPS)[:, None]
    joints[:, [7, 10], 2] += 0.3  # the left one is in the air
    moved = joints_of(FeetCarry(FPS)(vectors(joints)))
    assert np.linalg.norm(moved[-1, 0, :2] - moved[0, 0, :2]) < 0.15


def test_feet_that_come_down_over_an_edge_move_nobody() -> None:
    joints = standing_body(60)
    # Feet swing down to the floor within a frame or two of it while the pelvis rests on something.
    ahead = np.interp(np.arange(60), [20, 30], [0.6, 0.0])
    up = np.interp(np.arange(60), [20, 29], [0.5, 0.0])
    for joint in (7, 8, 10, 11):
        joints[:, joint, 0] += ahead
        joints[:, joint, 2] += up
    moved = joints_of(FeetCarry(FPS)(vectors(joints)))
    np.testing.assert_allclose(moved[:, 0], joints[:, 0], atol=0.12)


@pytest.mark.parametrize(("height", "same"), [(0.0, True), (0.04, False)], ids=["on the floor", "lifted"])
def test_a_foot_that_was_put_down_creeps_on_in_one_stance_unless_it_is_lifted(height: float, same: bool) -> None:
    joints = standing_body(60)
    time = np.arange(60) / FPS
    joints[:, [7, 10], 0] += 0.5 * np.clip(time - 1.0, 0.0, 1.0)[:, None]
    inner = slice(22, 38)
    joints[inner, 7:11:3, 2] += height
    found = stances(joints, FPS)
    assert found[:18, 0].all()
    assert found[inner, 0].all() == same
    assert found[:, 1].all()


def test_poses_stay_and_velocities_follow() -> None:
    root = np.zeros((80, 3))
    root[:, 0], root[:, 2] = 0.2 * np.arange(80) / FPS, 0.93
    turned = np.tile(np.eye(3), (80, JOINT_COUNT, 1, 1))
    turned[:, 0] = WORLD_FROM_BODY
    x = encode(turned, root, FPS)[None].astype(np.float64)
    result = FeetCarry(FPS)(x)
    before, after = (joints_of(value) for value in (x, result))
    shift = after - before
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :1], shift.shape), atol=1e-6)
    np.testing.assert_array_equal(shift[..., 2], 0.0)
    np.testing.assert_array_equal(result[..., ROTATIONS], x[..., ROTATIONS])
    body = encode(turned, after[:, 0], FPS)
    np.testing.assert_allclose(result[0, :, VELOCITIES], body[:, VELOCITIES], atol=2e-3)


def test_the_end_of_the_window_before_is_kept() -> None:
    x = vectors(gait(100, 1.0, 0.4))
    result = FeetCarry(FPS, kept=20)(x)
    np.testing.assert_allclose(result[:, :15], x[:, :15], atol=1e-3)
    assert np.abs(result[0, -1, :3] - x[0, -1, :3]).max() > 0.5


@pytest.mark.parametrize("name", ["flies", "sits", "in reach"])
def test_what_is_left_alone(name: str) -> None:
    joints = gait(80, 1.0, 0.4)
    if name == "flies":
        joints[..., 2] += 0.3
    if name == "sits":
        joints[:, 0, 2] = 0.5
    x = vectors(joints)
    if name == "in reach":
        x = np.concatenate([x, vectors(joints + [0, 0.6, 0])])
    np.testing.assert_array_equal(FeetCarry(FPS)(x), x)
    if name == "in reach":
        x = np.concatenate([x[:1], vectors(joints + [0, 1.6, 0])])
        assert np.abs(FeetCarry(FPS)(x) - x).max() > 0.5


def test_who_is_led_somewhere_is_left_alone() -> None:
    x = np.concatenate([vectors(gait(80, 1.0, 0.4)), vectors(gait(80, 1.0, 0.4) + [0, 3, 0])])
    result = FeetCarry(FPS, led=(True, False))(x)
    np.testing.assert_array_equal(result[0], x[0])
    assert np.abs(result[1] - x[1]).max() > 0.5


def test_nothing_slides_where_nothing_stands() -> None:
    assert not slide_m(gait(40, 1.0, 0.0) + [0, 0, 1], FPS).any()


@pytest.mark.parametrize("edits", [None, Edits(paths=(RootPath.parse("2:1,0"),))], ids=["free", "with a path"])
def test_a_generated_way_is_carried_unless_it_is_given(edits: Edits | None) -> None:
    generator = Generator.load(None, "cpu")
    asked = GenerationRequest(("a person walks forward",), seconds=3.0, sampler="ddim", steps=4, edits=edits)
    made, plain = (generator.predict(replace(asked, feet=feet)).pose_vectors for feet in (True, False))
    if edits is not None:
        np.testing.assert_array_equal(made, plain)
        return
    expected = FeetCarry(generator.bundle.manifest.fps)(plain.astype(np.float64))
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert np.abs(made - plain).max() > 0.01
