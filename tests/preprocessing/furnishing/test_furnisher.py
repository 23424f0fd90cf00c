"""Furniture meets the bodies that use it and keeps clear of everybody."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.furnishing.furnisher import furnish_people
from motion_preprocessing.furnishing.item import to_item
from motion_preprocessing.furnishing.library import SEATS
from motion_preprocessing.labels import OBJECT_CLASSES
from motion_preprocessing.skeleton import JOINT_INDEX


@pytest.mark.parametrize("seed", range(10))
def test_who_sits_sits_on_a_seat(sitting_down, depth_inside, seed):
    joints = sitting_down(yaw_deg=37.0 * seed)
    done = furnish_people(joints[None], np.random.default_rng(seed), free_objects=0)
    assert done.unmet == ()
    assert [use.use for use in done.uses] == ["sit_down", "sit", "stand_up"]
    (placed,) = (done.placed[i] for i in {use.placed for use in done.uses})
    assert placed.object_class in SEATS | {"bed"}
    seated = joints[45]
    assert placed.support_m is not None
    underside = seated[[JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]], 2].min() - 0.09
    assert -0.005 <= placed.support_m - underside <= 0.05
    own = to_item(seated[0, :2], placed.yaw_rad, np.array(placed.origin_m))
    x0, x1, y0, y1 = placed.rectangle_m
    assert x0 < own[0] < x1
    assert y0 < own[1] < y1
    if placed.object_class != "bed":  # its front is where the body faces; what stands above the seat is not in front
        assert np.cos(placed.yaw_rad - np.radians(37.0 * seed)) > 0.95
        mine = done.points_m[done.objects == done.uses[0].placed]
        above = mine[mine[:, 2] > placed.support_m + 0.3]
        assert np.all(to_item(above, placed.yaw_rad, np.array(placed.origin_m))[:, 0] < 0.0)
    assert depth_inside(joints, done.points_m).max() < 0.05


@pytest.mark.parametrize("seed", range(6))
def test_who_lies_lies_on_a_bed(lying, depth_inside, seed):
    joints = lying(0.65, 50.0 * seed)
    done = furnish_people(joints[None], np.random.default_rng(seed), free_objects=2)
    assert done.unmet == ()
    use = done.uses[0]
    placed = done.placed[use.placed]
    assert (use.use, use.object_class) == ("lie", "bed")
    assert placed.support_m is not None
    assert 0.45 < placed.support_m < 0.62
    # The whole body is over the bed, its head at the head end.
    own = to_item(joints[15, :, :2], placed.yaw_rad, np.array(placed.origin_m))
    x0, x1, y0, y1 = placed.rectangle_m
    assert np.all((own[:, 0] > x0) & (own[:, 0] < x1) & (own[:, 1] > y0 - 0.35) & (own[:, 1] < y1 + 0.35))
    assert own[JOINT_INDEX["head"], 0] < own[JOINT_INDEX["left_ankle"], 0]
    assert depth_inside(joints, done.points_m).max() < 0.05


@pytest.mark.parametrize("seed", range(8))
def test_what_is_not_used_keeps_clear_of_everybody(walking, depth_inside, seed):
    one = walking(60)
    people = np.stack([one, one[::-1] + np.array([0.3, 0.8, 0.0])])
    done = furnish_people(people, np.random.default_rng(seed), free_objects=8)
    assert len(done.placed) > 1
    free = ~np.isin(done.objects, [use.placed for use in done.uses])
    assert depth_inside(people, done.points_m[free]).max(initial=-1.0) < 0.0
    assert done.points_m[:, 2].min() > -0.04


def test_a_step_is_under_planted_feet(on_a_step, depth_inside):
    joints = on_a_step(0.3)
    done = furnish_people(joints[None], np.random.default_rng(0), free_objects=0)
    assert {use.use for use in done.uses} == {"climb"}
    assert all(abs((p.support_m or 0.0) - 0.3) < 0.04 for p in done.placed)
    assert depth_inside(joints, done.points_m).max() < 0.05


def test_something_stands_where_a_walk_ends(walking):
    joints = walking(70, 1.0, stop_at=45)
    found = 0
    for seed in range(12):
        done = furnish_people(joints[None], np.random.default_rng(seed), free_objects=0)
        for use in done.uses:
            assert use.use == "walk_to"
            found += 1
            x = done.points_m[done.objects == use.placed, 0]
            assert 2.25 < x.min() < 3.4  # in front of where one stops, within reach
    assert 3 <= found <= 12


def test_classes_follow_the_objects_or_are_unknown(sitting_down):
    unknown = 0
    for seed in range(24):
        done = furnish_people(sitting_down()[None], np.random.default_rng(seed), free_objects=3)
        names = np.array([OBJECT_CLASSES.index(p.object_class) for p in done.placed])
        assert np.all((done.classes == names[done.objects]) | (done.classes == 0))
        unknown += bool(np.all(done.classes == 0))
    assert 1 <= unknown <= 12


def test_two_on_one_seat_share_it_and_the_absent_need_none(sitting_down):
    joints = sitting_down()
    nobody = np.full_like(joints, np.nan)
    done = furnish_people(np.stack([joints, joints, nobody]), np.random.default_rng(1), free_objects=0)
    assert {use.person for use in done.uses} == {0, 1}
    assert len({use.placed for use in done.uses}) == 1


def test_without_supports_nothing_is_used(sitting_down):
    done = furnish_people(sitting_down()[None], np.random.default_rng(1), supports=False)
    assert done.uses == ()


def test_same_generator_same_furniture(sitting_down):
    a, b = (furnish_people(sitting_down()[None], np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(a.points_m, b.points_m)
    assert a.placed == b.placed
    assert a.uses == b.uses
