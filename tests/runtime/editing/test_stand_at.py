"""Further people start where they were put."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import POSITIONS, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.corrections import of_window
from motion_runtime.editing.stand_at import StandAt
from motion_runtime.editing.windows import starting
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.stage import Rest, Start, Use

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


@pytest.mark.parametrize(
    ("people", "kept", "in_room", "there"),
    [(1, 0, True, True), (1, 12, True, False), (1, 0, False, False), (2, 0, True, False)],
)
def test_who_is_alone_in_a_room_starts_where_they_were_put(
    room: Room, people: int, kept: int, in_room: bool, there: bool
) -> None:
    """Two of whom nobody was put anywhere are left as the model has them to each other."""
    wanted = GenerationRequest(("a person sits",) * people, staged=True)
    held = of_window(Placement(), wanted, room if in_room else None, range(people), 20.0, kept=kept)
    assert any(isinstance(one, StandAt) for one in held) is there


@pytest.mark.parametrize(
    ("turns", "finished", "there"), [(False, False, True), (True, False, False), (True, True, True)]
)
def test_a_bent_way_that_is_gone_over_is_not_held_at_its_start_before_it_is_finished(
    room: Room, turns: bool, finished: bool, there: bool
) -> None:
    use = Use(0.45, Rest((1.0, 1.0), (0.1, 0.1), 0.0), (), start_free=False, bent=True)
    wanted = GenerationRequest(("a person sits",), staged=True, uses=((use,),))
    held = of_window(Placement(), wanted, room, [0], 20.0, turns=turns, finished=finished)
    assert any(isinstance(one, StandAt) for one in held) is there


def test_a_start_in_a_room_is_kept(room: Room) -> None:
    x = encode(np.tile(np.eye(3), (1, 30, 22, 1, 1)) * 1.0, np.tile([1.2, -0.4, 0.9], (1, 30, 1)), 20.0)
    placement = Placement((1.5, 2.0), math.radians(30))
    wanted = GenerationRequest(("a person sits",), staged=True, start_m=(1.5, 2.0), walls=False)
    for correct in of_window(placement, wanted, room, [0], 20.0):
        x = correct(x)
    np.testing.assert_allclose(placement.to_room(x[0, 0, :3][None])[0, :2], [1.5, 2.0], atol=1e-9)
