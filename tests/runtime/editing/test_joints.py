"""Joints of pose vectors are put elsewhere, and what they move at follows."""

from __future__ import annotations

import numpy as np

from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS, VELOCITIES, velocities
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.impose import Imposer
from motion_runtime.editing.joints import joints_of, with_joints

FPS = 20.0


def walks() -> np.ndarray:
    """(1, 40, 258): 22 joints on the way along +x at 1 m/s; velocities 0.3 m/s off, as a network's may be."""
    x = np.random.default_rng(0).normal(size=(1, 40, 258))
    joints = np.random.default_rng(1).normal(size=(22, 3)) + (np.arange(40) / FPS)[:, None, None] * [1.0, 0.0, 0.0]
    x[..., POSITIONS] = joints.reshape(1, 40, -1)
    x[..., VELOCITIES] = np.asarray(velocities(joints[None], FPS)).reshape(1, 40, -1) + 0.3
    return x


def test_velocities_change_by_those_of_the_correction_and_rotations_stay() -> None:
    x = walks()
    before = x.copy()
    moved = joints_of(x).copy()
    moved[..., 1] += 0.5 * (np.arange(40) / FPS)[:, None]  # half a metre a second to the left
    result = with_joints(x, moved, FPS)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(joints_of(result), moved)
    change = (result - x)[..., VELOCITIES].reshape(1, 40, 22, 3)
    np.testing.assert_allclose(change, np.broadcast_to([0.0, 0.5, 0.0], change.shape), atol=1e-12)
    np.testing.assert_array_equal(result[..., ROTATIONS], x[..., ROTATIONS])


def test_a_path_that_is_imposed_is_walked_at_its_own_speed() -> None:
    """Led to be twice as far by the end, the pelvis goes twice as fast on the way there."""
    x = walks()
    known = Constraints.none(1, 40)
    start = joints_of(x)[0, 0, 0, :2]
    known.set_floor(0, 0, start)
    known.set_floor(0, 39, start + [2 * 39 / FPS, 0.0])
    speed = Imposer(known, FPS)(x)[0, :, VELOCITIES].reshape(40, 22, 3)[:, 0, 0] - 0.3
    assert abs(float(speed[:39].mean()) - 2.0) < 1e-9
