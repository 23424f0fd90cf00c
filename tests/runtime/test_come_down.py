"""Who hangs in the air after a fall is lowered onto the floor; who flies, stands, or is on furniture is not."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, encode
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.above_floor import LOWEST_M
from motion_runtime.come_down import LIES_M, clearance_m, come_down
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

FPS = 20.0
# On the back: the rest pose, upright along z, turned by a quarter about y.
BACK = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) @ WORLD_FROM_BODY


def body(height_m: np.ndarray, root: np.ndarray = BACK) -> np.ndarray:
    """Pose vectors (1, T, 258) of a rest pose whose pelvis is at heights (T,)."""
    rotations = np.tile(np.eye(3), (1, len(height_m), 22, 1, 1))
    rotations[:, :, 0] = root
    pelvis = np.zeros((1, len(height_m), 3))
    pelvis[0, :, 2] = height_m
    return np.asarray(encode(rotations, pelvis, FPS))


def heights(x: np.ndarray) -> np.ndarray:
    """Of all joints, (T, 22), of one person."""
    return x[0, :, POSITIONS].reshape(x.shape[1], 22, 3)[..., 2]


def over_floor() -> float:
    """How high the pelvis of the body on its back is when it lies: no joint under its least height."""
    rotations = np.tile(np.eye(3), (22, 1, 1))
    rotations[0] = BACK
    joints = np.asarray(forward_kinematics(rotations, np.zeros(3))[0])
    least = np.array([LOWEST_M[n.removeprefix("left_").removeprefix("right_")] for n in JOINT_INDEX])
    return float((least - joints[:, 2]).max())


LIES = over_floor()


def test_clearance_is_the_least_height_over_where_joints_lie() -> None:
    x = body(np.array([LIES, LIES + 0.1, LIES - 0.05]))
    np.testing.assert_allclose(clearance_m(x[0, :, POSITIONS].reshape(3, 22, 3)), [0.0, 0.1, -0.05], atol=1e-12)


@pytest.mark.parametrize("high_m", [0.06, 0.11])
def test_who_lies_in_the_air_comes_down_to_where_bodies_lie(high_m: float) -> None:
    x = body(np.full(60, LIES + high_m))
    down = come_down(x, FPS, Placement(), None)
    np.testing.assert_allclose(heights(down)[:, 0], LIES + LIES_M, atol=1e-9)
    # Lowered as one piece: nothing but heights changes, and all of them alike.
    moved = heights(x) - heights(down)
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:, :1], moved.shape), atol=1e-12)
    level = np.ones(POSE_DIM, dtype=np.bool_)
    level[POSITIONS.start + 2 : POSITIONS.stop : 3] = False
    np.testing.assert_array_equal(down[..., level], x[..., level])


def test_who_rises_off_the_floor_again_stays_on_it_and_is_never_lowered_into_it() -> None:
    seconds = np.arange(100) / FPS
    rise = 0.3 * np.sin(np.pi * np.clip((seconds - 2.0) / 1.0, 0.0, 1.0)) ** 2  # a throw of .3 m lasts half as long
    x = body(LIES + rise)
    down = heights(come_down(x, FPS, Placement(), None))[:, 0] - LIES
    assert rise.max() > 0.29
    assert down.max() < LIES_M + 0.045  # at the flanks, where minima over neighbours lag behind
    assert (down >= -1e-9).all()
    np.testing.assert_array_equal(down[:36], 0.0)
    np.testing.assert_array_equal(down[64:], 0.0)
    assert np.abs(np.diff(down, 2)).max() < np.abs(np.diff(rise, 2)).max() * 1.5


def test_who_falls_freely_is_left_alone_until_the_impact() -> None:
    seconds = np.arange(80) / FPS
    flight = np.maximum(LIES, 1.0 - 0.5 * 9.81 * np.maximum(seconds - 1.0, 0.0) ** 2)
    x = body(flight)
    np.testing.assert_array_equal(come_down(x, FPS, Placement(), None), x)


def test_who_is_braked_in_the_air_on_the_way_down_comes_down_sooner() -> None:
    seconds = np.arange(100) / FPS
    # Sinks by itself at an even .6 m/s, in the air all the time: nothing accelerates, so something would hold it.
    braked = np.clip(1.0 - 0.6 * np.maximum(seconds - 1.0, 0.0), LIES, None)
    x = body(braked)
    down = heights(come_down(x, FPS, Placement(), None))[:, 0]
    falling = (braked < 0.6) & (braked > LIES + 0.12)
    assert falling.sum() > 5
    assert (down[falling] < braked[falling] - 0.04).all()
    assert (down <= braked + 1e-12).all()
    assert (down >= LIES - 1e-9).all()


def test_a_hop_of_a_tenth_of_a_second_stays() -> None:
    height = np.full(60, LIES)
    height[30:32] += 0.12
    x = body(height)
    np.testing.assert_array_equal(come_down(x, FPS, Placement(), None), x)


def test_who_stands_lies_on_a_bed_or_is_held_stays_to_the_bit() -> None:
    supports = Supports((-2.0, -2.0), 0.1, np.full((40, 40), 0.2))
    floating = body(np.full(60, LIES + 0.15))
    assert (come_down(floating, FPS, Placement(), None) != floating).any()
    np.testing.assert_array_equal(come_down(floating, FPS, Placement(), supports), floating)
    np.testing.assert_array_equal(come_down(floating, FPS, Placement(), None, frozenset({0})), floating)
    for x in (body(np.full(60, 1.2), WORLD_FROM_BODY), body(np.full(60, 0.55)), body(np.full(60, LIES + 0.03))):
        np.testing.assert_array_equal(come_down(x, FPS, Placement(), None), x)


def test_who_gets_up_is_let_go() -> None:
    seconds = np.arange(120) / FPS
    up = LIES + 0.9 * np.clip(seconds - 2.0, 0.0, 1.0)
    x = body(up)
    down = heights(come_down(x, FPS, Placement(), None))[:, 0]
    np.testing.assert_array_equal(down[up > 0.75], up[up > 0.75])


def test_people_are_corrected_each_by_themselves() -> None:
    one, other = body(np.full(60, LIES + 0.15)), body(np.full(60, LIES))
    two = come_down(np.concatenate([one, other]), FPS, Placement(), None)
    np.testing.assert_array_equal(two[:1], come_down(one, FPS, Placement(), None))
    np.testing.assert_array_equal(two[1:], other)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames(frames: int) -> None:
    x = body(np.full(frames, LIES + 0.15))
    down = come_down(x, FPS, Placement(), None)
    np.testing.assert_array_equal(down, x)  # too short to hang
