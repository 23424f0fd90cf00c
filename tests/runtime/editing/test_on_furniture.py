"""Sitting and lying come to be on the furniture: on motions of known shape, and with a model in the loop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.editing.on_furniture import (
    FASTEST_M_S,
    MOST_RAISED_M,
    OVER_M,
    OnFurniture,
    facing_down,
    how_down,
    resting,
    while_used,
)
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement
from motion_runtime.stage import Rest, Use

Array = NDArray[np.float64]
FPS = 20.0
FRAMES = 100
PLACE = Placement((2.0, 1.0), 0.7)
LEVEL_M = 0.47


def body(pelvis_m: Array, yaw_rad: float = 0.0, pitch_rad: Array | None = None) -> Array:
    """A stiff body (T, 258) whose pelvis goes where it is told, leaning back by `pitch_rad`."""
    rotations = np.tile(np.eye(3), (len(pelvis_m), 22, 1, 1))
    lean = np.tile(np.eye(3), (len(pelvis_m), 1, 1))
    if pitch_rad is not None:
        c, s = np.cos(pitch_rad), np.sin(pitch_rad)
        lean[:, 0, 0], lean[:, 0, 2], lean[:, 2, 0], lean[:, 2, 2] = c, -s, s, c
    rotations[:, 0] = about_z(np.asarray(yaw_rad)) @ lean @ np.array(WORLD_FROM_BODY)
    return np.asarray(encode(rotations, pelvis_m, FPS))


def sits_down(back_m: float = 0.3, low_m: float = 0.55) -> Array:
    """Pelvis (T, 3) of somebody who stands for a second, goes back and down for one, and stays."""
    u = np.clip((np.arange(FRAMES) / FPS - 1.0) / 1.0, 0.0, 1.0)
    u = u * u * (3 - 2 * u)
    return np.stack([-back_m * u, np.zeros(FRAMES), 0.93 + (low_m - 0.93) * u], axis=1)


def joints(x: Array) -> Array:
    return np.asarray(x[..., POSITIONS].reshape(*x.shape[:-1], 22, 3))


def underside(x: Array) -> Array:
    """Lowest point (T,) of the capsules of the hips: the trunk of an upright body reaches no lower."""
    capsules = body_capsules(joints(x))
    return np.asarray(np.minimum(capsules.starts_m[:, :2, 2], capsules.ends_m[:, :2, 2]).min(axis=1) - 0.09)


def seat(x: float, y: float, *, free: bool, half: float = 0.02, facing: float = PLACE.heading_rad) -> Use:
    """A seat at a place of the canonical frame."""
    place = PLACE.to_room(np.array([[x, y, 0.0]]))[0]
    return Use(LEVEL_M, Rest((float(place[0]), float(place[1])), (half, half), facing), (), free)


def led(x: Array, use: Use, *, kept: int = 0, space: FreeSpace | None = None, finished: bool = True) -> Array:
    return np.asarray(OnFurniture([(use,)], PLACE, FPS, space, kept=kept, finished=finished)(x[None])[0])


def test_a_motion_with_a_free_start_is_moved_as_one_piece() -> None:
    x = body(sits_down())
    moved = led(x, seat(-0.5, 0.2, free=True))
    shift = joints(moved)[..., :2] - joints(x)[..., :2]
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=1e-9)  # nothing slides
    np.testing.assert_allclose(joints(moved)[-1, 0, :2], (-0.5, 0.2), atol=0.03)
    np.testing.assert_allclose(underside(moved)[-20:], LEVEL_M + OVER_M, atol=0.01)
    np.testing.assert_allclose(joints(moved)[:15, :, 2], joints(x)[:15, :, 2], atol=1e-6)  # who stands stays


def test_while_it_is_denoised_it_is_raised_but_not_moved() -> None:
    x = body(sits_down())
    moved = led(x, seat(-0.5, 0.2, free=True), finished=False)
    np.testing.assert_array_equal(joints(moved)[..., :2], joints(x)[..., :2])
    np.testing.assert_allclose(underside(moved)[-20:], LEVEL_M + OVER_M, atol=0.01)


def test_velocities_are_those_of_the_places() -> None:
    for free in (True, False):
        moved = led(body(sits_down()), seat(-0.5, 0.2, free=free))
        speed = moved[1:-1, VELOCITIES].reshape(-1, 22, 3)
        np.testing.assert_allclose(speed[:, 0], np.diff(joints(moved)[:, 0], axis=0)[1:] * FPS, atol=0.3)
        np.testing.assert_allclose(speed.mean(axis=0), np.diff(joints(moved), axis=0).mean(axis=0) * FPS, atol=0.02)


def test_who_is_told_where_to_start_starts_there_and_comes_no_faster() -> None:
    x = body(sits_down())
    moved = led(x, seat(-0.6, 0.2, free=False))
    shift = joints(moved)[:, 0, :2] - joints(x)[:, 0, :2]
    assert np.linalg.norm(shift[0]) < 0.02
    np.testing.assert_allclose(joints(moved)[-1, 0, :2], (-0.6, 0.2), atol=0.03)
    assert np.linalg.norm(np.diff(shift, axis=0), axis=1).max() * FPS < FASTEST_M_S + 1e-9


def test_while_it_is_denoised_nobodys_free_start_is_moved_in_later_windows_either() -> None:
    x = body(sits_down())
    moved = led(x, seat(-0.6, 0.2, free=True), kept=20, finished=False)
    np.testing.assert_array_equal(joints(moved)[..., :2], joints(x)[..., :2])


def test_facing_follows_the_seat() -> None:
    moved = led(body(sits_down()), seat(-0.4, 0.0, free=True, facing=PLACE.heading_rad + 0.5))
    np.testing.assert_allclose(heading_rad(root_orientation(joints(moved))), 0.5, atol=1e-6)
    np.testing.assert_allclose(joints(moved)[-1, 0, :2], (-0.4, 0.0), atol=0.03)


def test_a_wide_rest_takes_the_motion_where_it_is_nearest() -> None:
    x = body(sits_down(0.3))
    moved = led(x, seat(-0.5, 0.0, free=True, half=0.1))
    np.testing.assert_allclose(joints(moved)[-1, 0, :2], (-0.4, 0.0), atol=0.01)


@pytest.mark.parametrize("pelvis", [0.93, 0.12])
def test_who_stands_or_lies_on_the_floor_is_left_alone(pelvis: float) -> None:
    x = body(np.tile((0.0, 0.0, pelvis), (FRAMES, 1)))
    np.testing.assert_array_equal(led(x, seat(1.0, 0.0, free=True)), x)


def test_seats_far_from_the_own_height_are_not_met_in_full() -> None:
    low = sits_down(low_m=0.42)
    moved = led(body(low), seat(-0.3, 0.0, free=True))
    np.testing.assert_allclose(joints(moved)[-1, 0, 2], 0.42 + MOST_RAISED_M, atol=1e-6)


def test_a_short_dip_is_sitting_too() -> None:
    """However short, it has a place: who is down for three frames is led there, and nothing is divided by nothing."""
    pelvis = sits_down()
    pelvis[:, 2] = 0.93
    pelvis[50:54, 2] = 0.6
    moved = led(body(pelvis), seat(-0.3, 0.5, free=True))
    np.testing.assert_allclose(joints(moved)[51, 0, 1], 0.5, atol=0.03)


def test_a_seat_out_of_reach_is_not_jumped_to() -> None:
    x = body(sits_down())
    np.testing.assert_array_equal(led(x, seat(-5.0, 0.0, free=True)), x)
    np.testing.assert_array_equal(led(x, seat(-2.0, 0.0, free=False)), x)


def test_nobody_faces_the_back_of_a_chair() -> None:
    x = body(sits_down())
    behind = PLACE.heading_rad + 2.5
    np.testing.assert_array_equal(led(x, seat(-0.3, 0.0, free=False, facing=behind)), x)  # where they start is told
    turned = led(x, seat(-0.3, 0.0, free=True, facing=behind))
    facing = heading_rad(root_orientation(joints(turned)))
    np.testing.assert_allclose(np.cos(facing - 2.5), 1.0, atol=1e-3)


def test_who_stands_before_a_high_bed_is_not_down() -> None:
    pelvis = sits_down(low_m=0.74)
    down = how_down(joints(body(pelvis)), FPS)
    assert down is not None
    assert down.weight[:15].max() < 0.01
    assert down.level[-40:].all()


def test_on_a_bed_as_high_as_the_hips_who_lies_is_down_and_who_stands_is_not() -> None:
    pelvis = sits_down(low_m=0.86)
    assert how_down(joints(body(pelvis)), FPS) is None
    flat = np.where(np.arange(FRAMES) < 40, 0.0, np.pi / 2)
    down = how_down(joints(body(pelvis, pitch_rad=flat)), FPS)
    assert down is not None
    assert down.lies
    assert not down.level[:35].any()
    assert down.level[45:].all()


def test_a_start_is_not_moved_into_things() -> None:
    """Half of the floor is taken: who would start there once turned is not turned."""
    floor = np.ones((80, 80), np.bool_)
    things = np.zeros_like(floor)
    use = seat(-0.4, 0.0, free=True, facing=PLACE.heading_rad + 1.2)
    x = body(sits_down(1.5))
    turned = joints(led(x, use, space=FreeSpace((-4.0, -4.0), 0.1, floor, things)))
    assert abs(float(heading_rad(root_orientation(turned))[0])) == pytest.approx(1.2, abs=1e-6)
    start = np.round((PLACE.to_room(turned[0, 0])[:2] + 4.0) / 0.1).astype(int)
    things[start[0] - 3 : start[0] + 4, start[1] - 3 : start[1] + 4] = True
    kept = joints(led(x, use, space=FreeSpace((-4.0, -4.0), 0.1, floor, things)))
    assert abs(float(heading_rad(root_orientation(kept))[0])) < 1e-6
    np.testing.assert_allclose(kept[-1, 0, :2], (-0.4, 0.0), atol=0.05)  # as near as the seat's square lets it


def lies(yaw_rad: float) -> Array:
    """Somebody on their back from the first frame on, feet towards the yaw."""
    return body(np.tile((0.0, 0.0, 0.6), (FRAMES, 1)), yaw_rad, np.full(FRAMES, math.pi / 2))


@pytest.mark.parametrize(("yaw", "end"), [(0.3, 0.0), (2.9, math.pi), (-1.2, 0.0)])
def test_who_lies_comes_to_lie_along_the_bed(yaw: float, end: float) -> None:
    x = lies(yaw)
    found = how_down(joints(x), FPS)
    assert found is not None
    assert found.lies
    centre = PLACE.to_room(np.array([[0.2, 0.3, 0.0]]))[0]
    beds = tuple(
        Rest((float(centre[0]), float(centre[1])), (0.1, 0.1), PLACE.heading_rad + turn) for turn in (0.0, math.pi)
    )
    use = Use(0.5, seat(9, 9, free=False).seat, beds, False)
    moved = led(x, use)  # whatever was said of the start: there is no way to where somebody lies already
    facing = float(heading_rad(root_orientation(joints(moved)))[-1])
    assert abs((facing - end + math.pi) % (2 * math.pi) - math.pi) < 1e-6
    np.testing.assert_allclose(joints(moved)[0, 0, :2], (0.1, 0.2), atol=1e-6)
    rise = joints(moved)[-1, :, 2] - joints(x)[-1, :, 2]
    np.testing.assert_allclose(rise, rise[0], atol=1e-6)  # the feet too


@pytest.mark.parametrize("roll", [0.0, math.pi / 2, math.pi, -math.pi / 2])
def test_who_lies_faces_from_head_to_foot_on_back_belly_and_side(roll: float) -> None:
    x = lies(0.4)
    turned = joints(x).copy()
    way = np.array([math.cos(0.4), math.sin(0.4), 0.0])  # about the body's length
    about = np.outer(way, way) * (1 - math.cos(roll)) + math.cos(roll) * np.eye(3)
    about += math.sin(roll) * np.array([[0, -way[2], way[1]], [way[2], 0, -way[0]], [-way[1], way[0], 0]])
    turned = (turned - turned[:, :1]) @ about.T + turned[:, :1]
    assert abs(facing_down(turned) - 0.4) < 0.1  # a neck is no straight line on from a pelvis
    assert abs(facing_down(joints(body(np.tile((0.0, 0.0, 0.9), (3, 1)), 1.1))) - 1.1) < 1e-6  # who stands, as before


def test_who_sits_before_they_lie_rests_only_from_then_on() -> None:
    rise = np.clip((60 - np.arange(FRAMES)) / 10, 0.0, 1.0)  # sits for two and a half seconds, then lies down
    x = body(np.tile((0.0, 0.0, 0.6), (FRAMES, 1)), 0.0, (1 - rise) * math.pi / 2)
    found = how_down(joints(x), FPS)
    assert found is not None
    found = found._replace(level=np.ones(FRAMES, dtype=np.bool_), lies=True)
    np.testing.assert_array_equal(np.flatnonzero(resting(joints(x), found))[:1] > 50, True)
    assert resting(joints(x), found._replace(lies=False)).all()


def test_a_thing_counts_in_its_time_only() -> None:
    """Sits, stands up, walks and sits again: each thing has the one for which it is its time."""
    there, back = sits_down(), sits_down()[::-1]
    x = body(np.concatenate([there, back, there]))
    first, second = seat(-0.4, 0.0, free=False), seat(-0.2, 0.3, free=False)
    change_s = (len(there) + 10) / FPS  # while they are still down
    uses = (replace(first, until_s=change_s), replace(second, since_s=change_s, bent=True))
    early = while_used(joints(x), uses[0], FPS)
    late = while_used(joints(x), uses[1], FPS)
    assert early is not None
    assert late is not None
    assert early.level[: 2 * len(there)].any()
    assert not early.level[2 * len(there) :].any()
    assert not late.level[: 2 * len(there)].any()
    assert late.level[-10:].all()
    moved = joints(np.asarray(OnFurniture([uses], PLACE, FPS, finished=True)(x[None])[0]))
    np.testing.assert_allclose(moved[len(there) - 5, 0, :2], (-0.4, 0.0), atol=0.03)
    np.testing.assert_allclose(moved[-1, 0, :2], (-0.2, 0.3), atol=0.03)


@pytest.mark.parametrize("first_s", [0.0, 2.0])
def test_who_sits_throughout_a_window_is_not_on_the_next_thing_yet(first_s: float) -> None:
    """A bed 15 cm higher, to which they are to go from 2 s on, does not raise who is still on the chair."""
    x = body(np.tile((0.0, 0.0, 0.55), (FRAMES, 1)))
    chair = replace(seat(0.0, 0.0, free=False), until_s=2.0)
    bed = replace(seat(1.0, 0.0, free=False), level_m=LEVEL_M + 0.15, since_s=2.0, bent=True)
    assert while_used(joints(x), bed, FPS, first_s) is None
    down = while_used(joints(x), chair, FPS, first_s)
    assert down is not None
    assert down.level.all()
    moved = OnFurniture([(chair, bed)], PLACE, FPS, first_s=first_s)(x[None])[0]
    np.testing.assert_allclose(underside(moved), LEVEL_M + OVER_M, atol=0.01)
    np.testing.assert_allclose(joints(moved)[:, 0, :2], 0.0, atol=1e-6)
    first = while_used(joints(x), replace(bed, since_s=0.0), FPS)
    assert first is not None
    assert first.level.all()


def test_who_falls_off_a_seat_is_led_onto_it_before_and_let_go_then() -> None:
    """Nobody who lies on the floor was ever on a seat, were the whole looked at; nor do they get on their feet."""
    sits = sits_down()[:70]
    falls = np.column_stack([np.linspace(-0.3, 0.3, 30), np.zeros(30), np.linspace(0.55, 0.05, 30)])
    x = body(np.concatenate([sits, falls]))
    chair = replace(seat(-0.3, 0.0, free=False), until_s=3.5)
    assert while_used(joints(x), chair, FPS) is None
    down = while_used(joints(x), replace(chair, falls=True), FPS)
    assert down is not None
    assert down.level[45:70].all()
    assert not down.level[70:].any()
    assert np.abs(np.diff(down.weight)).max() < 0.25
    assert down.weight[85:].max() == 0.0
    moved = OnFurniture([(replace(chair, falls=True),)], PLACE, FPS, finished=True)(x[None])[0]
    np.testing.assert_allclose(underside(moved)[50:69], LEVEL_M + OVER_M, atol=0.01)
    np.testing.assert_allclose(joints(moved)[85:, 0, 2], joints(x)[85:, 0, 2], atol=1e-9)


def test_the_built_in_model_falls_off_a_chair(ward: Scene) -> None:
    prompt = "a person sits on the chair | a person falls to the floor"
    motion = Generator.load(None, "cpu").generate(GenerationRequest((prompt,), scene=ward, seconds=8.0, seed=3))
    pelvis = motion.joints_m[0, :, 0, 2]
    assert pelvis[45:62].min() > 0.4
    assert pelvis[45:62].max() < 0.75
    assert pelvis[-10:].max() < 0.4
