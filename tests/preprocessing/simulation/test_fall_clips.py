from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.frame_labels import ACTIONS
from motion_preprocessing.sequence import Event
from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.fall_clips import FallClip, fall_faults, fall_sequence, fall_words
from motion_preprocessing.simulation.fall_clips import _descent as descent
from motion_preprocessing.simulation.fall_clips import _way as way
from motion_preprocessing.simulation.fall_plan import Fallen, FallPlan, Person
from motion_preprocessing.simulation.hinges import Pose, chain
from motion_preprocessing.simulation.mishaps import Mishap
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.summary import fall_rows


def clip(kind: str = "push_l") -> FallClip:
    frames = 60
    root = np.zeros((frames, 3))
    root[:, 2] = np.interp(np.arange(frames), [20, 34], [0.93, 0.12])
    pose = Pose(root, np.tile(np.eye(3), (frames, 1, 1)), np.zeros((frames, 45)))
    before = Pose(*(a[:20] for a in pose))
    after = Pose(*(a[20:] for a in pose))
    plan = FallPlan(
        kind, Pose(*(a[:1] for a in pose)), np.zeros(6), np.zeros(45), np.zeros((1, 45)), Person(), BodySize()
    )
    fallen = Fallen(after, 0.7, 2.2, False, float("nan"), True, True, 1.0, 0.01, "side", "left")
    mishap = Mishap(plan, before, "", "", (("standing", 0.0),))
    return FallClip(mishap, fallen, pose, chain(pose).joints_m, 20, "left", 0.6)


def test_a_plain_fall_is_kept() -> None:
    assert fall_faults(clip()) == []


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("impact_s", 0.2, "time"), ("impact_s", 2.6, "time"), ("impact_s", float("nan"), "time"),
        ("settled", False, "unsettled"), ("limit_deg", 7.0, "limit"), ("depth_m", 0.05, "depth"),
        ("pelvis_m_s", 5.0, "speed"), ("pelvis_m_s", 0.9, "speed"),
    ],
)  # fmt: skip
def test_what_is_no_fall_is_not(field: str, value: float, fault: str) -> None:
    made = clip()
    assert fault in fall_faults(replace(made, fallen=replace(made.fallen, **{field: value})))


def test_descents_that_take_too_long_and_bodies_that_stay_up_are_left_out() -> None:
    made = clip()
    assert fall_faults(replace(made, descent_s=1.4)) == ["descent"]
    up = made.fallen.pose.root_m.copy()
    up[-1, 2] = 0.5
    high = replace(made.fallen, pose=Pose(up, made.fallen.pose.root, made.fallen.pose.angles))
    assert fall_faults(replace(made, fallen=high)) == ["pelvis"]
    assert fall_faults(replace(clip("slip"), way="forward")) == ["direction"]


def test_descent_is_the_time_above_a_share_of_the_peak_speed() -> None:
    t = np.arange(80) / 20
    seconds = 1.0
    u = np.clip((t - 1.5) / seconds, 0, 1)
    # Speed is sin(pi u): above 15 % of its peak for 1 - 2 asin(.15) / pi of the time.
    height = 1.0 - 0.4 * (1 - np.cos(np.pi * u))
    joints = np.zeros((80, 22, 3))
    joints[..., 2] = height[:, None]
    assert descent(joints, 25) == pytest.approx(seconds * (1 - 2 * np.arcsin(0.15) / np.pi), abs=0.05)


@pytest.mark.parametrize(("yaw", "roll", "pitch", "expected"), [
    (0.0, 0.0, 1.3, "forward"), (0.0, 0.0, -1.3, "backward"), (2.0, -1.3, 0.0, "left"), (2.0, 1.3, 0.0, "right"),
])  # fmt: skip
def test_directions_are_the_body_s_own(yaw: float, roll: float, pitch: float, expected: str) -> None:
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("ZYX", [[yaw, 0, 0], [yaw, pitch, roll]]).as_matrix()
    pose = Pose(np.array([[0.0, 0.0, 0.9], [0.0, 0.0, 0.2]]), turn, np.zeros((2, 45)))
    assert way(chain(pose).joints_m, 0, 0.05) == expected


def test_words_name_the_side_that_pushes_and_the_side_that_lies_below() -> None:
    sentences = " ".join(fall_words(clip(), np.random.default_rng(0)))
    assert "from the right" in sentences or "to the left" in sentences
    assert "from the left" not in sentences
    assert "to the right" not in sentences
    assert "right side" not in sentences


def test_phases_become_classes_of_frames() -> None:
    sequence = fall_sequence(clip(), "fall", 0, "train", np.random.default_rng(1))
    assert sequence.frame_labels is not None
    names = [ACTIONS[i] for i in sequence.frame_labels]
    assert names[:20] == ["standing"] * 20
    assert names[20] == "fall"
    assert names[-1] == "fallen"
    assert [e.name for e in sequence.events][:4] == ["standing", "onset", "fall", "impact"]
    with pytest.raises(ValueError, match="phase"):
        labels_of_phases((Event("onset", 0.0),), 5, 20.0)


def test_summary_counts() -> None:
    row = {"impact_s": 1.0, "descent_s": 0.6, "pelvis_m_s": 2.0, "head_hit": True, "head_m_s": 3.0, "hand_first": True,
           "way": "left", "rest": "side", "height_m": 1.7, "mass_kg": 70.0}  # fmt: skip
    rows = {what: value for what, value, _ in fall_rows([row, row | {"head_hit": False, "rest": "prone"}])}
    assert rows["head hits the floor"] == "50 %"
    assert rows["comes to lie"] == "prone 50 %, side 50 %"
    assert rows["onset to impact, s"].startswith("1.00 +- 0.00")


def test_a_fall_that_starts_in_the_air_is_left_out_but_one_out_of_bed_is_kept() -> None:
    made = clip()
    for raised_m, faults in ((0.05, []), (0.15, ["air"])):  # soles of the capsules are 4 cm in the floor at first
        joints = made.joints_m.copy()
        joints[:20, :, 2] += raised_m
        assert fall_faults(replace(made, joints_m=joints)) == faults
    bed = clip("out_of_bed")
    assert fall_faults(replace(bed, joints_m=bed.joints_m + [0.0, 0.0, 0.5])) == []
    flies = made.joints_m.copy()
    flies[25:30, :, 2] += 0.3  # once pushed, somebody may leave the floor
    assert fall_faults(replace(made, joints_m=flies)) == []
