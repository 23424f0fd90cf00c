"""Shapes of boxes and drums, and points drawn from their surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.item import Item

Floats = NDArray[np.floating[Any]]
_EPS: Final = 1e-6

Box = tuple[float, float, float, float, float, float]
"""x0, x1, y0, y1, z0, z1."""
Drum = tuple[float, float, float, float, float, float, float]
"""Upright elliptic cylinder or cone: centre x, y, half axes x, y at the base, z0, z1, top half axes over base's."""


@dataclass(frozen=True)
class Shape:
    """Boxes and drums in an item's frame (front +x, floor z = 0, metres)."""

    object_class: str
    boxes: tuple[Box, ...] = ()
    drums: tuple[Drum, ...] = ()
    support_m: float | None = None
    """Height of seat, mattress or top."""
    lean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Slope, x and z: what lies behind x and above z leans back by the slope."""

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest corner."""
        slope, x, z = self.lean
        low, high = [], []
        for x0, x1, y0, y1, z0, z1 in self.boxes:
            low.append((x0 - slope * max(z1 - z, 0.0) * (x0 < x), y0, z0))
            high.append((x1, y1, z1))
        for cx, cy, rx, ry, z0, z1, top in self.drums:
            wide = max(1.0, top)
            low.append((cx - wide * rx, cy - wide * ry, z0))
            high.append((cx + wide * rx, cy + wide * ry, z1))
        return np.min(low, axis=0), np.max(high, axis=0)

    def sample(self, rng: np.random.Generator, per_m2: float) -> NDArray[np.float32]:
        """Draw points (M, 3) evenly from the surface; undersides, and what another box covers, have none."""
        clouds = []
        if self.boxes:
            clouds.append(_box_points(np.array(self.boxes), rng, per_m2))
        if self.drums:
            clouds.append(_drum_points(np.array(self.drums), rng, per_m2))
        points = np.concatenate(clouds)
        points = points[~_covered(points, self.boxes)]
        slope, x, z = self.lean
        if slope:
            behind = (points[:, 0] < x) & (points[:, 2] > z)
            points[behind, 0] -= slope * (points[behind, 2] - z)
        return points.astype(np.float32)

    def item(self, rng: np.random.Generator, per_m2: float) -> Item:
        """Draw the surface."""
        low, high = self.bounds()
        return Item(self.object_class, self.sample(rng, per_m2), low, high, self.support_m, boxes=self.boxes)


def _covered(points: NDArray[np.float64], boxes: tuple[Box, ...]) -> NDArray[np.bool_]:
    """Whether a box begins right over a point, or holds it."""
    inside = np.zeros(len(points), dtype=np.bool_)
    x, y, z = points[:, 0], points[:, 1], points[:, 2] + 0.005
    for x0, x1, y0, y1, z0, z1 in boxes:
        inside |= (x > x0 + _EPS) & (x < x1 - _EPS) & (y > y0 + _EPS) & (y < y1 - _EPS) & (z > z0) & (z < z1)
    return inside


def _draw(areas: NDArray[np.float64], rng: np.random.Generator, per_m2: float) -> NDArray[np.int64]:
    """Return the face of each point: as many as the areas ask for, fractions by chance."""
    wanted = areas * per_m2
    counts = np.floor(wanted + rng.uniform(size=wanted.shape)).astype(np.int64)
    return np.repeat(np.arange(len(areas)), counts)


def _box_points(boxes: NDArray[np.float64], rng: np.random.Generator, per_m2: float) -> NDArray[np.float64]:
    low, size = boxes[:, ::2], boxes[:, 1::2] - boxes[:, ::2]
    areas = np.stack([size[:, 1] * size[:, 2], size[:, 0] * size[:, 2], size[:, 0] * size[:, 1]], axis=1)
    areas = np.repeat(areas[:, :, None], 2, axis=2)  # (N, axis, end)
    areas[:, 2, 0] = 0.0  # no scanner lies on the floor
    face = _draw(areas.reshape(-1), rng, per_m2)
    box, axis, end = face // 6, face // 2 % 3, face % 2
    points = low[box] + rng.uniform(size=(len(face), 3)) * size[box]
    row = np.arange(len(face))
    points[row, axis] = low[box, axis] + end * size[box, axis]
    return np.asarray(points, dtype=np.float64)


def _drum_points(drums: NDArray[np.float64], rng: np.random.Generator, per_m2: float) -> NDArray[np.float64]:
    _, _, rx, ry, z0, z1, top = drums.T
    side = np.pi * (rx + ry) * (z1 - z0) * (1 + top) / 2
    cap = np.pi * rx * ry * top * top
    face = _draw(np.stack([side, cap], axis=1).reshape(-1), rng, per_m2)
    drum, part = face // 2, face % 2
    angle, u = rng.uniform(0, 2 * np.pi, size=len(face)), rng.uniform(size=len(face))
    height = np.where(part == 0, u, part == 1)
    spread = (1 + (top[drum] - 1) * height) * np.where(part == 0, 1.0, np.sqrt(u))
    return np.stack(
        [
            drums[drum, 0] + rx[drum] * spread * np.cos(angle),
            drums[drum, 1] + ry[drum] * spread * np.sin(angle),
            z0[drum] + (z1 - z0)[drum] * height,
        ],
        axis=1,
    )
