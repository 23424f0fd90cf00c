from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing import cli
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.manifest import read_manifest
from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.mocap import Report, capture_sequences, coarse_action
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.rotations import geodesic_angle
from motion_preprocessing.sequence import Event
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M, WORLD_FROM_BODY
from motion_preprocessing.splits import load_splits


@pytest.fixture
def run(run: Any) -> Any:
    """Run `motion-preprocess mocap`; return exit code, stdout and stderr."""
    return partial(run, "mocap")


def write_falls(path: Path, **changes: Any) -> Path:
    """Two falls of 30 frames: a rest body that sinks by 0.6 m while it turns 90 degrees about its left axis."""
    share = np.linspace(0, 1, 30)
    quaternion = np.zeros((60, 22, 4))
    quaternion[..., 0] = 1.0
    tilt = Rotation.from_euler("x", 90 * share[:, None], degrees=True).as_quat(scalar_first=True)
    quaternion[:, 0] = np.concatenate([tilt, tilt])
    root = np.zeros((60, 3))
    root[:, 1] = np.tile(0.9 - 0.6 * share, 2)
    entry = {"kind": "push_f", "rest": "prone", "onset_frame": 6, "impact_s": 0.5, "frames": 30}
    clips = [
        {**entry, "start": 0, "source": "cmu_bvh/07/07_01.bvh"},
        {**entry, "start": 30, "source": "cmu_amc/16/16_01.amc"},
    ]
    arrays = {
        "root_position_m": root.astype(np.float32),
        "local_rotation_wxyz": quaternion.astype(np.float32),
        "offsets_m": REST_OFFSETS_M,
        "fps": np.float32(30),
        "clips": json.dumps(clips),
        **changes,
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_a_walk_comes_out_on_the_floor_facing_x(captures: Any, run: Any, tmp_path: Path) -> None:
    captures.walk(count=46)
    code, out, _ = run(captures.path, tmp_path / "set", "--fps", 20)
    assert code == 0
    assert "sequences" in out
    assert "foot-skate" in out
    [record] = MotionDataset.open(tmp_path / "set")
    assert (record.name, record.action, record.person_class, record.split) == ("cmu_16_01", "walk", "person", "train")
    assert record.captions
    assert record.licence == "free"
    assert "cmu_bvh/16/16_01.bvh" in record.source
    assert record.pose.shape == (31, 258)  # 46 frames at 30 a second are 1.5 s; the T-pose is gone
    pose = decode(record.pose.astype(np.float64))
    knee = pose.local_rotations[:, JOINT_INDEX["left_knee"]]
    # The source's leg is straight in its T-pose, the project's is not: thigh and shin are first laid along it, by
    # scipy's shortest rotation here.
    thigh, shin = (
        Rotation.align_vectors([[0.0, -1, 0]], [REST_OFFSETS_M[JOINT_INDEX[name]]])[0]
        for name in ("left_knee", "left_ankle")
    )
    expected = (thigh.inv() * Rotation.from_euler("x", 90, degrees=True) * shin).as_matrix()
    assert np.degrees(geodesic_angle(knee, np.broadcast_to(expected, knee.shape))).max() < 0.01
    joints = pose.joints_m
    bone = joints[:, JOINT_INDEX["left_ankle"]] - joints[:, JOINT_INDEX["left_knee"]]
    np.testing.assert_allclose(bone / np.linalg.norm(bone, axis=-1, keepdims=True), [[-1, 0, 0]] * 31, atol=1e-5)
    np.testing.assert_allclose(joints[:, JOINT_INDEX["right_foot"], 2], 0, atol=1e-5)
    # 1 m/s for 1.5 s on legs of 14.5 units (0.818 m) is scaled to legs of 0.784 m.
    assert joints[-1, 0, 0] - joints[0, 0, 0] == pytest.approx(1.5 * 0.78372 / (14.5 * 0.0254 / 0.45), abs=1e-3)
    np.testing.assert_allclose(pose.local_rotations[:, 0], np.broadcast_to(WORLD_FROM_BODY, (31, 3, 3)), atol=1e-4)
    header = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert any("mocap.cs.cmu.edu" in line for line in header["credits"])
    assert header["fps"] == 20


def test_the_manifests_frame_rate_is_believed(captures: Any, run: Any, tmp_path: Path) -> None:
    captures.walk(count=61)
    manifest = captures.path / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",30.0,", ",60.0,"))  # the file's header still says 30
    assert run(captures.path, tmp_path / "set")[0] == 0
    [record] = MotionDataset.open(tmp_path / "set")
    assert len(record.pose) == 21  # 60 steps at 60 a second are 1 s


def test_acclaim_files_are_read_beside_their_skeleton(captures: Any, run: Any, tmp_path: Path) -> None:
    frames = [((0.2 * i, 17, 0, 0, 0, 0), {"lfemur": (0, 0, -20), "rfemur": (0, 0, 20)}) for i in range(31)]
    path = captures.add("cmu_amc/14/14_01.amc", captures.amc_text(frames), 31, label="walk", t_pose=0)
    (path.parent / "14.asf").write_text(captures.asf_text())
    assert run(captures.path, tmp_path / "set")[0] == 0
    [record] = MotionDataset.open(tmp_path / "set")
    joints = decode(record.pose.astype(np.float64)).joints_m
    assert joints[-1, 0, 1] > joints[0, 0, 1] + 0.2  # +x of the source, its left, is +y of the world
    np.testing.assert_allclose(joints[:, [7, 8], 2], joints[0, 8, 2], atol=1e-5)
    assert record.pose.shape[0] == 21


def test_dancers_of_one_take_keep_their_places_and_their_time(captures: Any, run: Any, tmp_path: Path) -> None:
    for subject, x, length in (("60", 0.0, 1.0), ("61", 20.0, 1.2)):
        frames: list[Any] = [((x, 17.0 * length, 0.0), {})]
        if subject == "61":  # a remainder of the T-pose in one of them must not shift them against each other
            frames.append(((x, 17.0 * length, 0.0), {"LeftArm": (-80.0, 0, 0)}))
        frames += [((x, 17.0 * length, 0.1 * i), {}) for i in range(len(frames) - 1, 40)]
        text = captures.bvh_text(frames)
        text = text.replace("0 -7 0", f"0 {-7 * length} 0").replace("0 -7.5 0", f"0 {-7.5 * length} 0")
        captures.add(f"cmu_bvh/{subject}/{subject}_01.bvh", text, 41, label="salsa dance", category="two_person")
    assert run(captures.path, tmp_path / "set")[0] == 0
    dataset = MotionDataset.open(tmp_path / "set")
    assert dataset.pairs() == [(0, 1)]
    a, b = (decode(record.pose.astype(np.float64)).joints_m[:, 0] for record in dataset)
    assert len(a) == len(b)
    # One scale for both: the mean of 0.784 / 0.818 and 0.784 / 0.982.
    unit = 0.0254 / 0.45
    scale = 0.78372 / (14.5 * unit) * (1 + 1 / 1.2) / 2
    np.testing.assert_allclose((b - a)[:, 1], 20 * unit * scale, atol=2e-3)
    np.testing.assert_allclose((b - a)[:, 0], 0, atol=1e-5)


def test_falls_become_patients(captures: Any, run: Any, tmp_path: Path) -> None:
    captures.walk()
    falls = write_falls(tmp_path / "falls.npz")
    assert run(captures.path, tmp_path / "set", "--falls", falls)[0] == 0
    records = list(MotionDataset.open(tmp_path / "set"))
    assert [record.person_class for record in records] == ["person", "patient", "patient"]
    fall = records[1]
    assert (fall.name, fall.action, fall.split, records[2].split) == ("fall_000_push_f", "fall", "test", "train")
    assert fall.events == (Event("onset", pytest.approx(0.2)), Event("impact", pytest.approx(0.7)))
    assert fall.captions
    joints = decode(fall.pose.astype(np.float64)).joints_m
    # The head, 0.6 m over the pelvis, ends AHEAD: the body turned about its left axis falls forward, towards +x.
    assert joints[-1, JOINT_INDEX["head"], 0] > joints[-1, 0, 0] + 0.5
    assert joints[0, JOINT_INDEX["head"], 2] > joints[0, 0, 2] + 0.5
    assert np.percentile(joints[..., 2].min(axis=1), 5) == pytest.approx(0, abs=0.02)


def test_falls_that_lie_there_are_taken_only_when_asked_for(captures: Any, run: Any, tmp_path: Path) -> None:
    for trial in ("16_01", "16_02"):
        captures.walk(f"cmu_bvh/16/{trial}.bvh")
    falls = write_falls(captures.path / "simulated_falls.npz")
    code, _, err = run(captures.path, tmp_path / "set", "--limit", 1)
    assert code == 0
    assert f"left out; --falls {falls} takes it" in err
    dataset = MotionDataset.open(tmp_path / "set")
    assert [record.name for record in dataset] == ["cmu_16_01"]
    assert dataset.header["provenance"]["falls"] == ""
    code, _, err = run(captures.path, tmp_path / "asked", "--limit", 1, "--falls", falls)
    assert code == 0
    assert "left out" not in err
    assert [record.name for record in MotionDataset.open(tmp_path / "asked")] == ["cmu_16_01", "fall_000_push_f"]


def refused(result: tuple[int, str, str], code: int, says: str, tmp_path: Path) -> None:
    got, out, err = result
    assert got == code
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err
    assert not (tmp_path / "set").exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("CHANNELS 3 Zrotation", "CHANNELS 4 Zrotation", "channel"),
        ("Frames: 47", "Frames: 48", "truncated"),
        ("90.000000", "nan", "NaN"),
        ("90.000000 ", "", "channel values"),
        ("HIERARCHY", "PLY", "HIERARCHY"),
        ("LeftForeArm", "LeftTentacle", "'LeftForeArm'"),
    ],
)
def test_a_bad_bvh_stops_the_run(captures: Any, run: Any, tmp_path: Path, old: str, new: str, says: str) -> None:
    captures.walk("cmu_bvh/16/16_01.bvh")
    path = captures.walk("cmu_bvh/16/16_02.bvh")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    refused(run(captures.path, tmp_path / "set"), 2, says, tmp_path)


def test_a_bvh_with_a_missing_joint_stops_the_run(captures: Any, run: Any, tmp_path: Path) -> None:
    captures.add("cmu_bvh/16/16_01.bvh", captures.bvh_text([((0, 17, 0), {})] * 30, leave_out="RightHand"), 30)
    refused(run(captures.path, tmp_path / "set"), 2, "'RightHand'", tmp_path)


def test_an_amc_with_an_unknown_bone_stops_the_run(captures: Any, run: Any, tmp_path: Path) -> None:
    text = captures.amc_text([((0, 17, 0, 0, 0, 0), {})] * 30).replace("lradius", "ltentacle", 1)
    path = captures.add("cmu_amc/14/14_01.amc", text, 30)
    (path.parent / "14.asf").write_text(captures.asf_text())
    refused(run(captures.path, tmp_path / "set"), 2, "'ltentacle'", tmp_path)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("", "empty"),
        ("source,file,subject,trial,fps\n", "empty"),
        ("source,file,subject,trial\nCMU,a,1,1\n", "column"),
        (None, "No such file"),
    ],
)
def test_a_bad_manifest_is_refused(captures: Any, run: Any, tmp_path: Path, manifest: str | None, says: str) -> None:
    if manifest is not None:
        (captures.path / "manifest.csv").write_text(manifest)
    refused(run(captures.path, tmp_path / "set"), 2, says, tmp_path)


@pytest.mark.parametrize(("old", "new", "says"), [
    (",30.0,", ",fast,", "numbers"), (",30.0,", ",0,", "frame rate"), (",47,", ",48,", "48 frames"),
    ("16_01.bvh", "16_09.bvh", "No such file"), ("16_01.bvh", "16_01.c3d", "'.c3d'"),
])  # fmt: skip
def test_a_manifest_that_does_not_fit_is_refused(
    captures: Any, run: Any, tmp_path: Path, old: str, new: str, says: str
) -> None:
    captures.walk()
    manifest = captures.path / "manifest.csv"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new))
    refused(run(captures.path, tmp_path / "set"), 2, says, tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"offsets_m": REST_OFFSETS_M + 0.01}, "rest offsets"),
        ({"clips": None}, "'clips'"),
        ({"clips": "{"}, "readable"),
        ({"clips": json.dumps([{"kind": "trip"}])}, "fall 0"),
        ({"clips": json.dumps([{"kind": "trip", "rest": "side", "source": "", "start": 50, "frames": 30,
                                "onset_frame": 1, "impact_s": 0.5}])}, "truncated"),
        ({"clips": json.dumps([{"kind": "somersault", "rest": "side", "source": "", "start": 0, "frames": 30,
                                "onset_frame": 1, "impact_s": 0.5}])}, "'somersault'"),
        ({"root_position_m": np.full((60, 3), np.nan, np.float32)}, "finite"),
        ({"root_position_m": np.zeros((59, 3), np.float32)}, "(N, 22, 4)"),
    ],
)  # fmt: skip
def test_bad_falls_are_refused(captures: Any, run: Any, tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    captures.walk()
    falls = write_falls(tmp_path / "falls.npz", **changes)
    refused(run(captures.path, tmp_path / "set", "--falls", falls), 2, says, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_falls_that_are_no_archive_are_refused(captures: Any, run: Any, tmp_path: Path, content: bytes) -> None:
    captures.walk()
    (tmp_path / "falls.npz").write_bytes(content)
    refused(run(captures.path, tmp_path / "set", "--falls", tmp_path / "falls.npz"), 2, "falls.npz", tmp_path)


def test_an_output_that_is_something_else_is_left_alone(captures: Any, run: Any, tmp_path: Path) -> None:
    captures.walk()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    refused(run(captures.path, tmp_path / "mine"), 7, "mine", tmp_path)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_mistakes_in_the_arguments_are_usage_errors(captures: Any, run: Any, tmp_path: Path) -> None:
    refused(run(captures.path, tmp_path / "set", "--fps", "0"), 2, "--fps", tmp_path)
    refused(run(captures.path), 2, "OUT", tmp_path)
    refused(run("--colour", captures.path, tmp_path / "set"), 2, "--colour", tmp_path)
    assert run("--help")[0] == 0


def test_ctrl_c_leaves_nothing(captures: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captures.walk()

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("motion_preprocessing.mocap.resample", interrupted)
    refused(run(captures.path, tmp_path / "set"), 130, "interrupted", tmp_path)


def test_without_a_command_the_help_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["motion-preprocess"])
    with pytest.raises(SystemExit):
        cli.main()
    said = "".join(capsys.readouterr())
    assert said.startswith("Usage: ")
    assert re.search(r"^  mocap  ", said, re.MULTILINE)


SLOW = """
import sys, time
from motion_preprocessing import cli, mocap
mocap.resample = lambda *_: time.sleep(60)
sys.argv[1:1] = ["mocap"]
cli.main()
"""


def test_a_request_to_terminate_leaves_nothing(captures: Any, tmp_path: Path) -> None:
    captures.walk()
    before = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", SLOW, str(captures.path), str(tmp_path / "deep" / "set")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("deep/.set.*.partial/frames.arrow")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    refused((process.returncode, out, err), 143, "interrupted", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


SWALLOWING = """
import sys, time
from motion_preprocessing import cli, mocap

class Finalized:
    def __del__(self):
        print("now", flush=True)
        time.sleep(60)

def resample(*_):
    Finalized()
    try:
        time.sleep(60)
    finally:  # the repeated request does not break into what is taken away on the way out
        time.sleep(1.5)
        print("taken away", flush=True)

sys.unraisablehook = lambda _: None
mocap.resample = resample
sys.argv[1:1] = ["mocap"]
cli.main()
"""


def test_a_request_to_terminate_that_a_finalizer_swallows_is_made_again(captures: Any, tmp_path: Path) -> None:
    captures.walk()
    command = [sys.executable, "-c", SWALLOWING, str(captures.path), str(tmp_path / "set")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=50)
    assert (process.returncode, out) == (143, "taken away\n")
    assert "interrupted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("label", "category", "action"),
    [
        ("walk, veer left", "walk", "walk"),
        ("run/jog", "run_jump", "run"),
        ("Run Jump Over", "run_jump", "run"),
        ("forward jump", "run_jump", "jump"),
        ("playground - climb, sit, dangle legs", "other", "climb"),
        ("sit on stepstool, stand up", "sit_stand", "sit"),
        ("mop floor", "daily_reach", "daily"),
        ("salsa dance", "two_person", "dance"),
        ("laugh", "other", "other"),
    ],
)
def test_coarse_actions(label: str, category: str, action: str) -> None:
    assert coarse_action(label, category) == action


def test_splits_share_no_subject_and_falls_follow_their_source() -> None:
    splits = load_splits()
    assert not splits.validation & splits.test
    assert "14" not in splits.validation | splits.test  # nearly all sitting and daily activities
    assert splits.of_fall(3, "cmu_bvh/07/07_08.bvh") == splits.of_subject("07") == "test"
    assert splits.of_fall(3, "cmu_amc/16/16_58.amc") == "train"
    assert splits.of_fall(min(splits.falls_test), "") == "test"
    assert splits.of_fall(min(splits.falls_validation), "") == "validation"


@pytest.mark.shared
def test_every_split_of_the_real_collection_walks_and_jumps(shared_data: Path) -> None:
    splits = load_splits()
    seen: dict[str, set[str]] = {}
    for take in read_manifest(shared_data / "motion"):
        seen.setdefault(splits.of_subject(take.subject), set()).add(coarse_action(take.label, take.category))
    assert {"walk", "run", "jump", "sit", "daily", "dance", "climb"} <= seen["train"]
    assert {"walk", "run", "jump", "daily"} <= seen["test"]
    assert {"walk", "run"} <= seen["validation"]


@pytest.mark.shared
def test_real_takes_slide_no_more_than_their_sources(shared_data: Path) -> None:
    report = Report()
    sequences = list(capture_sequences(shared_data / "motion", fps=20.0, report=report, limit=20))
    assert report.limb_error_deg < 1e-6
    lengths = {bone: max(values) - min(values) for bone, values in report.bones_m.items()}
    assert max(lengths.values()) < 1e-6
    ours, theirs = ([ratio for ratio, _ in ratios] for ratios in (report.skate, report.source_skate))
    assert np.nanmean(ours) <= np.nanmean(theirs)
    for sequence in sequences:
        joints, _ = forward_kinematics(sequence.local_rotations, sequence.root_position_m)
        lowest = np.asarray(joints)[:, [7, 8, 10, 11], 2].min(axis=1)
        assert np.percentile(lowest, 5) == pytest.approx(0, abs=0.01)
        assert not foot_skate_ratio(np.asarray(joints), 20.0) > 0.35
