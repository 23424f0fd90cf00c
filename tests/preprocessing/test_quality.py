"""Idle stretches and faults, each made on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.motion_features import measure
from motion_preprocessing.quality import (
    FEET_SLIDE,
    FRAME_RATE,
    FROZEN,
    IDLE_WEIGHT,
    JITTER,
    Tally,
    fall_accelerations,
    faults,
    frame_weights,
    idle_frames,
)
from motion_preprocessing.skeleton import WORLD_FROM_BODY, rest_joints

FPS = 20.0
Array = NDArray[np.float64]


def standing(frames: int) -> Array:
    joints = rest_joints() @ WORLD_FROM_BODY.T
    joints[:, 2] -= joints[:, 2].min()
    return np.tile(joints, (frames, 1, 1))


def nodding(frames: int, hertz: float = 1.0) -> Array:
    """A person whose arms swing: nothing else moves."""
    joints = standing(frames)
    swing = 0.2 * np.sin(2 * np.pi * hertz * np.arange(frames) / FPS)
    joints[:, [18, 19, 20, 21], 0] += swing[:, None]
    return joints


def test_only_the_inside_of_a_long_rest_is_idle() -> None:
    joints = nodding(200)
    joints[60:140] = joints[60]
    idle = idle_frames(joints, FPS)
    assert idle[75:125].all()
    assert not idle[:65].any()
    assert not idle[135:].any()
    weights = frame_weights(joints, FPS)
    assert weights.dtype == np.float32
    assert weights[100] == np.float32(IDLE_WEIGHT)
    assert weights[0] == 1


def test_a_short_rest_and_constant_motion_are_not_idle() -> None:
    joints = nodding(120)
    assert not idle_frames(joints, FPS).any()
    joints[50:62] = joints[50]
    assert not idle_frames(joints, FPS).any()


def test_swaying_while_standing_is_idle() -> None:
    joints = standing(100)
    sway = 0.015 * np.sin(2 * np.pi * 0.5 * np.arange(100) / FPS)
    joints[..., 0] += sway[:, None] * joints[..., 2]
    assert idle_frames(joints, FPS)[20:80].all()


def test_sound_motion_has_no_fault() -> None:
    assert faults(nodding(100), FPS) == ()
    assert faults(standing(1), FPS) == ()
    assert faults(standing(3), FPS) == ()


def test_jitter_is_named_by_its_size() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((100, 22, 3))
    # The distance from the middle of two neighbours has 1.5 times a coordinate's variance: a median of 1.88 sigma.
    assert faults(standing(100) + 0.002 * noise, FPS) == ()
    assert JITTER in faults(standing(100) + 0.006 * noise, FPS)


def test_sliding_feet_are_named_unless_they_are_meant_to() -> None:
    joints = standing(100)
    joints[..., 0] += 0.05 * np.arange(100)[:, None]  # 1 m/s over the floor, not a step taken
    assert faults(joints, FPS) == (FEET_SLIDE,)
    assert faults(joints, FPS, slides=True) == ()
    assert faults(joints[:30], FPS) == ()


def jumping(gravity: float, times: int = 3) -> Array:
    """Rigid hops whose flight has a given gravity."""
    take_off = 3.0
    flight = 2 * take_off / gravity
    time = np.arange(round(times * (flight + 1.0) * FPS)) / FPS
    phase = np.mod(time, flight + 1.0) - 0.5
    height = np.where((phase > 0) & (phase < flight), take_off * phase - gravity * phase**2 / 2, 0.0)
    joints = standing(len(time))
    joints[..., 2] += height[:, None]
    return joints


def test_free_fall_gives_gravity() -> None:
    found = fall_accelerations(measure(jumping(9.81), FPS))
    assert len(found) == 3
    np.testing.assert_allclose(found, 9.81, rtol=0.1)
    assert FRAME_RATE not in faults(jumping(9.81), FPS)


@pytest.mark.parametrize("factor", [0.76, 1.4])
def test_a_wrong_frame_rate_falls_too_fast_or_too_slow(factor: float) -> None:
    """Told another rate than the true one, everything happens `factor` times as fast, falling its square."""
    assert FRAME_RATE in faults(jumping(9.81), FPS * factor)


def test_repeated_frames_are_named() -> None:
    joints = nodding(100, hertz=0.5)
    joints[..., 0] += 0.04 * np.arange(100)[:, None]
    joints[10::5] = joints[9:-1:5]
    assert FROZEN in faults(joints, FPS, slides=True)


def test_a_tally_counts() -> None:
    tally = Tally()
    tally.read(10.0)
    tally.read(5.0)
    tally.drop(JITTER, "b")
    joints = nodding(200)
    joints[60:140] = joints[60]
    tally.keep(joints, FPS)
    assert (tally.takes, tally.seconds_before, tally.kept, tally.seconds) == (2, 15.0, 1, 10.0)
    assert 2.5 <= tally.idle_seconds <= 3.2
    assert tally.faults_text() == "1 jitter"
