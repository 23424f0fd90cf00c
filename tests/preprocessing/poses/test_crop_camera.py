"""Crop camera to picture camera: the formulas against projections that are computed step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.crop_camera import camera_to_crop, crop_to_camera, hmr_camera, ray_rotation
from motion_preprocessing.poses.hmr2 import from_crops, read_hmr2
from motion_preprocessing.poses.predictions import PosePredictions, attach
from motion_preprocessing.poses.reprojection import reprojection_error_px
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.rotations import geodesic_angle

MakePerson = Callable[..., PersonTrack]


def test_the_crop_formula_is_the_published_one() -> None:
    # By hand: width 1280, f = 25000; b = 400 * 0.8 = 320; tz = 50000 / 320; x = 0.05 + 2 (900 - 640) / 320.
    camera = hmr_camera(1280, 720)
    assert camera.fx == pytest.approx(25000.0)
    got = crop_to_camera(np.array([0.8, 0.05, -0.1]), np.array([900.0, 300.0]), np.array(400.0), camera)
    np.testing.assert_allclose(got, [0.05 + 520 / 320, -0.1 - 120 / 320, 156.25], rtol=1e-12)


def test_the_body_keeps_the_crops_pixels_for_any_lens() -> None:
    rng = np.random.default_rng(0)
    pred_cam = np.column_stack([rng.uniform(0.5, 1.2, 50), rng.uniform(-0.2, 0.2, (50, 2))])
    centre, size = rng.uniform(100, 600, (50, 2)), rng.uniform(80, 500, 50)
    for camera in (Intrinsics(700, 700, 640, 360, 1280, 720), Intrinsics(700, 640, 610, 390, 1280, 720)):
        translation = crop_to_camera(pred_cam, centre, size, camera)
        # Weak perspective: the body's origin is seen at centre + b/2 (tx, ty), its size is 2/b of a metre a pixel.
        expected = centre + 0.5 * (size * pred_cam[:, 0])[:, None] * pred_cam[:, 1:]
        np.testing.assert_allclose(camera.project(translation), expected, atol=1e-9)
        scale = np.sqrt(camera.fx * camera.fy) / translation[:, 2]
        np.testing.assert_allclose(scale, size * pred_cam[:, 0] / 2, rtol=1e-12)
        np.testing.assert_allclose(camera_to_crop(translation, centre, size, camera), pred_cam, atol=1e-10)


def test_a_scale_that_is_not_positive_has_no_place() -> None:
    camera = hmr_camera(640, 480)
    got = crop_to_camera(np.array([[0.0, 0, 0], [-1.0, 0, 0], [1.0, 0, 0]]), np.zeros((3, 2)), np.ones(3), camera)
    assert np.isnan(got).any(axis=1).tolist() == [True, True, False]


def test_turned_to_the_ray_a_person_at_the_edge_of_a_wide_picture_is_recovered(person: MakePerson) -> None:
    """Photograph a true person with a long lens that looks straight at him: that is what the network believes to see.

    Its answer has to lead back to where the person truly stands and how he is turned, in the wide picture.
    """
    camera = Intrinsics(640, 640, 640, 360, 1280, 720)  # 90 degrees wide
    true = person(0, np.array([[4.2, 0.4, 5.0], [-3.0, 1.2, 6.0], [0.1, 0.0, 5.5]]), np.random.default_rng(1), camera)
    pelvis = true.pelvis_m()
    centre = camera.project(pelvis)
    turn = ray_rotation(centre, camera)
    np.testing.assert_allclose(
        np.einsum("nij,nj->ni", turn.swapaxes(-1, -2), pelvis)[:, :2], 0.0, atol=1e-12
    )  # the ray's camera has the pelvis in its middle
    crop_root = turn.swapaxes(-1, -2) @ true.rotations[:, 0]
    distance = np.linalg.norm(pelvis, axis=1)
    size = np.full(3, 300.0)
    seen_focal = 640 / turn[:, 2, 2]  # a central patch of the ray's view, enlarged to the picture's own scale there
    pred_cam = np.column_stack([2 * seen_focal / (distance * size), np.zeros((3, 2))])
    rotations = true.rotations.copy()
    rotations[:, 0] = crop_root
    poses = from_crops(
        frames=np.arange(3), ids=np.zeros(3, np.int64), rotations=rotations, betas=np.zeros((3, 10)),
        pred_cam=pred_cam, box_center=centre, box_size=size, score=np.ones(3), camera=camera, orientation="crop",
    )  # fmt: skip
    np.testing.assert_allclose(poses.translation_m, pelvis, atol=1e-9)
    assert np.max(geodesic_angle(poses.rotations, true.rotations)) < 1e-7
    # The same numbers taken for the camera's own axes leave the first person turned by the angle of the ray.
    naive = from_crops(
        frames=np.arange(3), ids=np.zeros(3, np.int64), rotations=rotations, betas=np.zeros((3, 10)),
        pred_cam=pred_cam, box_center=centre, box_size=size, score=np.ones(3), camera=camera, orientation="camera",
    )  # fmt: skip
    wrong = np.degrees(geodesic_angle(naive.rotations[:, 0], true.rotations[:, 0]))
    assert wrong[0] == pytest.approx(np.degrees(np.arccos(5.0 / distance[0])), abs=1e-6)
    # What the network matched to the picture are the true pixels, up to the perspective within the body.
    error = np.linalg.norm(poses.predicted_2d - true.predicted_2d, axis=-1).mean(axis=1)
    assert np.all(error < 0.12 * np.ptp(true.predicted_2d[..., 1], axis=1))


def _npz(path: Path, track: PersonTrack, camera: Intrinsics, **changes: np.ndarray) -> Path:
    centre = 0.5 * (track.box[:, :2] + track.box[:, 2:])
    size = 1.2 * (track.box[:, 2:] - track.box[:, :2]).max(axis=1)
    hands = np.broadcast_to(np.eye(3), (len(track), 2, 3, 3))
    arrays = {
        "frame": track.frames, "track_id": np.full(len(track), track.track_id), "box_center": centre, "box_size": size,
        "pred_cam": camera_to_crop(track.translation_m, centre, size, camera),
        "global_orient": track.rotations[:, 0], "body_pose": np.concatenate([track.rotations[:, 1:], hands], axis=1),
        "betas": np.zeros((len(track), 10)), "img_size": np.array([camera.width, camera.height]),
        "orientation": np.array("camera"),
    }  # fmt: skip
    np.savez(path, **(arrays | changes))
    return path


def test_an_hmr2_file_gives_back_the_person(person: MakePerson, camera: Intrinsics, tmp_path: Path) -> None:
    path = np.linspace((-2.0, 0.1, 5.0), (2.0, 0.2, 7.0), 12)
    true = person(7, path, np.random.default_rng(2))
    order = np.random.default_rng(3).permutation(12)
    poses = read_hmr2(_npz(tmp_path / "hmr2.npz", true, camera), camera).take(order)
    blank = replace(
        PersonTrack.blank(7, np.arange(12)), box=true.box, keypoints_2d=true.keypoints_2d, action=("walk",) * 12
    )
    (joined,), lost = attach([blank], poses)
    assert lost == 0
    assert joined.present.all()
    assert joined.action == ("walk",) * 12
    np.testing.assert_allclose(joined.joints_m(), true.joints_m(), atol=1e-9)
    np.testing.assert_allclose(joined.predicted_2d, true.predicted_2d, atol=1e-6)
    np.testing.assert_allclose(reprojection_error_px(joined), 0.0, atol=1e-6)


def test_poses_that_cannot_be(person: MakePerson, camera: Intrinsics, tmp_path: Path) -> None:
    true = person(1, np.full((5, 3), (0.0, 0.0, 5.0)), np.random.default_rng(4))
    pred_cam = np.tile([0.9, 0.0, 0.0], (5, 1))
    pred_cam[1, 0] = -0.3  # behind the camera
    orient = true.rotations[:, 0].copy()
    orient[2] = np.diag([1.0, 1.0, -1.0])  # a reflection
    betas = np.zeros((5, 10))
    betas[3, 4] = np.nan
    poses = read_hmr2(
        _npz(tmp_path / "h.npz", true, camera, pred_cam=pred_cam, global_orient=orient, betas=betas), camera
    )
    assert poses.frames.tolist() == [0, 4]
    assert poses.dropped == 3


def test_of_two_poses_for_one_frame_the_surer_one_counts() -> None:
    poses = PosePredictions(
        frames=np.array([4, 4, 9]), ids=np.array([2, 2, 2]), rotations=np.tile(np.eye(3), (3, 22, 1, 1)),
        betas=np.zeros((3, 10)), translation_m=np.array([[0, 0, 1.0], [0, 0, 2.0], [0, 0, 3.0]]),
        predicted_2d=np.zeros((3, 22, 2)), score=np.array([0.9, 0.4, 0.5]),
    )  # fmt: skip
    (track,), lost = attach([PersonTrack.blank(2, [3, 4])], poses)
    assert lost == 1
    assert track.present.tolist() == [False, True]
    assert track.translation_m[1, 2] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred_cam": np.zeros((3, 5))}, r"expected numbers \(4, 3\), got float64 \(3, 5\) for pred_cam"),
        ({"img_size": np.array([640, 480])}, "expected crops of 1280 x 720 pictures, got img_size 640 x 480"),
        ({"track_id": np.array([0, 1, 2, 0.5])}, "expected whole numbers, got others for track_id"),
        ({"orientation": np.array("world")}, "expected camera or crop, got 'world' for orientation"),
        ({"betas": np.array(["a"] * 40)}, "for betas"),
    ],
)
def test_faults_of_an_hmr2_file_are_named(
    person: MakePerson, camera: Intrinsics, tmp_path: Path, change: dict[str, np.ndarray], message: str
) -> None:
    true = person(1, np.full((4, 3), (0.0, 0.0, 5.0)), np.random.default_rng(4))
    with pytest.raises(InputError, match=message):
        read_hmr2(_npz(tmp_path / "h.npz", true, camera, **change), camera)


def test_a_file_has_to_say_what_its_orientations_are_measured_against(
    person: MakePerson, camera: Intrinsics, tmp_path: Path
) -> None:
    """The network's own output and one that is turned already look alike: neither is taken for the other in silence."""
    true = person(1, np.full((4, 3), (3.0, 0.0, 5.0)), np.random.default_rng(4))
    path = _npz(tmp_path / "h.npz", true, camera)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "orientation"}
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=r"expected a text 'orientation', got none for .*h\.npz; add 'crop'"):
        read_hmr2(path, camera)
    np.savez(path, **arrays, orientation=np.array("crop"))
    crop = read_hmr2(path, camera)
    turn = ray_rotation(arrays["box_center"], camera)
    np.testing.assert_allclose(crop.rotations[:, 0], turn @ true.rotations[:, 0], atol=1e-9)
    # The caller's word stands above the file's.
    np.testing.assert_allclose(read_hmr2(path, camera, orientation="camera").rotations, true.rotations, atol=1e-9)


def test_a_file_that_is_no_npz(tmp_path: Path, camera: Intrinsics) -> None:
    (tmp_path / "x.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match=r"expected an .npz of plain arrays, got .* for .*x\.npz"):
        read_hmr2(tmp_path / "x.npz", camera)
    with pytest.raises(InputError, match="No such file"):
        read_hmr2(tmp_path / "none.npz", camera)
    np.savez(tmp_path / "o.npz", frame=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="plain arrays"):
        read_hmr2(tmp_path / "o.npz", camera)
    np.savez(tmp_path / "m.npz", frame=np.arange(2))
    with pytest.raises(InputError, match="expected an array 'global_orient', got frame"):
        read_hmr2(tmp_path / "m.npz", camera)
