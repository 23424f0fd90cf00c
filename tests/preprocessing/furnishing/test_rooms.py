"""Held-out rooms and the truth about them."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.furnishing.item import to_item
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.rooms import ROOMS, HeldOutRoom, held_out_room
from motion_preprocessing.labels import OBJECT_CLASSES
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.scene import object_points
from motion_preprocessing.skeleton import JOINT_INDEX


@pytest.fixture(scope="module")
def rooms() -> list[HeldOutRoom]:
    return [held_out_room(index) for index in range(ROOMS)]


def check(room: HeldOutRoom) -> None:
    """The truth agrees with the points, and every support can be walked up to."""
    free = FreeSpace.from_scene(room.scene)
    cells = np.argwhere(free.free) * free.cell_m + np.array(free.origin_m)
    assert len(cells) * free.cell_m**2 >= 1.5
    for support in room.supports:
        points = room.scene.points_m[room.scene.instances == support.instance]
        assert len(points) > 100
        names = {room.scene.label_names[k] for k in room.scene.labels[room.scene.instances == support.instance]}
        assert names == {support.object_class}
        own = to_item(points[:, :2], support.yaw_rad, np.array(support.centre_m))
        half = 0.5 * np.abs(to_item(support.corners_m, support.yaw_rad, np.array(support.centre_m))).max(axis=0)
        # The surface is where the truth says: the upper half of what is over its middle is about that high.
        middle = points[np.all(np.abs(own) < half, axis=1), 2]
        middle = middle[middle > 0.6 * support.height_m]
        assert len(middle) > 5
        assert abs(np.quantile(middle, 0.75) - support.height_m) < 0.06
        assert np.linalg.norm(cells - support.approach_m, axis=1).min() < 0.35
        if support.kind == "seat":  # one comes from the front
            assert to_item(np.array(support.approach_m), support.yaw_rad, np.array(support.centre_m))[0] > 0.3


def test_the_truth_agrees_with_the_points(rooms):
    for room in rooms:
        check(room)
    assert sum(room.support("seat") is not None for room in rooms) >= 12
    assert sum(room.support("mattress") is not None for room in rooms) >= 12


def test_rooms_differ_and_come_out_the_same_again(rooms):
    assert len({len(room.scene) for room in rooms}) > 15
    again = held_out_room(3)
    np.testing.assert_array_equal(again.scene.points_m, rooms[3].scene.points_m)
    assert again.placed == rooms[3].placed


def test_objects_are_what_stands_in_the_room(rooms):
    for room in rooms[:5]:
        points, classes = object_points(room.scene)
        assert set(classes) == {OBJECT_CLASSES.index(placed.object_class) for placed in room.placed}
        assert np.all(np.abs(points[:, :2]) < np.array(room.size_m) / 2 + 0.05)
        assert len(points) == np.count_nonzero(room.scene.instances)


def test_the_gap_of_a_seated_body(rooms, sitting_down):
    seat = rooms[0].support("seat")
    assert seat is not None
    joints = sitting_down(np.degrees(seat.yaw_rad))[45]
    underside = joints[[JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]], 2].min() - 0.09
    over = joints + np.append(np.array(seat.centre_m) - joints[0, :2], seat.height_m + 0.03 - underside)
    assert seat.gap_m(over) == pytest.approx(0.03, abs=1e-6)
    both = np.stack([over, over + np.array([2.0, 0.0, 0.0])])
    np.testing.assert_allclose(seat.gap_m(both), [0.03, np.inf], atol=1e-6)


@pytest.mark.shared
def test_rooms_of_modelled_furniture(shared_data):
    library = FurnitureLibrary.open(shared_data / "furniture", "test")
    for index in range(6):
        room = held_out_room(index, library)
        check(room)
        assert any(placed.source for placed in room.placed)
