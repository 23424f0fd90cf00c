"""InterHuman in its public layout: two known people come back in one world."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.readers.interhuman import InterHuman

FRAMES = 46


def rows(local: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The 492 numbers of a frame: 62 positions, then 51 rotations as two columns written row by row."""
    positions = np.zeros((len(local), 62, 3))
    positions[:, :22] = joints
    rotations = np.broadcast_to(np.eye(3), (len(local), 51, 3, 3)).copy()
    rotations[:, :21] = local[:, 1:]
    return np.concatenate([positions.reshape(len(local), -1), rotations[..., :2].reshape(len(local), -1)], axis=-1)


class Folder:
    """A folder in the layout of InterHuman with one take of two people."""

    def __init__(self, path: Path, made: SimpleNamespace) -> None:
        self.path = path
        self.motions = []
        for number in (1, 2):
            local, root = made.known_motion(number, frames=FRAMES)
            local[:, 1:] = made.smooth_rotations(number, FRAMES)
            root = root + [0.0, 1.5 * number, 0.0]
            self.motions.append((local, made.forward(local, root)))
            place = path / "motions_processed" / f"person{number}"
            place.mkdir(parents=True)
            np.save(place / "7.npy", rows(*self.motions[-1]).astype(np.float32))
        (path / "annots").mkdir()
        (path / "annots" / "7.txt").write_text("two people dance together.\none leads the other.\n\n")
        (path / "split").mkdir()
        (path / "split" / "train.txt").write_text("7\n8\n")
        (path / "split" / "ignore_list.txt").write_text("8\n")

    def file(self, number: int) -> Path:
        return self.path / "motions_processed" / f"person{number}" / "7.npy"


@pytest.fixture
def interhuman(tmp_path: Path, made: SimpleNamespace) -> Folder:
    return Folder(tmp_path / "InterHuman", made)


def test_two_people_come_back_in_one_world(
    interhuman: Folder, made: SimpleNamespace, run: Any, tmp_path: Path
) -> None:
    code, _, err = run("interhuman", interhuman.path, tmp_path / "set", "--fps", 30)
    assert code == 0, err
    data = MotionDataset.open(tmp_path / "set")
    records = list(data)
    assert [record.name for record in records] == ["interhuman_7_person1", "interhuman_7_person2"]
    assert data.pairs() == [(0, 1)]
    assert {record.captions for record in records} == {("two people dance together.", "one leads the other.")}
    assert {record.action for record in records} == {"dance"}
    floor = np.mean([np.percentile(joints[..., 2].min(axis=1), 5) for _, joints in interhuman.motions])
    for record, (local, joints) in zip(records, interhuman.motions, strict=True):
        pose = decode(record.pose.astype(np.float64))
        assert np.abs(pose.joints_m - (joints - [0, 0, floor])).max() < 1e-3
        pairs = Rotation.from_matrix(pose.local_rotations.reshape(-1, 3, 3)).inv() * Rotation.from_matrix(
            local.reshape(-1, 3, 3)
        )
        assert np.degrees(pairs.magnitude()).max() < 0.1


def test_thirty_frames_a_second_become_twenty(interhuman: Folder) -> None:
    for sequence in InterHuman(interhuman.path).read("7", 20.0).sequences:
        assert (len(sequence.root_position_m), sequence.fps) == (31, 20.0)  # 45 steps at 30 a second are 1.5 s


def test_people_share_one_scale(interhuman: Folder) -> None:
    """Who is taller than the other stays as far away as the mean of their sizes says."""
    before = [s.root_position_m for s in InterHuman(interhuman.path).read("7", 30.0).sequences]
    for number, size in ((1, 1.1), (2, 0.9)):
        data = np.load(interhuman.file(number))
        data[:, :66] = (data[:, :66].reshape(-1, 22, 3) * size).reshape(-1, 66)
        np.save(interhuman.file(number), data)
    after = [s.root_position_m for s in InterHuman(interhuman.path).read("7", 30.0).sequences]
    for old, new, size in zip(before, after, (1.1, 0.9), strict=True):
        np.testing.assert_allclose(np.ptp(new[:, :2], axis=0), size * np.ptp(old[:, :2], axis=0), atol=0.02)


def test_lists_beside_the_folders_are_read(interhuman: Folder) -> None:
    for name in ("train.txt", "ignore_list.txt"):
        (interhuman.path / "split" / name).rename(interhuman.path / name)
    assert InterHuman(interhuman.path).takes == ("7",)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("width", r"expected InterHuman motion of shape \(frames, 492\), got \(46, 262\)"),
        ("nan", r"expected finite InterHuman motion, got NaN or infinity in frame 3 for .*person2"),
        ("one person", r"expected a readable .npy of InterHuman motion, got 'No such file or directory' for .*person2"),
        ("no text", r"expected a text file, got 'No such file or directory' for .*annots/7.txt"),
        ("lengths", r"expected two people with as many frames, got 46 and 40"),
        ("columns", r"expected rotations that agree with the positions, got joints \d+ cm apart"),
    ],
)
def test_bad_input_gives_one_line(fault: str, message: str, interhuman: Folder) -> None:
    path, data = interhuman.file(2), np.load(interhuman.file(2))
    if fault == "width":
        np.save(interhuman.file(1), data[:, :262])
    elif fault == "nan":
        data[3, 200] = np.nan
        np.save(path, data)
    elif fault == "one person":
        path.unlink()
    elif fault == "no text":
        (interhuman.path / "annots" / "7.txt").unlink()
    elif fault == "lengths":
        np.save(path, data[:40])
    elif fault == "columns":  # the usual order of the six numbers, which is not this collection's
        six = data[:, 186:].reshape(len(data), 51, 3, 2)
        data[:, 186:] = np.swapaxes(six, -1, -2).reshape(len(data), -1)
        np.save(path, data)
    with pytest.raises(InputError, match=message) as caught:
        InterHuman(interhuman.path).read("7", 20.0)
    assert "\n" not in str(caught.value)


def write_parameters(folder: Folder, made: SimpleNamespace, fps: float = 60.0, **changes: Any) -> list[np.ndarray]:
    """Put the take as SMPL parameters in place of motions_processed; return each person's joints on the floor."""
    shutil.rmtree(folder.path / "motions_processed")
    (folder.path / "motions").mkdir()
    data: dict[str, Any] = {"mocap_framerate": fps, "frames": FRAMES}
    joints = []
    for number, (local, _) in enumerate(folder.motions, start=1):
        vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, 66)
        # Far too fast for a foot to stand, so that nothing speaks for another scale.
        trans = np.stack([np.linspace(0, 8, FRAMES), np.full(FRAMES, 2.0 * number), np.full(FRAMES, 1.2)], axis=-1)
        data[f"person{number}"] = {
            "trans": trans.astype(np.float32),
            "root_orient": vectors[:, :3],
            "pose_body": vectors[:, 3:],
            "betas": np.zeros(10),
            "gender": "male",
        }
        joints.append(made.forward(local, trans))
    for name, value in changes.items():
        target, key = (data["person2"], name.removeprefix("person2_")) if name.startswith("person2_") else (data, name)
        target[key] = value
    (folder.path / "motions" / "7.pkl").write_bytes(pickle.dumps(data))
    floor = np.mean([np.percentile(j[..., 2].min(axis=1), 5) for j in joints])
    return [j - [0, 0, floor] for j in joints]


def test_parameters_come_back(interhuman: Folder, made: SimpleNamespace) -> None:
    joints = write_parameters(interhuman, made)
    sequences = InterHuman(interhuman.path).read("7", 60.0).sequences
    for sequence, truth, (local, _) in zip(sequences, joints, interhuman.motions, strict=True):
        found = made.forward(sequence.local_rotations.astype(np.float64), sequence.root_position_m.astype(np.float64))
        assert np.abs(found - truth).max() < 1e-3
        np.testing.assert_allclose(sequence.local_rotations, local, atol=1e-5)
        assert (sequence.pair, sequence.source) == ("interhuman_7", "InterHuman motions/7.pkl")
    assert len(InterHuman(interhuman.path).read("7", 20.0).sequences[0].root_position_m) == 16


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (self.path, "w")


def test_a_pickle_runs_no_code(interhuman: Folder, made: SimpleNamespace, tmp_path: Path) -> None:
    write_parameters(interhuman, made, person2_gender=Evil(str(tmp_path / "made")))
    with pytest.raises(InputError, match="expected a pickle of numbers, text and arrays"):
        InterHuman(interhuman.path).read("7", 20.0)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mocap_framerate": 0}, r"expected a frame rate of 1 to 1000, got 0"),
        ({"mocap_framerate": None}, r"expected a frame rate of 1 to 1000, got nan"),
        ({"person2": None}, r"expected a dict with person1 and person2"),
        ({"person2_trans": np.zeros((40, 3))}, r"expected as many frames of all .* got 40, 46, 46 for person2"),
        ({"person2_pose_body": np.zeros((46, 69))}, r"expected pose_body of person2 of shape \(frames, 63\)"),
        ({"person2_root_orient": np.full((46, 3), np.nan)}, r"expected finite root_orient of person2"),
    ],
)
def test_bad_parameters_give_one_line(
    changes: dict[str, Any], message: str, interhuman: Folder, made: SimpleNamespace
) -> None:
    write_parameters(interhuman, made, **changes)
    with pytest.raises(InputError, match=message) as caught:
        InterHuman(interhuman.path).read("7", 20.0)
    assert "\n" not in str(caught.value)


def test_a_folder_without_motion(interhuman: Folder) -> None:
    shutil.rmtree(interhuman.path / "motions_processed")
    with pytest.raises(InputError, match="expected motions_processed or motions, got no folder motions"):
        InterHuman(interhuman.path)
    with pytest.raises(InputError, match="expected one of auto, processed, parameters, got 'smpl' for motion"):
        InterHuman(interhuman.path, motion="smpl")


def test_an_unknown_split(interhuman: Folder, run: Any, tmp_path: Path) -> None:
    code, _, err = run("interhuman", interhuman.path, tmp_path / "set", "--split", "dev")
    assert (code, err) == (2, "error: expected one of train, val, test, got 'dev' for the split; choose one\n")
