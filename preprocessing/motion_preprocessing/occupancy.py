"""Where a person can stand and walk in a room: a grid of its free floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import connected_parts
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import FLOOR
from motion_preprocessing.scene import Scene

BODY_RADIUS_M: Final = 0.3
_FAR_M: Final = 5.0
"""Distances are not told apart beyond this."""
_FLOOR_M: Final = 0.08
"""Unlabelled points this near to z = 0 show the floor."""
_GAP_M: Final = 0.4
"""Unseen floor up to twice as wide as this, with seen floor around it, is taken for floor."""
_LONGEST_RUN_M: Final = 4.0


def distance_to(seeds: NDArray[np.bool_], cell_m: float = 1.0, *, far_m: float = _FAR_M) -> NDArray[np.float64]:
    """Return the Euclidean distance (X, Y) from each cell's centre to that of the nearest seed cell, at most `far_m`.

    Exact: distances along one axis first, then the lower envelope across the other (Saito and Toriwaki 1994).
    """
    reach = math.ceil(far_m / cell_m)
    index = np.arange(seeds.shape[1])
    before = index - np.maximum.accumulate(np.where(seeds, index, -(10**6)), axis=1)
    after = np.minimum.accumulate(np.where(seeds, index, 10**6)[:, ::-1], axis=1)[:, ::-1] - index
    along = np.minimum(np.minimum(before, after), reach).astype(np.float64) ** 2
    along[along >= reach * reach] = np.inf
    squared = along.copy()
    for shift in range(1, min(reach, len(seeds) - 1) + 1):
        np.minimum(squared[shift:], along[:-shift] + shift * shift, out=squared[shift:])
        np.minimum(squared[:-shift], along[shift:] + shift * shift, out=squared[:-shift])
    distance: NDArray[np.float64] = np.minimum(np.sqrt(squared) * cell_m, far_m)
    return distance


@dataclass(frozen=True)
class FreeSpace:
    """A grid over the floor; cell [i, j] has its centre at `origin_m` + `cell_m` * (i, j)."""

    origin_m: tuple[float, float]
    cell_m: float
    floor: NDArray[np.bool_]
    """(X, Y) True where there is floor."""
    obstacles: NDArray[np.bool_]
    """(X, Y) True where something stands between the heights of a body."""
    body_radius_m: float = BODY_RADIUS_M

    @classmethod
    def from_scene(
        cls,
        scene: Scene,
        cell_m: float = 0.1,
        body_height: tuple[float, float] = (0.1, 1.9),
        body_radius_m: float = BODY_RADIUS_M,
    ) -> FreeSpace:
        """Map a room.

        Args:
            scene: The room.
            cell_m: Width of the cells.
            body_height: What lies between these heights (metres) is in a person's way.
            body_radius_m: Clearance that a standing person needs.

        Raises:
            InputError: No floor was seen.
        """
        height = scene.points_m[:, 2]
        is_floor = scene.labelled(FLOOR) | ((scene.labels < 0) & (np.abs(height) < _FLOOR_M))
        if not np.any(is_floor):
            raise InputError(
                "expected points on the floor, got none for the scene; scan the floor too, or say with --labels which "
                "label it has"
            )
        # The scan's strays, seen through windows and doors, must not blow the grid up.
        low, high = np.percentile(scene.points_m[is_floor, :2].astype(np.float64), [0.2, 99.8], axis=0)
        low -= 2 * _GAP_M
        shape = np.ceil((high + 2 * _GAP_M - low) / cell_m).astype(int) + 1
        counts = [
            _count(scene.points_m[chosen, :2], low, cell_m, shape)
            for chosen in (is_floor, ~is_floor & (height > body_height[0]) & (height < body_height[1]))
        ]
        # A floor scanned with noise has some points above it everywhere: few beside many are no obstacle.
        obstacles = (counts[1] >= 3) & (counts[1] >= 0.2 * counts[0])
        gap = distance_to(counts[0] > 0, cell_m) <= _GAP_M
        floor = distance_to(~gap, cell_m) > _GAP_M
        return cls((float(low[0]), float(low[1])), cell_m, floor | (counts[0] > 0), obstacles, body_radius_m)

    @property
    def bounds_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and greatest (x, y) of the grid's cell centres."""
        low = np.array(self.origin_m)
        return low, low + self.cell_m * (np.array(self.floor.shape) - 1)

    @cached_property
    def clearance_m(self) -> NDArray[np.float64]:
        """(X, Y) distance to the nearest obstacle or end of the floor, at most 5 m; 0 where one cannot be."""
        blocked = np.pad(~self.floor | self.obstacles, 1, constant_values=True)
        return distance_to(blocked, self.cell_m)[1:-1, 1:-1]

    @cached_property
    def free(self) -> NDArray[np.bool_]:
        """(X, Y) True where a body has room to stand; only the largest connected part of the floor counts."""
        free = self.clearance_m >= self.body_radius_m
        cells = np.argwhere(free)
        if len(cells):
            parts = connected_parts(np.column_stack([cells, np.zeros(len(cells))]).astype(np.float64), 1.0)
            free[tuple(cells[parts != np.argmax(np.bincount(parts))].T)] = False
        return free

    def clearance(self, x_m: Any, y_m: Any) -> NDArray[np.float64]:
        """Return the clearance (see `clearance_m`) at places of the room; 0 outside the grid."""
        i = np.round((np.asarray(x_m, dtype=np.float64) - self.origin_m[0]) / self.cell_m).astype(np.int64)
        j = np.round((np.asarray(y_m, dtype=np.float64) - self.origin_m[1]) / self.cell_m).astype(np.int64)
        inside = (i >= 0) & (j >= 0) & (i < self.floor.shape[0]) & (j < self.floor.shape[1])
        return np.where(inside, self.clearance_m[np.where(inside, i, 0), np.where(inside, j, 0)], 0.0)

    def free_run(self, x_m: Any, y_m: Any, yaw_rad: Any) -> NDArray[np.float64]:
        """Return how far (metres, at most 4) a body can go straight ahead; the arguments broadcast."""
        steps = np.arange(0.0, _LONGEST_RUN_M + self.cell_m / 2, self.cell_m)
        x = np.asarray(x_m, dtype=np.float64)[..., None] + steps * np.cos(np.asarray(yaw_rad))[..., None]
        y = np.asarray(y_m, dtype=np.float64)[..., None] + steps * np.sin(np.asarray(yaw_rad))[..., None]
        open_so_far = np.logical_and.accumulate(self.clearance(x, y) >= self.body_radius_m, axis=-1)
        run: NDArray[np.float64] = np.maximum(np.count_nonzero(open_so_far, axis=-1) - 1, 0) * self.cell_m
        return run


def _count(
    xy: NDArray[np.floating[Any]], low: NDArray[np.float64], cell_m: float, shape: NDArray[np.int64]
) -> NDArray[np.int64]:
    cells = np.round((xy.astype(np.float64) - low) / cell_m).astype(np.int64)
    cells = cells[np.all((cells >= 0) & (cells < shape), axis=1)]
    flat = np.bincount(cells[:, 0] * shape[1] + cells[:, 1], minlength=int(shape[0] * shape[1]))
    grid: NDArray[np.int64] = flat.reshape(int(shape[0]), int(shape[1]))
    return grid
