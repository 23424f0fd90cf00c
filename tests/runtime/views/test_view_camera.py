"""Projection against OpenCV's formula written out point by point, and against what can be said without any."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_runtime.views.view_camera import ViewCamera

CameraAt = Callable[..., ViewCamera]


def written_out(camera: ViewCamera, point: np.ndarray) -> tuple[float, float, float]:
    """Pixel and depth of one point, in Python's own numbers."""
    px, py, pz = (float(value) for value in point)
    cx, cy, cz = (row[0] * px + row[1] * py + row[2] * pz + row[3] for row in camera.camera_from_room[:3])
    a, b = cx / cz, cy / cz
    k1, k2, p1, p2, k3 = camera.distortion
    r = math.hypot(a, b)
    radial = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
    u = a * radial + (2 * p1 * a * b + p2 * (r**2 + 2 * a**2))
    v = b * radial + (p1 * (r**2 + 2 * b**2) + 2 * p2 * a * b)
    return camera.fx * u + camera.cx, camera.fy * v + camera.cy, cz


@pytest.mark.parametrize("distortion", [(0.0,) * 5, (-0.28, 0.09, 0.002, -0.0015, -0.01), (0.1, 0.02, 0.0, 0.001, 0.0)])
def test_pixels_are_those_of_the_formula(distortion: tuple[float, float, float, float, float]) -> None:
    rng = np.random.default_rng(0)
    pose = np.eye(4)
    pose[:3, :3] = matrix_from_rotation_vector(rng.normal(size=3))
    pose[:3, 3] = rng.normal(size=3)
    camera = ViewCamera("a", 1920, 1080, 1000.0, 1040.0, 970.0, 520.0, tuple(map(tuple, pose.tolist())), distortion)
    seen = np.column_stack([rng.uniform(-0.9, 0.9, (50, 2)), np.ones(50)]) * rng.uniform(0.5, 9, (50, 1))
    points = (seen - pose[:3, 3]) @ pose[:3, :3]
    pixels, depth = camera.project(points.reshape(5, 10, 3))
    expected = np.array([written_out(camera, point) for point in points])
    inside = np.linalg.norm(seen[:, :2] / seen[:, 2:], axis=1) < camera.reach
    assert inside.sum() > 30
    np.testing.assert_allclose(pixels.reshape(-1, 2)[inside], expected[inside, :2], rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(depth.reshape(-1), expected[:, 2], rtol=1e-11)


@pytest.mark.parametrize("distortion", [(0.0,) * 4, (-0.02, 0.004, -0.001, 0.0002)])
def test_a_fisheye_has_a_point_at_its_angle_from_the_axis(distortion: tuple[float, ...]) -> None:
    rng = np.random.default_rng(2)
    pose = np.eye(4)
    pose[:3, :3] = matrix_from_rotation_vector(rng.normal(size=3))
    pose[:3, 3] = rng.normal(size=3)
    rows = tuple(map(tuple, pose.tolist()))
    camera = ViewCamera("a", 1000, 1000, 310.0, 312.0, 498.0, 503.0, rows, distortion, True, 110.0)
    angle, way, far = rng.uniform(0.01, 1.9, 60), rng.uniform(-np.pi, np.pi, 60), rng.uniform(0.5, 6, 60)
    ray = np.stack([np.sin(angle) * np.cos(way), np.sin(angle) * np.sin(way), np.cos(angle)], axis=1)
    pixels, depth = camera.project((far[:, None] * ray - pose[:3, 3]) @ pose[:3, :3])
    k1, k2, k3, k4 = distortion
    bent = angle * (1 + k1 * angle**2 + k2 * angle**4 + k3 * angle**6 + k4 * angle**8)
    expected = np.stack([498 + 310 * bent * np.cos(way), 503 + 312 * bent * np.sin(way)], axis=1)
    np.testing.assert_allclose(pixels, expected, atol=1e-8)
    np.testing.assert_allclose(depth, far * np.cos(angle), atol=1e-12)
    (axis, beyond), _ = camera.project(
        (np.array([[0, 0, 2.0], [0, 2 * np.sin(1.95), 2 * np.cos(1.95)]]) - pose[:3, 3]) @ pose[:3, :3]
    )
    np.testing.assert_allclose(axis, [498, 503], atol=1e-6)
    assert np.isnan(beyond).all()


def test_right_is_right_and_up_is_up(camera_at: CameraAt) -> None:
    camera = camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0))  # looks along x: its right is -y
    (middle, right, above), depth = camera.project(np.array([[2, 0, 1], [2, -2, 1], [2, 0, 1.5]]))
    np.testing.assert_allclose(middle, [640, 360], atol=1e-9)
    np.testing.assert_allclose(right, [640 + 900, 360], atol=1e-9)
    np.testing.assert_allclose(above, [640, 360 - 225], atol=1e-9)
    np.testing.assert_allclose(depth, 2.0)


def test_what_is_behind_is_nowhere(camera_at: CameraAt) -> None:
    camera = camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0))
    pixels, depth = camera.project(np.array([[-1.0, 0.0, 1.0], [0.0, 3.0, 1.0]]))
    assert np.isnan(pixels).all()
    np.testing.assert_allclose(depth, [-1, 0], atol=1e-12)
    assert not camera.holds(pixels).any()


def test_a_picture_ends_at_its_edges(camera_at: CameraAt) -> None:
    camera = camera_at((-4.0, 0.0, 1.0))
    pixels = np.array([[0, 0], [1279.9, 719.9], [-0.1, 5], [5, -0.1], [1280, 5], [5, 720]])
    assert camera.holds(pixels).tolist() == [True, True, False, False, False, False]


def test_distortion_ends_where_it_would_turn_back_into_the_picture(camera_at: CameraAt) -> None:
    plain = camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0))
    bent = camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0), distortion=(-0.3, 0.0, 0.0, 0.0, 0.0))
    assert plain.reach == math.inf
    # d/dr (r - 0.3 r^3) = 0.
    assert bent.reach == pytest.approx(math.sqrt(1 / 0.9))
    outwards = np.linspace(0.01, 4, 400)
    pixels, _ = bent.project(np.column_stack([np.ones(400), -outwards, np.ones(400)]))
    there = ~np.isnan(pixels[:, 0])
    assert there.tolist() == (outwards < bent.reach).tolist()
    assert (np.diff(pixels[there, 0]) > 0).all()


def test_equal_cameras_are_one_key(camera_at: CameraAt) -> None:
    assert len({camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0)), camera_at((0.0, 0.0, 1.0), (5.0, 0.0, 1.0))}) == 1
