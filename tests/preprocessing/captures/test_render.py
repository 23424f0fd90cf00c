"""The ray caster against distances computed another way."""

from __future__ import annotations

import numpy as np

from motion_preprocessing.body_capsules import Capsules, point_segment_distance
from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.render import Box, Room, cast_people, cast_room, hit_capsules

CAMERA = Intrinsics.from_fov(64, 48, 80.0)


def looking_along_x(eye: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # right = -y, down = -z, ahead = +x
    matrix[:3, 3] = eye
    return matrix


def test_a_room_is_as_far_as_its_walls() -> None:
    view = cast_room(CAMERA, looking_along_x((1.0, 2.0, 1.5)), Room((5.0, 4.0, 3.0)), [])
    rays = CAMERA.rays()
    np.testing.assert_allclose(view.depth_m[24, 32], 4.0)  # the wall ahead: its depth is the same everywhere
    assert view.segments[24, 32] == 2
    floor = view.segments == 1
    assert floor.any()
    np.testing.assert_allclose(view.depth_m[floor], 1.5 / rays[..., 1][floor])
    ceiling = view.segments == 3
    np.testing.assert_allclose(view.depth_m[ceiling], -1.5 / rays[..., 1][ceiling])


def test_a_turned_box_is_met_on_its_surface() -> None:
    box = Box(np.array([-0.4, -0.7, 0.2]), np.array([0.5, 0.6, 1.1]), np.array([3.0, 2.1]), 0.6, 10, (200, 10, 10))
    pose = looking_along_x((0.3, 2.0, 1.5))
    room = Room((5.0, 4.0, 3.0))
    view = cast_room(CAMERA, pose, room, [box])
    hit = view.segments == 10
    assert 100 < hit.sum() < 2000
    points = CAMERA.backproject(view.depth_m)[hit] @ pose[:3, :3].T + pose[:3, 3]
    turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    own = np.column_stack([(points[:, :2] - box.place) @ turn, points[:, 2]])
    outside = np.maximum(box.low - own, own - box.high).max(axis=1)
    np.testing.assert_allclose(outside, 0.0, atol=1e-9)
    # Nothing else is nearer, and the picture without it shows the room behind.
    empty = cast_room(CAMERA, pose, room, [])
    assert np.all(view.depth_m[hit] < empty.depth_m[hit])
    np.testing.assert_array_equal(view.depth_m[~hit], empty.depth_m[~hit])


def test_capsules_are_entered_where_their_surface_is() -> None:
    rng = np.random.default_rng(1)
    starts, ends = rng.normal(size=(2, 40, 3)) * 0.3 + [0, 0, 3.0]
    radii = rng.uniform(0.02, 0.3, 40)
    rays = np.concatenate([rng.normal(size=(500, 2)) * 0.15, np.ones((500, 1))], axis=1)
    depth = hit_capsules(rays[:, None], starts, ends, radii)
    hit = np.isfinite(depth)
    assert 0.1 < hit.mean() < 0.9
    # Marching in small steps finds the same first contact.
    steps = np.linspace(0.5, 6.0, 2201)
    for ray, capsule in np.argwhere(np.ones_like(hit))[::97]:
        gap = point_segment_distance(steps[:, None] * rays[ray], starts[capsule], ends[capsule]) - radii[capsule]
        inside = np.flatnonzero(gap < 0)
        if len(inside):
            assert abs(steps[inside[0]] - depth[ray, capsule]) < 0.003
        elif hit[ray, capsule]:
            assert gap.min() < 0.003  # a graze between two steps


def test_people_stand_in_front_of_what_is_behind_them() -> None:
    pose = looking_along_x((0.3, 2.0, 1.0))
    view = cast_room(CAMERA, pose, Room((5.0, 4.0, 3.0)), [])
    near = Capsules(np.array([[2.0, 2.0, 0.2]]), np.array([[2.0, 2.0, 1.6]]), np.array([0.2]))
    far = Capsules(np.array([[3.0, 2.0, 0.2]]), np.array([[3.0, 1.0, 1.6]]), np.array([0.2]))
    seen = cast_people(view, CAMERA, pose, [(near, 101, (255, 0, 0)), (far, 102, (0, 255, 0))])
    swapped = cast_people(view, CAMERA, pose, [(far, 102, (0, 255, 0)), (near, 101, (255, 0, 0))])
    np.testing.assert_array_equal(seen.depth_m, swapped.depth_m)
    np.testing.assert_array_equal(seen.segments, swapped.segments)
    assert seen.segments[24, 32] == 101
    np.testing.assert_allclose(seen.depth_m[24, 32], 1.5, atol=0.001)
    assert (seen.segments == 102).sum() > 20
    assert (view.segments < 100).all()
