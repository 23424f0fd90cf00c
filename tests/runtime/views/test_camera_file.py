"""Camera files: every way to say a pose is the same camera, the scan's own frame, and one line for what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.scene import Scene
from motion_runtime.formats.camera import camera_for
from motion_runtime.motion import Motion
from motion_runtime.views.camera_file import cameras_text, read_cameras

LENS = {"width": 1280, "height": 720, "fov_deg": 90}
AT = {"position": [0, 0, 2], "look_at": [3, 0, 0.5]}
CAMERA = LENS | AT
EYE = np.eye(4).tolist()


def write(folder: Path, content: object) -> Path:
    path = folder / "cameras.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_camera_that_looks_at_a_place_has_it_in_the_middle_and_is_level(tmp_path: Path) -> None:
    [camera] = read_cameras(write(tmp_path, CAMERA))
    assert camera.name == "camera_0"
    np.testing.assert_allclose(camera.position_m, [0, 0, 2], atol=1e-12)
    (target, above, left), _ = camera.project(np.array([[3, 0, 0.5], [3, 0, 1.0], [3, 1, 0.5]]))
    np.testing.assert_allclose(target, [640, 360], atol=1e-9)
    assert above[0] == pytest.approx(640)
    assert above[1] < 360
    assert left[0] < 640
    assert left[1] == pytest.approx(360)


def test_a_field_of_view_is_from_edge_to_edge(tmp_path: Path) -> None:
    [camera] = read_cameras(write(tmp_path, LENS | {"fov_deg": 70, "position": [0, 0, 1], "look_at": [1, 0, 1]}))
    edge = math.radians(35)
    (right,), _ = camera.project(np.array([[math.cos(edge), -math.sin(edge), 1.0]]))
    np.testing.assert_allclose(right, [1280, 360], atol=1e-9)


def test_a_fisheye_has_its_field_of_view_in_equal_angles(tmp_path: Path) -> None:
    down = {"lens": "fisheye", "width": 1200, "height": 1200, "position": [0, 0, 2.5], "look_at": [0, 0, 0]}
    whole, bent = read_cameras(
        write(
            tmp_path,
            [
                down | {"fov_deg": 190},
                down | {"name": "b", "fx": 380, "fy": 380, "cx": 600, "cy": 600, "distortion": [0.01, 0, 0, 0]},
            ],
        )
    )
    for degrees, x in ((0, 600), (45, 600 + 600 * 45 / 95), (90, 600 + 600 * 90 / 95)):
        at = math.radians(degrees)
        (pixel,), _ = whole.project(np.array([[math.sin(at), 0, 2.5 - math.cos(at)]]))
        np.testing.assert_allclose(pixel, [x, 600], atol=1e-9)
    assert [whole.max_angle_deg, bent.max_angle_deg] == [95, 90]
    assert bent.distortion == (0.01, 0, 0, 0)
    again = read_cameras(write(tmp_path, cameras_text([whole, bent])))
    assert [(c.fisheye, c.distortion, c.max_angle_deg) for c in again] == [
        (True, (0, 0, 0, 0), 95), (True, (0.01, 0, 0, 0), 90)
    ]  # fmt: skip


def test_a_camera_that_looks_straight_down_has_y_or_what_is_said_at_the_top(tmp_path: Path) -> None:
    down = LENS | {"position": [1, 2, 2.5], "look_at": [1, 2, 0]}
    plain, turned = read_cameras(write(tmp_path, [down, down | {"name": "b", "up": [1, 0, 0]}]))
    (ahead, east), _ = plain.project(np.array([[1, 2.5, 0], [1.5, 2, 0]]))
    assert ahead[0] == pytest.approx(640)
    assert ahead[1] < 360
    assert east[0] > 640
    (top,), _ = turned.project(np.array([[1.5, 2, 0]]))
    assert top[0] == pytest.approx(640)
    assert top[1] < 360


def test_every_way_to_say_a_pose_is_the_same_camera(tmp_path: Path) -> None:
    vector = np.array([0.9, -1.3, 0.4])
    rotation = np.asarray(matrix_from_rotation_vector(vector))
    move = np.array([0.3, -0.2, 4.0])
    pose = np.vstack([np.column_stack([rotation, move]), [0, 0, 0, 1]])
    place, ahead, top = -rotation.T @ move, rotation[2], -rotation[1]
    said = (
        {"camera_from_room": pose.tolist()},
        {"room_from_camera": np.linalg.inv(pose).tolist()},
        {"R": rotation.tolist(), "t": move.tolist()},
        {"R": rotation.round(4).tolist(), "t": move.tolist()},
        {"R": vector.tolist(), "t": move.tolist()},
        {"R": vector[:, None].tolist(), "t": move[:, None].tolist()},  # as OpenCV has them
        {"position": place.tolist(), "look_at": (place + 2 * ahead).tolist(), "up": top.tolist()},
    )
    cameras = read_cameras(write(tmp_path, {"cameras": [LENS | {"name": f"c{n}"} | way for n, way in enumerate(said)]}))
    points = place + np.random.default_rng(1).normal(size=(40, 3)) + 3 * ahead
    expected, _ = cameras[0].project(points)
    np.testing.assert_allclose(cameras[0].pose, pose, atol=1e-12)
    for camera in cameras[1:]:
        np.testing.assert_allclose(camera.project(points)[0], expected, atol=1.0 if camera.name == "c3" else 1e-6)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    lens = {"width": 640, "height": 480, "fx": 500.5, "fy": 501.25, "cx": 318.1, "cy": 242.7}
    bent: dict[str, Any] = lens | AT | {"name": "bent", "distortion": [-0.2, 0.05, 0.001, 0.002]}
    cameras = read_cameras(write(tmp_path, [CAMERA, bent]))
    nested = bent | {"distortion": [bent["distortion"]]}
    assert read_cameras(write(tmp_path, nested)) == cameras[1:]
    assert cameras[1].distortion == (-0.2, 0.05, 0.001, 0.002, 0.0)
    for first, again in zip(cameras, read_cameras(write(tmp_path, cameras_text(cameras))), strict=True):
        np.testing.assert_allclose(again.pose, first.pose, atol=1e-14)
        assert replace(again, camera_from_room=first.camera_from_room) == first


def test_the_still_cameras_own_file_is_one(tmp_path: Path, walk: Callable[..., Motion]) -> None:
    motion = walk(people=2)
    still = camera_for(motion)
    [camera] = read_cameras(write(tmp_path, still.as_dict()))
    np.testing.assert_allclose(camera.project(motion.joints_m)[0], still.project(motion.joints_m), atol=1e-4)


@pytest.fixture
def moved(ward: Scene) -> Scene:
    """The ward as if its file were in centimetres, with y up, and elsewhere."""
    scale, turn = 0.01, np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] = scale * np.asarray(matrix_from_rotation_vector(np.array([0.02, -0.01, 0.0]))) @ turn
    matrix[:3, 3] = [0.5, 0.2, 1.3]
    return replace(ward, world_from_file=matrix)


@pytest.mark.parametrize("pose", ["look_at", "camera_from_room", "room_from_camera"])
def test_a_pose_in_the_scans_own_frame(tmp_path: Path, moved: Scene, pose: str) -> None:
    matrix = moved.world_from_file
    in_file = (moved.points_m.astype(np.float64) - matrix[:3, 3]) @ np.linalg.inv(matrix[:3, :3]).T
    low, high = in_file.min(axis=0), in_file.max(axis=0)
    place, target = low + [30, 200, 30], 0.5 * (low + high)
    forward = (target - place) / np.linalg.norm(target - place)
    right = np.cross(forward, [0.1, 0.97, 0.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    in_camera = (in_file - place) @ rotation.T  # centimetres
    ahead = in_camera[:, 2] > 10
    expected = 640 * in_camera[ahead, :2] / in_camera[ahead, 2:] + [640, 360]
    camera_from_file = np.eye(4)
    camera_from_file[:3, :3], camera_from_file[:3, 3] = rotation, -rotation @ place
    said: dict[str, Any] = {
        "look_at": {"position": place.tolist(), "look_at": target.tolist(), "up": (-rotation[1]).tolist()},
        "camera_from_room": {"camera_from_room": camera_from_file.tolist()},
        "room_from_camera": {"room_from_camera": np.linalg.inv(camera_from_file).tolist()},
    }[pose]
    [camera] = read_cameras(write(tmp_path, LENS | said | {"frame": "scan"}), moved)
    pixels, depth = camera.project(moved.points_m[ahead])
    np.testing.assert_allclose(pixels, expected, rtol=1e-5, atol=0.01)
    np.testing.assert_allclose(depth, 0.01 * in_camera[ahead, 2], atol=1e-5)  # metres


def test_a_scan_that_was_moved_has_to_be_told_from_the_room(tmp_path: Path, ward: Scene, moved: Scene) -> None:
    path = write(tmp_path, CAMERA)
    still = replace(ward, world_from_file=np.eye(4))
    assert read_cameras(path, still) == read_cameras(path)
    with pytest.raises(InputError, match=r"expected 'frame'.* moved by 1.41 m, turned by .* scaled by 0.01"):
        read_cameras(path, moved)
    assert read_cameras(write(tmp_path, CAMERA | {"frame": "room"}), moved) == read_cameras(path)
    with pytest.raises(InputError, match="expected a scene for 'frame': 'scan', got none"):
        read_cameras(write(tmp_path, CAMERA | {"frame": "scan"}))


def test_a_camera_that_sees_nothing_of_the_room_is_refused(tmp_path: Path, ward: Scene) -> None:
    away = LENS | {"frame": "room", "position": [20, 20, 2], "look_at": [40, 40, 2]}
    with pytest.raises(InputError, match=r"expected the room in the picture, got nothing .* at 20.00, 20.00, 2.00 m"):
        read_cameras(write(tmp_path, away), ward)


WITHOUT = {key: value for key, value in CAMERA.items() if key != "look_at"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "maximum recursion depth"),
        ("[]", "expected 1 to 64 cameras, got 0"),
        ({"cameras": [CAMERA], "frame": "scan"}, "got 'frame'"),
        ([7], "expected an object, got 7"),
        (CAMERA | {"focal": 3}, "got 'focal'"),
        (CAMERA | {"width": 0}, "expected width and height in whole pixels"),
        (CAMERA | {"height": 720.5}, "expected width and height in whole pixels"),
        (CAMERA | {"name": "../a"}, 'got "../a"'),
        ([CAMERA | {"name": "a"}, CAMERA | {"name": "a"}], "'a' twice"),
        (CAMERA | {"fov_deg": 180}, "below 180 degrees, got 180"),
        (CAMERA | {"fov_deg": "wide"}, "expected a finite number, got \"wide\" for 'fov_deg'"),
        (CAMERA | {"fov_deg": True}, "expected a finite number, got true"),
        ('{"width": 8, "height": 8, "fov_deg": NaN, "position": [0, 0, 1], "look_at": [1, 0, 1]}', "got NaN"),
        (CAMERA | {"fx": 500}, "for the lens, got fx, fov_deg"),
        (WITHOUT, "for the pose, got position"),
        (CAMERA | {"R": [0, 0, 0], "t": [0, 0, 0]}, "for the pose, got position, look_at, R, t"),
        (LENS | {"position": [0, 0, 1], "look_at": [0, 0, 1]}, "got the same place"),
        (CAMERA | {"up": [3, 0, -1.5]}, "got one along it"),
        (CAMERA | {"position": [0, 0]}, "expected 3 finite numbers, got [0, 0]"),
        (LENS | {"camera_from_room": EYE[:3]}, "expected 4 x 4 finite numbers"),
        (LENS | {"camera_from_room": np.transpose(np.eye(4) + np.eye(4, k=3)).tolist()}, "a last row 0 0 0 1"),
        (LENS | {"camera_from_room": np.diag([1, 1, -1, 1]).tolist()}, "expected a rotation, got a mirror"),
        (LENS | {"R": (2 * np.eye(3)).tolist(), "t": [0, 0, 0]}, "one that stretches by 2"),
        (LENS | {"R": [[1, 0], [0, 1]], "t": [0, 0, 0]}, "expected 3 x 3 finite numbers"),
        (LENS | {"camera_from_room": EYE, "up": [0, 0, 1]}, "expected 'up' beside 'look_at' alone"),
        (CAMERA | {"distortion": [0.1]}, "expected 4 or 5 coefficients"),
        (CAMERA | {"distortion": [0.1] * 8}, "expected 4 or 5 coefficients"),
        (CAMERA | {"lens": "fisheye", "distortion": [0.1] * 5}, "expected 4 coefficients k1, k2, k3, k4"),
        (CAMERA | {"lens": "fisheye", "max_angle_deg": 150}, "below 120 degrees, got 150 for 'max_angle_deg'"),
        (CAMERA | {"lens": "fisheye", "fov_deg": 240}, "below 240 degrees, got 240 for 'fov_deg'"),
        (CAMERA | {"max_angle_deg": 80}, "'max_angle_deg' of a fisheye alone"),
        (CAMERA | {"lens": "wide"}, "expected 'pinhole' or 'fisheye', got \"wide\""),
        (CAMERA | {"frame": "world"}, "expected 'room' or 'scan', got \"world\""),
        (CAMERA | {"format_version": 2}, "expected format version 1, got 2"),
        (AT | {"width": 8, "height": 8, "intrinsics": np.diag([9, 9, 1]).T.tolist()} | {"cx": 3}, "for the lens"),
        (
            AT | {"width": 8, "height": 8, "intrinsics": [[9, 0, 0], [0, 9, 0], [4, 4, 1]]},
            "expected rows fx 0 cx, 0 fy cy, 0 0 1",
        ),
        (AT | {"width": 8, "height": 8, "fx": -9, "fy": 9, "cx": 4, "cy": 4}, "expected focal lengths above 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: object, words: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_cameras(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got 'No such file or directory'"):
        read_cameras(tmp_path / "none.json")
