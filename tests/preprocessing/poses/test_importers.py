"""PHALP and GVHMR files that are written as those tools write them, of a person whose every joint is known."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.poses.crop_camera import camera_to_crop, hmr_camera
from motion_preprocessing.poses.gvhmr import read_gvhmr, read_gvhmr_world
from motion_preprocessing.poses.phalp import read_phalp
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.rotations import geodesic_angle, rotation_vector_from_matrix
from motion_preprocessing.skeleton import JOINT_INDEX

MakePerson = Callable[..., PersonTrack]

OPENPOSE = {
    "neck": 1, "right_shoulder": 2, "right_elbow": 3, "right_wrist": 4, "left_shoulder": 5, "left_elbow": 6,
    "left_wrist": 7, "pelvis": 8, "right_hip": 9, "right_knee": 10, "right_ankle": 11, "left_hip": 12, "left_knee": 13,
    "left_ankle": 14,
}  # fmt: skip
"""Rows of OpenPose's body joints."""


def _phalp(track: PersonTrack, camera: Intrinsics, ghosts: tuple[int, ...] = ()) -> dict[str, Any]:
    """The dict that PHALP dumps; its 2D joints are a little off FK, as a real body's are."""
    centre = 0.5 * (track.box[:, :2] + track.box[:, 2:])
    size = 1.2 * (track.box[:, 2:] - track.box[:, :2]).max(axis=1)
    pred_cam = camera_to_crop(track.translation_m, centre, size, camera)
    side = max(camera.width, camera.height)
    frames = {}
    for t in range(len(track)):
        joints = np.full((45, 2), -1.0)
        pixels = track.predicted_2d[t] + 1.0 + np.array([(side - camera.width) // 2, (side - camera.height) // 2])
        for name, row in OPENPOSE.items():
            joints[row] = pixels[JOINT_INDEX[name]] / side
        frames[f"_DEMO/video/img/{t:06d}.jpg"] = {
            "time": t, "shot": 0, "frame_path": f"_DEMO/video/img/{t:06d}.jpg",
            "tid": [5], "tracked_time": [1 if t in ghosts else 0],
            "tracked_ids": [] if t in ghosts else [5], "tracked_bbox": [],
            "bbox": [np.array([1.0, 2.0, 3.0, 4.0])], "conf": [np.float32(0.75)], "class_name": [0],
            "center": [centre[t]], "scale": [np.array([size[t] * 0.5, size[t]])],
            "size": [[camera.height, camera.width]],
            "camera_bbox": [pred_cam[t].astype(np.float64)], "camera": [np.zeros(3, np.float32)],
            "3d_joints": [np.zeros((45, 3), np.float32)], "2d_joints": [joints.reshape(90)],
            "smpl": [{
                "global_orient": track.rotations[t, :1].astype(np.float64),
                "body_pose": np.concatenate([track.rotations[t, 1:], np.tile(np.eye(3), (2, 1, 1))]),
                "betas": np.full(10, 0.1, np.float32),
            }],
            "annotations": [[]], "extra_data": [None],
        }  # fmt: skip
    return frames


@pytest.mark.parametrize("compress", [0, 3])
def test_phalp_tracks_are_recovered(
    person: MakePerson, camera: Intrinsics, tmp_path: Path, compress: int
) -> None:
    true = person(0, np.linspace((-1.0, 0.1, 5.0), (1.0, 0.2, 6.0), 8), np.random.default_rng(0))
    joblib.dump(_phalp(true, camera, ghosts=(3, 6)), tmp_path / "demo.pkl", compress=compress)
    poses = read_phalp(tmp_path / "demo.pkl", camera, orientation="camera", first_frame=20)
    assert poses.dropped == 2
    seen = [0, 1, 2, 4, 5, 7]
    assert (poses.frames - 20).tolist() == seen
    assert set(poses.ids.tolist()) == {5}
    np.testing.assert_allclose(poses.translation_m, true.translation_m[seen], atol=1e-9)
    assert np.max(geodesic_angle(poses.rotations, true.rotations[seen])) < 1e-7
    np.testing.assert_allclose(poses.score, 0.75)
    # Pixels of the file where it has them, of forward kinematics elsewhere.
    for name, joint in JOINT_INDEX.items():
        shift = 1.0 if name in OPENPOSE else 0.0
        np.testing.assert_allclose(poses.predicted_2d[:, joint], true.predicted_2d[seen, joint] + shift, atol=1e-6)


def test_a_phalp_file_that_runs_code_is_refused(camera: Intrinsics, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return exec, (f"open({str(tmp_path / 'mark')!r}, 'w')",)

    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"000001.jpg": {"tid": [Evil()]}}))
    with pytest.raises(InputError, match="got the name 'builtins.exec'"):
        read_phalp(tmp_path / "evil.pkl", camera)
    assert not (tmp_path / "mark").exists()


def test_faults_of_a_phalp_file_are_named(person: MakePerson, camera: Intrinsics, tmp_path: Path) -> None:
    true = person(0, np.full((2, 3), (0.0, 0.0, 5.0)), np.random.default_rng(1))
    path = tmp_path / "x.pkl"

    def fault(change: Callable[[dict[str, Any]], None], message: str) -> None:
        frames = _phalp(true, camera)
        change(frames["_DEMO/video/img/000001.jpg"])
        joblib.dump(frames, path)
        with pytest.raises(InputError, match=message):
            read_phalp(path, camera)

    message = r"expected a list 'camera_bbox' as long as 'tid', .* frame _DEMO.*000001\.jpg"
    fault(lambda f: f.pop("camera_bbox"), message)
    fault(lambda f: f["center"].clear(), "expected a list 'center'")
    fault(lambda f: f.update(size=[[100, 200]]), "expected pictures of 1280 x 720, got 200 x 100")
    fault(lambda f: f["smpl"][0].pop("betas"), "expected SMPL poses of HMR2, got ''betas''")
    joblib.dump([1, 2], path)
    with pytest.raises(InputError, match="expected frames as PHALP writes them"):
        read_phalp(path, camera)
    joblib.dump({}, path)
    assert len(read_phalp(path, camera)) == 0


def _gvhmr(track: PersonTrack, intrinsic: np.ndarray) -> dict[str, Any]:
    vectors = np.asarray(rotation_vector_from_matrix(track.rotations))
    count = len(track)
    body = np.pad(vectors[:, 1:].reshape(count, 63), ((0, 0), (2, 1)))
    one = {
        "global_orient": torch.tensor(vectors[:, 0], dtype=torch.float32),
        # A view into a larger storage, with strides of its own.
        "body_pose": torch.tensor(body, dtype=torch.float32)[:, 2:65],
        "transl": torch.tensor(track.translation_m, dtype=torch.float32),
        "betas": torch.zeros(10).expand(count, 10).clone(),
    }
    return {
        "smpl_params_incam": one, "smpl_params_global": {k: v.double() for k, v in one.items()},
        "K_fullimg": torch.tensor(intrinsic, dtype=torch.float32).repeat(count, 1, 1),
        "net_outputs": {"static": torch.tensor([True, False]), "half": torch.ones(3, dtype=torch.bfloat16) * 1.5},
    }  # fmt: skip


def test_gvhmr_motion_is_recovered_without_torch(person: MakePerson, camera: Intrinsics, tmp_path: Path) -> None:
    true = person(0, np.linspace((-1.0, 0.1, 5.0), (1.0, 0.2, 6.0), 7), np.random.default_rng(2))
    intrinsic = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
    torch.save(_gvhmr(true, intrinsic), tmp_path / "hmr4d_results.pt")
    poses = read_gvhmr(tmp_path / "hmr4d_results.pt", camera, track_id=4, first_frame=10)
    assert poses.body == "smplx"
    assert poses.frames.tolist() == list(range(10, 17))
    np.testing.assert_allclose(poses.translation_m, true.translation_m, atol=1e-5)
    assert np.max(geodesic_angle(poses.rotations, true.rotations)) < 1e-5
    np.testing.assert_allclose(poses.predicted_2d, true.predicted_2d, atol=2e-3)
    world = read_gvhmr_world(tmp_path / "hmr4d_results.pt")
    np.testing.assert_allclose(world.translation_m, true.translation_m, atol=1e-6)
    # The same as an .npz.
    incam = _gvhmr(true, intrinsic)["smpl_params_incam"]
    np.savez(tmp_path / "g.npz", K_fullimg=intrinsic, **{f"incam/{k}": v.numpy() for k, v in incam.items()})
    again = read_gvhmr(tmp_path / "g.npz", camera, track_id=4)
    np.testing.assert_allclose(again.rotations, poses.rotations, atol=1e-7)


def test_another_focal_length_changes_the_distance_and_keeps_the_pelvis_in_place(
    person: MakePerson, camera: Intrinsics, tmp_path: Path
) -> None:
    true = person(0, np.linspace((-1.0, 0.1, 5.0), (1.0, 0.2, 6.0), 3), np.random.default_rng(3))
    assumed = hmr_camera(1280, 720)  # a very long lens
    intrinsic = np.array([[assumed.fx, 0, 640], [0, assumed.fy, 360], [0, 0, 1]])
    torch.save(_gvhmr(true, intrinsic), tmp_path / "r.pt")
    poses = read_gvhmr(tmp_path / "r.pt", camera, track_id=0)
    pelvis = forward_kinematics(poses.rotations, poses.translation_m)[0][:, 0]
    np.testing.assert_allclose(camera.project(pelvis), assumed.project(true.pelvis_m()), atol=1e-2)
    np.testing.assert_allclose(poses.translation_m[:, 2], true.translation_m[:, 2] * 900 / 25000, rtol=1e-6)


def test_faults_of_a_gvhmr_file_are_named(person: MakePerson, camera: Intrinsics, tmp_path: Path) -> None:
    true = person(0, np.full((2, 3), (0.0, 0.0, 5.0)), np.random.default_rng(4))
    content = _gvhmr(true, np.eye(3))
    path = tmp_path / "r.pt"

    def fault(value: Any, message: str) -> None:
        torch.save(value, path)
        with pytest.raises(InputError, match=message):
            read_gvhmr(path, camera, track_id=0)

    fault({k: v for k, v in content.items() if k != "smpl_params_incam"}, "expected 'smpl_params_incam', got K_fullimg")
    fault(content | {"smpl_params_incam": {"transl": torch.zeros(2, 3)}}, r"expected numbers \(2, 3\), .*global_orient")
    fault(content | {"K_fullimg": torch.zeros(4)}, r"expected K_fullimg \(2, 3, 3\)")
    fault(content | {"K_fullimg": torch.zeros(3, 3)}, "expected a camera")
    fault([1], "expected a dict, got list")
    fault(content | {"extra": torch.nn.Linear(1, 1)}, "got the name 'torch.nn.modules.linear.Linear'")
    path.write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"expected torch's archive \(\.pt\)"):
        read_gvhmr(path, camera, track_id=0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/other", b"")
    with pytest.raises(InputError, match="got another .zip"):
        read_gvhmr(path, camera, track_id=0)
    with pytest.raises(InputError, match="No such file"):
        read_gvhmr(tmp_path / "none.pt", camera, track_id=0)
