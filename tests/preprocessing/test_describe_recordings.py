"""Measured events on real captures and simulated falls, against what their labels say."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.describe import ACTIONS, action_labels, describe
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.mirror import mirror_joints, mirror_text
from motion_preprocessing.mocap import Report, capture_sequences
from motion_preprocessing.skeleton import WORLD_FROM_BODY

pytestmark = [pytest.mark.shared, pytest.mark.slow]

WAYS = {"push_l": "left", "push_r": "right", "push_f": "forward", "push_b": "backward"}

EXPECTED = {
    "35_01": {"walk"},
    "16_35": {"run"},
    "16_41": {"run", "turn"},
    "16_19": {"walk", "turn"},
    "16_01": {"jump"},
    "14_31": {"sit_down", "sit", "stand_up"},
    "14_27": {"sit_down", "sit", "stand_up"},
    "14_22": {"climb"},
    "14_33": {"climb"},
    "10_01": {"kick"},
    "14_02": {"punch"},
    "49_06": {"cartwheel"},
    "14_04": {"hand_to_face"},
}


@pytest.fixture(scope="module")
def falls(shared_data):
    """Every third simulated fall as (what is known of it, joints, frame rate)."""
    with np.load(shared_data / "motion" / "simulated_falls.npz") as data:
        root, wxyz, fps = data["root_position_m"], data["local_rotation_wxyz"], float(data["fps"])
        clips = json.loads(str(data["clips"]))[::3]
    made = []
    for clip in clips:
        part = slice(clip["start"], clip["start"] + clip["frames"])
        quaternions = wxyz[part].reshape(-1, 4)[:, [1, 2, 3, 0]]
        local = Rotation.from_quat(quaternions).as_matrix().reshape(-1, 22, 3, 3)
        local[:, 0] = WORLD_FROM_BODY @ local[:, 0]  # the file is y up
        joints, _ = forward_kinematics(local, root[part].astype(np.float64) @ WORLD_FROM_BODY.T)
        made.append((clip, joints, fps))
    return made


@pytest.fixture(scope="module")
def captures(shared_data, tmp_path_factory):
    """The takes of `EXPECTED` as (label, joints, frame rate)."""
    folder = tmp_path_factory.mktemp("captures")
    for name in ("cmu_bvh", "cmu_amc"):
        (folder / name).symlink_to(shared_data / "motion" / name)
    with open(shared_data / "motion" / "manifest.csv", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["trial"] in EXPECTED]
        columns = reader.fieldnames
    with open(folder / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    assert columns is not None
    sequences = capture_sequences(folder, fps=20.0, report=Report())
    return {
        s.name.removeprefix("cmu_"): (s.label, forward_kinematics(s.local_rotations, s.root_position_m)[0])
        for s in sequences
    }


def test_every_simulated_fall_is_one_fall(falls):
    counts = [sum(e.kind == "fall" for e in rated(joints, fps)) for _, joints, fps in falls]
    assert np.mean(np.array(counts) == 1) > 0.97


def rated(joints, fps):
    return describe(joints, fps, np.random.default_rng(0)).events


def test_falls_begin_after_their_onset_and_end_with_the_impact(falls):
    late, rest = [], []
    for clip, joints, fps in falls:
        fall = next(e for e in rated(joints, fps) if e.kind == "fall")
        onset = clip["onset_frame"] / fps
        late.append(fall.start_s - onset)
        rest.append(fall.end_s - onset - clip["impact_s"])
    assert np.quantile(late, 0.1) > -0.3
    assert np.quantile(late, 0.9) < 0.8
    assert 0.0 < np.median(rest) < 0.7


def test_pushes_go_where_they_push(falls):
    right = [
        next(e for e in rated(joints, fps) if e.kind == "fall").side == WAYS[clip["kind"]]
        for clip, joints, fps in falls
        if clip["kind"] in WAYS
    ]
    assert len(right) > 30
    assert np.mean(right) > 0.8


@pytest.mark.parametrize(("rest", "sides", "share"), [("prone", ["prone"], 0.9), ("supine", ["supine"], 0.9),
                                                      ("side", ["left", "right"], 0.6)])  # fmt: skip
def test_how_the_fallen_lie(falls, rest, sides, share):
    ends = [[e for e in rated(j, fps) if e.kind == "lie"][-1].side for clip, j, fps in falls if clip["rest"] == rest]
    assert len(ends) > 8
    assert np.mean(np.isin(ends, sides)) > share


def test_fallen_frames_are_labelled_so(falls):
    last = [ACTIONS[action_labels(joints, fps)[-1]] for _, joints, fps in falls]
    assert np.mean(np.array(last) == "fallen") > 0.97
    first = [ACTIONS[action_labels(joints, fps)[0]] for clip, joints, fps in falls if clip["kind"] == "bed"]
    assert np.mean(np.array(first) == "lying") > 0.9


def test_mirrored_falls_have_mirrored_words(falls):
    for _, joints, fps in falls[::5]:
        plain = describe(joints, fps, np.random.default_rng(1)).sentences
        mirrored = describe(mirror_joints(joints), fps, np.random.default_rng(1)).sentences
        assert tuple(mirror_text(s) for s in plain) == mirrored


@pytest.mark.parametrize("trial", sorted(EXPECTED))
def test_captures_do_what_their_labels_say(captures, trial):
    label, joints = captures[trial]
    found = {e.kind for e in rated(joints, 20.0)}
    assert EXPECTED[trial] <= found, (label, found)
    assert not found & {"fall", "lie"}, label


def test_turns_of_captures_go_to_the_side_of_their_labels(captures):
    for trial, sign in (("16_41", 1), ("16_19", -1)):
        label, joints = captures[trial]
        assert ("left" if sign > 0 else "right") in label
        turns = [e.amount for e in rated(joints, 20.0) if e.kind == "turn"]
        assert sign * sum(turns) == pytest.approx(90, abs=30)


def test_windows_that_are_seated_throughout_tell_of_no_sitting_down(captures):
    label, joints = captures["14_31"]
    assert "sit" in label
    seats = [(e.start_s, e.end_s) for e in rated(joints, 20.0) if e.kind == "sit"]
    assert seats
    for start, end in seats:
        first, last = round(start * 20) + 8, round(end * 20) - 8
        for begin in range(first, last - 20, 9):
            for length in (20, 40, 60):
                if begin + length <= last:
                    told = describe(joints[begin : begin + length], 20.0, np.random.default_rng(0))
                    assert not {"sit_down", "stand_up", "squat_down", "rise"} & {e.kind for e in told.events}
