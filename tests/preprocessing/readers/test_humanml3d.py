"""HumanML3D in its public layout: known motion comes back, captions find their frames, bad files give one line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.readers.humanml3d import HumanML3D, HumanML3DOptions
from motion_preprocessing.readers.humanml3d_features import bones_from_rotations, joints_from_features
from motion_preprocessing.readers.licences import is_non_commercial
from motion_preprocessing.skeleton import PARENTS

WALK = "a person walks.#a/DET person/NOUN walk/VERB#0.0#0.0\n"


def canonical(made: SimpleNamespace, local: np.ndarray, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stand a motion on the floor, its first frame over the origin, facing +x as HumanML3D measures it."""
    joints = made.forward(local, root)
    across = joints[0, 1] - joints[0, 2] + joints[0, 16] - joints[0, 17]
    back = Rotation.from_rotvec([0, 0, -np.arctan2(-across[0], across[1])]).as_matrix()
    local = local.copy()
    local[:, 0] = back @ local[:, 0]
    root = (root - joints[0, 0] * [1, 1, 0]) @ back.T
    return local, root - [0, 0, np.percentile(made.forward(local, root)[..., 2].min(axis=1), 5)]


def error_deg(a: np.ndarray, b: np.ndarray) -> float:
    pairs = Rotation.from_matrix(a.reshape(-1, 3, 3)).inv() * Rotation.from_matrix(b.reshape(-1, 3, 3))
    return float(np.degrees(pairs.magnitude()).max())


@pytest.mark.parametrize("kind", ["joints", "features"])
def test_a_known_motion_comes_back(
    kind: str, humanml3d: Any, made: SimpleNamespace, run: Any, tmp_path: Path
) -> None:
    local, root = canonical(made, *made.known_motion(3, frames=61))
    joints = made.forward(local, root)
    y_up = made.y_up(joints)
    if kind == "joints":
        humanml3d.add("000001", joints=y_up[:-1])
    else:
        humanml3d.add("000001", features=made.encode_263(y_up))
    code, out, err = run("humanml3d", humanml3d.path, tmp_path / "set")
    assert code == 0, err
    assert "sequences" in out
    [record] = MotionDataset.open(tmp_path / "set")
    assert (record.name, record.fps, record.split, record.person_class) == ("humanml3d_000001", 20, "train", "person")
    assert record.captions == ("a person walks forward.",)
    assert record.action == "walk"
    assert record.pose.shape == (60, 258)
    assert is_non_commercial(record.licence)
    pose = decode(record.pose.astype(np.float64))
    # The floor lies under sixty of the sixty-one frames.
    shift = np.array([0, 0, np.percentile(joints[:-1, :, 2].min(axis=1), 5)])
    assert np.abs(pose.joints_m - (joints[:-1] - shift)).max() < 1e-3
    assert error_deg(pose.local_rotations, local[:-1]) < 0.1
    header = json.loads((tmp_path / "set" / "dataset.json").read_text())
    assert any("HumanML3D" in line for line in header["credits"])
    assert header["provenance"]["skipped"] == []


def test_features_hold_the_joints_and_the_bones(made: SimpleNamespace) -> None:
    local, root = canonical(made, *made.known_motion(5, frames=30))
    y_up = made.y_up(made.forward(local, root))
    features = made.encode_263(y_up)
    np.testing.assert_allclose(joints_from_features(features), y_up[:-1], atol=1e-12)
    bones = bones_from_rotations(features)
    for joint in range(1, 22):
        bone = y_up[:-1, joint] - y_up[:-1, PARENTS[joint]]
        unit = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
        np.testing.assert_allclose(bones[:, joint], unit, atol=1e-9)


def test_another_skeleton_is_scaled_to_the_projects_legs(humanml3d: Any, made: SimpleNamespace) -> None:
    local, root = canonical(made, *made.known_motion(4, frames=40))
    humanml3d.add("000002", joints=1.25 * made.y_up(made.forward(local, root)))
    [sequence] = HumanML3D(humanml3d.path).read("000002", 20.0).sequences
    np.testing.assert_allclose(sequence.root_position_m, root, atol=1e-4)


def test_captions_about_a_part_make_a_sequence_of_its_own(humanml3d: Any, made: SimpleNamespace) -> None:
    joints = made.y_up(made.forward(*made.known_motion(1, frames=80)))
    text = (
        "a person walks.#a/DET#0.0#0.0\n"
        "someone is walking #1 on#x/X#nan#nan\n"
        "he sits down.#he/PRON#1.0#3.0\n"
        "the man sits.#the/DET#1.0#3.0\n"
        "he stands still.#he/PRON#3.9#9.0\n"
        "he never was.#he/PRON#3.0#1.0\n"
    )
    humanml3d.add("000003", joints=joints, text=text, split="val")
    taken = HumanML3D(humanml3d.path).read("000003", 20.0)
    whole, part = taken.sequences
    assert whole.captions == ("a person walks.", "someone is walking #1 on")
    assert part.captions == ("he sits down.", "the man sits.")
    assert (whole.action, part.action) == ("walk", "sit")
    assert (whole.split, part.split) == ("validation", "validation")
    assert part.name == "humanml3d_000003_1-3s"
    np.testing.assert_array_equal(part.root_position_m, whole.root_position_m[20:60])
    np.testing.assert_array_equal(part.local_rotations, whole.local_rotations[20:60])
    # Two frames are left of the one, none of the other.
    assert taken.dropped == ("humanml3d_000003_3.9-9s", "humanml3d_000003_3-1s")


def test_mirrored_takes(humanml3d: Any, made: SimpleNamespace) -> None:
    y_up = made.y_up(made.forward(*made.known_motion(2, frames=40)))
    image = y_up.copy()[:, [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20]]
    image[..., 0] *= -1
    text = "turns left, counterclockwise.#turn/VERB#0.0#0.0\n"
    humanml3d.add("000004", joints=y_up, text=text)
    humanml3d.add("M000004", joints=image, text="turns right, clockwise.#turn/VERB#0.0#0.0\n")
    assert HumanML3D(humanml3d.path).takes == ("000004",)
    sequences = []
    for mirror in ("files", "make"):
        reader = HumanML3D(humanml3d.path, HumanML3DOptions(mirror=mirror))
        assert reader.takes == ("000004", "M000004")
        [sequence] = reader.read("M000004", 20.0).sequences
        assert sequence.captions == ("turns right, clockwise.",)
        assert (sequence.name, sequence.subject) == ("humanml3d_M000004", "humanml3d_000004")
        sequences.append(sequence)
    read, made_here = sequences
    np.testing.assert_allclose(read.root_position_m, made_here.root_position_m, atol=1e-5)
    assert error_deg(read.local_rotations, made_here.local_rotations) < 0.01


def test_the_frame_rate_can_be_chosen(humanml3d: Any, made: SimpleNamespace) -> None:
    humanml3d.add("000005", joints=made.y_up(made.forward(*made.known_motion(0, frames=41))))
    [sequence] = HumanML3D(humanml3d.path).read("000005", 10.0).sequences
    assert (len(sequence.root_position_m), sequence.fps) == (21, 10.0)


def test_the_first_takes_only(humanml3d: Any, made: SimpleNamespace, run: Any, tmp_path: Path) -> None:
    joints = made.y_up(made.forward(*made.known_motion(0, frames=30)))
    for split, name in (("train", "000008"), ("train", "000009"), ("test", "000010")):
        humanml3d.add(name, joints=joints, split=split)
    for options, names in (
        (("--limit", 1), ["humanml3d_000008"]),
        (("--split", "test"), ["humanml3d_000010"]),
        ((), ["humanml3d_000008", "humanml3d_000009", "humanml3d_000010"]),
    ):
        code, out, _ = run("humanml3d", humanml3d.path, tmp_path / "set", *options)
        assert code == 0
        assert "commercial use" in out
        assert [record.name for record in MotionDataset.open(tmp_path / "set")] == names


def test_bad_takes_can_be_skipped(humanml3d: Any, made: SimpleNamespace, run: Any, tmp_path: Path) -> None:
    joints = made.y_up(made.forward(*made.known_motion(0, frames=30)))
    humanml3d.add("000006", joints=joints)
    humanml3d.add("000007", joints=joints, text=None)
    code, _, err = run("humanml3d", humanml3d.path, tmp_path / "set")
    assert code == 2
    assert not (tmp_path / "set").exists()
    assert [line for line in err.splitlines() if line.startswith("error:")] == [err.splitlines()[-1]]
    code, out, err = run("humanml3d", humanml3d.path, tmp_path / "set", "--skip-bad")
    assert code == 0
    assert "skipped 000007" in err
    assert [record.name for record in MotionDataset.open(tmp_path / "set")] == ["humanml3d_000006"]
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["provenance"]["skipped"] == ["000007"]


def make_bad(folder: Any, joints: np.ndarray, made: SimpleNamespace, fault: str) -> None:
    features = made.encode_263(joints)
    if fault == "width":
        folder.add("1", features=features[:, :251])
    elif fault == "nan":
        joints[7, 3, 1] = np.nan
        folder.add("1", joints=joints)
    elif fault == "no text":
        folder.add("1", joints=joints, text=None)
    elif fault == "no motion":
        folder.add("1")
    elif fault == "text":
        folder.add("1", joints=joints, text="a person walks\n")
    elif fault == "span":
        folder.add("1", joints=joints, text="a person walks#a/DET#0.0#inf\n")
    elif fault == "empty text":
        folder.add("1", joints=joints, text="\n")
    elif fault == "normalised":
        folder.add("1", features=(features - features.mean(axis=0)) / (features.std(axis=0) + 1e-3))
    elif fault == "one point":
        folder.add("1", joints=np.zeros_like(joints))
    elif fault == "two splits":
        folder.add("1", joints=joints)
        folder.add("1", joints=joints, split="test")
    elif fault == "pickle":
        folder.add("1", joints=joints)
        np.save(folder.path / "new_joints" / "1.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif fault == "archive":
        folder.add("1", joints=joints)
        with (folder.path / "new_joints" / "1.npy").open("wb") as file:
            np.savez(file, joints=joints)
    elif fault == "one frame":
        folder.add("1", joints=joints[:1])


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("width", r"expected HumanML3D features of shape \(frames, 263\), got \(29, 251\)"),
        ("nan", r"expected finite joints, got NaN or infinity in frame 7"),
        ("no text", r"expected a text file, got 'No such file or directory' for .*texts/1.txt"),
        ("no motion", r"expected a readable .npy of joints, got 'No such file or directory'"),
        ("text", r"expected caption#tokens#start#end, got 'a person walks' for line 1"),
        ("span", r"expected finite times, got 0.0 to inf for line 1"),
        ("empty text", r"expected at least one caption, got none"),
        ("normalised", r"expected rotations that agree with the positions, .* take off Mean.npy and Std.npy"),
        ("one point", r"expected bones of 1 mm or more, got 0 mm"),
        ("two splits", r"expected a take in one split, got '1' in train and test"),
        ("pickle", r"expected a readable .npy of joints, got .*allow_pickle"),
        ("archive", r"expected numbers as joints, got no array"),
        ("one frame", r"expected 2 frames or more, got 1"),
    ],
)
def test_bad_input_gives_one_line(fault: str, message: str, humanml3d: Any, made: SimpleNamespace) -> None:
    make_bad(humanml3d, made.y_up(made.forward(*made.known_motion(0, frames=30))), made, fault)
    with pytest.raises(InputError, match=message) as caught:
        HumanML3D(humanml3d.path).read("1", 20.0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ("validation",)}, r"expected one of train, val, test, got 'validation' for the split"),
        ({"splits": ("test",)}, r"expected a list of takes, got 'No such file or directory' for .*test.txt"),
        ({"mirror": "both"}, r"expected one of skip, files, make, got 'both' for mirror"),
        ({"motion": "smpl"}, r"expected one of auto, joints, features, got 'smpl' for motion"),
    ],
)
def test_unknown_options_give_one_line(options: dict[str, Any], message: str, humanml3d: Any) -> None:
    humanml3d.add("1")
    with pytest.raises(InputError, match=message):
        HumanML3D(humanml3d.path, HumanML3DOptions(**options))


def test_a_folder_without_lists(tmp_path: Path, run: Any) -> None:
    code, _, err = run("humanml3d", tmp_path, tmp_path / "set")
    assert code == 2
    assert "expected a list train.txt, val.txt or test.txt, got none" in err
