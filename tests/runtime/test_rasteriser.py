"""Meshes in pictures: against a ray through every pixel, and bodies against the body model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.bodies.default_body import default_body
from motion_runtime.body_view import BodyView
from motion_runtime.canvas import Camera, Canvas
from motion_runtime.motion import Motion
from motion_runtime.rasteriser import rasterise


def rays(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle (H, W), -1 = none, and its depth: Moeller and Trumbore's test of every ray with every face."""
    column, row = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x = (column - (camera.width - 1) / 2) / camera.focal_px
    y = ((camera.height - 1) / 2 - row) / camera.focal_px
    direction = camera.axes[2] + x[..., None] * camera.axes[0] + y[..., None] * camera.axes[1]  # depth 1 a unit
    hit, depth = np.full(x.shape, -1), np.full(x.shape, np.inf)
    for number, (a, b, c) in enumerate(vertices[faces]):
        e1, e2 = b - a, c - a
        if np.cross(e1, e2) @ (camera.eye_m - a) <= 0:
            continue
        p = np.cross(direction, e2)
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = 1 / (p @ e1)
            s = camera.eye_m - a
            u = (p @ s) * inverse
            q = np.cross(s, e1)
            v = (direction @ q) * inverse
            t = (e2 @ q) * inverse
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < depth)
        hit[inside], depth[inside] = number, t[inside]
    return hit, depth


def test_the_nearest_triangle_wins_in_every_pixel() -> None:
    rng = np.random.default_rng(4)
    vertices = rng.normal(0, 0.6, (60, 3))
    faces = rng.permutation(np.stack([rng.permutation(60)[:3] for _ in range(60)]))
    camera = Camera.look_at(np.zeros(3), 0.7, 0.4, 4.0, 90.0, (64, 48))
    expected, depth = rays(vertices, faces, camera)
    seen = rasterise(vertices, faces, camera)
    found = np.full(expected.size, -1)
    found[seen.pixels] = seen.faces
    # Pixels whose centre is on an edge may fall to either side.
    assert (found.reshape(expected.shape) == expected).mean() > 0.995
    same = found[seen.pixels] == expected.ravel()[seen.pixels]
    np.testing.assert_allclose(seen.depth[same], depth.ravel()[seen.pixels][same], rtol=1e-3)
    place = (vertices[faces[seen.faces]] * seen.shares[:, :, None]).sum(axis=1)
    x, y, _ = camera.project(place)
    np.testing.assert_allclose(np.round(y) * camera.width + np.round(x), seen.pixels)
    assert np.hypot(x - np.round(x), y - np.round(y)).max() < 0.02  # perspective-correct


def test_nothing_behind_beside_or_turned_away() -> None:
    camera = Camera.look_at(np.zeros(3), 0.0, 0.0, 3.0, 40.0, (32, 24))
    triangle = np.array([[0.0, -0.5, -0.5], [0.0, 0.5, -0.5], [0.0, 0.0, 0.5]])
    assert len(rasterise(triangle, np.array([[0, 1, 2]]), camera).pixels) > 20
    assert not len(rasterise(triangle, np.array([[0, 2, 1]]), camera).pixels)
    for shift in ([6.0, 0, 0], [0, 50.0, 0], [2.95, 0, 0]):
        assert not len(rasterise(triangle + shift, np.array([[0, 1, 2]]), camera).pixels)


def test_bodies_are_the_models_own(walk: Callable[..., Motion]) -> None:
    motion = walk(people=2, frames=5)
    view = BodyView(motion)
    posed = default_body().model.pose(motion.local_rotations[1, 3], translation_m=motion.root_position_m[1, 3])
    vertices = view.vertices(1, 3)
    np.testing.assert_allclose(vertices, posed.vertices_m, atol=0.004)  # the four greatest weights of each vertex
    normals = view.normals(vertices)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    # Outwards: a step along the normals makes the body larger.
    grown = vertices + 0.01 * normals
    volume = [
        np.einsum("ij,ij->", v[view.faces[:, 0]], np.cross(v[view.faces[:, 1]], v[view.faces[:, 2]]))
        for v in (vertices, grown)
    ]
    assert abs(volume[1]) > abs(volume[0])


@pytest.mark.parametrize("hidden", [False, True])
def test_a_body_covers_and_is_seen_faintly_through_the_room(hidden: bool) -> None:
    camera = Camera.look_at(np.zeros(3), 0.0, 0.0, 3.0, 40.0, (32, 24))
    canvas = Canvas(camera)
    before = canvas.color.copy()
    if hidden:
        canvas.depth[:] = 1.0
    triangle = np.array([[0.0, -0.5, -0.5], [0.0, 0.5, -0.5], [0.0, 0.0, 0.5]])
    normals = np.tile([1.0, 0, 0], (3, 1))
    red = np.tile(np.array([[0.9, 0.1, 0.1]], np.float32), (3, 1))
    canvas.draw_bodies([(triangle, normals, np.array([[0, 1, 2]]), red)])
    changed = np.abs(canvas.color - before).max(axis=2)
    middle = changed[12, 16]
    assert changed[0, 0] == 0
    assert 0.1 < middle < 0.35 if hidden else middle > 0.6
    edge = (changed > 0.02) & (changed < 0.95 * middle)
    assert edge.any()  # smooth outlines
    nothing = canvas.color.copy()
    canvas.draw_bodies([])
    np.testing.assert_array_equal(canvas.color, nothing)
