"""Heights that nothing explains are taken back."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.editing.on_the_ground import MOST_M, SHARE, OnTheGround
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import Supports

BED = Supports((0.0, 0.0), 0.1, np.where(np.arange(40)[:, None] * np.ones(40) < 20, 0.5, 0.0))
"""Half a metre high for x below 2 m."""


def _body(height_m: np.ndarray, x_m: float = 3.0) -> np.ndarray:
    """Pose vectors (1, T, 258) of joints 0 to 1.6 m above a lowest joint at the given heights."""
    joints = np.zeros((1, len(height_m), JOINT_COUNT, 3))
    joints[..., 0], joints[..., 1] = x_m, 2.0
    joints[..., 2] = height_m[:, None] + np.linspace(0, 1.6, JOINT_COUNT)
    x = np.ones((1, len(height_m), 258))
    x[..., POSITIONS] = joints.reshape(1, len(height_m), -1)
    return x


def _lowest(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[0, :, POSITIONS].reshape(-1, JOINT_COUNT, 3)[..., 2].min(axis=-1))


@pytest.mark.parametrize("supports", [None, BED])
def test_who_floats_comes_down_and_who_sinks_comes_up_as_a_whole(supports: Supports | None) -> None:
    correct = OnTheGround(Placement(), supports)
    floating = _body(np.full(50, 0.4))
    result = correct(floating)
    np.testing.assert_allclose(_lowest(result), MOST_M)
    np.testing.assert_array_equal(result[..., 66:], floating[..., 66:])
    np.testing.assert_allclose(_lowest(correct(_body(np.full(50, -0.2)))), 0.0, atol=1e-12)
    standing = _body(np.full(50, 0.03))
    assert correct(standing) is standing


@pytest.mark.parametrize("frames", [1, 2, 11, 50])
def test_the_support_is_where_the_share_of_the_heights_begins(frames: int) -> None:
    height = np.random.default_rng(frames).uniform(0.2, 0.8, frames)
    moved = OnTheGround(Placement(), None)(_body(height))
    np.testing.assert_allclose(np.quantile(_lowest(moved), SHARE), MOST_M, atol=1e-12)


def test_jumps_stay_jumps() -> None:
    phase = np.linspace(0, 6 * np.pi, 120)
    height = 0.02 + 0.4 * np.maximum(np.sin(phase), 0)
    x = _body(height)
    assert OnTheGround(Placement(), None)(x) is x
    np.testing.assert_allclose(np.ptp(_lowest(OnTheGround(Placement(), None)(_body(height + 0.5)))), np.ptp(height))


def test_furniture_carries() -> None:
    on_the_bed = _body(np.full(30, 0.52), x_m=1.0)
    assert OnTheGround(Placement(), BED)(on_the_bed) is on_the_bed
    over_it = OnTheGround(Placement(), BED)(_body(np.full(30, 0.9), x_m=1.0))
    np.testing.assert_allclose(_lowest(over_it), 0.5 + MOST_M)
    # Feet on the floor under the edge of a seat are not lifted onto it.
    below = _body(np.full(30, 0.03), x_m=1.0)
    assert OnTheGround(Placement(), BED)(below) is below


def test_a_placement_moves_the_frame() -> None:
    on_the_bed = _body(np.full(30, 0.52), x_m=0.0)
    on_the_bed[..., 1:66:3] = 0.0
    assert OnTheGround(Placement((1.0, 2.0), 0.3), BED)(on_the_bed) is on_the_bed
    down = OnTheGround(Placement((3.0, 2.0), 0.3), BED)(on_the_bed)
    np.testing.assert_allclose(_lowest(down), MOST_M)
