"""A walk ends on its seat: a motion of known shape, put into a scanned ward, and the built-in model's own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.canonical import canonicalise, heading_rad, move_pose_vectors
from motion_preprocessing.pose_vector import POSITIONS, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.approach import spots
from motion_runtime.editing.come_to_rest import BEFORE_M, LIES_DOWN_S, come_to_rest
from motion_runtime.editing.on_furniture import how_down
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.stage import Use

FPS = 20.0
AT = Placement((1.0, 0.5), 0.4)


@pytest.fixture(scope="module")
def chair(ward: Scene, room: Room) -> Use:
    use = spots([next(one for one in ward.furniture if one.name == "chair")], room.free_space)[0].use(start_free=True)
    assert use is not None
    return use


def walks_and_sits(way_m: float = 1.6, bend_rad: float = 0.0, back_m: float = 0.05) -> np.ndarray:
    """(T, 258): somebody walks for 3 s, on a bow, and sits down in one second where they are, facing as they went."""
    time = np.arange(120) / FPS
    walked, down = np.clip(time / 3.0, 0.0, 1.0), np.clip(time - 3.2, 0.0, 1.0)
    yaw = bend_rad * walked
    steps = way_m * np.diff(walked, prepend=0.0)[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    place = np.cumsum(steps, axis=0) - back_m * down[:, None] * np.array([math.cos(bend_rad), math.sin(bend_rad)])
    rotations = np.tile(np.eye(3), (120, 22, 1, 1))
    rotations[:, 0] = np.asarray(about_z(yaw)) @ np.array(WORLD_FROM_BODY)
    return np.asarray(canonicalise(encode(rotations, np.column_stack([place, 0.93 - 0.38 * down]), FPS)))


def walks_and_lies(way_m: float = 2.0, low_m: float = 0.68) -> np.ndarray:
    """(T, 258): walks for two seconds and lies a quarter of a second later, as two parts that fade into each other."""
    time = np.arange(120) / FPS
    down = np.clip((time - 2.0) / 0.25, 0.0, 1.0)
    rotations = np.tile(np.eye(3), (120, 22, 1, 1))
    c, s = np.cos(down * math.pi / 2), np.sin(down * math.pi / 2)
    lean = np.tile(np.eye(3), (120, 1, 1))
    lean[:, 0, 0], lean[:, 0, 2], lean[:, 2, 0], lean[:, 2, 2] = c, -s, s, c
    rotations[:, 0] = lean @ np.array(WORLD_FROM_BODY)
    pelvis = np.stack([way_m * np.minimum(time, 2.0) / 2.0, 0 * time, 0.93 + (low_m - 0.93) * down], axis=1)
    return np.asarray(canonicalise(encode(rotations, pelvis, FPS)))


def joints(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[..., POSITIONS].reshape(*x.shape[:-1], 22, 3))


@pytest.mark.parametrize(("way", "bend"), [(1.2, 0.0), (1.6, 1.0), (2.2, -0.6), (1.6, 2.5)])
def test_a_walk_ends_on_the_seat_whatever_way_it_went(room: Room, chair: Use, way: float, bend: float) -> None:
    x = walks_and_sits(way, bend)
    come = come_to_rest(x, (chair,), room, AT, FPS)
    assert come is not None
    moved, placement = come
    down = how_down(joints(moved), FPS)
    assert down is not None
    body = joints(moved)
    places = placement.to_room(body[:, 0])[:, :2]
    np.testing.assert_allclose(places[down.level].mean(axis=0), chair.seat.centre_m, atol=0.02)
    facing = placement.heading_rad + np.asarray(heading_rad(root_orientation(body[-1])))
    assert math.cos(float(facing) - chair.seat.facing_rad) > 0.999
    # In the canonical frame it starts as before; in the room, where there is room.
    np.testing.assert_allclose(moved[:20], x[:20], atol=1e-9)
    assert room.free_space.clearance(*places[0]) >= 0.25
    # One sits down backwards, from before the seat.
    out = np.array([math.cos(chair.seat.facing_rad), math.sin(chair.seat.facing_rad)])
    assert (places[58] - places[-1]) @ out > BEFORE_M - 0.06


def test_what_is_no_walk_to_a_seat_is_left_alone(room: Room, chair: Use) -> None:
    x = walks_and_sits()
    assert come_to_rest(x, (), room, AT, FPS) is None
    assert come_to_rest(x, (chair,), None, AT, FPS) is None
    assert come_to_rest(x, (replace(chair, start_free=False),), room, AT, FPS) is None
    assert come_to_rest(walks_and_sits(0.1), (chair,), room, AT, FPS) is None  # no way
    standing = x.copy()
    standing[60:] = standing[59:60]
    assert come_to_rest(standing, (chair,), room, AT, FPS) is None  # nobody sits


def test_a_way_keeps_off_who_stands_on_it(room: Room, chair: Use) -> None:
    x = walks_and_sits(1.8)

    def way(passed: list[np.ndarray]) -> np.ndarray:
        come = come_to_rest(x, (chair,), room, AT, FPS, passed)
        assert come is not None
        return come[1].to_room(joints(come[0])[:, 0])[:, :2]

    alone = way([])
    still = np.tile(alone[25], (len(x), 1, 1))
    np.testing.assert_allclose(alone[-1], way([still])[-1], atol=0.03)
    assert np.linalg.norm(way([still]) - still[:, 0], axis=1).min() > 0.7
    gone = still.copy()
    gone[15:] += 9.0  # who has left by then is in nobody's way
    gone[:15] -= 9.0
    np.testing.assert_array_equal(way([gone]), alone)


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [("a person walks forward, turns and sits down", "chair"), ("a person walks to the bed and lies down", "bed")],
)
def test_the_built_in_model_comes_to_rest_there(ward: Scene, room: Room, prompt: str, thing: str) -> None:
    generator = Generator.load(None, "cpu")
    motion = generator.generate(GenerationRequest((prompt,), scene=ward, seed=1))
    assert motion.prompts == (prompt,)
    body = motion.joints_m[0].astype(np.float64)
    down = how_down(body, FPS)
    assert down is not None
    assert down.level.sum() >= 10
    pelvis = np.median(body[down.level, 0, :2], axis=0)
    assert min(float(one.gap_m(pelvis[None])[0]) for one in ward.furniture if one.object_class == thing) == 0.0
    assert np.linalg.norm(pelvis - body[0, 0, :2]) > 0.8
    again = generator.generate(GenerationRequest((prompt,), scene=ward, seed=1))
    np.testing.assert_array_equal(again.joints_m, motion.joints_m)


def test_each_of_several_people_comes_to_rest_on_their_own_thing(ward: Scene) -> None:
    generator = Generator.load(None, "cpu")
    prompts = "a patient walks to the bed and lies down", "a nurse walks to the chair and sits down", "a person waves"
    for seed in (1, 2):
        motion = generator.generate(GenerationRequest(prompts, scene=ward, seed=seed))
        pelves = motion.joints_m[:, :, 0].astype(np.float64)
        for pelvis, name in zip(pelves, ("bed", "chair"), strict=False):
            things = [one for one in ward.furniture if one.object_class == name]
            resting = pelvis[-30:-10, :2].mean(axis=0)
            assert min(float(one.gap_m(resting[None])[0]) for one in things) == 0.0
            assert np.linalg.norm(pelvis[0, :2] - resting) > 0.8
        assert pelves[1, -20:, 2].max() < 0.75
        gaps = np.linalg.norm(pelves[:, None, :, :2] - pelves[None, :, :, :2], axis=-1)[np.triu_indices(3, 1)]
        assert gaps.min() > 0.35


def test_who_lies_down_takes_the_time_for_it_and_comes_from_beside_the_bed(ward: Scene, room: Room) -> None:
    bed = next(one for one in ward.furniture if one.name == "bed")
    use = spots([bed], room.free_space)[0].use(start_free=True)
    assert use is not None
    x = walks_and_lies()
    come = come_to_rest(x, (use,), room, AT, FPS)
    assert come is not None
    moved, placement = come
    heights = joints(moved)[:, 0, 2]
    falling = np.flatnonzero((heights < 0.92) & (heights > 0.69))
    assert len(falling) / FPS > 0.4 * LIES_DOWN_S
    places = placement.to_room(joints(moved)[:, 0])[:, :2]
    assert bed.gap_m(places[:1])[0] > 0.3
    assert bed.gap_m(places[falling[:1]])[0] > 0.05  # still beside it
    assert bed.gap_m(places[-20:]).max() == 0.0
    assert np.abs(np.diff(joints(moved), axis=0)).max() < 0.6 * np.abs(np.diff(joints(x), axis=0)).max()


@pytest.mark.parametrize("flipped", [False, True])
def test_the_head_comes_to_lie_where_it_belongs_if_that_is_known(ward: Scene, room: Room, flipped: bool) -> None:
    bed = next(one for one in ward.furniture if one.name == "bed")
    head = -np.array(bed.head_m) if flipped else np.array(bed.head_m)
    thing = replace(bed, head_m=(float(head[0]), float(head[1])))
    for way in (1.6, 2.0, 2.4):
        use = spots([thing], room.free_space)[0].use(start_free=True)
        assert use is not None
        assert use.head_known
        come = come_to_rest(walks_and_lies(way), (use,), room, AT, FPS)
        assert come is not None
        places = come[1].to_room(joints(come[0]))[-10:].mean(axis=0)
        assert (places[15, :2] - places[0, :2]) @ head > 0.4


def test_who_lay_down_on_the_floor_of_a_draft_lies_on_the_bed(ward: Scene, room: Room) -> None:
    bed = next(one for one in ward.furniture if one.name == "bed")
    use = spots([bed], room.free_space)[0].use(start_free=True)
    assert use is not None
    x = walks_and_lies(low_m=0.12)
    assert how_down(joints(x), FPS) is None
    come = come_to_rest(x, (use,), room, AT, FPS)
    assert come is not None
    places = come[1].to_room(joints(come[0])[-20:, 0])
    assert bed.gap_m(places[:, :2]).max() == 0.0
    assert np.abs(places[:, 2] - use.level_m).max() < 0.25


def test_who_is_down_for_an_instant_only_is_no_error(ward: Scene, room: Room) -> None:
    """Smoothed, four frames of lying are never all the way down."""
    bed = next(one for one in ward.furniture if one.name == "bed")
    use = spots([bed], room.free_space)[0].use(start_free=True)
    assert use is not None
    time = np.arange(100) / FPS
    lies = (np.arange(100) >= 60) & (np.arange(100) < 64)
    rotations = np.tile(np.eye(3), (100, 22, 1, 1))
    rotations[:, 0] = np.array(WORLD_FROM_BODY)
    rotations[lies, 0] = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]]) @ np.array(WORLD_FROM_BODY)
    pelvis = np.stack([np.minimum(time, 2.0), 0 * time, np.where(lies, 0.6, 0.93)], axis=1)
    x = np.asarray(canonicalise(encode(rotations, pelvis, FPS)))
    down = how_down(joints(x), FPS)
    assert down is not None
    assert down.lies
    assert down.weight.max() < 0.9
    come = come_to_rest(x, (use,), room, AT, FPS)
    assert come is not None
    assert np.isfinite(come[0]).all()
    assert math.isfinite(come[1].heading_rad)


@pytest.mark.parametrize(("place", "heading"), [((2.0, 1.0), 0.3), ((2.4, 2.4), -2.0), ((1.4, 1.2), 1.5)])
def test_from_a_given_start_the_way_is_bent_to_the_seat(
    room: Room, chair: Use, place: tuple[float, float], heading: float
) -> None:
    x, at = walks_and_sits(2.2, 0.5), Placement(place, heading)
    come = come_to_rest(x, (replace(chair, start_free=False, bent=True),), room, at, FPS)
    assert come is not None
    moved, placement = come
    body = placement.to_room(joints(moved))
    np.testing.assert_allclose(body[0, 0, :2], place, atol=1e-6)
    np.testing.assert_allclose(body[-40:, 0, :2].mean(axis=0), chair.seat.centre_m, atol=0.05)
    facing = float(heading_rad(root_orientation(body[-1])))
    assert math.cos(facing - chair.seat.facing_rad) > 0.999
    assert np.linalg.norm(np.diff(body[:, 0, :2], axis=0), axis=1).max() * FPS < 2.5  # nobody leaps
    bones = np.linalg.norm(body[:, 1:3] - body[:, :1], axis=-1)
    np.testing.assert_allclose(bones, np.broadcast_to(bones[0], bones.shape), atol=1e-6)


def test_who_gets_up_before_they_are_to_stays(room: Room, chair: Use) -> None:
    x = walks_and_sits()
    x = np.concatenate([x, x[::-1][:60], x[60:]])  # sits, stands up again, and sits down
    come = come_to_rest(x, (chair,), room, AT, FPS)
    assert come is not None
    pelvis = joints(come[0])[:, 0, 2]
    assert pelvis[85:].max() < 0.6
    assert joints(x)[85:, 0, 2].max() > 0.9


@pytest.mark.parametrize(("until_s", "again"), [(9.0, False), (12.0, True), (13.9, True)])
def test_who_gets_up_too_early_is_not_up_from_one_frame_to_the_next(
    room: Room, chair: Use, until_s: float, again: bool
) -> None:
    """Up from 8.6 s on for good, or from 10.2 to 13.8 s on another seat."""
    x = walks_and_sits()
    rises = x[::-1][:60]
    there = np.asarray(move_pose_vectors(x[60:], 1.5, np.array([0.7, -0.4])))
    parts = [there, there[::-1]] if again else [np.repeat(rises[-1:], 60, axis=0)]
    draft = np.concatenate([x, rises, *parts, np.repeat(parts[-1][-1:], 20, axis=0)])
    come = come_to_rest(draft, (replace(chair, until_s=until_s),), room, AT, FPS)
    assert come is not None
    body = joints(come[0])
    assert np.abs(np.diff(body[60:, :, 2], axis=0)).max() * FPS < 1.5
    assert np.linalg.norm(np.diff(body[85:, 0, :2], axis=0), axis=1).max() * FPS < 1.5
    sat_down = np.flatnonzero(np.diff((body[:, 0, 2] < 0.7).astype(int)) == 1) / FPS
    assert (sat_down < until_s).sum() == 1
    if until_s >= 12.0:
        assert body[85 : round(until_s * FPS) - 8, 0, 2].max() < 0.7


def test_the_built_in_model_sits_once_in_a_long_motion_and_does_not_leap(ward: Scene) -> None:
    generator = Generator.load(None, "cpu")
    request = GenerationRequest(
        ("a person walks to the chair and sits down",), scene=ward, seconds=12.0, goals=("chair 2",)
    )
    seat = next(one for one in ward.furniture if one.name == "chair 2")
    right = 0
    for seed in range(5):
        pelvis = generator.generate(replace(request, seed=seed)).joints_m[0, :, 0].astype(np.float64)
        low = np.flatnonzero(pelvis[:, 2] < 0.75)
        right += (
            # Once down they stay down, to the end: shifting on the seat takes a pelvis to .77 m, standing up to .9.
            pelvis[low[0] :, 2].max() < 0.82
            and seat.gap_m(pelvis[-1:, :2])[0] < 0.05
            and np.linalg.norm(np.diff(pelvis[:, :2], axis=0), axis=1).max() * FPS < 2.5
        )
    # Products of matrices are rounded otherwise on other processors; with one's rounding one of these stands up again.
    assert right >= 4
