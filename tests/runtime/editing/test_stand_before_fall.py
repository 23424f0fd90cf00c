"""Who stands in the air before a fall is put on the floor; nobody else is."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, velocities
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.corrections import of_window
from motion_runtime.editing.on_the_ground import MOST_M
from motion_runtime.editing.stand_before_fall import StandBeforeFall
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

FPS = 20.0
FALLS = np.interp(np.arange(100), [45, 55], [1.0, 0.1])
"""Share of a standing body's height that is left: upright, then down within half a second."""
SINKS = np.interp(np.arange(100), [10, 40], [0.5, 0.0])
TABLE = Supports((-5.0, -5.0), 0.1, np.full((100, 100), 0.5))


def body(height_m: np.ndarray, upright: np.ndarray = FALLS) -> np.ndarray:
    """Pose vectors (1, T, 258): a pelvis .9 m above the lowest joint and a head at 1.6, lowered as `upright` says."""
    joints = np.zeros((1, len(height_m), JOINT_COUNT, 3))
    share = np.linspace(0.0, 1.6, JOINT_COUNT)
    share[0], share[1] = 0.9, 0.0
    joints[0, ..., 2] = height_m[:, None] + upright[:, None] * share
    x = np.ones((1, len(height_m), 258))
    x[..., POSITIONS] = joints.reshape(1, len(height_m), -1)
    x[..., VELOCITIES] = velocities(joints, FPS).reshape(1, len(height_m), -1)
    return x


def lowest(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[0, :, POSITIONS].reshape(-1, JOINT_COUNT, 3)[..., 2].min(axis=-1))


def correct(x: np.ndarray, supports: Supports | None = None) -> np.ndarray:
    return StandBeforeFall(Placement(), supports, FPS)(x)


def test_who_sinks_out_of_the_air_and_falls_stands_before():
    x = body(SINKS + 0.02)
    result = correct(x)
    np.testing.assert_allclose(lowest(result)[:8], MOST_M, atol=0.005)  # 2 frames of smoothing at the bend
    assert np.ptp(lowest(result)) < 0.06
    np.testing.assert_array_equal(result[:, 50:], x[:, 50:])
    joints = result[..., POSITIONS].reshape(1, 100, JOINT_COUNT, 3)
    np.testing.assert_allclose(result[..., VELOCITIES].reshape(joints.shape), velocities(joints, FPS), atol=1e-9)
    np.testing.assert_array_equal(result[..., VELOCITIES.stop :], x[..., VELOCITIES.stop :])


@pytest.mark.parametrize(
    ("height_m", "upright"),
    [
        (np.full(100, 0.03), FALLS),  # who stands on the floor before
        (SINKS + 0.02, np.ones(100)),  # who comes down stairs and stands
        (SINKS + 0.02, np.full(100, 0.15)),  # who lies in a bed that is not there, and falls out of it
        (np.where(np.abs(np.arange(100) - 20) < 6, 0.4, 0.03), FALLS),  # who leaps before a fall
        (np.full(100, 0.4), FALLS),  # who never touches the floor: that is a whole motion's height
    ],
)
def test_others_are_left_alone(height_m, upright):
    x = body(height_m, upright)
    assert correct(x) is x


def test_on_a_table_one_stands_on_the_table():
    """Standing on it is no floating; what is above it is."""
    on_it = body(np.full(100, 0.53))
    assert correct(on_it, TABLE) is on_it
    above = correct(body(0.52 + SINKS), TABLE)
    np.testing.assert_allclose(lowest(above)[:8], 0.5 + MOST_M, atol=0.005)


def test_each_person_by_itself():
    both = np.concatenate([body(SINKS + 0.02), body(np.full(100, 0.03))])
    result = correct(both)
    np.testing.assert_array_equal(result[1], both[1])
    np.testing.assert_array_equal(result[0], correct(both[:1])[0])


@pytest.mark.parametrize(
    ("ground", "kept", "finished", "there"),
    [(True, 0, True, True), (True, 12, True, False), (False, 0, True, False), (True, 0, False, False)],
)
def test_at_the_start_of_finished_motions(ground, kept, finished, there):
    """A window that goes on from another begins where that one ended; `--no-ground` is without."""
    request = GenerationRequest(("a person falls",), ground=ground, staged=True)
    held = of_window(Placement(), request, None, [0], FPS, kept=kept, finished=finished)
    assert any(isinstance(one, StandBeforeFall) for one in held) is there
