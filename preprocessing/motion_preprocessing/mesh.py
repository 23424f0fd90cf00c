"""Triangle meshes of rooms, and points spread evenly over them.

A mesh from a CAD program has a wall in two triangles: its vertices say next to nothing of the room. Points are drawn by
area, so that a scan and a drawing of one room look alike to everything that follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

SURFACE_POINTS: Final = 200_000
"""Points of a sampled room: about 2 cm apart in one of 20 square metres."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh in the frame of what holds it."""

    vertices: NDArray[np.float64]
    """(V, 3)."""
    faces: NDArray[np.int64]
    """(F, 3) vertices of the triangles."""
    colors: NDArray[np.uint8] | None = None
    """(V, 3) red, green, blue of each vertex."""
    labels: NDArray[np.int64] | None = None
    """(V,) label number of each vertex."""


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Points on a mesh."""

    points: NDArray[np.float64]
    """(N, 3)."""
    corners: NDArray[np.int64]
    """(N,) the vertex nearest to each point in its triangle, whose colour and label it takes."""


def check_mesh(vertices: NDArray[np.float64], faces: NDArray[np.int64], path: Path) -> None:
    """Refuse faces that name no vertex.

    Raises:
        InputError: See above.
    """
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        wrong = int(faces.min() if faces.min() < 0 else faces.max())
        raise InputError(
            f"expected faces of vertices 0 to {len(vertices) - 1}, got {wrong} for {path}; export the mesh again"
        )


def sample_surface(
    vertices: NDArray[np.floating[Any]], faces: NDArray[np.integer[Any]], count: int, *, seed: int = 0
) -> SurfacePoints:
    """Draw points by area: each triangle gets its share of `count`, to within one point.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        count: Number of points N.
        seed: Of the places within the triangles; the same seed gives the same points.

    Raises:
        InputError: No triangle has an area.
    """
    rng = np.random.default_rng(seed)
    corners = np.asarray(vertices, dtype=np.float64)[faces]  # (F, 3, 3)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.linalg.norm(np.cross(first, second), axis=1) / 2
    total = float(area.sum())
    if not (np.isfinite(total) and total > 0):
        raise InputError("expected triangles with an area, got none for the mesh; export it again, or as a point cloud")
    # Evenly spaced along the summed area: chance decides the place in a triangle, not how many points it gets.
    at = (np.arange(count) + 0.5) * (total / count)
    chosen = np.minimum(np.searchsorted(np.cumsum(area), at), len(faces) - 1)
    u, v = rng.random(count), rng.random(count)
    # The square's far half is folded back: uniform over the triangle.
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    points = corners[chosen, 0] + u[:, None] * first[chosen] + v[:, None] * second[chosen]
    nearest = np.argmax(np.stack([1 - u - v, u, v], axis=1), axis=1)
    return SurfacePoints(points, np.asarray(faces, dtype=np.int64)[chosen, nearest])


def fans(sizes: NDArray[np.int64], flat: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split polygons into triangles (F, 3) that share each polygon's first corner.

    Args:
        sizes: (N,) corners of each polygon; those with fewer than three give nothing.
        flat: (sum of sizes,) their vertices, polygon after polygon.
    """
    triangles = np.maximum(sizes - 2, 0)
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.zeros(0, dtype=np.int64)
    base = np.repeat(start, triangles)
    within = np.arange(int(triangles.sum())) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.stack([flat[base], flat[base + within + 1], flat[base + within + 2]], axis=1).astype(np.int64)
