"""A room of triangles as the page needs it: lit from above, and in parts that are drawn in different ways."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from motion_preprocessing.mesh import Mesh
from motion_preprocessing.scene import Scene
from motion_runtime.formats.room_mesh import room_of_mesh
from motion_runtime.room_view import lightened
from motion_runtime.viewer.arrays import ArrayBlock

MAX_FACES: Final = 120_000
LIGHT: Final = (0.93, 0.86, 1.0)
"""Brightness of what faces along x, y and z."""
_FLOOR_M: Final = 0.03


def faces_payload(scene: Scene, mesh: Mesh, block: ArrayBlock, most: int = MAX_FACES) -> dict[str, Any]:
    """Put a room's triangles into `block` and describe them: without the ceiling, the floor's at height 0.

    Args:
        scene: The room.
        mesh: Its mesh.
        block: Where the arrays go.
        most: Number of triangles to keep at most.
    """
    room = room_of_mesh(scene, mesh, most)
    assert room.faces is not None
    assert room.normals is not None
    assert room.walls is not None
    points = room.points_m.astype(np.float64)
    level = (np.abs(points[room.faces, 2]) < _FLOOR_M).all(axis=1) & (room.normals[room.faces, 2] > 0.9).all(axis=1)
    points[room.faces[level], 2] = 0.0  # under its grid, the shadows and the paths, whatever the noise of the scan
    parts = {"floor": level, "walls": room.walls, "things": ~(level | room.walls | room.ceiling)}
    kept = np.unique(room.faces[~room.ceiling | level])
    number = np.zeros(len(points), dtype=np.uint32)
    number[kept] = np.arange(len(kept))
    points, facing = points[kept], np.abs(room.normals[kept])
    colors = room.colors[kept] if mesh.colors is None else lightened(room.colors[kept])
    lit = colors * (facing @ np.array(LIGHT) / facing.sum(axis=1))[:, None]
    low, high = points.min(axis=0), points.max(axis=0)
    unit = float(np.max(high - low)) / 65_000
    return {
        "count": len(points),
        "origin": [float(value) for value in low],
        "unit": unit,
        "points": block.add(np.rint((points - low) / unit).astype(np.uint16)),
        "colors": block.add(np.rint(255 * np.clip(lit, 0, 1)).astype(np.uint8)),
        "faces": {name: block.add(number[room.faces[part]]) for name, part in parts.items()},
    }
