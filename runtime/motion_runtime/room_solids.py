"""Where a room's things are solid, as columns: what is in a body's way, and which way leads out of it.

A scan shows surfaces, mostly from above. In each cell of a fine grid a thing is taken to fill the heights from its
lowest point, or from the floor where nobody can reach in below it, up to its highest. How deep a sphere of radius r at
p goes in follows from the columns around it. With p outside of all of them it is r - |p - q|, q the nearest point of a
column, and the way out is p - q. With p inside, one gets out over the top or sideways to the nearest cell that is open
at that height, whichever is nearer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import RADII_M
from motion_preprocessing.occupancy import distance_to
from motion_preprocessing.room_objects import RoomObject

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]

CELL_M: Final = 0.05
OPEN_BELOW: Final = frozenset({"chair", "stool", "table", "desk", "wheelchair", "walker", "lamp", "sink"})
"""Feet and knees may be under these; anything else is solid down to the floor."""
_CLOSE_M: Final = 0.08
"""Gaps between the points of a thing up to twice as wide are closed."""
_THICK_M: Final = 0.04
"""A top is at least as thick: its underside is rarely seen."""
_HIGHEST_M: Final = 2.0
_BESIDE_M: Final = 3.0
"""A bed along a wall hides the floor below it: things are looked for as far beyond the floor that was seen."""
_REACH: Final = 5
"""Cells around a sphere's centre that are looked at: 25 cm, more than twice a body's thickest capsule."""
_AT_ONCE: Final = 1 << 17
"""Pairs of a sphere and a cell that are measured in one go, for memory."""


@dataclass(frozen=True)
class Solids:
    """Columns on a grid; cell [i, j] has its centre at `origin_m` + `CELL_M` * (i, j)."""

    origin_m: tuple[float, float]
    low_m: Array
    """(X, Y) underside of the column; infinity where there is none."""
    high_m: Array
    """(X, Y) its top; minus infinity where there is none."""

    @classmethod
    def from_scene(cls, scene: Scene, floor_m: tuple[Array, Array] | None) -> Solids:
        """Fill the things of a room.

        Args:
            scene: The room.
            floor_m: Least and greatest (x, y) of the floor that was seen: things far beside it are left out. None =
                nowhere is far.
        """
        within = None if floor_m is None else (floor_m[0] - _BESIDE_M, floor_m[1] + _BESIDE_M)
        return cls.of(scene.furniture, scene.points_m, within)

    @classmethod
    def of(
        cls,
        things: tuple[RoomObject, ...],
        points_m: NDArray[np.float32],
        within_m: tuple[Array, Array] | None = None,
    ) -> Solids:
        """Fill things whose `members` are rows of `points_m`.

        Args:
            things: The room's.
            points_m: (N, 3) the scan.
            within_m: Least and greatest (x, y) of what is filled, so that a hedge seen through a window does not blow
                the grid up; None = everything.
        """
        clouds = [_below_the_ceiling(points_m[thing.members], within_m) for thing in things]
        every = np.concatenate([cloud[:, :2] for cloud in clouds] + [np.zeros((0, 2))])
        if not len(every):
            every = np.zeros((1, 2))
        margin = _REACH + 1
        origin = every.min(axis=0) - margin * CELL_M
        shape = np.ceil((every.max(axis=0) - origin) / CELL_M).astype(int) + margin + 1
        low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
        for thing, cloud in zip(things, clouds, strict=True):
            if not len(cloud):
                continue
            cells = np.round((cloud[:, :2] - origin) / CELL_M).astype(np.int64)
            first, last = cells.min(axis=0), cells.max(axis=0)
            # A thing has a grid of its own size: there may be hundreds in a large room.
            own_low, own_high = _columns(cells - first, cloud[:, 2], thing.object_class in OPEN_BELOW)
            part = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
            low[part], high[part] = np.minimum(low[part], own_low), np.maximum(high[part], own_high)
        return cls((float(origin[0]), float(origin[1])), low, high)

    def depth(self, centres_m: Array, radii_m: Array) -> tuple[Array, Array]:
        """How deep spheres (N, 3) of radii (N,) go in, (N,), and the unit ways out (N, 3); 0 where they do not."""
        depth, way = np.zeros(len(centres_m)), np.zeros((len(centres_m), 3))
        cell = np.round((centres_m[:, :2] - np.array(self.origin_m)) / CELL_M).astype(np.int64)
        last = np.array(self.high_m.shape) - 1 - _REACH
        inside = ((cell >= _REACH) & (cell <= last)).all(axis=1)
        near = np.flatnonzero(inside)
        near = near[self._tops[tuple(cell[near].T)] > centres_m[near, 2] - radii_m[near]]
        reach = np.ceil(radii_m[near] / CELL_M).astype(np.int64)
        for cells in np.unique(reach):  # a wrist meets 3 x 3 cells, a trunk 7 x 7
            same = near[reach == cells]
            for some in np.array_split(same, -(-len(same) * (2 * cells + 1) ** 2 // _AT_ONCE)):
                depth[some], way[some] = self._measured(centres_m[some], radii_m[some], cell[some], int(cells))
        return depth, way

    def column(self, xy_m: Array) -> tuple[Array, Array]:
        """Underside and top (...) of the column at places (..., 2): infinity and minus infinity where there is none."""
        cell = np.round((xy_m - np.array(self.origin_m)) / CELL_M).astype(np.int64)
        inside = ((cell >= 0) & (cell < self.high_m.shape)).all(axis=-1)
        i, j = np.moveaxis(np.where(inside[..., None], cell, 0), -1, 0)  # the grid's corner is empty
        return self.low_m[i, j], self.high_m[i, j]

    @cached_property
    def _tops(self) -> Array:
        """(X, Y) the highest top among the cells that a sphere of a body can touch."""
        reach = math.ceil(RADII_M.max() / CELL_M)
        padded = np.pad(self.high_m, reach, constant_values=-np.inf)
        for axis in (0, 1):  # one after the other: 7 + 7 cells instead of 7 x 7
            padded = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis).max(axis=-1)
        return padded

    def _measured(self, p: Array, r: Array, cell: NDArray[np.int64], reach: int) -> tuple[Array, Array]:
        """Depths and ways out of spheres that touch no cell farther than `reach` cells off."""
        side, low, high = self._around(p, cell, reach)
        over = np.where(p[:, 2:] > high, p[:, 2:] - high, np.minimum(p[:, 2:] - low, 0.0))
        gap = np.sqrt(np.sum(side * side, axis=-1) + over * over)  # infinite where there is no column
        nearest = gap.argmin(axis=1)
        distance = gap[np.arange(len(p)), nearest]
        depth, way = np.zeros(len(p)), np.zeros((len(p), 3))
        beside = np.flatnonzero((distance > 0) & (distance < r))
        depth[beside] = r[beside] - distance[beside]
        column = beside, nearest[beside]
        way[beside] = np.concatenate([side[column], over[column][:, None]], axis=-1) / distance[beside, None]
        within = distance <= 0
        if within.any():
            depth[within], way[within] = self._out(p[within], r[within], cell[within])
        return depth, way

    def _out(self, p: Array, r: Array, cell: NDArray[np.int64]) -> tuple[Array, Array]:
        """The same for spheres whose centres are in a column."""
        side, low, high = self._around(p, cell, _REACH)
        row, middle = np.arange(len(p)), side.shape[1] // 2
        up = high[:, middle] - p[:, 2]
        aside = np.where((low < p[:, 2:]) & (p[:, 2:] < high), np.inf, np.linalg.norm(side, axis=-1))
        exit_ = aside.argmin(axis=1)
        away = aside[row, exit_]
        sideways = -side[row, exit_] / np.maximum(away, 1e-9)[:, None]  # from p to the open cell
        by_top = up <= away
        way = np.where(by_top[:, None], [0.0, 0.0, 1.0], np.column_stack([sideways, np.zeros(len(p))]))
        return np.minimum(up, away) + r, way

    def _around(self, p: Array, cell: NDArray[np.int64], reach: int) -> tuple[Array, Array, Array]:
        """Of the cells (W) around places: the way (N, W, 2) from the column's box, its underside and its top (N, W)."""
        steps = np.arange(-reach, reach + 1)
        around = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        cells = cell[:, None] + around  # (N, W, 2)
        offset = p[:, None, :2] - (np.array(self.origin_m) + CELL_M * cells)
        side = np.sign(offset) * np.maximum(np.abs(offset) - CELL_M / 2, 0.0)
        return side, self.low_m[cells[..., 0], cells[..., 1]], self.high_m[cells[..., 0], cells[..., 1]]


def _below_the_ceiling(points_m: NDArray[np.float32], within_m: tuple[Array, Array] | None) -> Array:
    """The points that are low enough, and within bounds, to be in a body's way."""
    points = points_m.astype(np.float64)
    keep = points[:, 2] < _HIGHEST_M
    if within_m is not None:
        keep &= ((points[:, :2] >= within_m[0]) & (points[:, :2] <= within_m[1])).all(axis=1)
    return np.asarray(points[keep])


def _columns(cells: NDArray[np.int64], z_m: Array, open_below: bool) -> tuple[Array, Array]:
    """Undersides and tops (X, Y) of one thing, from its points' cells (N, 2) and heights (N,)."""
    shape = tuple(cells.max(axis=0) + 1)
    low, high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(low, tuple(cells.T), z_m)
    np.maximum.at(high, tuple(cells.T), z_m)
    low, high = _closed(low, high)
    low = np.minimum(low, high - _THICK_M)
    if not open_below:
        low = np.minimum(low, 0.0)
    return np.where(np.isfinite(high), low, np.inf), high


def _closed(low: Array, high: Array) -> tuple[Array, Array]:
    """Close the gaps between a thing's cells: what lies between others takes their mean top and underside."""
    known = np.isfinite(high)
    near = distance_to(np.pad(known, 3), CELL_M) <= _CLOSE_M
    closed = (distance_to(~near, CELL_M) > _CLOSE_M)[3:-3, 3:-3]
    filled = closed & ~known
    for values in (low, high):
        own = np.where(known, values, 0.0)
        sums = [np.lib.stride_tricks.sliding_window_view(np.pad(v, 2), (5, 5)).sum(axis=(2, 3)) for v in (own, known)]
        some = filled & (sums[1] > 0)
        values[some] = sums[0][some] / sums[1][some]
    return low, high
