"""Further people start where they were put."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import POSITIONS, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.editing.stand_at import StandAt
from motion_runtime.editing.windows import starting
from motion_runtime.placement import Placement
from motion_runtime.stage import Start

PLACE = Placement((2.0, -1.0), 0.9)


def test_the_first_frame_is_where_it_should_and_the_rest_goes_along() -> None:
    rng = np.random.default_rng(0)
    rotations = np.tile(np.eye(3), (2, 30, 22, 1, 1))
    for person, yaw in enumerate((0.0, 2.0)):
        rotations[person, :, 0] = about_z(yaw + 0.05 * np.arange(30)) @ np.array(WORLD_FROM_BODY)
    root = np.cumsum(rng.normal(0, 0.03, (2, 30, 3)), axis=1) + (0.4, -0.3, 0.9)
    x = np.asarray(encode(rotations, root, 20.0))
    moved = StandAt([None, Start((3.0, 1.5), 75.0)], PLACE)(x)
    np.testing.assert_array_equal(moved[0], x[0])
    before, after = (one[1, :, POSITIONS].reshape(30, 22, 3) for one in (x, moved))
    room = PLACE.to_room(after)
    np.testing.assert_allclose(room[0, 0, :2], (3.0, 1.5), atol=1e-6)
    facing = float(heading_rad(root_orientation(room[:1]))[0])
    assert facing == pytest.approx(math.radians(75.0), abs=1e-6)
    # A rigid motion: all distances are what they were, heights too.
    np.testing.assert_allclose(
        np.linalg.norm(after[:, None] - after[0, 0], axis=-1), np.linalg.norm(before[:, None] - before[0, 0], axis=-1)
    )
    np.testing.assert_allclose(after[..., 2], before[..., 2])


def test_who_starts_far_away_is_made_in_a_frame_of_their_own() -> None:
    starts = [Start((2.5, -1.5), 10.0), Start((8.0, 3.0), 100.0), None]
    (together, first), (alone, frame) = starting(starts, PLACE)
    assert together == [0, 1, 3]
    assert (first.yaw_rad, first.origin_m) == (0.0, (0.0, 0.0))
    assert alone == [2]
    placed = frame.placed(PLACE)
    np.testing.assert_allclose(placed.start_m, (8.0, 3.0))
    assert placed.heading_rad == pytest.approx(math.radians(100.0))
