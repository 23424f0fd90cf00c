"""What bounds a room, as a signed distance on a grid: positive inside its walls, negative beyond them.

With d and its gradient, the nearest place that keeps the radius r is x + (r - d) grad d / |grad d|, exactly so for a
straight wall, in a few rounds in corners. Furniture does not bound: people sit on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import WALL
from motion_preprocessing.occupancy import FreeSpace, distance_to
from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]

RADIUS_M: Final = 0.3
"""A pelvis keeps this far from walls."""
_ROUNDS: Final = 4
_WALL_M: Final = 1.6
"""Unlabelled columns of points that reach higher than this are walls; what is lower is furniture."""
_CLOSE_M: Final = 0.3
"""Gaps in floor and furniture up to twice as wide are closed."""


@dataclass(frozen=True)
class RoomBounds:
    """Signed distance to what bounds a room, on the grid of its free floor."""

    origin_m: tuple[float, float]
    cell_m: float
    inside_m: Array
    """(X, Y) metres to the nearest wall or end of the floor; negative beyond it."""

    @classmethod
    def from_scene(cls, scene: Scene, space: FreeSpace) -> RoomBounds:
        """Find what lies within the walls: floor, and whatever low stands on it."""
        origin = np.array(space.origin_m)
        shape = space.floor.shape
        points = scene.points_m.astype(np.float64)
        cells = np.round((points[:, :2] - origin) / space.cell_m).astype(np.int64)
        kept = np.all((cells >= 0) & (cells < shape), axis=1) & (points[:, 2] < 2.0)
        top = np.zeros(shape)
        np.maximum.at(top, tuple(cells[kept].T), points[kept, 2])
        walls = np.zeros(shape, dtype=np.bool_)
        labelled = kept & scene.labelled(WALL)
        walls[tuple(cells[labelled].T)] = True
        if not labelled.any():
            walls = space.obstacles & (top > _WALL_M)
        within = (space.floor | space.obstacles) & ~walls
        # Under a bed no floor was seen: small gaps between floor and furniture are inside too.
        near = distance_to(np.pad(within, 1), space.cell_m) <= _CLOSE_M
        closed = (distance_to(~near, space.cell_m) > _CLOSE_M)[1:-1, 1:-1]
        within |= closed & ~walls
        padded = np.pad(within, 1)
        out, into = distance_to(~padded, space.cell_m), distance_to(padded, space.cell_m)
        # Cell centres: the border runs half a cell before the first one on the other side.
        signed = np.where(padded, out - space.cell_m / 2, space.cell_m / 2 - into)[1:-1, 1:-1]
        return cls(space.origin_m, space.cell_m, signed)

    def distance(self, xy: Array) -> tuple[Array, Array]:
        """Signed distance (...) at places (..., 2) and its gradient (..., 2), bilinear; beyond the grid it falls on."""
        last = np.array(self.inside_m.shape) - 1
        place = (xy - np.array(self.origin_m)) / self.cell_m
        held = np.clip(place, 0, last - 1e-9)
        beyond = (place - held) * self.cell_m
        low = np.floor(held).astype(np.int64)
        u, v = np.moveaxis(held - low, -1, 0)
        i, j = np.moveaxis(low, -1, 0)
        a, b = self.inside_m[i, j], self.inside_m[i + 1, j]
        c, d = self.inside_m[i, j + 1], self.inside_m[i + 1, j + 1]
        value = (1 - u) * (1 - v) * a + u * (1 - v) * b + (1 - u) * v * c + u * v * d
        gradient = np.stack([(1 - v) * (b - a) + v * (d - c), (1 - u) * (c - a) + u * (d - b)], axis=-1) / self.cell_m
        off = np.linalg.norm(beyond, axis=-1)
        outside = off[..., None] > 0
        gradient = np.where(outside, -beyond / np.maximum(off, 1e-12)[..., None], gradient)
        return value - off, gradient

    def nearest_inside(self, xy: Array, radius_m: float = RADIUS_M) -> Array:
        """Move places (..., 2) that come nearer than `radius_m` to a wall, or are beyond it, to where they do not."""
        xy = np.array(xy, dtype=np.float64)
        for _ in range(_ROUNDS):
            d, gradient = self.distance(xy)
            length = np.linalg.norm(gradient, axis=-1)
            step = np.where(length > 1e-6, np.maximum(radius_m - d, 0.0) / np.maximum(length, 0.5), 0.0)
            xy += step[..., None] * gradient / np.maximum(length, 1e-6)[..., None]
        return xy


@dataclass(frozen=True)
class Supports:
    """Heights of what can carry a body, on the grid of a room's free floor: seats, mattresses, table tops, steps."""

    origin_m: tuple[float, float]
    cell_m: float
    top_m: Array
    """(X, Y) height of the highest point below `_WALL_M`, 0 where there is none."""

    @classmethod
    def from_scene(cls, scene: Scene, space: FreeSpace) -> Supports:
        """Find the top of the furniture in every cell and its neighbours."""
        shape = space.floor.shape
        points = scene.points_m.astype(np.float64)
        cells = np.round((points[:, :2] - np.array(space.origin_m)) / space.cell_m).astype(np.int64)
        kept = np.all((cells >= 0) & (cells < shape), axis=1) & (points[:, 2] > 0.08) & (points[:, 2] < _WALL_M)
        kept &= ~scene.labelled(WALL)
        top = np.zeros(shape)
        np.maximum.at(top, tuple(cells[kept].T), points[kept, 2])
        # A scan has holes, and a body is wider than a cell.
        padded = np.pad(top, 1)
        sides = [padded[1 + i : 1 + i + shape[0], 1 + j : 1 + j + shape[1]] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        return cls(space.origin_m, space.cell_m, np.max(sides, axis=0))

    def height_m(self, xy: Array) -> Array:
        """Height (...) of the support at places (..., 2); 0 beyond the grid."""
        cell = np.round((xy - np.array(self.origin_m)) / self.cell_m).astype(np.int64)
        inside = np.all((cell >= 0) & (cell < np.array(self.top_m.shape)), axis=-1)
        i, j = np.moveaxis(np.where(inside[..., None], cell, 0), -1, 0)
        return np.where(inside, self.top_m[i, j], 0.0)
