"""Pinhole cameras against the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError


def test_a_right_angle_of_view_reaches_the_edges() -> None:
    camera = Intrinsics.from_fov(320, 240, 90.0)
    pixels = camera.project(np.array([[2.0, 0.0, 2.0], [-3.0, 0.0, 3.0]]))
    np.testing.assert_allclose(pixels, [[320, 120], [0, 120]], atol=1e-9)


def test_backprojected_pixels_project_to_their_centres() -> None:
    camera = Intrinsics(200.0, 190.0, 30.0, 21.0, 64, 48)
    depth = np.random.default_rng(0).uniform(0.5, 9.0, (48, 64))
    points = camera.backproject(depth)
    np.testing.assert_array_equal(points[..., 2], depth)
    pixels = camera.project(points)
    np.testing.assert_allclose(pixels[5, 7], [7.5, 5.5])
    np.testing.assert_allclose(pixels[..., 0], np.broadcast_to(np.arange(64) + 0.5, (48, 64)), atol=1e-9)


def test_a_smaller_map_shows_the_same_picture() -> None:
    camera = Intrinsics(200.0, 190.0, 30.0, 21.0, 64, 48)
    points = camera.backproject(np.full((12, 16), 2.0))
    # The middle of the first of 16 columns is the middle of the first four of 64.
    np.testing.assert_allclose(camera.project(points[0, 0]), [2.0, 2.0])


def test_what_is_behind_has_no_pixel() -> None:
    camera = Intrinsics.from_fov(320, 240, 90.0)
    pixels = camera.project(np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]))
    assert np.isnan(pixels[0]).all()
    assert camera.contains(pixels).tolist() == [False, True]


def test_a_camera_needs_a_positive_focal_length() -> None:
    with pytest.raises(InputError, match="expected positive focal lengths and size, got fx 0"):
        Intrinsics(0.0, 1.0, 1.0, 1.0, 4, 4)
