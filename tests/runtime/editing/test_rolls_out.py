"""The draft of a fall out of bed: against closed forms, on sides where there is room, and as it was planned at last."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.frame_labels import ACTIONS, omnifall_labels
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.rolls_out import (
    BESIDE_M,
    FALLS_M_S2,
    FROM_DEG,
    LIES_M,
    LIES_S,
    ON_SIDE_M,
    ROLLS_S,
    TIPS_M,
    TURNS_DEG,
    WITHIN_M,
    as_planned,
    rolls_out,
    ways_out,
)
from motion_runtime.stage import Rest, RollsOut

FPS = 20.0
FRAMES = 120
WAY = RollsOut((1.0, 2.0), 0.5, -1.0, 0.55, 0.5, 0.5)


def drafts(way: RollsOut = WAY) -> list[np.ndarray]:
    return [joints_of(rolls_out(way, FRAMES, FPS, np.random.default_rng(seed))) for seed in range(8)]


def across(joints: np.ndarray, way: RollsOut = WAY) -> np.ndarray:
    """How far the pelvis is from the middle of the mattress, to the side of the fall, (T,)."""
    return (joints[:, 0, :2] - way.place_m) @ way.out


def hall(half_m: float = 3.0, cell: float = 0.1) -> FreeSpace:
    """Free floor around the origin, of which a bed of 2 m x 1 m along x takes the middle."""
    places = np.arange(-half_m, half_m + cell / 2, cell)
    x, y = np.meshgrid(places, places, indexing="ij")
    bed = (np.abs(x) <= 1.0) & (np.abs(y) <= 0.5)
    return FreeSpace((-half_m, -half_m), cell, np.ones_like(bed), bed)


REST = Rest((0.0, 0.0), (0.1, 0.2), 0.0)


def with_wall(space: FreeSpace, side: float, at_m: float) -> FreeSpace:
    """The same with everything beyond a line along the bed in the way."""
    y = space.origin_m[1] + space.cell_m * np.arange(space.floor.shape[1])
    return FreeSpace(space.origin_m, space.cell_m, space.floor, space.obstacles | (side * y >= at_m)[None])


def test_one_lies_on_the_mattress_falls_and_lies_beside_the_bed() -> None:
    for joints in drafts():
        height = joints[:, 0, 2]
        first = slice(0, int(LIES_S[0] * FPS))
        assert (height[first] >= WAY.level_m + LIES_M - 1e-9).all()
        assert (height[first] <= WAY.level_m + LIES_M + ON_SIDE_M + 1e-9).all()
        assert WAY.edge_m - WITHIN_M[1] - 1e-9 <= across(joints)[0] <= WAY.edge_m - WITHIN_M[0] + 1e-9
        assert height[-1] <= LIES_M + ON_SIDE_M + 1e-9
        np.testing.assert_allclose(joints[-1, 0, :2], WAY.lands_m, atol=1e-9)
        assert (np.diff(across(joints)) >= -1e-9).all()  # never back
        along = (joints[:, 0, :2] - WAY.place_m) @ [math.cos(WAY.foot_rad), math.sin(WAY.foot_rad)]
        np.testing.assert_allclose(along, 0.0, atol=1e-9)


def test_nobody_sinks_before_the_edge_and_then_no_faster_than_the_edge_lets_them() -> None:
    for joints in drafts():
        height, out = joints[:, 0, 2], across(joints)
        tips = WAY.edge_m + TIPS_M
        assert (height[out < tips - 0.01] >= WAY.level_m + LIES_M - 1e-9).all()
        level = height - ON_SIDE_M  # on the side one lies higher by up to this, at any time
        falls_s = math.sqrt(2 * WAY.level_m / FALLS_M_S2)
        passed = int(np.argmax(out >= tips))
        on_floor = int(np.argmax(level < LIES_M + 0.01))
        assert falls_s - 2 / FPS < (on_floor - passed) / FPS < falls_s + 2 / FPS


def test_one_turns_outwards_by_as_much_as_was_drawn() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        begins, turns = rng.uniform(*FROM_DEG), rng.uniform(*TURNS_DEG)
        joints = drafts()[seed]
        left = joints[:, JOINT_INDEX["left_hip"]] - joints[:, JOINT_INDEX["right_hip"]]
        head = -np.array([math.cos(WAY.foot_rad), math.sin(WAY.foot_rad), 0.0])
        chest = np.cross(left, head)
        phi = np.unwrap(np.arctan2(chest @ [*WAY.out, 0.0], chest[:, 2]))
        assert np.degrees(phi[0]) == pytest.approx(begins, abs=1.0)
        assert np.degrees(phi[-1] - phi[0]) == pytest.approx(turns, abs=1e-6)
        assert (np.diff(phi) >= -1e-9).all()


def test_it_is_a_fall_from_lying_to_the_labels() -> None:
    for joints in drafts():
        labels = [ACTIONS[k] for k in omnifall_labels(joints, FPS)]
        assert labels[0] == "lying"
        assert "fall" in labels
        assert labels[-1] == "fallen"


def test_a_fall_begins_when_it_is_told_to() -> None:
    way = RollsOut((0.0, 0.0), 0.0, 1.0, 0.5, 0.5, 0.5, since_s=3.0)
    for joints in drafts(way):
        np.testing.assert_allclose(joints[: int(3.0 * FPS)], joints[:1].repeat(60, axis=0), atol=1e-9)
        assert 3.0 + ROLLS_S[0] < int(np.argmax(joints[:, 0, 2] < 0.4)) / FPS < 3.0 + ROLLS_S[1] + 0.5


def test_there_are_ways_off_both_sides_of_a_free_bed() -> None:
    ways = ways_out(REST, 0.5, 0.5, hall())
    assert {way.side for way in ways} == {1.0, -1.0}
    for way in ways:
        assert way.side * way.lands_m[1] == pytest.approx(0.5 + way.beside_m)
        assert BESIDE_M[0] <= way.beside_m <= BESIDE_M[1]


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_nobody_falls_where_there_is_a_wall(side: float) -> None:
    beside = with_wall(hall(), side, 0.7)
    assert {way.side for way in ways_out(REST, 0.5, 0.5, beside)} == {-side}
    assert ways_out(REST, 0.5, 0.5, with_wall(beside, -side, 0.7)) == []


def test_a_table_at_one_end_is_kept_clear_of() -> None:
    space = hall()
    x = space.origin_m[0] + space.cell_m * np.arange(space.floor.shape[0])
    table = FreeSpace(space.origin_m, space.cell_m, space.floor, space.obstacles | (np.abs(x - 0.9) < 0.25)[:, None])
    rest = Rest((0.0, 0.0), (0.3, 0.2), 0.0)
    assert {way.place_m[0] for way in ways_out(rest, 0.5, 0.5, table)} == {-0.3}


def test_what_was_not_changed_stays() -> None:
    plan = rolls_out(WAY, FRAMES, FPS, np.random.default_rng(3))
    np.testing.assert_allclose(as_planned(plan, WAY, plan, FPS), plan, atol=1e-9)


def test_beginning_and_end_are_taken_back_to_where_they_were_planned() -> None:
    plan = rolls_out(WAY, FRAMES, FPS, np.random.default_rng(3))
    joints = joints_of(plan).copy()
    gone = np.clip((across(joints) - across(joints)[0]) / np.ptp(across(joints)), 0.0, 1.0)
    joints[..., :2] += (0.3 * gone)[:, None, None] * WAY.out + [0.05, -0.02]
    joints[..., 2] += 0.1 * (joints[:, :1, 2] > 0.5)
    back = joints_of(as_planned(with_joints(plan, joints, FPS), WAY, plan, FPS))
    for end in (0, -1):
        np.testing.assert_allclose(back[end, 0], joints_of(plan)[end, 0], atol=0.02)
    # As one piece: what a pose is does not change.
    np.testing.assert_allclose(back - back[:, :1], joints - joints[:, :1], atol=1e-12)
