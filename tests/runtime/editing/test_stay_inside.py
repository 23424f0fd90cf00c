"""People kept within walls and apart, against the geometry of a rectangular room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, encode
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.editing.stay_inside import StayInside, kept_apart, ways_of
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement
from motion_runtime.room_bounds import RADIUS_M, RoomBounds
from motion_runtime.stage import Start

WIDTH, DEPTH = 5.0, 3.0
APART_M = 0.5
TOY = Path(__file__).parents[1] / "toy_bundle"


def _room(*, labels: bool = True, bed: bool = False) -> Scene:
    """Floor x 0..5, y 0..3 with walls around it, and a box of 2 x 1 m against a wall that hides the floor."""
    x, y = np.meshgrid(np.arange(0.02, WIDTH, 0.04), np.arange(0.02, DEPTH, 0.04), indexing="ij")
    floor = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    if bed:
        floor = floor[~((floor[:, 0] < 2.0) & (floor[:, 1] < 1.0))]
    height = np.arange(0.02, 2.4, 0.04)
    walls = []
    for axis, at, length in ((0, 0.0, DEPTH), (0, WIDTH, DEPTH), (1, 0.0, WIDTH), (1, DEPTH, WIDTH)):
        along, up = np.meshgrid(np.arange(0.0, length, 0.04), height, indexing="ij")
        wall = np.zeros((*along.shape, 3))
        wall[..., axis], wall[..., 1 - axis], wall[..., 2] = at, along, up
        walls.append(wall.reshape(-1, 3))
    parts = [(floor, 0), (np.concatenate(walls), 1)]
    if bed:
        x, y = np.meshgrid(np.arange(0.02, 2.0, 0.03), np.arange(0.02, 1.0, 0.03), indexing="ij")
        parts.append((np.stack([x, y, np.full_like(x, 0.5)], axis=-1).reshape(-1, 3), 2))
    points = np.concatenate([p for p, _ in parts]).astype(np.float32)
    numbers = np.concatenate([np.full(len(p), n) for p, n in parts]).astype(np.int32)
    if not labels:
        numbers = np.full(len(points), -1, dtype=np.int32)
    return Scene(
        points, numbers, np.full(len(points), -1, np.int32), None, ("floor", "wall", "bed"), np.eye(4)
    )


def _bounds(**kind: bool) -> RoomBounds:
    scene = _room(**kind)
    return RoomBounds.from_scene(scene, FreeSpace.from_scene(scene))


@pytest.mark.parametrize("labels", [True, False])
def test_the_signed_distance_is_that_to_the_nearest_wall(labels: bool) -> None:
    bounds = _bounds(labels=labels)
    rng = np.random.default_rng(0)
    places = rng.uniform([0.4, 0.4], [WIDTH - 0.4, DEPTH - 0.4], (200, 2))
    truth = np.min([places[:, 0], WIDTH - places[:, 0], places[:, 1], DEPTH - places[:, 1]], axis=0)
    found, gradient = bounds.distance(places)
    np.testing.assert_allclose(found, truth, atol=0.16)  # cells of 10 cm, a wall one cell thick
    assert np.all(np.linalg.norm(gradient, axis=-1) < 1.5)
    beyond = np.array([[WIDTH + 2.0, 1.5], [2.5, -3.0], [-9.0, 1.5]])
    np.testing.assert_allclose(bounds.distance(beyond)[0], [-2.0, -3.0, -9.0], atol=0.2)


def test_places_beyond_a_wall_come_back_straight_to_it() -> None:
    bounds = _bounds()
    inside = np.array([[2.5, 1.5], [1.0, 1.0]])
    np.testing.assert_array_equal(bounds.nearest_inside(inside), inside)
    back = bounds.nearest_inside(np.array([[WIDTH + 0.8, 1.5], [2.5, -2.0], [2.5, DEPTH - 0.1]]))
    expected = [[WIDTH - RADIUS_M, 1.5], [2.5, RADIUS_M], [2.5, DEPTH - RADIUS_M]]
    np.testing.assert_allclose(back, expected, atol=0.16)
    corner = bounds.nearest_inside(np.array([[WIDTH + 1.0, DEPTH + 1.0]]))[0]
    assert corner[0] < WIDTH
    assert corner[1] < DEPTH


@pytest.mark.parametrize("labels", [True, False])
def test_furniture_does_not_push(labels: bool) -> None:
    bounds = _bounds(bed=True, labels=labels)
    on_the_bed = np.array([[1.0, 0.5], [1.6, 0.6]])
    np.testing.assert_array_equal(bounds.nearest_inside(on_the_bed), on_the_bed)


def test_a_walk_through_a_wall_ends_before_it_and_stays_smooth() -> None:
    bounds = _bounds()
    placement = Placement((1.0, 1.5), np.pi / 2)  # faces the wall at y = 3
    frames, fps = 100, 20.0
    rotations = np.tile(np.eye(3), (1, frames, JOINT_COUNT, 1, 1))
    rotations[:, :, 0] = WORLD_FROM_BODY
    root = np.zeros((1, frames, 3))
    root[0, :, 0], root[0, :, 2] = np.linspace(0, 4, frames), 0.93
    x = encode(rotations, root, fps)
    result = StayInside(bounds, placement, fps)(x)
    where = placement.to_room(result[..., :3])
    assert where[..., 1].max() < DEPTH - RADIUS_M + 0.16
    np.testing.assert_allclose(where[..., 0], 1.0, atol=0.05)
    np.testing.assert_allclose(result[0, :15], x[0, :15], atol=1e-9)
    # The whole body moves, its velocities with it, and nothing else.
    shift = (result - x)[..., POSITIONS].reshape(frames, JOINT_COUNT, 3)
    np.testing.assert_allclose(shift, shift[:, :1] * np.ones((1, JOINT_COUNT, 1)), atol=1e-12)
    assert np.all(shift[..., 2] == 0)
    moved = result[..., POSITIONS].reshape(1, frames, JOINT_COUNT, 3)
    speed = result[..., VELOCITIES].reshape(1, frames, JOINT_COUNT, 3)
    np.testing.assert_allclose(speed[:, :-1], np.diff(moved, axis=1) * fps, atol=1e-6)
    np.testing.assert_array_equal(result[..., 6 * JOINT_COUNT :], x[..., 6 * JOINT_COUNT :])
    assert np.abs(np.diff(where[0, :, 1], n=2)).max() < 0.02


def test_who_stays_inside_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.01, (2, 30, 258))
    x[1, :, 0:66:3] += 1.0
    result = StayInside(_bounds(), Placement((2.0, 1.5)), 20.0, APART_M)(x)
    np.testing.assert_array_equal(result, x)


def test_people_too_close_part_evenly() -> None:
    a, b = np.zeros((3, 2)), np.array([[0.2, 0.0], [0.0, 0.3], [2.0, 0.0]])
    moved = kept_apart(np.stack([a, b]), APART_M)
    gap = np.linalg.norm(moved[0] - moved[1], axis=-1)
    np.testing.assert_allclose(gap, [APART_M, APART_M, 2.0])
    np.testing.assert_allclose(moved.sum(axis=0), a + b)
    same = kept_apart(np.zeros((2, 1, 2)), APART_M)
    np.testing.assert_allclose(np.linalg.norm(same[0] - same[1], axis=-1), APART_M)
    four = kept_apart(np.random.default_rng(2).normal(0, 0.3, (4, 50, 2)), APART_M)
    pairs = [np.linalg.norm(four[i] - four[j], axis=-1) for i in range(4) for j in range(i)]
    assert np.mean(np.array(pairs) < 0.9 * APART_M) < 0.1


def test_who_was_made_before_does_not_give_way() -> None:
    """Somebody walks along x through a person who stands at (1, 0): the one who walks goes round, by all of it."""
    still = np.tile((1.0, 0.01), (60, 1))
    walk = np.stack([np.linspace(0.0, 2.0, 60), np.zeros(60)], axis=1)
    moved = kept_apart(walk[None], APART_M, [still[:, None]])[0]
    assert np.linalg.norm(moved - still, axis=1).min() >= APART_M - 1e-9
    near = np.linalg.norm(walk - still, axis=1) < APART_M
    np.testing.assert_array_equal(moved[~near], walk[~near])
    assert near.any()
    np.testing.assert_allclose(np.linalg.norm(moved - still, axis=1)[near], APART_M)


def test_who_walks_straight_through_another_passes_on_one_side() -> None:
    """Pushed away from where the other one is, they would leap from one side to the other, a metre in a frame."""
    along = np.stack([np.linspace(0.0, 2.0, 61), np.full(61, 0.01)], axis=1)
    still, across = np.tile((1.0, 0.0), (61, 1)), np.stack([np.ones(61), np.linspace(1.0, -1.0, 61)], axis=1)
    for other in (still, across):
        moved = kept_apart(along[None], APART_M, [other[:, None]])[0]
        assert np.linalg.norm(moved - other, axis=1).min() >= APART_M - 1e-9
        assert np.linalg.norm(np.diff(moved, axis=0), axis=1).max() < 0.2
        far = np.linalg.norm(along - other, axis=1) >= APART_M
        np.testing.assert_array_equal(moved[far], along[far])
    both = kept_apart(np.stack([along, along[::-1]]), APART_M)
    np.testing.assert_allclose(np.linalg.norm(both[0] - both[1], axis=1).min(), APART_M)
    assert np.linalg.norm(np.diff(both, axis=1), axis=-1).max() < 0.2


def test_people_made_one_by_one_keep_apart() -> None:
    """Who start 3.8 m from each other are made one by one; asked to keep 4.5 m apart, the second gives way."""
    request = GenerationRequest(
        ("walks", "walks"), seconds=1.5, steps=3, scene=_room(), start_m=(0.6, 1.5), heading_deg=0.0, walls=False,
        others=(Start((4.4, 1.5), 180.0),), staged=True, apart_m=4.5, low_pass_s=0.0,
    )  # fmt: skip
    motion = Generator.load(TOY, "cpu").generate(request)
    assert np.linalg.norm(np.diff(motion.root_position_m[:, :, :2], axis=0), axis=-1).min() > 4.4


def test_from_those_who_went_before_one_keeps_by_their_limbs_and_as_far_as_is_said() -> None:
    walk = np.stack([np.linspace(-2, 2, 81), np.full(81, 1.1)], axis=1)
    lying = np.tile(np.array([[0.0, 0.0], [0.0, 0.9]]), (81, 1, 1))  # pelvis and head
    moved = kept_apart(walk[None], APART_M, [lying])[0]
    assert np.linalg.norm(moved[:, None] - lying, axis=-1).min() > APART_M - 0.02
    np.testing.assert_array_equal(kept_apart(walk[None], APART_M, [lying[:, :1]])[0], walk)  # the pelvis is far enough
    wide = kept_apart(walk[None], APART_M, [lying[:, :1]], 1.3)[0]
    assert np.linalg.norm(wide, axis=1).min() > 1.28
    np.testing.assert_array_equal(wide[:10], walk[:10])


def test_who_lies_is_as_long_from_above_as_they_are() -> None:
    rest = np.asarray(forward_kinematics(np.tile(np.eye(3), (1, 22, 1, 1)), np.zeros((1, 3)))[0])  # Y up: lies in z = 0
    ways = ways_of(rest)
    assert ways.shape == (1, 6, 2)
    assert np.ptp(ways[0, :, 1]) > 1.2
    assert np.ptp(ways[0, :, 0]) > 1.2  # arms to the sides


def test_limbs_are_kept_off_walls_where_that_is_asked_and_nobody_else_is_moved() -> None:
    bounds = _bounds()
    sits = np.tile(np.eye(3), (20, 22, 1, 1))
    sits[:, 0] = WORLD_FROM_BODY
    for joint in ("left_hip", "right_hip"):  # thighs ahead, over the floor
        sits[:, JOINT_INDEX[joint]] = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    joints = {}
    for x in (2.0, WIDTH - 0.35):  # in the middle of the room, and facing a wall
        pose = encode(sits, np.tile((x, 1.5, 0.55), (20, 1)), 20.0)[None]
        for limbs in (False, True):
            moved = StayInside(bounds, Placement(), 20.0, limbs=limbs)(pose)
            joints[x, limbs] = moved[..., POSITIONS].reshape(20, 22, 3)
        if x == 2.0:
            np.testing.assert_array_equal(moved, pose)
    knees = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]
    assert joints[WIDTH - 0.35, False][:, knees, 0].max() > WIDTH
    assert joints[WIDTH - 0.35, True][:, knees, 0].max() < WIDTH - 0.05
    bones = [np.diff(joints[WIDTH - 0.35, limbs], axis=1) for limbs in (False, True)]
    np.testing.assert_allclose(bones[0], bones[1], atol=1e-9)  # as one piece


def test_who_is_pushed_in_a_wheelchair_has_no_knee_in_a_wall(ward: Scene) -> None:
    prompts = "a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed"
    generator = Generator.load(None, "cpu")
    for seed in (7000, 7003):
        request = GenerationRequest(prompts, ("staff", "patient"), scene=ward, seed=seed)
        motion = generator.generate(request)
        found = evaluate_motion(motion.joints_m, motion.fps, wall_points=ward.wall_points_m)
        assert found.wall_penetration_share < 0.02
