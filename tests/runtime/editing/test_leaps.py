"""Leaps over the floor go, and nobody else's way is touched."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import encode
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.editing.joints import joints_of
from motion_runtime.editing.leaps import LEAP_M_S, without_leaps

Array = NDArray[np.float64]
FPS = 20.0
FRAMES = 60


def going(speed_m_s: Array) -> Array:
    """Pose vectors (1, T, 258) of a body that glides over the floor with velocities (T - 1, 2)."""
    rotations = np.tile(np.eye(3), (FRAMES, JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.zeros((FRAMES, 3))
    root[1:, :2] = np.cumsum(speed_m_s / FPS, axis=0)
    root[:, 2] = 1.0
    return np.asarray(encode(rotations, root, FPS), np.float64)[None]


def stopping(from_m_s: float, last: int = 35) -> Array:
    """Velocities of somebody who runs ahead and comes to a halt within a second and a half, by frame `last`."""
    speed = from_m_s * np.clip((last - np.arange(FRAMES - 1)) / 30.0, 0.0, 1.0)
    return np.stack([speed, np.zeros_like(speed)], axis=1)


@pytest.mark.parametrize("metres", [(-3.0, 0.0), (0.4, 1.2), (0.0, -0.5)])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_leap_is_left_out_and_all_after_it_moves_along(metres: tuple[float, float], frames: int) -> None:
    smooth = stopping(3.0)
    leaping = smooth.copy()
    leaping[20 : 20 + frames] += np.array(metres) * FPS / frames
    x = going(leaping)
    np.testing.assert_allclose(joints_of(x)[0, -1] - joints_of(going(smooth))[0, -1], [[*metres, 0.0]] * 22, atol=1e-5)
    expected = going(smooth)  # even braking, which is what lies between the steps before and after
    np.testing.assert_allclose(without_leaps(x, FPS), expected, atol=1e-4)


def test_who_runs_turns_and_stops_is_left_alone() -> None:
    around = 4.5 * np.stack([np.cos(np.arange(FRAMES - 1) / 9), np.sin(np.arange(FRAMES - 1) / 9)], axis=1)
    for speed in (stopping(4.9), around, stopping(0.0)):
        x = going(speed)
        assert without_leaps(x, FPS) is x


def test_each_person_by_themselves() -> None:
    leaping = stopping(2.0)
    leaping[10] += 20 * LEAP_M_S
    x = np.concatenate([going(leaping), going(stopping(2.0))])
    made = without_leaps(x, FPS)
    np.testing.assert_array_equal(made[1], x[1])
    np.testing.assert_allclose(made[0], x[1], atol=1e-4)


def test_a_motion_that_only_leaps_has_no_way_to_be_filled_in() -> None:
    x = going(stopping(1.0))[:, :1]
    assert without_leaps(x, FPS) is x
    rng = np.random.default_rng(2)
    made = without_leaps(going(rng.normal(0.0, 60.0, (FRAMES - 1, 2))), FPS)
    assert np.isfinite(made).all()
