"""What a motion rests on is found where it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.furnishing.needs import Need, find_needs, on_bed
from motion_preprocessing.furnishing.sweep import Sweep
from motion_preprocessing.motion_features import SITTING, SQUATTING, measure
from motion_preprocessing.skeleton import JOINT_INDEX


def needs_of(joints: np.ndarray) -> list[Need]:
    return find_needs(measure(joints, 20.0), Sweep.of(joints[None]), 0)


@pytest.mark.parametrize("yaw", [0.0, 130.0, -100.0])
def test_a_seat_is_needed_under_who_sits(sitting_down, yaw):
    joints = sitting_down(yaw)
    (need,) = needs_of(joints)
    assert need.kind == "sit"
    seated = joints[45]
    np.testing.assert_allclose(need.origin_m, seated[0, :2], atol=0.03)
    assert np.cos(need.yaw_rad - np.radians(yaw)) > 0.99
    # The hips' capsules have 9 cm; flesh gives 2 cm.
    hips = seated[[JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]], 2].min()
    assert need.height_m == pytest.approx(hips - 0.09 + 0.02, abs=0.01)
    assert 20 <= need.start <= 40 <= need.stop <= 84


def test_a_bed_is_needed_under_who_lies_above_the_floor_only(lying):
    (need,) = needs_of(lying(0.65, 40.0))
    assert need.kind == "lie"
    assert 0.48 < need.height_m < 0.6
    assert np.cos(need.yaw_rad - np.radians(40.0)) > 0.99  # from head to feet
    assert needs_of(lying(0.12)) == []


def test_nothing_is_needed_for_walking(walking):
    assert needs_of(walking()) == []


def test_where_a_walk_stops_there_is_something_to_walk_to(walking):
    (need,) = needs_of(walking(70, 1.0, stop_at=45))
    assert need.kind == "walk_to"
    np.testing.assert_allclose(need.origin_m, [45 / 20, 0.0], atol=0.02)
    assert abs(need.yaw_rad) < 0.05


def test_planted_feet_above_the_floor_need_steps(on_a_step):
    needs = needs_of(on_a_step(0.3))
    assert {need.kind for need in needs} == {"climb"}
    assert len(needs) == 2  # one under each foot
    for need in needs:
        assert need.height_m == pytest.approx(0.3, abs=0.04)


def test_who_sits_on_a_bed_needs_no_chair_beside_it():
    bed, seat = np.zeros(2), np.array([0.4, 0.5])
    frames = np.ones(3, dtype=np.bool_)
    sitting = Need("sit", 0, 0, 3, seat, 0.0, 0.5, frames)
    assert on_bed(sitting, bed, 0.45)
    assert not on_bed(sitting, bed, 0.8)
    assert not on_bed(sitting, bed + 2.0, 0.45)


def test_a_squat_is_a_seat_only_where_sitting_is_known(sitting_down):
    joints = sitting_down()
    f, sweep = measure(joints, 20.0), Sweep.of(joints[None])
    squatting = replace(f, posture=np.where(f.posture == SITTING, SQUATTING, f.posture))
    assert find_needs(squatting, sweep, 0) == []
    assert [need.kind for need in find_needs(squatting, sweep, 0, seated=True)] == ["sit"]
