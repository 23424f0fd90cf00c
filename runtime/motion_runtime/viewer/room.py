"""The room as the page needs it: the faces of a mesh, else a sensible number of coloured points, and their walls.

A wall whose outside faces the camera would hide everybody; its points therefore carry the direction into the room, and
the page leaves them out while it looks from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import CEILING
from motion_preprocessing.scene import wall_planes
from motion_runtime.room_view import room_view
from motion_runtime.viewer.arrays import ArrayBlock
from motion_runtime.viewer.room_faces import LIGHT, faces_payload

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

MAX_POINTS: Final = 120_000
OBJECT, WALL, FLOOR = 0, 1, 2
"""Kinds of points."""
_STRAYS_PERCENT: Final = 0.5
"""So many points at either end of an axis are strays that must not set the size of the picture."""
_PATCH_M: Final = 0.1
_MIN_PATCH: Final = 6
_OWN: Final = 0.35
"""Part of its own colour that a point keeps; the rest is its patch's."""


def room_payload(scene: Scene, block: ArrayBlock, most: int = MAX_POINTS) -> dict[str, Any]:
    """Put a room's faces, or its points where it has none, into `block` and describe them.

    Args:
        scene: The room.
        block: Where the arrays go.
        most: Number of points to keep at most; more of them are thinned evenly and drawn larger.
    """
    view = room_view(scene).thinned(most)
    points = view.points_m
    edges = np.percentile(points, [_STRAYS_PERCENT, 100 - _STRAYS_PERCENT], axis=0)
    extent = {"low": [float(value) for value in edges[0]], "high": [float(value) for value in edges[1]]}
    if scene.mesh is not None:
        return faces_payload(scene, scene.mesh, block) | extent
    low, high = points.min(axis=0), points.max(axis=0)
    unit = float(np.max(high - low)) / 65_000
    kinds = np.full(len(points), OBJECT, dtype=np.uint8)
    kinds[view.wall], kinds[view.floor] = WALL, FLOOR
    inward = _inward(scene, points, view.wall)
    return extent | {
        "count": len(points),
        "origin": [float(value) for value in low],
        "unit": unit,
        "points": block.add(np.rint((points - low) / unit).astype(np.uint16)),
        "colors": block.add(np.rint(255 * np.clip(_lit(points, view.colors, inward), 0, 1)).astype(np.uint8)),
        "kinds": block.add(kinds),
        "inward": block.add(np.rint(127 * inward).astype(np.int8)),
        "sizes": block.add(np.clip(np.rint(1000 * view.size_m), 1, 255).astype(np.uint8)),
    }


def _lit(points: NDArray[np.float64], colors: NDArray[np.float32], inward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (N, 3) with light from above baked in, and without the grain of single points.

    A flat patch faces along the direction in which its points spread least; walls face `inward` (N, 2). Level ones are
    brightest, and uprights differ by where they face, so that corners show; which of its two sides is seen does not
    matter.
    """
    cells = np.floor(points / _PATCH_M).astype(np.int64)
    _, patch, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    patch = patch.reshape(-1)

    def mean(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        columns = values.reshape(len(points), -1).T
        sums = [np.bincount(patch, weights=column, minlength=len(count)) for column in columns]
        return np.asarray(np.stack(sums, axis=1) / count[:, None])

    off = points - mean(points)[patch]
    spread, axes = np.linalg.eigh(mean(off[:, :, None] * off[:, None, :]).reshape(-1, 3, 3))
    normals = np.abs(axes[:, :, 0])
    flat = np.clip(1 - 6 * spread[:, 0] / np.maximum(spread[:, 1], 1e-12), 0, 1)
    light = normals @ np.array(LIGHT) / np.maximum(normals.sum(axis=1), 1e-9)
    light = np.where(count >= _MIN_PATCH, 1 + flat * (light - 1), 1.0)[patch]
    wall = np.abs(inward).sum(axis=1)
    light[wall > 0] = (np.abs(inward) @ np.array(LIGHT[:2]))[wall > 0] / wall[wall > 0]
    return np.asarray((_OWN * colors + (1 - _OWN) * mean(colors)[patch]) * light[:, None])


def _inward(scene: Scene, points: NDArray[np.float64], wall: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Directions (N, 2) into the room for wall points, zero for the others."""
    directions = np.zeros((len(points), 2))
    structure = scene.points_m[~scene.labelled(CEILING)]
    planes = wall_planes(structure)
    chosen = np.flatnonzero(wall)
    if len(planes):
        distance = np.abs(np.stack([plane.distances(points[chosen]) for plane in planes], axis=1))
        normals = np.stack([plane.normal[:2] for plane in planes])
        directions[chosen] = normals[distance.argmin(axis=1)]
    else:
        # No wall is a plane, as in a scan of a corner: into the room is towards its middle.
        middle = np.median(points[:, :2], axis=0)
        directions[chosen] = middle - points[chosen, :2]
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(np.divide(directions, length, out=np.zeros_like(directions), where=length > 1e-9))
