from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.markers.calibration import calibrate
from motion_preprocessing.markers.exercise_phrases import EXERCISES, sentences_for_exercise
from motion_preprocessing.markers.foot_lock import lock_feet
from motion_preprocessing.markers.marker_fit import (
    Body,
    Pose,
    fit_frames,
    linearise,
    moved_by,
    place_markers,
    start_pose,
)
from motion_preprocessing.markers.marker_motion import fit_subject
from motion_preprocessing.markers.plug_in_gait import GROUPS, MARKERS, MOVED, PLACES_M, SPREAD_M
from motion_preprocessing.markers.uiprmd import MarkerReport, exercise_sequences, measure_exercise, read_markers
from motion_preprocessing.mocap_command import cleaning_table, run_mocap
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M, WORLD_FROM_BODY

Array = NDArray[np.float64]


def a_body(seed: int = 3) -> Body:
    rng = np.random.default_rng(seed)
    scales = 1.04 + 0.04 * rng.standard_normal(len(GROUPS))
    return Body(scales, 1.04 * PLACES_M + 0.3 * SPREAD_M[:, None] * rng.standard_normal(PLACES_M.shape))


def poses(count: int, seed: int = 0, size: float = 1.0, drift_m: float = 0.3) -> Pose:
    """People who squat, swing their arms up from the T-pose and turn about, smoothly over time."""
    rng = np.random.default_rng(seed)
    local = np.broadcast_to(np.eye(3), (count, 22, 3, 3)).copy()
    phase = 2 * np.pi * np.arange(count) / max(count, 40)
    bend = 0.5 - 0.5 * np.cos(phase)
    for side, across in (("left", 1.0), ("right", -1.0)):
        for joint, axis, most in (
            ("hip", "x", -1.4), ("knee", "x", 1.6), ("ankle", "x", -0.3), ("shoulder", "z", 0.9 * across),
            ("elbow", "y", -1.2 * across),
        ):  # fmt: skip
            angle = size * most * bend * rng.uniform(0.7, 1.0)
            local[:, JOINT_INDEX[f"{side}_{joint}"]] = Rotation.from_euler(axis, angle[:, None]).as_matrix()
    yaw = Rotation.from_euler("z", (0.6 + 0.4 * np.sin(phase))[:, None]).as_matrix()
    local[:, 0] = yaw @ WORLD_FROM_BODY
    root = np.stack([drift_m * np.sin(phase), np.zeros(count), np.zeros(count)], axis=-1)
    feet = np.asarray(forward_kinematics(local, root)[0])[:, [7, 8], 2].mean(axis=1)
    root[:, 2] = 0.08 - feet
    return Pose(local, root)


def test_the_jacobian_is_the_derivative_of_the_markers() -> None:
    body, pose = a_body(), poses(5, seed=1)
    markers, _, _ = place_markers(pose, body)
    jacobian = linearise(markers, pose, body).jacobian
    rng = np.random.default_rng(0)
    step = rng.standard_normal((5, jacobian.shape[-1]))
    h = 1e-6
    ahead, behind = (place_markers(moved_by(pose, sign * h * step), body)[0] for sign in (1, -1))
    np.testing.assert_allclose(np.einsum("bmiu,bu->bmi", jacobian, step), (ahead - behind) / (2 * h), atol=1e-7)


def test_frames_are_found_again_from_the_t_pose() -> None:
    body, pose = a_body(), poses(30)
    markers, joints, _ = place_markers(pose, body)
    found = fit_frames(markers, body, start_pose(markers, body), iterations=15)
    # The pull to the T-pose bends the trunk a little; limbs are told by the markers alone.
    _, fitted, _ = place_markers(found, body)
    assert np.linalg.norm(fitted - joints, axis=-1).max() < 0.01


def test_missing_markers_and_outliers_do_not_move_the_body() -> None:
    body, pose = a_body(), poses(30)
    markers, joints, _ = place_markers(pose, body)
    markers[4:9, MARKERS.index("LASI")] = np.nan
    markers[2:6, MARKERS.index("RWRA")] = np.nan
    markers[12, MARKERS.index("LKNE")] += [0.0, 0.0, 0.8]
    found = fit_frames(markers, body, start_pose(markers, body), iterations=15)
    _, fitted, _ = place_markers(found, body)
    assert np.isfinite(fitted).all()
    assert np.linalg.norm(fitted - joints, axis=-1).max() < 0.015


def test_calibration_finds_bones_and_places() -> None:
    truth = a_body()
    pose = poses(80)
    markers, joints, _ = place_markers(pose, truth)
    found = calibrate(markers)
    legs = [GROUPS.index("thighs"), GROUPS.index("shins")]
    np.testing.assert_allclose(found.scales[legs], truth.scales[legs], atol=0.03)
    fitted = fit_frames(markers, found, start_pose(markers, found), iterations=12)
    _, there, _ = place_markers(fitted, found)
    assert np.linalg.norm(there - joints, axis=-1).mean() < 0.012


def test_a_marker_put_on_elsewhere_in_one_session_is_followed() -> None:
    truth = a_body()
    trials = []
    for number in range(3):
        markers, _, _ = place_markers(poses(30, seed=number), truth)
        if number == 2:
            moved = Body(truth.scales, truth.places_m.copy())
            moved.places_m[MARKERS.index("LTHI")] += [0.0, 0.09, 0.02]
            markers, _, _ = place_markers(poses(30, seed=number), moved)
        trials.append(markers)
    _, fitted = fit_subject(trials, 17.0, ["a", "a", "b"])
    assert max(float(fit.residual_m.mean()) for fit in fitted) < 0.006
    _, together = fit_subject(trials, 17.0)
    assert together[2].residual_m.mean() > 2 * fitted[2].residual_m.mean()


def test_limbs_point_where_the_subject_s_do_and_feet_stay() -> None:
    truth = a_body()
    markers, _, _ = place_markers(poses(60, drift_m=0.0), truth)
    _, [fit] = fit_subject([markers], 17.0)
    root = lock_feet(fit.local_rotations, fit.root_position_m, fit.scale * fit.source_joints_m, 17.0)
    joints = np.asarray(forward_kinematics(fit.local_rotations, root)[0])
    for start, end in (("left_hip", "left_knee"), ("right_shoulder", "right_elbow"), ("left_elbow", "left_wrist")):
        a, b = JOINT_INDEX[start], JOINT_INDEX[end]
        ours, theirs = joints[:, b] - joints[:, a], fit.source_joints_m[:, b] - fit.source_joints_m[:, a]
        cosine = np.sum(ours * theirs, -1) / np.linalg.norm(ours, axis=-1) / np.linalg.norm(theirs, axis=-1)
        assert cosine.min() > 0.9999
    lengths = np.linalg.norm(joints[:, 4] - joints[:, 1], axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(REST_OFFSETS_M[4]), atol=1e-9)


def test_locked_feet_stand_still_on_other_proportions() -> None:
    """A squat whose subject has long shins: feet that are planted there are planted here."""
    count = 60
    long_shins = Body(np.array([1.0, 0.9, 1.1, 1, 1, 1, 1, 1, 1]), PLACES_M)
    pose = poses(count, drift_m=0.0)
    pose.local_rotations[:, 0] = WORLD_FROM_BODY
    for joint in ("hip", "knee", "ankle"):  # both legs alike
        pose.local_rotations[:, JOINT_INDEX[f"right_{joint}"]] = pose.local_rotations[:, JOINT_INDEX[f"left_{joint}"]]
    joints = np.asarray(forward_kinematics(pose.local_rotations, pose.root_m, long_shins.offsets_m)[0])
    feet = joints[:, [7, 8]].mean(axis=1)
    planted = Pose(pose.local_rotations, pose.root_m - feet)
    source = np.asarray(forward_kinematics(planted.local_rotations, planted.root_m, long_shins.offsets_m)[0])
    before = np.asarray(forward_kinematics(planted.local_rotations, planted.root_m)[0])
    root = lock_feet(planted.local_rotations, planted.root_m, source, 20.0)
    after = np.asarray(forward_kinematics(planted.local_rotations, root)[0])
    assert np.ptp(before[:, 7], axis=0).max() > 0.03
    assert np.ptp(after[:, 7] - source[:, 7], axis=0).max() < 1e-3


def write_trials(path: Path, **changes: Any) -> Path:
    body = a_body()
    frames: list[Array] = []
    trials: list[dict[str, Any]] = []
    for subject in ("s01", "s08"):
        for correct, size in ((True, 1.0), (False, 0.5)):
            markers, _, _ = place_markers(poses(80, size=size, drift_m=0.0), body)
            start = sum(len(f) for f in frames)
            suffix = "" if correct else " (performed incorrectly, as by a patient)"
            trials.append(
                {"trial": f"m05_{subject}_{correct}", "subject": subject, "label": f"sit to stand{suffix}",
                 "correct": correct, "start": start, "frames": 80, "qc": ""}
            )  # fmt: skip
            frames.append(markers)
    trials.append({**trials[0], "trial": "short", "frames": 5})
    arrays = {
        "markers": np.concatenate(frames).astype(np.float16),
        "marker_names": np.array(MARKERS),
        "fps": np.float32(100 / 3),
        "trials": json.dumps(trials),
        **changes,
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_trials_become_sequences(tmp_path: Path) -> None:
    report = MarkerReport()
    sequences = list(exercise_sequences(write_trials(tmp_path / "m.npz"), fps=20.0, report=report))
    assert [s.name for s in sequences] == [
        "uiprmd_m05_s01_True", "uiprmd_m05_s01_False", "uiprmd_m05_s08_True", "uiprmd_m05_s08_False",
    ]  # fmt: skip
    assert report.dropped == {"too short": ["short"]}
    assert [s.split for s in sequences] == ["train", "train", "test", "test"]
    assert {s.person_class for s in sequences} == {"person", "patient"}
    assert {s.licence for s in sequences} == {"ODC-PDDL 1.0 (public domain)"}
    for sequence in sequences:
        joints = np.asarray(forward_kinematics(sequence.local_rotations, sequence.root_position_m)[0])
        assert abs(np.percentile(joints[:, [7, 8, 10, 11], 2].min(axis=1), 5)) < 1e-3
        assert sequence.captions
        assert len(sequence.root_position_m) == pytest.approx(79 / (100 / 3) * 20, abs=2)
    full, limited = (" ".join(sequence.captions) for sequence in sequences[:2])
    assert "sits" in full
    assert "limited motion" not in full
    # Half as far down nobody sits, and nobody may be told to.
    assert "sits" not in limited
    assert "seat" in limited
    assert "limited motion" in limited
    assert [sequence.action for sequence in sequences[:2]] == ["sit", "exercise"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fps": None}, "expected an array 'fps', got none"),
        ({"marker_names": np.array(["XXXX", *MARKERS[1:]])}, "expected 39 Plug-in Gait markers, got no marker C7"),
        ({"trials": "[{}]"}, "expected a full entry"),
        ({"trials": "{"}, "expected a readable .npz of markers"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = write_trials(tmp_path / "bad.npz", **changes)
    with pytest.raises(InputError, match=message):
        read_markers(path)


def test_an_unknown_exercise_and_a_cut_file_are_refused(tmp_path: Path) -> None:
    trial = {"trial": "x", "subject": "s01", "label": "juggling", "correct": True, "start": 0, "frames": 9}
    with pytest.raises(InputError, match="got 'juggling' for the exercise|got 'juggling' for x"):
        read_markers(write_trials(tmp_path / "a.npz", trials=json.dumps([trial])))
    trial |= {"label": "deep squat", "frames": 10**6}
    with pytest.raises(InputError, match="truncated"):
        read_markers(write_trials(tmp_path / "b.npz", trials=json.dumps([trial])))


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("limited", [False, True])
def test_every_exercise_has_sentences(exercise: str, limited: bool) -> None:
    sentences = sentences_for_exercise(exercise, "left", limited=limited, correct=not limited)
    assert len(set(sentences)) == len(sentences) >= 4
    for sentence in sentences:
        assert "{" not in sentence
        assert "*" not in sentence


def test_the_moving_side_is_measured() -> None:
    local = np.broadcast_to(np.eye(3), (40, 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    swing = np.sin(np.linspace(0, np.pi, 40))
    local[:, JOINT_INDEX["right_hip"]] = Rotation.from_euler("x", -1.2 * swing[:, None]).as_matrix()
    joints = np.asarray(forward_kinematics(local, np.zeros((40, 3)))[0])
    measured = measure_exercise("standing active straight leg raise", joints, 20.0)
    assert measured.side == "right"
    # The leg of .78 m swings by 1.2 rad about the hip.
    assert measured.range_m == pytest.approx(0.781 * (1 - np.cos(1.2)), abs=0.04)
    assert MOVED[0] == 0


def test_exercises_join_the_captures_of_their_folder(captures: Any, tmp_path: Path) -> None:
    captures.walk()
    write_trials(captures.path / "uiprmd_markers.npz")
    report = run_mocap(captures.path, tmp_path / "set", fps=20.0, falls=None, limit=1)
    dataset = MotionDataset.open(tmp_path / "set")
    assert [record.name for record in dataset] == ["cmu_16_01", "uiprmd_m05_s01_True"]
    assert any("UI-PRMD" in line for line in dataset.header["credits"])
    assert dataset.header["licences"] == ["ODC-PDDL 1.0 (public domain)", "free"]
    assert (report.captures.kept, report.markers.kept, report.markers.takes) == (1, 1, 1)
    assert cleaning_table(report).row_count == 2
