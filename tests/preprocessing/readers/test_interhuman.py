"""InterHuman in its public layout: two known people come back in one world."""

from __future__ import annotations

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


def test_pickles_are_refused(interhuman: Folder) -> None:
    (interhuman.path / "motions_processed").rename(interhuman.path / "motions")
    with pytest.raises(InputError, match=r"got only pickles in motions/ .*pickles can run code and are not read"):
        InterHuman(interhuman.path)


def test_an_unknown_split(interhuman: Folder, run: Any, tmp_path: Path) -> None:
    code, _, err = run("interhuman", interhuman.path, tmp_path / "set", "--split", "dev")
    assert (code, err) == (2, "error: expected one of train, val, test, got 'dev' for the split; choose one\n")
