"""Walks of known pace and stride are made longer and shorter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.canonical import canonicalise
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, encode
from motion_runtime.editing.go_on import going_on, to_and_fro
from motion_runtime.editing.way_length import with_way

FPS = 20.0
UPRIGHT, ARRIVED, FRAMES = 70, 85, 160


@pytest.fixture(scope="module")
def walks_then_rests(walk_rotations: Callable[..., tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(T, 258): one metre and one stride a second for 3.5 s, then down by 35 cm in 0.75 s, and there it stays."""
    rotations, root = walk_rotations(FRAMES, 0.0, FPS)
    rotations[UPRIGHT:] = rotations[UPRIGHT]
    root[UPRIGHT:, :2] = root[UPRIGHT, :2]
    root[:, 2] -= 0.35 * np.clip((np.arange(FRAMES) - UPRIGHT) / (ARRIVED - UPRIGHT), 0.0, 1.0)
    return np.asarray(canonicalise(encode(rotations, root, FPS)), dtype=np.float64)


def joints(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:, POSITIONS].reshape(-1, 22, 3))


@pytest.mark.parametrize("way_m", [0.9, 2.0, 3.0, 4.2, 5.0])
def test_a_walk_gets_as_far_as_it_is_to_at_its_own_pace(walks_then_rests: np.ndarray, way_m: float) -> None:
    made, index = with_way(walks_then_rests, way_m, UPRIGHT, ARRIVED, FPS)
    body = joints(made)
    assert made.shape == walks_then_rests.shape
    assert np.linalg.norm(body[-1, 0, :2] - body[0, 0, :2]) == pytest.approx(way_m, abs=0.06)
    goes = int(np.flatnonzero(index == UPRIGHT)[-1])
    np.testing.assert_allclose(np.linalg.norm(np.diff(body[:goes, 0, :2], axis=0), axis=1) * FPS, 1.0, atol=0.02)
    # Strides are joined where the body is as it was a stride before: no joint moves quicker than it ever does.
    quickest = np.abs(np.diff(joints(walks_then_rests), axis=0)).max()
    assert np.abs(np.diff(body, axis=0)).max() < 1.1 * quickest
    np.testing.assert_allclose(body[-1, :, 2], joints(walks_then_rests)[-1, :, 2], atol=1e-9)
    assert (len(made) - np.flatnonzero(index == ARRIVED)[-1]) / FPS >= 1.2
    # It begins where it began, and shows what it is said to show.
    np.testing.assert_allclose(body[0, 0, :2], joints(walks_then_rests)[0, 0, :2], atol=1e-9)
    np.testing.assert_allclose(body[:, 0, 2], joints(walks_then_rests)[index, 0, 2], atol=0.02)


def test_what_is_long_enough_or_has_no_time_to_be_stays(walks_then_rests: np.ndarray) -> None:
    for x, way_m, arrived in ((walks_then_rests, 3.6, ARRIVED), (walks_then_rests, 6.0, FRAMES - 30)):
        made, index = with_way(x, way_m, UPRIGHT, arrived, FPS)
        np.testing.assert_array_equal(made, x)
        np.testing.assert_array_equal(index, np.arange(FRAMES))
    still = np.repeat(walks_then_rests[:1], FRAMES, axis=0)  # who does not walk has no stride
    np.testing.assert_array_equal(with_way(still, 2.0, UPRIGHT, ARRIVED, FPS)[0], still)


def test_rest_goes_to_and_fro() -> None:
    x = np.zeros((10, 258))
    x[:, 0], x[:, VELOCITIES] = np.arange(10), 1.0
    after = to_and_fro(x, 4, 8, 9)
    np.testing.assert_array_equal(after[:, 0], [7, 6, 5, 4, 5, 6, 7, 8, 7])
    np.testing.assert_array_equal(after[:3, VELOCITIES], -np.ones((3, 66)))
    np.testing.assert_array_equal(after[5:7, VELOCITIES], np.ones((2, 66)))


def test_what_goes_on_from_a_pose_begins_with_it_and_becomes_itself(walks_then_rests: np.ndarray) -> None:
    pose, after = walks_then_rests[47], walks_then_rests[20:60]
    made = going_on(pose, after, 6.0)
    np.testing.assert_allclose(made[0], pose)
    own = np.linalg.norm(np.diff(joints(after)[6:], axis=0), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(joints(made)[6:], axis=0), axis=-1), own, atol=1e-9)
