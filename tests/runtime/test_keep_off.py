"""Bodies come out of things: depths against the closed form for a box, and bodies led into boxes of known shape."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import bone_length_drift_percent, scene_penetration_m
from motion_preprocessing.room_objects import RoomObject
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.generator import Generator
from motion_runtime.keep_off import keep_off
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Room
from motion_runtime.room_solids import CELL_M, Solids

Array = NDArray[np.float64]
FPS = 20.0
TOY = Path(__file__).parent / "toy_bundle"


def lattice(low: tuple[float, ...], high: tuple[float, ...], spacing: float) -> Array:
    """Points that fill a box."""
    axes = [np.arange(a, b + 1e-9, spacing) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def shell(low: tuple[float, ...], high: tuple[float, ...], spacing: float = 0.025) -> Array:
    """Points on a box as a scan sees it: top and sides."""
    points = lattice(low, high, spacing)
    on = (np.abs(points[:, :2] - low[:2]) < 1e-6).any(1) | (np.abs(points[:, :2] - points[:, :2].max(0)) < 1e-6).any(1)
    return points[on | (points[:, 2] > points[:, 2].max() - 1e-6)]


def solids(*boxes: tuple[tuple[float, ...], tuple[float, ...]], kind: str = "bed") -> Solids:
    """Boxes as things of a class."""
    clouds = [shell(low, high) for low, high in boxes]
    ends = np.cumsum([0, *map(len, clouds)])
    things = tuple(
        RoomObject(k, kind, kind, True, np.arange(a, b), (0.0, 0.0), (1.0, 1.0, 1.0), 0.0, None, (0.0, 0.0), (0.0, 0.0))
        for k, (a, b) in enumerate(itertools.pairwise(ends))
    )
    return Solids.of(things, np.concatenate(clouds).astype(np.float32))


def standing(xy: Array, yaw_rad: float = 0.0) -> tuple[Array, Array]:
    """One upright body (1, T, ...) whose pelvis passes over places (T, 2)."""
    rotations = np.tile(np.eye(3), (1, len(xy), 22, 1, 1))
    rotations[..., 0, :, :] = about_z(np.asarray(yaw_rad)) @ np.array(WORLD_FROM_BODY)
    return rotations, np.column_stack([xy, np.full(len(xy), 0.93)])[None]


def joints(rotations: Array, root: Array) -> Array:
    return np.asarray(forward_kinematics(rotations, root)[0])


def test_spheres_outside_are_as_deep_as_the_closed_form_says() -> None:
    low, high = (0.0, 0.0, 0.0), (1.2, 0.8, 0.5)
    rng = np.random.default_rng(0)
    centres = rng.uniform((-0.15, -0.15, 0.05), (1.35, 0.95, 0.65), size=(400, 3))
    radii = rng.uniform(0.03, 0.11, size=400)
    inside = ((centres > np.array(low) - CELL_M) & (centres < np.array(high) + CELL_M)).all(axis=1)
    centres, radii = centres[~inside], radii[~inside]
    depth, way = solids((low, high)).depth(centres, radii)
    outward = centres - np.clip(centres, low, high)
    distance = np.linalg.norm(outward, axis=-1)
    expected = np.maximum(radii - distance, 0.0)
    # Sideways a column may reach out of the box by half a cell, upwards by nothing.
    assert (depth > expected - 0.02).all()
    assert (depth < expected + CELL_M / 2 + 0.02).all()
    middle = ((centres[:, :2] > 0.05) & (centres[:, :2] < np.array(high[:2]) - 0.05)).all(axis=1)
    above = middle & (centres[:, 2] > high[2])
    assert np.count_nonzero(expected[above] > 0.01) > 5
    np.testing.assert_allclose(depth[above], expected[above], atol=0.005)
    deep = expected > 0.01
    assert np.median(np.sum(way * outward, axis=1)[deep] / distance[deep]) > 0.95
    np.testing.assert_allclose(np.linalg.norm(way[depth > 0], axis=1), 1.0, atol=1e-9)
    assert not way[depth == 0].any()


def test_a_sphere_in_the_middle_leaves_by_the_nearest_way() -> None:
    bed = solids(((0.0, 0.0, 0.0), (2.0, 1.0, 0.5)))
    depth, way = bed.depth(np.array([[1.0, 0.5, 0.42], [1.0, 0.07, 0.2]]), np.array([0.05, 0.05]))
    np.testing.assert_allclose(way, [[0, 0, 1], [0, -1, 0]], atol=1e-6)
    np.testing.assert_allclose(depth, [0.08 + 0.05, 0.07 + 0.05], atol=0.04)


def test_feet_may_be_under_a_table_but_not_under_a_bed() -> None:
    foot = np.array([[0.6, 0.4, 0.1]])
    top = ((0.0, 0.0, 0.7), (1.2, 0.8, 0.75))
    assert solids(top, kind="table").depth(foot, np.array([0.04]))[0][0] == 0.0
    assert solids(top, kind="bed").depth(foot, np.array([0.04]))[0][0] > 0.04


@pytest.mark.parametrize("kind", ["table", "bed"])
def test_a_thing_is_no_other_for_what_else_stands_in_the_room(kind: str) -> None:
    one = ((0.0, 0.0, 0.7), (1.2, 0.8, 0.75))
    more = [((x, 0.0, 0.7), (x + 1.2, 0.8, 0.75)) for x in (-3.0, 3.0)]
    places = lattice((-0.2, -0.2, 0.05), (1.4, 1.0, 0.9), 0.1)
    radii = np.full(len(places), 0.06)
    alone, in_company = (solids(*boxes, kind=kind).depth(places, radii)[0] for boxes in ([one], [one, *more]))
    np.testing.assert_allclose(in_company, alone, atol=CELL_M)  # cells may lie otherwise, by less than one
    legs = (places[:, 2] < 0.5) & (np.abs(places[:, :2] - [0.6, 0.4]) < [0.5, 0.3]).all(axis=1)
    assert set(in_company[legs] > 0) == {kind == "bed"}


def test_things_far_off_do_not_blow_the_grid_up() -> None:
    near, far = shell((0.0, 0.0, 0.0), (1.0, 1.0, 0.5)), shell((9000.0, 9000.0, 0.0), (9001.0, 9001.0, 0.5))
    clouds = np.concatenate([near, far]).astype(np.float32)
    bed = RoomObject(
        1, "bed", "bed", True, np.arange(len(near)), (0.5, 0.5), (1.0, 1.0, 0.5), 0.0, 0.5, (0.5, 0.5), (0.0, 0.0)
    )
    hedge = replace(bed, number=2, members=np.arange(len(near), len(clouds)))
    bounds = np.array([-2.0, -2.0]), np.array([3.0, 3.0])
    both = Solids.of((bed, hedge), clouds, bounds)
    assert both.high_m.size < 10_000
    np.testing.assert_array_equal(both.high_m, Solids.of((bed,), clouds).high_m)


def test_holes_in_a_scan_are_closed() -> None:
    points = lattice((0.0, 0.0, 0.5), (1.0, 1.0, 0.5), 0.03)
    points = points[np.random.default_rng(1).uniform(size=len(points)) < 0.3]
    thing = RoomObject(
        1, "bed", "bed", True, np.arange(len(points)), (0.5, 0.5), (1.0, 1.0, 0.5), 0.0, 0.5, (0.5, 0.5), (0.0, 0.0)
    )
    over = lattice((0.15, 0.15, 0.52), (0.85, 0.85, 0.52), 0.02)
    depth, _ = Solids.of((thing,), points.astype(np.float32)).depth(over, np.full(len(over), 0.05))
    np.testing.assert_allclose(depth, 0.03, atol=0.005)


def test_who_walks_along_a_cupboard_does_not_brush_through_it() -> None:
    y = np.linspace(-1.0, 1.0, 60)
    rotations, root = standing(np.column_stack([np.zeros(60), y]), np.pi / 2)
    box = ((0.12, -0.4, 0.0), (0.7, 0.4, 1.2))  # in the right hip and leg, and in the arm that is held out
    rotations[..., JOINT_INDEX["right_shoulder"], :, :] = about_z(np.asarray(-1.2))
    points = shell(*box, 0.01)
    before = scene_penetration_m(joints(rotations, root)[0], points)
    assert before.max() > 0.04
    turned, moved = keep_off(rotations, root, solids(box), FPS)
    after = scene_penetration_m(joints(turned, moved)[0], points)
    assert after.max() < 0.02
    assert bone_length_drift_percent(joints(turned, moved)[0]).max() < 1e-6
    step = np.linalg.norm(np.diff(moved[0] - root[0], axis=0), axis=1)
    assert step.max() < 0.03  # nobody is jerked aside
    np.testing.assert_allclose(joints(turned, moved)[0, [0, -1]], joints(rotations, root)[0, [0, -1]], atol=0.005)


def test_feet_stay_on_the_floor_where_an_arm_leaves_a_thing() -> None:
    rotations, root = standing(np.zeros((30, 2)))
    hand = joints(rotations, root)[0, 0, JOINT_INDEX["left_wrist"]]
    box = (tuple(hand - [0.2, 0.05, 0.3]), tuple(hand + [0.2, 0.4, 0.0]))
    turned, moved = keep_off(rotations, root, solids(box, kind="table"), FPS)
    found, was = joints(turned, moved)[0], joints(rotations, root)[0]
    assert np.abs(found[:, JOINT_INDEX["left_wrist"]] - was[:, JOINT_INDEX["left_wrist"]]).max() > 0.01
    feet = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("ankle", "foot")]
    np.testing.assert_allclose(found[:, feet], was[:, feet], atol=0.005)


def test_who_touches_nothing_is_left_alone() -> None:
    rotations, root = standing(np.zeros((10, 2)))
    turned, moved = keep_off(rotations, root, solids(((1.0, 1.0, 0.0), (2.0, 2.0, 0.5))), FPS)
    np.testing.assert_array_equal(turned, rotations)
    np.testing.assert_array_equal(moved, root)


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.02, 0.013)])
def test_a_way_between_two_cupboards_stays_a_way(offset: tuple[float, float]) -> None:
    # A doorway's width, 70 cm: wide enough for a body with the arms down, which is to pass unchanged in its way ahead.
    x = np.linspace(-1.0, 1.0, 60)
    rotations, root = standing(np.column_stack([x, np.zeros(60)]))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        rotations[..., JOINT_INDEX[f"{side}_shoulder"], :, :] = about_z(np.asarray(sign * 1.4))
    dx, dy = offset
    posts = solids(*(((dx - 0.2, dy + a, 0.0), (dx + 0.2, dy + a + 0.3, 1.9)) for a in (-0.65, 0.35)))
    _, moved = keep_off(rotations, root, posts, FPS)
    np.testing.assert_allclose(moved[0, :, 0], root[0, :, 0], atol=0.03)
    assert np.abs(moved[0, :, 1]).max() < 0.05


def test_a_room_needs_no_floor_to_have_things() -> None:
    points = shell((0.1, -0.6, 0.3), (0.9, 0.6, 1.4), 0.02).astype(np.float32)
    label = np.ones(len(points), np.int32)
    room = Room(Scene(points, label, label, None, ("floor", "cabinet"), np.eye(4)))
    assert room.solids.depth(np.array([[0.5, 0.0, 0.8]]), np.array([0.05]))[0][0] > 0.3


def test_a_generator_moves_bodies_out_of_the_rooms_things() -> None:
    floor = lattice((-2.0, -2.0, 0.0), (2.0, 2.0, 0.0), 0.05)
    cupboard = shell((0.1, -0.6, 0.0), (0.9, 0.6, 1.4), 0.02)
    points = np.concatenate([floor, cupboard]).astype(np.float32)
    label = np.repeat([0, 1], [len(floor), len(cupboard)]).astype(np.int32)
    scene = Scene(points, label, label, None, ("floor", "cabinet"), np.eye(4))
    request = GenerationRequest(
        ("stands",), seconds=1.0, steps=2, scene=scene, start_m=(0.0, 0.0), heading_deg=0.0, staged=True
    )
    generator = Generator.load(TOY, "cpu")
    inside = {
        solid: scene_penetration_m(generator.generate(replace(request, solid=solid)).joints_m[0], cupboard)
        for solid in (False, True)
    }
    assert inside[False].mean() > 0.02  # or the test would show nothing
    assert inside[True].mean() < 0.75 * inside[False].mean()


def test_who_lies_half_sunk_in_a_mattress_ends_on_it() -> None:
    back = np.array(WORLD_FROM_BODY) @ np.asarray(matrix_from_rotation_vector(np.array([-np.pi / 2, 0.0, 0.0])))
    rotations = np.tile(np.eye(3), (1, 40, 22, 1, 1))
    rotations[..., 0, :, :] = back
    root = np.tile([0.0, 0.0, 0.54], (1, 40, 1))  # trunk and legs sunk in by 7 cm
    bed = solids(((-1.0, -0.8, 0.0), (1.1, 0.8, 0.5)))

    def deepest(found: Array) -> float:
        centres, radii = body_spheres(found[0])
        return float((0.5 - centres[..., 2] + radii).max())

    assert deepest(joints(rotations, root)) > 0.05
    found = joints(*keep_off(rotations, root, bed, FPS))
    assert deepest(found) < 0.01
    assert found[0, :, 0, 2].max() < 0.65  # on it, not above it


def test_what_is_deep_for_a_moment_is_out_at_its_peak() -> None:
    # A correction that is smoothed as a whole with every pass leaves the peak of a short dip inside.
    rotations, root = standing(np.zeros((60, 2)))
    dip = 0.5 * np.exp(-0.5 * ((np.arange(60) - 30) / 3.0) ** 2)
    rotations[0, :, JOINT_INDEX["left_shoulder"]] = about_z(-dip)  # the arm goes down from straight out
    hand = joints(rotations, root)[0, :, JOINT_INDEX["left_wrist"]]
    top = float(hand[0, 2]) - 0.1  # of a cupboard
    cupboard = solids(((-0.4, 0.3, 0.0), (0.4, 1.2, top)))

    def deepest(found: Array) -> float:
        centres, radii = body_spheres(found[0])
        return float(cupboard.depth(centres.reshape(-1, 3), np.tile(radii, len(centres)))[0].max())

    assert deepest(joints(rotations, root)) > 0.06
    assert deepest(joints(*keep_off(rotations, root, cupboard, FPS))) < 0.03


def test_who_lies_under_a_seat_is_not_moved_into_the_floor() -> None:
    back = np.array(WORLD_FROM_BODY) @ np.asarray(matrix_from_rotation_vector(np.array([-np.pi / 2, 0.0, 0.0])))
    rotations = np.tile(np.eye(3), (1, 40, 22, 1, 1))
    rotations[..., 0, :, :] = back
    root = np.tile([0.0, 0.0, 0.12], (1, 40, 1))
    seat = solids(((-0.4, -0.4, 0.14), (0.4, 0.4, 0.6)), kind="table")  # on the thighs: out of it leads down

    def underside_m(found: tuple[Array, Array]) -> float:
        centres, radii = body_spheres(joints(*found)[0])
        return float((centres[..., 2] - radii).min())

    assert underside_m((rotations, root)) > -0.02
    assert underside_m(keep_off(rotations, root, seat, 20.0)) > -0.045  # -0.078 without a floor
