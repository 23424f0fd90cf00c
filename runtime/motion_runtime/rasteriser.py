"""A z-buffer for triangle meshes in numpy: which triangle is nearest in each pixel, and how the pixel is lit.

Pixel centres lie at whole numbers, as in `canvas`. A pixel belongs to a triangle when its centre lies inside (edge
functions, Pineda 1988); depth and normals are interpolated with 1 / depth, as perspective asks. All triangles of one
size are done at once: a body in a preview is some ten thousand triangles of a few pixels each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.canvas import Camera

Array = NDArray[np.float32]
AnyArray = NDArray[np.floating[Any]]

_NEAR_M: Final = 0.1
_CHUNK: Final = 1 << 19
"""Pixels that are tested at once."""


@dataclass(frozen=True, eq=False)
class Fragments:
    """The pixels that a mesh covers, each with the triangle nearest to the camera."""

    pixels: NDArray[np.int64]
    """(N,) row * width + column."""
    depth: Array
    """(N,) metres along the view direction."""
    faces: NDArray[np.int64]
    """(N,) triangle."""
    shares: Array
    """(N, 3) what each of its corners counts for."""


def rasterise(vertices_m: AnyArray, faces: NDArray[np.integer[Any]], camera: Camera) -> Fragments:
    """Find what a camera sees of a mesh; triangles that face away or reach behind the camera are left out.

    Args:
        vertices_m: (V, 3).
        faces: (F, 3) counter-clockwise seen from outside.
        camera: Where from.
    """
    x, y, z = (np.asarray(values, dtype=np.float32) for values in camera.project(vertices_m))
    a, b, c = faces[:, 0], faces[:, 1], faces[:, 2]
    # Pixels count downwards: what turns counter-clockwise outside turns clockwise here, with a negative area.
    area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
    left, right = (np.ceil, np.floor)
    low_x, high_x = left(np.minimum(np.minimum(x[a], x[b]), x[c])), right(np.maximum(np.maximum(x[a], x[b]), x[c]))
    low_y, high_y = left(np.minimum(np.minimum(y[a], y[b]), y[c])), right(np.maximum(np.maximum(y[a], y[b]), y[c]))
    seen = (area < 0) & (np.minimum(np.minimum(z[a], z[b]), z[c]) > _NEAR_M)
    seen &= (high_x >= np.maximum(low_x, 0)) & (high_y >= np.maximum(low_y, 0))
    seen &= (low_x < camera.width) & (low_y < camera.height)
    chosen = np.flatnonzero(seen)
    low_x, low_y = np.maximum(low_x[chosen], 0), np.maximum(low_y[chosen], 0)
    high_x = np.minimum(high_x[chosen], camera.width - 1)
    high_y = np.minimum(high_y[chosen], camera.height - 1)
    size = np.maximum(high_x - low_x, high_y - low_y).astype(np.int64) + 1
    found: list[tuple[NDArray[np.int64], Array, NDArray[np.int64], Array]] = []
    side = 1
    while len(chosen) and side < 2 * int(size.max()):
        of_size = np.flatnonzero((size <= side) & (size > side // 2))
        parts = np.array_split(of_size, -(-len(of_size) * side * side // _CHUNK) or 1)
        found += [
            _covered(faces[chosen[part]], chosen[part], x, y, z, low_x[part], low_y[part], side, camera)
            for part in parts
            if len(part)
        ]
        side *= 2
    if not found:
        empty = np.zeros(0, dtype=np.int64)
        return Fragments(empty, np.zeros(0, np.float32), empty, np.zeros((0, 3), np.float32))
    pixels, depth, face, shares = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # Far to near: the last written is the nearest.
    order = np.argsort(-depth, kind="stable")
    nearest = np.full(camera.width * camera.height, -1, dtype=np.int64)
    nearest[pixels[order]] = order
    kept = nearest[nearest >= 0]
    return Fragments(pixels[kept], depth[kept], face[kept], shares[kept])


def _covered(
    corners: NDArray[np.integer[Any]], numbers: NDArray[np.int64], x: Array, y: Array, z: Array,
    low_x: Array, low_y: Array, side: int, camera: Camera,
) -> tuple[NDArray[np.int64], Array, NDArray[np.int64], Array]:  # fmt: skip
    """Pixels, depths, triangles and corner shares of triangles (N, 3) within squares of `side` pixels."""
    step = np.arange(side, dtype=np.float32)
    px = (low_x[:, None, None] + step[None, None, :]).repeat(side, axis=1)  # (N, side, side)
    py = (low_y[:, None, None] + step[None, :, None]).repeat(side, axis=2)
    cx, cy = x[corners], y[corners]  # (N, 3)
    edges = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3  # the edge across from corner k
        ex, ey = (cx[:, j] - cx[:, i])[:, None, None], (cy[:, j] - cy[:, i])[:, None, None]
        edges.append((px - cx[:, i, None, None]) * ey - (py - cy[:, i, None, None]) * ex)
    inside = (edges[0] >= 0) & (edges[1] >= 0) & (edges[2] >= 0)
    inside &= (px < camera.width) & (py < camera.height)
    which, row, column = np.nonzero(inside)
    flat = np.stack([edge[which, row, column] for edge in edges], axis=1)
    # 1 / depth is linear on the screen.
    near = flat / np.maximum(z[corners[which]], 1e-6)
    total = np.maximum(near.sum(axis=1), 1e-20)
    depth = flat.sum(axis=1) / total
    pixels = py[which, row, column].astype(np.int64) * camera.width + px[which, row, column].astype(np.int64)
    return pixels, depth.astype(np.float32), numbers[which], (near / total[:, None]).astype(np.float32)
