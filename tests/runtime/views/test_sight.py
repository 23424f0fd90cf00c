"""What hides what, where one can say so beforehand, and against rays that are cast at the body's every triangle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.scene import Scene
from motion_runtime.body_view import BodyView
from motion_runtime.formats.keypoints import COCO_NAMES, NTU_NAMES, coco_keypoints, ntu_joints
from motion_runtime.motion import Motion
from motion_runtime.views.sight import BODIES_PX, FLESH_M, HIDDEN, MARGIN_M, OUTSIDE, VISIBLE, look, point_spacing
from motion_runtime.views.view_camera import ViewCamera

Stand = Callable[..., Motion]
CameraAt = Callable[..., ViewCamera]
Board = Callable[..., Scene]

FACE = ("nose", "left_eye", "right_eye")
LEGS = ("left_knee", "right_knee", "left_ankle", "right_ankle")


def coco(view: object, person: int = 0) -> dict[str, int]:
    """Visibility of each of COCO's keypoints in the first frame."""
    return dict(zip(COCO_NAMES, view.coco.visibility[person, 0].tolist(), strict=True))  # type: ignore[attr-defined]


def test_who_faces_the_camera_is_seen_whole(stand: Stand, camera_at: CameraAt) -> None:
    [view] = look(stand((0.0, 0.0)), [camera_at((4.0, 0.0, 1.0))])
    assert set(coco(view).values()) == {VISIBLE}
    assert view.share[0, 0] == 1.0
    pixel = np.array([1280, 720]) / BODIES_PX  # of the buffer
    np.testing.assert_allclose(view.visible[0, 0], view.whole[0, 0], atol=2 * pixel.max())


def test_who_looks_away_shows_no_face(stand: Stand, camera_at: CameraAt) -> None:
    [view] = look(stand((0.0, 0.0)), [camera_at((-4.0, 0.0, 1.0))])
    assert {name for name, state in coco(view).items() if state == HIDDEN} == set(FACE)


def test_the_own_trunk_hides_the_far_arm(stand: Stand, camera_at: CameraAt) -> None:
    motion = stand((0.0, 0.0))  # faces x: its left is y
    for side, other, y in (("left", "right", 4.0), ("right", "left", -4.0)):
        [view] = look(motion, [camera_at((0.0, y, 1.2), (0.0, 0.0, 1.2))])
        for part in ("shoulder", "elbow", "wrist", "hip", "ear", "eye"):
            assert coco(view)[f"{side}_{part}"] == VISIBLE, part
            assert coco(view)[f"{other}_{part}"] == HIDDEN, part


def test_a_wall_between_hides_everything_and_one_behind_nothing(
    stand: Stand, camera_at: CameraAt, board: Board
) -> None:
    camera = camera_at((4.0, 0.0, 1.0))
    [hidden] = look(stand((0.0, 0.0)), [camera], board(1.5))
    assert set(coco(hidden).values()) == {HIDDEN}
    assert np.isnan(hidden.visible[0, 0]).all()
    assert hidden.share[0, 0] == 0 == hidden.area_px[0, 0]
    [seen] = look(stand((0.0, 0.0)), [camera], board(-0.6))
    assert set(coco(seen).values()) == {VISIBLE}
    np.testing.assert_array_equal(hidden.whole, seen.whole)


def test_a_box_before_the_legs_hides_them(stand: Stand, camera_at: CameraAt, board: Board) -> None:
    top, x = 0.6, 1.0
    camera = camera_at((4.0, 0.0, 1.0), (0.0, 0.0, 1.0))
    [view] = look(stand((0.0, 0.0)), [camera], board(x, z=(0.0, top)))
    assert {name for name, state in coco(view).items() if state == HIDDEN} == set(LEGS)
    # The picture's row of the board's upper edge, by similar triangles, is where the visible box ends.
    edge = 360 + 900 * (1.0 - top) / (4.0 - x)
    assert view.visible[0, 0, 3] == pytest.approx(edge, abs=900 * 0.03 / 3)
    assert view.whole[0, 0, 3] > edge + 80
    [free] = look(stand((0.0, 0.0)), [camera])
    np.testing.assert_array_equal(view.whole, free.whole)
    assert 0 < view.share[0, 0] < 1
    assert view.area_px[0, 0] / free.area_px[0, 0] == pytest.approx(view.share[0, 0])


def test_how_much_nearer_a_thing_has_to_be(stand: Stand, camera_at: CameraAt, board: Board) -> None:
    motion = stand((0.0, 0.0), arms_down=False)
    at = COCO_NAMES.index("left_wrist")
    x, y, z = coco_keypoints(motion)[0, 0, at]
    camera = camera_at((4.0, y, z), (0.0, y, z))  # along x, so depths are distances along x
    for more, state in ((-0.015, VISIBLE), (0.015, HIDDEN)):
        room = board(x + MARGIN_M + FLESH_M["wrist"] + more, (y - 0.5, y + 0.5), (z - 0.5, z + 0.5))
        [view] = look(motion, [camera], room)
        assert view.coco.visibility[0, 0, at] == state


def test_who_stands_in_front_hides_who_is_behind(stand: Stand, camera_at: CameraAt) -> None:
    motion = stand((0.0, 0.0), (1.0, 0.0))
    [view] = look(motion, [camera_at((4.0, 0.0, 1.0))])
    assert set(coco(view, 1).values()) == {VISIBLE}
    assert all(coco(view, 0)[name] == HIDDEN for name in ("nose", "left_hip", "right_shoulder", "left_knee"))
    assert view.share[1, 0] == 1.0
    assert view.share[0, 0] < 0.2
    [alone] = look(stand((0.0, 0.0)), [camera_at((4.0, 0.0, 1.0))])
    np.testing.assert_array_equal(view.whole[0], alone.whole[0])
    [apart] = look(stand((0.0, 0.0), (1.0, 1.2)), [camera_at((4.0, 0.0, 1.0))])
    assert coco(apart, 0) == coco(alone)


def test_what_is_beyond_the_edge_or_behind_the_camera_is_outside(stand: Stand, camera_at: CameraAt) -> None:
    motion = stand((0.0, 0.0), arms_down=False)
    [half] = look(motion, [camera_at((2.0, 0.0, 1.0), (0.5, 2.0, 1.0), 600.0)])
    outside = half.coco.visibility[0, 0] == OUTSIDE
    assert 0 < outside.sum() < 17
    np.testing.assert_array_equal(outside, ~half.camera.holds(half.coco.pixels[0, 0]))
    left, _, right, _ = half.visible[0, 0]
    assert half.whole[0, 0, 0] < 0 == left < right < 1280
    [behind] = look(motion, [camera_at((2.0, 0.0, 1.0), (5.0, 0.0, 1.0))])
    assert (behind.coco.visibility == OUTSIDE).all()
    assert (behind.coco.depth_m < 0).all()
    assert np.isnan(behind.whole).all()
    assert np.isnan(behind.coco.pixels).all()


def test_both_layouts_are_projections_of_their_points_in_every_frame(
    walk: Callable[..., Motion], camera_at: CameraAt
) -> None:
    motion = walk(people=2, frames=3)
    cameras = [camera_at((4.0, 1.0, 2.3)), camera_at((-3.0, -2.0, 1.0), distortion=(-0.2, 0.05, 0.0, 0.0, 0.0))]
    for camera, view in zip(cameras, look(motion, cameras), strict=True):
        assert view.camera is camera
        for seen, points in ((view.coco, coco_keypoints(motion)), (view.ntu, ntu_joints(motion))):
            pixels, depth = camera.project(points)
            np.testing.assert_array_equal(seen.pixels, pixels)
            np.testing.assert_array_equal(seen.depth_m, depth)
            assert seen.visibility.shape == points.shape[:-1]


def first_hit(eye: np.ndarray, way: np.ndarray, corners: np.ndarray) -> float:
    """Distance at which a ray meets the first of triangles (F, 3, 3), by where it goes through their planes."""
    near = np.linalg.norm(np.cross(corners[:, 0] - eye, way), axis=1) < 0.1  # a body's triangles are small
    a, b, c = np.moveaxis(corners[near], 1, 0)
    normal = np.cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.sum(normal * (a - eye), axis=1) / (normal @ way)
        at = eye + t[:, None] * way
        inside = [np.sum(np.cross(q - p, at - p) * normal, axis=1) >= 0 for p, q in ((a, b), (b, c), (c, a))]
    hit = (t > 0) & np.all(inside, axis=0)
    return float(t[hit].min()) if hit.any() else np.inf


def test_hidden_is_what_a_ray_meets_something_before(stand: Stand, camera_at: CameraAt) -> None:
    motion = stand((0.0, 0.0), (0.7, 0.35), yaws=(0.4, 2.5))
    points = np.concatenate([coco_keypoints(motion), ntu_joints(motion)], axis=2)[:, 0]
    flesh = [FLESH_M.get(n.removeprefix("left_").removeprefix("right_"), 0.0) for n in (*COCO_NAMES, *NTU_NAMES)]
    bodies = BodyView(motion)
    corners = np.concatenate([bodies.vertices(p, 0).astype(np.float64)[bodies.faces] for p in range(2)])
    compared = 0
    plain, bent = (
        camera_at(place, (0.3, 0.2, 0.9), 700.0, (bend, 0.0, 0.001, 0.0, 0.0))
        for place, bend in (((3.0, 1.5, 2.4), 0.0), ((1.0, -3.0, 1.1), -0.15))
    )
    above = camera_at((1.2, 0.4, 2.5), (1.2, 0.4, 0.0), 380.0)
    fisheye = replace(above, fisheye=True, distortion=(-0.01, 0.0, 0.0, 0.0))
    for camera in (plain, bent, fisheye):
        [view] = look(motion, [camera])
        said = np.concatenate([view.coco.visibility, view.ntu.visibility], axis=2)[:, 0]
        for person in range(2):
            for joint in range(0, points.shape[1], 3):
                point = points[person, joint]
                distance = float(np.linalg.norm(point - camera.position_m))
                ray = (point - camera.position_m) / distance
                side = np.cross(ray, [0.6, -0.8, 0.0])
                side *= 1280 / BODIES_PX / camera.fx / np.linalg.norm(side)  # to the next pixel of the buffer
                across = np.cross(ray, side)
                ways = (ray, ray + side, ray - side, ray + across, ray - across)
                hits = [first_hit(camera.position_m, way, corners) for way in ways]
                before = distance - MARGIN_M - flesh[joint] - np.array(hits)
                if abs(before).min() < 0.01 or np.ptp(np.sign(before)):
                    continue  # at an outline, or as deep as the margin: the buffer's pixel may be on either side
                assert said[person, joint] == (HIDDEN if before[0] > 0 else VISIBLE), (camera, person, joint)
                compared += 1
    assert compared > 60


def test_a_fisheye_sees_across_its_axis(stand: Stand, camera_at: CameraAt, board: Board) -> None:
    lower = replace(camera_at((1.0, 0.0, 1.4), (1.0, 0.0, 0.0), 300.0), fisheye=True, distortion=(0.0,) * 4)
    wide = replace(lower, max_angle_deg=110.0, fx=180.0, fy=180.0)
    motion = stand((0.0, 0.0))  # the camera hangs before the chest and looks down: the face is above it
    [half], [whole] = look(motion, [lower]), look(motion, [wide])
    assert {coco(half)[name] for name in FACE} == {OUTSIDE}
    assert coco(whole)["nose"] == VISIBLE == coco(whole)["left_knee"]
    nose = COCO_NAMES.index("nose")
    assert whole.coco.depth_m[0, 0, nose] < 0
    [hidden] = look(motion, [wide], board(0.5, z=(0.0, 2.4)))
    assert coco(hidden)["nose"] == HIDDEN == coco(hidden)["left_knee"]


def test_points_say_how_far_they_are_apart_and_strays_nothing() -> None:
    sides = np.meshgrid(np.arange(0, 2, 0.02), np.arange(0, 2, 0.02))
    wall = np.stack([*sides, np.full_like(sides[0], 0.05)], axis=-1).reshape(-1, 3)
    stray = np.array([[5.0, 5.0, 5.0]])
    apart = point_spacing(np.concatenate([wall, stray]).astype(np.float32))
    assert apart[-1] == 0
    assert 0.02 <= np.median(apart[:-1]) < 0.024


def test_a_stray_point_before_a_face_hides_nothing(stand: Stand, camera_at: CameraAt, board: Board) -> None:
    motion, camera = stand((0.0, 0.0)), camera_at((4.0, 0.0, 1.6), (0.0, 0.0, 1.6))
    room = board(-1.0)
    nose = coco_keypoints(motion)[0, 0, 0]
    stray = (nose + 0.5 * (camera.position_m - nose)).astype(np.float32)
    none = np.full(len(room) + 1, -1, dtype=np.int32)
    [view] = look(motion, [camera], Scene(np.vstack([room.points_m, stray]), none, none, None, (), np.eye(4)))
    assert coco(view)["nose"] == VISIBLE
