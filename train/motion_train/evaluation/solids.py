"""How deep bodies go into furniture of known shape, and into the walls of a room.

A procedural object is a union of boxes (what leans or is round is left as its boxes, or out). Its signed distance at a
point p in a box's frame, with q = |p - c| - h: |max(q, 0)| + min(max(q_x, q_y, q_z), 0), and the least over the boxes.
A body is its capsules, a capsule a row of spheres: how deep a sphere of radius r at p goes in is r - distance(p).

A modelled object is known by points on its surface only, and d by the nearest of them, without a sign. For a body part
that presses in from outside that is the same depth; of one that has gone through, what counts is where it passes the
surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.furnishing.item import Placed, to_item, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary, Model

Floats = NDArray[np.floating[Any]]
_NEIGHBOURS: Final = 6
_NEAR: Final = 2.0
"""Neighbours farther apart than so many times the usual distance are not of one surface."""


def box_distance(points_m: Floats, boxes: Floats) -> NDArray[np.float64]:
    """Signed distance (N,) of points (N, 3) to the union of boxes (M, 6), x0 x1 y0 y1 z0 z1; negative inside."""
    points, sides = np.asarray(points_m, dtype=np.float64), np.asarray(boxes, dtype=np.float64).reshape(-1, 3, 2)
    nearest = np.full(len(points), np.inf)
    for low, high in zip(sides[..., 0], sides[..., 1], strict=True):
        q = np.abs(points - (low + high) / 2) - (high - low) / 2
        outside = np.linalg.norm(np.maximum(q, 0.0), axis=1)
        nearest = np.minimum(nearest, outside + np.minimum(q.max(axis=1), 0.0))
    return nearest


def model_surface_m(objects: Sequence[Placed], library: FurnitureLibrary) -> NDArray[np.float64]:
    """Points (N, 3) in the room on the surfaces of those objects that are the library's models."""
    models = {model.id: model for model in library.models}
    found: list[Floats] = [np.zeros((0, 3))]
    for placed in objects:
        model = models.get(placed.source)
        if model is not None:
            x0, x1, y0, y1 = placed.rectangle_m
            factors = np.array([x1 - x0, y1 - y0, placed.height_m - model.base_m]) / model.size_m
            own = _filled(model) * factors + [0.0, 0.0, model.base_m]
            found.append(to_world(own, placed.yaw_rad, np.asarray(placed.origin_m)))
    return np.asarray(np.concatenate(found), dtype=np.float64)


def _filled(model: Model) -> NDArray[np.float64]:
    """A model's points and those half-way to their neighbours: of a bed they are 5 cm apart, too far to tell 2 cm."""
    from scipy.spatial import cKDTree  # of the training extra

    points = model.points_m.astype(np.float64)
    distance, other = cKDTree(points).query(points, k=_NEIGHBOURS + 1)
    near = distance[:, 1:] < _NEAR * np.median(distance[:, _NEIGHBOURS])
    return np.concatenate([points, ((points[:, None] + points[other[:, 1:]]) / 2)[near]])


def object_depth_m(joints_m: Floats, objects: Sequence[Placed], surface_m: Floats | None = None) -> NDArray[np.float64]:
    """How deep the body (T, 22, 3) goes into any object of known shape, (T,); 0 where it goes into none.

    Args:
        joints_m: (T, 22, 3).
        objects: Those that have boxes are measured by them.
        surface_m: (N, 3) points on the surfaces of the others, see `model_surface_m`; None = the others are left out.
    """
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
    if surface_m is not None and len(surface_m):
        from scipy.spatial import cKDTree  # of the training extra

        gap = cKDTree(surface_m).query(centres, distance_upper_bound=float(radii.max()))[0]  # inf beyond
        depth = np.maximum(depth, (radii - gap).max(axis=1))
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
