"""Signed distance from bodies to furniture of known shape, and to the walls of a room.

An object is a union of boxes (what leans or is round is left as its boxes, or out). Its signed distance at a point p in
a box's frame, with q = |p - c| - h: |max(q, 0)| + min(max(q_x, q_y, q_z), 0), and the least over the boxes. A body is
its capsules, a capsule a row of spheres: how deep a sphere of radius r at p goes in is r - distance(p).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.furnishing.item import Placed, to_item

Floats = NDArray[np.floating[Any]]
_SPACING: Final = 4
"""Spheres a capsule: both ends and between."""


def box_distance(points_m: Floats, boxes: Floats) -> NDArray[np.float64]:
    """Signed distance (N,) of points (N, 3) to the union of boxes (M, 6), x0 x1 y0 y1 z0 z1; negative inside."""
    points, sides = np.asarray(points_m, dtype=np.float64), np.asarray(boxes, dtype=np.float64).reshape(-1, 3, 2)
    nearest = np.full(len(points), np.inf)
    for low, high in zip(sides[..., 0], sides[..., 1], strict=True):
        q = np.abs(points - (low + high) / 2) - (high - low) / 2
        outside = np.linalg.norm(np.maximum(q, 0.0), axis=1)
        nearest = np.minimum(nearest, outside + np.minimum(q.max(axis=1), 0.0))
    return nearest


def body_spheres(joints_m: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres (T, N, 3) and radii (N,) of the spheres that a body's capsules hold; joints are (T, 22, 3)."""
    capsules = body_capsules(joints_m)
    along = np.linspace(0.0, 1.0, _SPACING)[:, None]
    centres = capsules.starts_m[:, :, None] * (1 - along) + capsules.ends_m[:, :, None] * along  # (T, C, K, 3)
    return centres.reshape(len(centres), -1, 3), np.repeat(capsules.radii_m, _SPACING)


def object_depth_m(joints_m: Floats, objects: Sequence[Placed]) -> NDArray[np.float64]:
    """How deep the body (T, 22, 3) goes into any object of known shape, (T,); 0 where it goes into none."""
    centres, radii = body_spheres(joints_m)
    frames = len(centres)
    depth = np.zeros(frames)
    flat = centres.reshape(-1, 3)
    for placed in objects:
        if not placed.boxes:
            continue
        boxes = np.asarray(placed.boxes)
        own = to_item(flat, placed.yaw_rad, np.asarray(placed.origin_m))
        # Most spheres are nowhere near: only those that reach into the whole object's box are measured.
        low, high = boxes[:, ::2].min(axis=0), boxes[:, 1::2].max(axis=0)
        reach = np.tile(radii, frames)
        near = ((own > low - reach[:, None]) & (own < high + reach[:, None])).all(axis=1)
        if near.any():
            deep = np.zeros(len(flat))
            deep[near] = reach[near] - box_distance(own[near], boxes)
            depth = np.maximum(depth, deep.reshape(frames, -1).max(axis=1))
    return depth


def wall_depth_m(joints_m: Floats, size_m: tuple[float, float]) -> NDArray[np.float64]:
    """How far the body (T, 22, 3) reaches through the walls of a room around the origin, (T,)."""
    centres, radii = body_spheres(joints_m)
    beyond = np.abs(centres[..., :2]) + radii[:, None] - np.asarray(size_m) / 2  # (T, N, 2)
    return np.asarray(np.maximum(0.0, beyond.max(axis=(1, 2))))


def longest_run(mask: NDArray[np.bool_]) -> int:
    """Longest stretch of True, in frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
