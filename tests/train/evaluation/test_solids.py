"""Signed distance to boxes against a search over their surfaces, and furniture that was turned and shifted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.body_capsules import RADII_M, body_spheres
from motion_preprocessing.furnishing.item import Placed, to_item, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary, Model
from motion_preprocessing.furnishing.rooms import held_out_room
from motion_preprocessing.kinematics import forward_kinematics
from motion_train.evaluation.solids import (
    box_distance,
    longest_run,
    model_surface_m,
    object_depth_m,
    wall_depth_m,
)

BOX = (-0.5, 0.5, -0.3, 0.3, 0.0, 0.8)


def standing(x: float = 0.0, y: float = 0.0) -> np.ndarray:
    rotations = np.tile(np.eye(3), (1, 22, 1, 1))
    rotations[:, 0] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    joints, _ = forward_kinematics(rotations, np.array([[x, y, 0.95]]))
    return np.asarray(joints)


def surface(box: tuple[float, ...], spacing: float = 0.02) -> np.ndarray:
    sides = [np.arange(box[2 * i], box[2 * i + 1] + 1e-9, spacing) for i in range(3)]
    points = []
    for axis in range(3):
        for end in (box[2 * axis], box[2 * axis + 1]):
            grids = [np.array([end]) if i == axis else sides[i] for i in range(3)]
            points.append(np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, 3))
    return np.concatenate(points)


def test_distance_to_a_box_is_that_to_its_surface() -> None:
    points = np.random.default_rng(0).uniform(-1.2, 1.2, size=(200, 3))
    found = box_distance(points, np.array([BOX]))
    nearest = np.linalg.norm(points[:, None] - surface(BOX)[None], axis=-1).min(axis=1)
    np.testing.assert_allclose(np.abs(found), nearest, atol=0.02)
    low, high = np.array(BOX[::2]), np.array(BOX[1::2])
    np.testing.assert_array_equal(found < 0, ((points > low) & (points < high)).all(axis=1))


def test_a_body_inside_and_beside_an_object() -> None:
    joints = standing()
    spheres, radii = body_spheres(joints)
    block = Placed("cabinet", (0.0, 0.0), 0.0, (-2, 2, -2, 2), 3.0, None, "", ((-2, 2, -2, 2, 0.0, 3.0),))
    # Nearest way out of a block of 4 x 4 x 3 m that reaches to the floor: down, for the highest sphere that is low.
    inside = np.min([spheres[0, :, 2], 3.0 - spheres[0, :, 2], 2 - np.abs(spheres[0, :, 0])], axis=0)
    inside = np.minimum(inside, 2 - np.abs(spheres[0, :, 1]))
    assert object_depth_m(joints, [block])[0] == pytest.approx((radii + inside).max())
    apart = Placed("cabinet", (9.0, 0.0), 0.4, (-1, 1, -1, 1), 1.0, None, "", ((-1, 1, -1, 1, 0.0, 1.0),))
    assert object_depth_m(joints, [apart])[0] == 0.0
    assert object_depth_m(joints, [Placed("tv", (0.0, 0.0), 0.0, (-1, 1, -1, 1), 1.0, None)])[0] == 0.0


def test_objects_may_be_turned() -> None:
    box = (0.0, 0.4, -0.2, 0.2, 0.0, 2.0)
    placed = Placed("shelf", (0.5, -0.3), 0.7, (0.0, 0.4, -0.2, 0.2), 2.0, None, "", (box,))
    joints = standing(0.45, -0.2)
    spheres, radii = body_spheres(joints)
    cloud = to_world(surface(box, 0.01), 0.7, np.array([0.5, -0.3]))
    gap = np.linalg.norm(spheres[0, :, None] - cloud[None], axis=-1).min(axis=1)
    own = to_item(spheres[0], 0.7, np.array([0.5, -0.3]))
    within = ((own > np.array(box[::2])) & (own < np.array(box[1::2]))).all(axis=1)
    expected = (radii - np.where(within, -gap, gap)).max()
    assert object_depth_m(joints, [placed])[0] == pytest.approx(expected, abs=0.01)
    assert expected > 0.02


def test_a_modelled_object_is_as_deep_as_the_same_one_made_of_boxes() -> None:
    # A cupboard of 1 x .6 x .8 m, known by as few points a square metre as a bed of the library, stretched and turned.
    points = np.random.default_rng(0).permutation(surface((-0.5, 0.5, -0.3, 0.3, 0.0, 0.8), 0.05))
    model = Model(
        "cupboard", "cabinet", points.astype(np.float32), np.array([1.0, 0.6, 0.8]), 0.0, 0.8, np.zeros((2, 2))
    )
    box = (-0.55, 0.55, -0.33, 0.33, 0.0, 0.72)
    outline = (-0.55, 0.55, -0.33, 0.33)
    pressed = []
    for x in np.arange(0.66, 0.8, 0.01):
        modelled = Placed("cabinet", (x, 0.1), 0.3, outline, 0.72, None, "cupboard")
        boxed = Placed("cabinet", (x, 0.1), 0.3, outline, 0.72, None, "", (box,))
        cloud = model_surface_m([modelled, boxed], FurnitureLibrary([model]))
        expected = object_depth_m(standing(), [boxed])[0]
        found = object_depth_m(standing(), [modelled], cloud)[0]
        assert object_depth_m(standing(), [modelled])[0] == 0.0
        assert found < expected + 0.002  # of what has gone through less is seen, never more
        if 0 < expected < 0.03:
            pressed.append(found - expected)
        assert found > 0.015 or expected < 0.02
    assert len(pressed) >= 3
    np.testing.assert_allclose(pressed, 0.0, atol=0.005)


def test_walls() -> None:
    widest = np.abs(body_spheres(standing())[0][..., 1]) + body_spheres(standing())[1]
    assert wall_depth_m(standing(), (4.0, 2 * float(widest.max())))[0] == pytest.approx(0.0, abs=1e-9)
    assert wall_depth_m(standing(y=0.25), (4.0, 2 * float(widest.max())))[0] == pytest.approx(0.25)


def test_held_out_rooms_know_what_their_furniture_is_made_of() -> None:
    room = held_out_room(1)
    bed = next(placed for placed in room.placed if placed.object_class == "bed")
    support = room.support("mattress")
    assert support is not None
    assert any(math.isclose(box[5], support.height_m) for box in bed.boxes)
    # The scanned points of the room's things of boxes alone lie on their boxes, but for noise and leaning backs.
    points = room.scene.points_m[room.scene.instances == room.placed.index(bed) + 1]
    own = to_item(points.astype(np.float64), bed.yaw_rad, np.array(bed.origin_m))
    assert np.abs(box_distance(own, np.array(bed.boxes))).max() < 0.03
    assert RADII_M.max() < 0.2


@pytest.mark.parametrize(("mask", "longest"), [("", 0), ("000", 0), ("0110111", 3), ("1", 1), ("1101", 2)])
def test_longest_run(mask: str, longest: int) -> None:
    assert longest_run(np.array([c == "1" for c in mask], dtype=np.bool_)) == longest
