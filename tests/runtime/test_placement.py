"""Placement: rigid transforms against matrices, and starts that stand on free floor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_preprocessing.errors import InputError
from motion_preprocessing.scene import OBJECT_CLASSES, Scene
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room, choose_placement

BODY_RADIUS_M = 0.3
CELL_M = 0.1


def grid(x: tuple[float, float], y: tuple[float, float], z: float, step: float = 0.04) -> np.ndarray:
    """Points of a horizontal rectangle."""
    xs, ys = np.meshgrid(np.arange(x[0], x[1], step), np.arange(y[0], y[1], step))
    return np.stack([xs.ravel(), ys.ravel(), np.full(xs.size, z)], axis=1)


def make_scene(parts: dict[str, list[np.ndarray]]) -> Scene:
    """A room of labelled points."""
    points = np.concatenate([part for piece in parts.values() for part in piece]).astype(np.float32)
    names = tuple(parts)
    labels = np.concatenate([np.full(len(part), i) for i, piece in enumerate(parts.values()) for part in piece])
    return Scene(points, labels.astype(np.int32), np.full(len(points), -1, np.int32), None, names, np.eye(4))


def furnished(shift: tuple[float, float] = (10.0, -3.0)) -> Scene:
    """A floor of 5 x 4 m, off the origin, with a bed along one side and a table."""
    parts = {
        "floor": [grid((0, 5), (0, 4), 0.0)],
        "bed": [grid((0, 2), (3, 4), z) for z in (0.3, 0.5)],
        "table": [grid((3.5, 4.3), (0.3, 1.1), z) for z in (0.4, 0.7)],
    }
    offset = np.array([*shift, 0.0])
    return make_scene({name: [part + offset for part in piece] for name, piece in parts.items()})


def request(**values: Any) -> GenerationRequest:
    return GenerationRequest(**({"prompts": ("walks",)} | values))


@settings(max_examples=50, deadline=None)
@given(
    x=st.floats(-50, 50), y=st.floats(-50, 50), heading=st.floats(-10, 10),
    points=st.lists(st.tuples(*[st.floats(-20, 20)] * 3), min_size=1, max_size=5),
)  # fmt: skip
def test_frames_are_inverse_and_equal_the_matrix(
    x: float, y: float, heading: float, points: list[tuple[float, float, float]]
) -> None:
    placement = Placement((x, y), heading)
    canonical = np.array(points)
    homogeneous = np.concatenate([canonical, np.ones((len(points), 1))], axis=1)
    in_room = placement.to_room(canonical)
    np.testing.assert_allclose(in_room, (homogeneous @ placement.room_from_canonical.T)[:, :3], atol=1e-10)
    np.testing.assert_allclose(placement.to_canonical(in_room), canonical, atol=1e-10)
    np.testing.assert_allclose(in_room[:, 2], canonical[:, 2])


def test_heading_turns_counter_clockwise_from_x() -> None:
    placement = Placement((1.0, 2.0), math.pi / 2)
    ahead_and_left = placement.to_room(np.array([[1.0, 0, 0.5], [0, 1.0, 0.5]]))
    np.testing.assert_allclose(ahead_and_left, [[1, 3, 0.5], [0, 2, 0.5]], atol=1e-12)


@pytest.mark.parametrize("persons", [1, 2, 4])
@pytest.mark.parametrize("sample", range(5))
def test_a_body_stands_free_and_has_a_way_ahead(persons: int, sample: int) -> None:
    scene = furnished()
    placement = choose_placement(request(prompts=("walks",) * persons, sample=sample), Room(scene))
    obstacles = scene.points_m[scene.labels > 0, :2]
    way = placement.to_room(np.stack([np.linspace(0, 1, 11), np.zeros(11), np.zeros(11)], axis=1))[:, :2]
    distance = np.linalg.norm(way[:, None] - obstacles, axis=-1).min(axis=1)
    assert distance.min() > BODY_RADIUS_M - CELL_M
    inside = way - np.array([10.0, -3.0])
    assert (inside > BODY_RADIUS_M - CELL_M).all()
    assert (inside < np.array([5, 4]) - (BODY_RADIUS_M - CELL_M)).all()


def test_equal_requests_stand_in_one_place_and_samples_in_several() -> None:
    room = Room(furnished())
    places = {choose_placement(request(sample=sample), room) for sample in range(8)}
    assert len(places) > 4
    assert choose_placement(request(seed=5, sample=3), room) == choose_placement(request(seed=5, sample=3), room)


def test_company_is_worth_the_share_of_free_sides() -> None:
    """In a hall all eight sides have room for another person, in a corridor only front and back."""
    room = Room(make_scene({"floor": [grid((0, 6), (0, 0.9), 0.0), grid((6, 10), (-2, 2), 0.0)]}))
    corridor_and_hall = np.array([[3.0, 0.42], [8.0, 0.0]])
    headings = np.array([0.0, np.pi])
    alone, together = (room.score(corridor_and_hall, headings, persons) for persons in (1, 3))
    np.testing.assert_allclose(together - alone, [[3.0 * 2 / 8] * 2, [3.0] * 2])
    # The corridor is 0.45 m wide to each side; 4 m of way are counted to the east, and there are 2.7 m to the west.
    np.testing.assert_allclose(alone[0], [4.0 + 3 * 0.45, 2.7 + 3 * 0.45], atol=0.35)


def test_what_is_given_is_kept() -> None:
    room = Room(furnished())
    assert choose_placement(request(start_m=(12.5, -2.0), heading_deg=90), room) == Placement((12.5, -2.0), math.pi / 2)
    assert choose_placement(request(start_m=(12.5, -2.0)), room).start_m == (12.5, -2.0)
    assert choose_placement(request(heading_deg=-45), room).heading_rad == -math.pi / 4


def test_a_start_may_stand_in_furniture_but_not_outside_the_room() -> None:
    room = Room(furnished())
    assert choose_placement(request(start_m=(11.0, 0.5)), room).start_m == (11.0, 0.5)  # on the bed
    with pytest.raises(InputError, match=r"x 10\.0 to 15\.0 m and y -3\.0 to 1\.0 m, got 0,0; choose --start"):
        choose_placement(request(start_m=(0.0, 0.0)), room)


def test_without_a_room_the_canonical_frame_is_the_room() -> None:
    assert choose_placement(request(), None) == Placement((0.0, 0.0), 0.0)
    assert choose_placement(request(start_m=(1, 2), heading_deg=180), None) == Placement((1, 2), math.pi)


def test_a_room_without_free_floor_is_refused() -> None:
    packed = make_scene({"floor": [grid((0, 2), (0, 2), 0.0)], "table": [grid((0, 2), (0, 2), 0.7)]})
    with pytest.raises(InputError, match=r"expected free floor 0\.6 m wide in the room, got none"):
        choose_placement(request(), Room(packed))


def test_scene_tokens_are_seen_from_the_start_with_the_models_own_classes() -> None:
    scene = make_scene(
        {
            "floor": [grid((0, 6), (0, 6), 0.0)],
            "chair": [grid((2.9, 3.1), (3.9, 4.1), 0.45)],  # a metre ahead of the start
            "plant": [grid((1.9, 2.1), (2.9, 3.1), 0.45)],  # a metre to the left
        }
    )
    placement = Placement((3.0, 3.0), math.pi / 2)
    table = ("unknown", "tv", "chair")
    tokens = Room(scene).tokens(placement, table, max_tokens=8, radius_m=3.0)
    by_class = {int(tokens.classes[i]): tokens.points[i].mean(axis=0) for i in np.flatnonzero(tokens.mask)}
    assert by_class.keys() == {0, 2}  # the model's table has no plant
    np.testing.assert_allclose(by_class[2], [1, 0, 0.45], atol=0.03)
    np.testing.assert_allclose(by_class[0], [0, 1, 0.45], atol=0.03)
    assert "plant" in OBJECT_CLASSES


def test_objects_beyond_the_models_reach_are_left_out() -> None:
    scene = make_scene({"floor": [grid((0, 6), (0, 6), 0.0)], "chair": [grid((5, 5.5), (5, 5.5), 0.45)]})
    assert not Room(scene).tokens(Placement((1, 1)), OBJECT_CLASSES, max_tokens=8, radius_m=4.0).mask.any()
    assert Room(scene).tokens(Placement((1, 1)), OBJECT_CLASSES, max_tokens=8, radius_m=7.0).mask.any()
