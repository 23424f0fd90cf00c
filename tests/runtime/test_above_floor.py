"""Bodies that lie in the floor are raised onto it, and nobody else is moved."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.above_floor import LOWEST_M, above_floor

FPS = 20.0
# On the back: the rest pose, upright along z, turned by a quarter about y.
BACK = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) @ WORLD_FROM_BODY


def body(height_m: np.ndarray, root: np.ndarray = BACK) -> tuple[np.ndarray, np.ndarray]:
    frames = len(height_m)
    rotations = np.tile(np.eye(3), (1, frames, 22, 1, 1))
    rotations[:, :, 0] = root
    pelvis = np.zeros((1, frames, 3))
    pelvis[0, :, 2] = height_m
    return rotations, pelvis


def lowest(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """How far above the least height of a trunk's joint the pelvis' own is, (T,)."""
    return np.asarray(forward_kinematics(rotations, root)[0])[0, :, JOINT_INDEX["pelvis"], 2] - LOWEST_M["pelvis"]


@pytest.mark.parametrize("deep_m", [0.01, 0.1, 0.3])
def test_who_lies_in_the_floor_ends_on_it(deep_m: float) -> None:
    level = np.full(40, 0.5)
    flat = np.asarray(forward_kinematics(*body(level))[0])[0, 0, :, 2]
    names = {name: flat[JOINT_INDEX[name]] - 0.5 for name in ("pelvis", "spine3", "head", "left_knee", "left_hip")}
    least = {"pelvis": 0.06, "spine3": 0.06, "head": 0.05, "left_knee": 0.025, "left_hip": 0.06}
    given = body(np.full(40, 0.06 - deep_m))
    rotations, root = above_floor(*given, FPS)
    np.testing.assert_array_equal(rotations, given[0])
    np.testing.assert_array_equal(root[..., :2], given[1][..., :2])
    heights = {name: root[0, :, 2] + offset for name, offset in names.items()}
    assert all((heights[name] >= least[name] - 1e-9).all() for name in names)
    # Raised by what is needed and no further: something touches.
    joints = np.asarray(forward_kinematics(rotations, root)[0])[0]
    keeps = np.array([LOWEST_M[n.removeprefix("left_").removeprefix("right_")] for n in JOINT_INDEX])
    np.testing.assert_allclose((joints[..., 2] - keeps).min(axis=-1), 0.0, atol=1e-9)


def test_a_dip_is_raised_in_time_and_smoothly() -> None:
    height = np.full(60, 0.4)
    height[30] = 0.0
    given = body(height)
    _, root = above_floor(*given, FPS)
    lift = root[0, :, 2] - height
    assert lowest(*above_floor(*given, FPS)).min() >= -1e-9
    assert (lift[:22] == 0).all()
    assert (lift[39:] == 0).all()
    assert np.abs(np.diff(lift)).max() < 0.5 * lift.max()  # a jump would be all of it at once


def test_who_stands_and_who_lies_on_the_floor_is_left_as_they_are() -> None:
    standing = body(np.full(30, 1.0), WORLD_FROM_BODY)
    feet = np.asarray(forward_kinematics(*standing)[0])[..., 2].min()
    standing[1][..., 2] -= feet + 0.015  # a step in the floor by no more than a sole's error
    for given in (standing, body(np.full(30, 0.3))):
        _, root = above_floor(*given, FPS)
        np.testing.assert_array_equal(root, given[1])
