"""Turning round on the way: rigid before and after, and bent along in between."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad, move_pose_vectors
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, encode, root_orientation
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.editing.turn_round import turned_round

FPS = 20.0


def walk(frames: int = 100, speed_m_s: float = 0.8) -> np.ndarray:
    """A stiff body (T, 258) that glides along +x."""
    rotations = np.tile(np.eye(3), (frames, 22, 1, 1))
    rotations[:, 0] = np.array(WORLD_FROM_BODY)
    pelvis = np.stack([speed_m_s * np.arange(frames) / FPS, np.zeros(frames), np.full(frames, 0.93)], axis=1)
    return np.asarray(encode(rotations, pelvis, FPS))


def joints(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:, POSITIONS].reshape(len(x), 22, 3))


@pytest.mark.parametrize("degrees", [-170.0, -60.0, 25.0, 180.0])
def test_before_nothing_changes_and_after_all_is_turned_as_one(degrees: float) -> None:
    x, angle = walk(), math.radians(degrees)
    turned = turned_round(x, angle, FPS, 0, 60)
    np.testing.assert_allclose(turned[:30], x[:30], atol=1e-12)  # no turn takes longer than 1.2 s
    after = np.asarray(move_pose_vectors(x, angle, np.zeros(2)))
    shift = joints(turned)[60, 0] - joints(after)[60, 0]
    np.testing.assert_allclose(joints(turned)[60:], joints(after)[60:] + shift, atol=1e-9)
    np.testing.assert_allclose(turned[62:, VELOCITIES], after[62:, VELOCITIES], atol=1e-9)


def test_one_goes_where_one_faces_all_along() -> None:
    turned = turned_round(walk(), math.radians(150.0), FPS, 0, 60)
    way = np.diff(joints(turned)[:, 0, :2], axis=0)
    facing = np.unwrap(np.asarray(heading_rad(root_orientation(joints(turned)))))
    # The way from a frame to the next goes where the body faces halfway between, as fast as before.
    np.testing.assert_allclose(np.unwrap(np.arctan2(way[:, 1], way[:, 0])), (facing[1:] + facing[:-1]) / 2, atol=1e-6)
    assert np.linalg.norm(way, axis=1).max() <= 0.04 + 1e-9


def test_what_is_held_stays_where_it_is() -> None:
    x = walk()
    turned = turned_round(x, math.pi, FPS, 50, 60)
    np.testing.assert_allclose(joints(turned)[:51], joints(x)[:51], atol=1e-9)
    assert float(heading_rad(root_orientation(joints(turned)[60]))) == pytest.approx(math.pi, abs=1e-6)
