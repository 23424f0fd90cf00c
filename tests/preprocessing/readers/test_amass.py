"""AMASS in its public layout: rotations and path come back, the scale is found from standing feet."""

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
from motion_preprocessing.readers.amass import Amass, label_of, read_amass
from motion_preprocessing.readers.body_motion import BodyMotion, stance_scale
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M, WORLD_FROM_BODY


def write(path: Path, local: np.ndarray, path_m: np.ndarray, model: str = "smplh", **changes: Any) -> Path:
    """Write a take as AMASS does; changes replace arrays, None leaves them out."""
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(len(local), 66)
    hands = np.zeros((len(local), 90 if model == "smplh" else 99))
    arrays: dict[str, Any] = {
        "trans": path_m,
        "poses": np.concatenate([vectors, hands], axis=1),
        "betas": np.zeros(16),
        "gender": "female",
        "mocap_framerate" if model == "smplh" else "mocap_frame_rate": np.float64(120.0),
    }
    if model == "smplx":
        arrays |= {"root_orient": vectors[:, :3], "pose_body": vectors[:, 3:], "surface_model_type": "smplx"}
        arrays["markers_latent_labels"] = np.array(["ARIEL", None], dtype=object)
    arrays |= changes
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def standing(frames: int = 121) -> tuple[np.ndarray, np.ndarray]:
    """Somebody who stands on one spot with bent knees, turning the head."""
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    nod = Rotation.from_euler("y", np.linspace(0, 40, frames)[:, None], degrees=True)
    local[:, JOINT_INDEX["head"]] = nod.as_matrix()
    return local, np.tile([0.3, -0.2, 1.1], (frames, 1))


@pytest.mark.parametrize("model", ["smplh", "smplx"])
def test_a_known_motion_comes_back(model: str, made: SimpleNamespace, run: Any, tmp_path: Path) -> None:
    frames = 241
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 1:] = made.smooth_rotations(1, frames)
    spin = Rotation.from_euler("z", np.linspace(0, 3, frames)[:, None])
    local[:, 0] = spin.as_matrix() @ WORLD_FROM_BODY
    # Far too fast for a foot to stand, so that nothing speaks for another scale.
    trans = np.stack([np.linspace(0, 8, frames), np.zeros(frames), np.full(frames, 1.3)], axis=-1)
    write(tmp_path / "AMASS" / "ACCAD" / "Female1Running_c3d" / "C1 - stand to run_poses.npz", local, trans, model)
    code, _, err = run("amass", tmp_path / "AMASS", tmp_path / "set")
    assert code == 0, err
    [record] = MotionDataset.open(tmp_path / "set")
    assert record.name == "amass_ACCAD_Female1Running_c3d_C1_-_stand_to_run"
    assert (record.action, record.captions, record.split) == ("run", (), "train")
    assert record.subject == "amass_ACCAD_Female1Running_c3d"
    assert record.pose.shape == (41, 258)
    pose = decode(record.pose.astype(np.float64))
    kept = slice(None, None, 6)
    joints = made.forward(local, trans)
    shift = np.array([0, 0, np.percentile(joints[..., 2].min(axis=1), 5)])
    assert np.abs(pose.joints_m - (joints - shift)[kept]).max() < 1e-3
    pairs = Rotation.from_matrix(pose.local_rotations.reshape(-1, 3, 3)).inv() * Rotation.from_matrix(
        local[kept].reshape(-1, 3, 3)
    )
    assert np.degrees(pairs.magnitude()).max() < 0.1


def planted_walk(frames: int = 240, fps: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """A stiff-legged walk in which the lower foot never slides; the pelvis path follows from it, by hand."""
    time = np.arange(frames) / fps
    angle = 0.35 * np.sin(2 * np.pi * 0.8 * time)
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    feet = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hip = Rotation.from_euler("x", sign * angle[:, None])
        lift = np.where(np.gradient(angle) * sign < 0, 0.5, 0.0)  # the leg that swings forward is drawn up
        knee = Rotation.from_euler("x", lift[:, None])
        local[:, JOINT_INDEX[f"{side}_hip"]] = hip.as_matrix()
        local[:, JOINT_INDEX[f"{side}_knee"]] = knee.as_matrix()
        shin = (hip * knee).apply(
            REST_OFFSETS_M[JOINT_INDEX[f"{side}_ankle"]] + REST_OFFSETS_M[JOINT_INDEX[f"{side}_foot"]]
        )
        thigh = hip.apply(REST_OFFSETS_M[JOINT_INDEX[f"{side}_knee"]].copy())
        feet[side] = (REST_OFFSETS_M[JOINT_INDEX[f"{side}_hip"]] + thigh + shin) @ WORLD_FROM_BODY.T
    root = np.zeros((frames, 3))
    for frame in range(1, frames):
        stance = "left" if np.gradient(angle)[frame] > 0 else "right"
        root[frame] = root[frame - 1] - (feet[stance][frame] - feet[stance][frame - 1])
    return local, root


@pytest.mark.parametrize("size", [0.9, 1.0, 1.15])
def test_the_scale_is_found_from_standing_feet(size: float) -> None:
    local, root = planted_walk()
    assert np.ptp(root[:, 0]) > 1.0
    assert stance_scale(BodyMotion(local, root * size, 60.0)) == pytest.approx(1 / size, abs=0.02)


def test_who_does_not_walk_keeps_the_scale() -> None:
    local, trans = standing()
    assert stance_scale(BodyMotion(local, trans, 120.0)) == pytest.approx(1.0, abs=1e-9)


def test_splits_keep_the_projects_subjects_apart(tmp_path: Path) -> None:
    local, trans = standing()
    for take in ("CMU/13/13_01_poses", "CMU/16/16_01_poses", "HumanEva/S1/walk_poses", "SSM_synced/a/b_poses"):
        write(tmp_path / f"{take}.npz", local, trans)
    reader = Amass(tmp_path)
    splits = {take.split("/")[1]: reader.read(take, 20.0).sequences[0].split for take in reader.takes}
    assert splits == {"13": "test", "16": "train", "S1": "validation", "a": "test"}
    # The same where the folder is the collection or the subject itself.
    assert Amass(tmp_path / "CMU").read("13/13_01_poses", 20.0).sequences[0].split == "test"
    assert Amass(tmp_path / "CMU" / "13").read("13_01_poses", 20.0).sequences[0].split == "test"


def test_calibration_poses_and_files_without_motion_are_left_out(tmp_path: Path) -> None:
    local, trans = standing(frames=601)
    write(tmp_path / "MPI_HDM05" / "bk" / "HDM_bk_01_poses.npz", local, trans)
    np.savez(tmp_path / "MPI_HDM05" / "bk" / "shape.npz", betas=np.zeros(16))
    np.savez(tmp_path / "MPI_HDM05" / "bk" / "neutral_stagei.npz", betas=np.zeros(16))
    reader = Amass(tmp_path)
    assert reader.takes == ("MPI_HDM05/bk/HDM_bk_01_poses",)
    [sequence] = reader.read(reader.takes[0], 20.0).sequences
    assert len(sequence.root_position_m) == 41  # 3 s of 5 s are gone
    write(tmp_path / "MPI_HDM05" / "bk" / "short_poses.npz", local[:380], trans[:380])
    taken = Amass(tmp_path).read("MPI_HDM05/bk/short_poses", 20.0)
    assert (taken.sequences, taken.dropped) == ((), ("amass_MPI_HDM05_bk_short",))


@pytest.mark.parametrize(
    ("stem", "label"),
    [("B3 - walk1_poses", "walk"), ("13_01_poses", ""), ("SlowRunning02_stageii", "slow running"), ("a_jump", "jump")],
)
def test_labels(stem: str, label: str) -> None:
    assert label_of(stem) == label


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mocap_framerate": np.float64(0.0)}, r"expected a frame rate of 1 to 1000, got 0 for"),
        ({"mocap_framerate": np.float64(np.nan)}, r"expected a frame rate of 1 to 1000, got nan for"),
        ({"mocap_framerate": None}, r"expected an array 'mocap_framerate', got betas, gender, poses, trans"),
        ({"trans": None}, r"expected an array 'trans', got betas"),
        ({"poses": None}, r"expected an array 'poses', got betas"),
        ({"poses": np.zeros((121, 63))}, r"expected poses 72, 156, 165 numbers wide, got 63"),
        ({"poses": np.zeros((100, 156))}, r"expected 121 poses as of translations, got 100"),
        ({"trans": np.full((121, 3), np.nan)}, r"expected finite translations, got NaN or infinity in frame 0"),
        ({"trans": np.zeros((121, 2))}, r"expected translations of shape \(frames, 3\), got \(121, 2\)"),
        ({"trans": np.array([["a", "b", "c"]])}, r"expected numbers as translations, got <U1"),
    ],
)
def test_bad_input_gives_one_line(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "take_poses.npz", *standing(), **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_amass(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_files_that_are_no_archive(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "take_poses.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a readable .npz"):
        read_amass(path)


def test_a_folder_without_takes(run: Any, tmp_path: Path) -> None:
    code, _, err = run("amass", tmp_path, tmp_path / "set")
    assert code == 2
    assert "expected DATASET/SUBJECT/*.npz, got no .npz" in err
