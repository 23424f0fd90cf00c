"""A bent way against closed forms: where it begins and ends, how long it is, and what of the draft is left in it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonicalise, heading_rad
from motion_preprocessing.pose_vector import POSITIONS, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.editing.bent_way import ROUND_M, End, bent
from motion_runtime.editing.on_furniture import Down
from motion_runtime.editing.turn_round import FASTEST_RAD_S

Array = NDArray[np.float64]
FPS = 20.0
UPRIGHT, ARRIVED, FRAMES = 120, 140, 180
PLACE = np.array([2.0, 0.0])
CHAIR = End(PLACE, math.pi, 0.0, 0.4)
"""Open towards where they come from."""
BOX_M = ((0.6, 1.4), (-0.5, 0.5))
"""Between start and chair."""
ROUND_BOX = np.array([[0.0, 0.0], [0.3, 0.9], [1.7, 0.9], [1.6, 0.0]])


def draft(way_m: float = 2.0, bow_rad: float = 0.0, stands_s: float = 0.0) -> Array:
    """(T, 258): somebody stands, walks until frame 120 on a bow, and sits down in one second."""
    frames = np.arange(FRAMES)
    walked = np.clip((frames - stands_s * FPS) / (UPRIGHT - stands_s * FPS), 0.0, 1.0)
    down = np.clip((frames - UPRIGHT) / (ARRIVED - UPRIGHT), 0.0, 1.0)
    yaw = bow_rad * walked
    steps = way_m * np.diff(walked, prepend=0.0)[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    rotations = np.tile(np.eye(3), (FRAMES, 22, 1, 1))
    rotations[:, 0] = np.asarray(about_z(yaw)) @ np.array(WORLD_FROM_BODY)
    pelvis = np.column_stack([np.cumsum(steps, axis=0), 0.93 - 0.38 * down])
    return np.asarray(canonicalise(encode(rotations, pelvis, FPS)))


def downs(begin: int = 0) -> Down:
    """Somebody who is going down from frame 120 on, and down from 140."""
    frames = np.arange(FRAMES)
    weight = np.clip((frames - UPRIGHT) / (ARRIVED - UPRIGHT), 0.0, 1.0)
    return Down(weight, frames >= ARRIVED, 0.45, False, begin)


def joints(x: Array) -> Array:
    return np.asarray(x[:, POSITIONS].reshape(len(x), 22, 3))


def facing(x: Array) -> Array:
    return np.unwrap(np.asarray(heading_rad(root_orientation(joints(x)))))


def length(way: Array) -> float:
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


@pytest.mark.parametrize("bow_rad", [0.0, 1.5, -2.5])
@pytest.mark.parametrize("side_rad", [0.0, 0.5 * math.pi, -0.5 * math.pi])
def test_it_begins_where_they_are_and_ends_on_the_thing(bow_rad: float, side_rad: float) -> None:
    x = draft(bow_rad=bow_rad)
    end = CHAIR._replace(side_rad=side_rad)
    out = end.facing_rad + side_rad
    before = PLACE + end.gap_m * np.array([math.cos(out), math.sin(out)])
    result = bent(x, np.array([[0.0, 0.0], before]), end, downs(), 0, UPRIGHT, FPS)
    np.testing.assert_allclose(joints(result)[0], joints(x)[0], atol=1e-9)
    np.testing.assert_allclose(joints(result)[ARRIVED:, 0, :2].mean(axis=0), PLACE, atol=1e-9)
    assert math.cos(float(facing(result)[-1]) - end.facing_rad) == pytest.approx(1.0)
    # They go down from before the thing, not from over it.
    np.testing.assert_allclose(joints(result)[UPRIGHT, 0, :2], before, atol=1e-9)
    # Heights are the draft's, and so is the body from where it goes down on, moved as one piece.
    np.testing.assert_allclose(joints(result)[..., 2], joints(x)[..., 2], atol=1e-12)
    gaps = [one[ARRIVED:].reshape(-1, 3) for one in (joints(result), joints(x))]
    np.testing.assert_allclose(*(np.linalg.norm(one[::50, None] - one[None, ::50], axis=-1) for one in gaps), atol=1e-9)


def test_a_way_round_a_box_never_enters_it_and_is_hardly_shorter_than_its_corners() -> None:
    result = bent(draft(), ROUND_BOX, CHAIR, downs(), 0, UPRIGHT, FPS)
    way = joints(result)[: UPRIGHT + 1, 0, :2]
    inside = [(way[:, axis] > low) & (way[:, axis] < high) for axis, (low, high) in enumerate(BOX_M)]
    assert not (inside[0] & inside[1]).any()
    straight = joints(bent(draft(), ROUND_BOX[[0, -1]], CHAIR, downs(), 0, UPRIGHT, FPS))[: UPRIGHT + 1, 0, :2]
    assert (np.abs(straight[(straight[:, 0] > 0.6) & (straight[:, 0] < 1.4), 1]) < 0.5).all()  # through it
    # A Gaussian of width s cuts a corner by (u2 - u1) s / sqrt(2 pi), u the ways' directions.
    ways = np.diff(ROUND_BOX, axis=0) / np.linalg.norm(np.diff(ROUND_BOX, axis=0), axis=1)[:, None]
    for corner, turn in zip(ROUND_BOX[1:-1], np.diff(ways, axis=0), strict=True):
        cut = ROUND_M * float(np.linalg.norm(turn)) / math.sqrt(2 * math.pi)
        assert np.linalg.norm(way - corner, axis=1).min() == pytest.approx(cut, abs=0.03)
    # By rounding, a way loses for each corner less than the two sides that it cuts off.
    assert length(ROUND_BOX) - 2 * 2 * ROUND_M < length(way) < length(ROUND_BOX)


def test_a_straight_way_is_gone_at_the_draft_s_own_pace() -> None:
    """Half of the time at twice the pace of the other half: the shares of the way that are behind them stay."""
    x = draft(way_m=1.0)
    slow = x.copy()
    at = np.interp(np.arange(FRAMES), [0, 80, UPRIGHT, FRAMES - 1], [0, 60, UPRIGHT, FRAMES - 1])
    for column in range(x.shape[1]):
        slow[:, column] = np.interp(at, np.arange(FRAMES), x[:, column])
    end = End(PLACE, 0.0, math.pi, 0.4)  # seen from behind, no turn at all
    result = bent(slow, np.array([[0.0, 0.0], [1.6, 0.0]]), end, downs(), 0, UPRIGHT, FPS)
    way = joints(result)[: UPRIGHT + 1, 0]
    share = joints(slow)[: UPRIGHT + 1, 0, 0] / joints(slow)[UPRIGHT, 0, 0]
    np.testing.assert_allclose(way[:, 0] / way[-1, 0], share, atol=0.01)
    np.testing.assert_allclose(way[:, 1], 0.0, atol=1e-9)
    np.testing.assert_allclose(facing(result), 0.0, atol=1e-9)


@pytest.mark.parametrize("begin", [20, 60])
def test_nothing_changes_before_it_begins(begin: int) -> None:
    x = draft(bow_rad=0.7)
    start = joints(x)[begin, 0, :2]
    corners = np.array([start, [0.5, 1.5], [1.6, 0.0]])
    result = bent(x, corners, CHAIR, downs(begin), begin, UPRIGHT, FPS)
    np.testing.assert_allclose(result[:begin, POSITIONS], x[:begin, POSITIONS], atol=1e-12)
    np.testing.assert_allclose(joints(result)[begin], joints(x)[begin], atol=1e-9)
    np.testing.assert_allclose(joints(result)[UPRIGHT, 0, :2], [1.6, 0.0], atol=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 90.0, -150.0])
def test_they_face_along_the_way_and_turn_at_its_ends(degrees: float) -> None:
    """A way of four metres in some direction; a turn at either end takes 1.2 s at most."""
    angle = math.radians(degrees)
    along = np.array([math.cos(angle), math.sin(angle)])
    end = End(4.4 * along, angle + math.pi, 0.0, 0.4)
    result = bent(draft(4.0), np.array([0.0 * along, 4.0 * along]), end, downs(), 0, UPRIGHT, FPS)
    between = facing(result)[30 : UPRIGHT - 30]
    np.testing.assert_allclose(np.cos(between - angle), 1.0, atol=1e-6)
    assert np.abs(np.diff(facing(result))).max() * FPS < 2 * FASTEST_RAD_S  # eased, on the mean as fast as that
    speed = np.linalg.norm(np.diff(joints(result)[: UPRIGHT + 1, 0, :2], axis=0), axis=1) * FPS
    assert speed.max() < 1.5 * 4.0 / 6.0 + 0.3
    if degrees:
        assert speed[:4].max() < 0.6 * speed[40:80].mean()  # who faces elsewhere goes slowly


@pytest.mark.parametrize(("x", "corners"), [
    (draft(0.0), np.array([[0.0, 0.0], [0.0, 0.0]])),
    (draft(0.0), np.array([[0.0, 0.0], [1.6, 0.0]])),
    (draft(2.0), np.array([[0.0, 0.0], [0.0, 0.0]])),
    (draft(2.0, stands_s=4.0), ROUND_BOX),
])  # fmt: skip
def test_no_way_at_all_is_no_error(x: Array, corners: Array) -> None:
    end = End(corners[-1] + [0.4, 0.0], math.pi, 0.0, 0.4)
    result = bent(x, corners, end, downs(), 0, UPRIGHT, FPS)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(joints(result)[ARRIVED:, 0, :2].mean(axis=0), end.place_m, atol=1e-9)
    np.testing.assert_allclose(joints(result)[0, 0, :2], joints(x)[0, 0, :2], atol=1e-9)
