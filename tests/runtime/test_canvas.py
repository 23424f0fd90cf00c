"""The small renderer against geometry that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_runtime.canvas import Camera, Canvas

RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


@pytest.fixture
def camera() -> Camera:
    """Looks along -x from 4 m away, one metre above the floor, level."""
    return Camera.look_at(np.array([0.0, 0.0, 1.0]), 0.0, 0.0, 4.0, 200.0, (161, 121))


def reddish(color: np.ndarray) -> np.ndarray:
    return (color[..., 0] > 2 * color[..., 2]) & (color[..., 0] > 0.2)


def blueish(color: np.ndarray) -> np.ndarray:
    return (color[..., 2] > 2 * color[..., 0]) & (color[..., 2] > 0.2)


def test_a_point_lands_where_the_pinhole_puts_it(camera: Camera) -> None:
    x, y, depth = camera.project(np.array([[0.0, 0, 1], [0, 1, 1], [0, 0, 1.5], [2, 0, 1]]))
    np.testing.assert_allclose(depth, [4, 4, 4, 2], atol=1e-12)
    # +y is to the right of somebody who looks along -x with z up.
    np.testing.assert_allclose(x, [80, 80 + 200 / 4, 80, 80], atol=1e-9)
    np.testing.assert_allclose(y, [60, 60, 60 - 200 * 0.5 / 4, 60], atol=1e-9)


@pytest.mark.parametrize("azimuth", [0.3, 2.0, 4.5])
def test_axes_are_a_right_handed_level_frame_that_looks_at_the_target(azimuth: float) -> None:
    target = np.array([1.0, -2.0, 0.5])
    camera = Camera.look_at(target, azimuth, 0.4, 3.0, 300.0, (101, 101))
    right, up, forward = camera.axes
    np.testing.assert_allclose(np.cross(right, up), -forward, atol=1e-12)  # x right, y up, z towards the viewer
    assert right[2] == pytest.approx(0.0)
    assert up[2] > 0
    np.testing.assert_allclose([v[0] for v in camera.project(target[None])], [50, 50, 3.0], atol=1e-9)
    assert math.atan2(*(camera.eye_m - target)[[1, 0]]) == pytest.approx(math.remainder(azimuth, 2 * math.pi))


def test_floor_of_pixels_inverts_the_projection() -> None:
    camera = Camera.look_at(np.array([1.0, 1.0, 0.4]), 0.8, 0.5, 3.0, 120.0, (60, 80))
    x, y, depth = camera.floor_of_pixels()
    seen = np.isfinite(depth)
    assert 0.5 < seen.mean() <= 1.0
    px, py, d = camera.project(np.stack([x, y, np.zeros_like(x)], axis=-1)[seen])
    row, column = np.nonzero(seen)
    np.testing.assert_allclose(px, column, atol=1e-6)
    np.testing.assert_allclose(py, row, atol=1e-6)
    np.testing.assert_allclose(d, depth[seen], atol=1e-9)


def test_a_ball_covers_its_projected_disc(camera: Camera) -> None:
    canvas = Canvas(camera)
    centre = np.array([[0.0, 0.0, 1.0]])
    canvas.draw_capsules(centre, centre, np.array([0.4]), np.array([RED]))
    rows, columns = np.nonzero(reddish(canvas.color))
    assert rows.size == pytest.approx(math.pi * 20**2, rel=0.03)  # 200 px * 0.4 m / 4 m
    assert (rows.mean(), columns.mean()) == pytest.approx((60, 80), abs=0.1)
    # Its front is a radius nearer than its centre.
    assert canvas.body_depth[60, 80] == pytest.approx(3.6)


def test_of_two_capsules_the_nearer_one_is_seen_whatever_their_order(camera: Camera) -> None:
    near, far = np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])
    across = np.array([0.0, 0.3, 0.0])
    for order in ([0, 1], [1, 0]):
        starts, ends = np.stack([near - across, far - across]), np.stack([near + across, far + across])
        canvas = Canvas(camera)
        canvas.draw_capsules(starts[order], ends[order], np.array([0.1, 0.1]), np.array([RED, BLUE])[order])
        assert reddish(canvas.color[60, 80])
        second = Canvas(camera)  # drawn one call after the other: the depth buffer decides
        for k in order:
            second.draw_capsules(starts[[k]], ends[[k]], np.array([0.1]), np.array([[RED, BLUE][k]]))
        assert reddish(second.color[60, 80])


def wall_of_points(x: float) -> np.ndarray:
    """A dense square of points, 1.2 m wide, at right angles to the view."""
    y, z = np.meshgrid(np.linspace(-0.6, 0.6, 121), np.linspace(0.4, 1.6, 121))
    return np.stack([np.full(y.size, x), y.ravel(), z.ravel()], axis=-1)


def test_the_nearest_point_of_a_pixel_is_drawn(camera: Camera) -> None:
    canvas = Canvas(camera)
    points = np.concatenate([wall_of_points(0.0), wall_of_points(0.5)])
    colors = np.repeat(np.array([BLUE, RED], dtype=np.float32), 121 * 121, axis=0)
    for order in (np.arange(len(points)), np.arange(len(points))[::-1]):
        canvas.draw_points(points[order], colors[order], np.full(len(points), 0.012))
        assert reddish(canvas.color[40:80, 60:100]).all()
        assert canvas.depth[60, 80] == pytest.approx(3.5)
    canvas.draw_points(wall_of_points(-1.0), np.repeat(np.array([BLUE], dtype=np.float32), 121 * 121, axis=0),
                       np.full(121 * 121, 0.012))  # fmt: skip
    assert reddish(canvas.color[40:80, 60:100]).all()


def test_people_hide_the_room_behind_them_and_shine_faintly_through_the_room_before_them(camera: Camera) -> None:
    body = np.array([[0.0, 0.0, 1.0]])
    blue = np.repeat(np.array([BLUE], dtype=np.float32), 121 * 121, axis=0)
    behind, before = Canvas(camera), Canvas(camera)
    behind.draw_points(wall_of_points(-1.0), blue, np.full(len(blue), 0.015))
    before.draw_points(wall_of_points(1.0), blue, np.full(len(blue), 0.015))
    untouched = before.color[60, 80].copy()
    for canvas in (behind, before):
        canvas.draw_capsules(body, body, np.array([0.3]), np.array([RED]))
    assert reddish(behind.color[60, 80])
    assert not reddish(before.color[60, 80])
    assert before.color[60, 80, 0] > untouched[0] + 0.1


def test_small_holes_close_and_large_ones_stay(camera: Camera) -> None:
    points = wall_of_points(0.0)
    hole = np.hypot(points[:, 1], points[:, 2] - 1.0)
    canvas, red = Canvas(camera), np.array([RED], dtype=np.float32)
    points = points[(np.abs(points[:, 1] - 0.4) > 0.012) | (np.abs(points[:, 2] - 1.3) > 0.012)]  # a pin hole
    points = points[np.hypot(points[:, 1], points[:, 2] - 1.0) > 0.25]  # and a window
    assert hole.min() == pytest.approx(0.0, abs=1e-9)
    canvas.draw_points(points, np.repeat(red, len(points), axis=0), np.full(len(points), 0.012))
    pin = (round(60 - 200 * 0.3 / 4), round(80 + 200 * 0.4 / 4))
    assert not reddish(canvas.color[pin])
    canvas.mend_points()
    assert reddish(canvas.color[pin])
    assert canvas.depth[pin] == pytest.approx(4.0, abs=0.01)
    assert not reddish(canvas.color[60, 80])


def test_a_shadow_lies_on_the_floor_under_a_point_and_not_on_furniture() -> None:
    camera = Camera.look_at(np.array([0.0, 0.0, 0.0]), 0.0, 0.6, 4.0, 200.0, (161, 121))
    plain = Canvas(camera)
    plain.draw_floor((0.0, 0.0), 5.0)
    shadowed = plain.copy()
    shadowed.draw_shadow(np.array([[0.0, 0.0]]), np.array([0.3]), np.array([0.5]))
    darker = plain.color.sum(axis=2) - shadowed.color.sum(axis=2)
    assert darker.min() >= 0
    row, column = np.unravel_index(darker.argmax(), darker.shape)
    assert (row, column) == (60, 80)
    across = np.flatnonzero(darker[60] > 0)
    assert len(across) == pytest.approx(2 * 200 * 0.3 / 4, abs=2)
    # A table top over the same floor keeps its colour.
    table = plain.copy()
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, 201), np.linspace(-0.5, 0.5, 201))
    top = np.stack([x.ravel(), y.ravel(), np.full(x.size, 0.7)], axis=-1)
    table.depth = table.depth.copy()
    table.draw_points(top, np.repeat(np.array([RED], dtype=np.float32), len(top), axis=0), np.full(len(top), 0.01))
    before = table.color.copy()
    table.draw_shadow(np.array([[0.0, 0.0]]), np.array([0.3]), np.array([0.5]))
    covered = reddish(before)
    np.testing.assert_array_equal(table.color[covered], before[covered])


def test_what_is_behind_the_camera_is_not_drawn(camera: Camera) -> None:
    canvas = Canvas(camera)
    before = canvas.color.copy()
    behind = np.array([[9.0, 0.0, 1.0]])
    canvas.draw_capsules(behind, behind, np.array([0.5]), np.array([RED]))
    canvas.draw_points(behind, np.array([RED], dtype=np.float32), np.array([0.1]))
    canvas.draw_shadow(behind[:, :2], np.array([0.5]), np.array([0.9]))
    np.testing.assert_array_equal(canvas.color, before)
