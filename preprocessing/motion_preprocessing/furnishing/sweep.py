"""The volume that bodies sweep: what furniture has to leave free.

The capsules of `body_capsules` become chains of spheres, a little larger so that together they cover the capsule; the
room's floor becomes a grid of the lowest height at which any body comes over each cell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, body_capsules
from motion_preprocessing.skeleton import rest_joints

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_SPACING: Final = 0.9
"""Of the spheres along a capsule, in radii."""
_STILL_M: Final = 0.004
"""Frames in which no joint has moved this far since the last one kept add nothing."""
CELL_M: Final = 0.08
_OUTSIDE_M: Final = 0.02
"""Beyond this, distances are not told apart."""
_DENSE: Final = 30_000
"""Pairs of points and spheres that are simply all looked at."""
_NEVER_M: Final = 9.0
_THICK_M: Final = 0.075
"""Arms and feet are thinner, trunk and thighs thicker: the grid tells these two apart."""


def _chains() -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    starts, ends, radii = body_capsules(rest_joints())
    which, along, grown = [], [], []
    for c, radius in enumerate(radii):
        length = float(np.linalg.norm(ends[c] - starts[c]))
        count = max(2, math.ceil(length / (_SPACING * radius)) + 1)
        gap = length / (count - 1)
        which += [c] * count
        along += list(np.linspace(0.0, 1.0, count))
        # Halfway between two centres the union of the spheres must still reach the capsule's radius.
        grown += [math.hypot(radius, gap / 2)] * count
    return np.array(which), np.array(along, dtype=np.float32), np.array(grown, dtype=np.float32)


_CAPSULE_OF, _ALONG, _RADIUS = _chains()
SPHERE_CAPSULES: Final = tuple(NAMES[c] for c in _CAPSULE_OF)
"""The capsule of each sphere of a pose, by name."""


def capsules_named(*endings: str) -> Bools:
    """Return which spheres of a pose (K,) belong to capsules of these names (without left_ and right_)."""
    return np.array([name.removeprefix("left_").removeprefix("right_") in endings for name in SPHERE_CAPSULES])


@dataclass(frozen=True)
class Sweep:
    """All poses of all persons as spheres."""

    centres_m: NDArray[np.float32]
    """(P, T, K, 3)."""
    kept: Bools
    """(P, T) False where a pose repeats the one before it."""

    @classmethod
    def of(cls, people_m: Floats) -> Sweep:
        """Sweep people (P, T, 22, 3); frames that hold NaN are those of nobody."""
        joints = np.asarray(people_m, dtype=np.float32)
        starts, ends, _ = body_capsules(joints)
        a, b = starts[..., _CAPSULE_OF, :].astype(np.float32), ends[..., _CAPSULE_OF, :].astype(np.float32)
        kept = np.asarray(np.isfinite(joints).all(axis=(-1, -2)))
        for person, poses in enumerate(joints):
            last = poses[0]
            for t in range(1, len(poses)):
                if np.abs(poses[t] - last).max() < _STILL_M:
                    kept[person, t] = False
                else:
                    last = poses[t]
        return cls(a + _ALONG[:, None] * (b - a), kept)

    @cached_property
    def spheres(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Centres (N, 3) and radii (N,) of the poses that count, in the order of their radii."""
        order = np.argsort(_RADIUS, kind="stable")
        centres = np.moveaxis(self.centres_m[self.kept], 1, 0)[order]  # (K, frames, 3)
        return np.ascontiguousarray(centres.reshape(-1, 3)), np.repeat(_RADIUS[order], centres.shape[1])

    @property
    def radius_m(self) -> NDArray[np.float32]:
        """(K,) radii of one pose's spheres."""
        return _RADIUS

    def depth_m(self, points_m: Floats) -> NDArray[np.float32]:
        """How deep points (M, 3) are inside the deepest body that ever comes there; negative outside, at least -.02."""
        points = np.asarray(points_m, dtype=np.float32)
        depth = np.full(len(points), -_OUTSIDE_M, dtype=np.float32)
        # Halved until few points meet few spheres: bodies are mostly elsewhere.
        pending = [(np.arange(len(points)), *self.spheres)]
        while pending:
            index, centres, radii = pending.pop()
            if not len(index):
                continue
            block = points[index]
            low, high = block.min(axis=0), block.max(axis=0)
            reach = radii.max(initial=0.0) + _OUTSIDE_M
            near = np.all((centres > low - reach) & (centres < high + reach), axis=1)
            centres, radii = centres[near], radii[near]
            if not len(centres):
                continue
            if len(index) * len(centres) <= _DENSE or len(index) < 8 or float((high - low).max()) < 0.1:
                depth[index] = np.maximum(depth[index], _dense_depth(block, centres, radii))
                continue
            axis = int(np.argmax(high - low))
            halves = np.argpartition(block[:, axis], len(index) // 2)
            pending += [(index[half], centres, radii) for half in np.array_split(halves, [len(index) // 2])]
        return depth


def _dense_depth(
    points: NDArray[np.float32], centres: NDArray[np.float32], radii: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Depth of points (M, 3) in spheres (N, 3) that come in the order of their radii."""
    middle = points.mean(axis=0)  # small numbers keep the expanded square exact enough
    p, c = points - middle, centres - middle
    squared = p @ (-2 * c.T)
    squared += np.einsum("ij,ij->i", c, c)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(radii)) + 1])
    nearest = np.minimum.reduceat(squared, starts, axis=1) + np.einsum("ij,ij->i", p, p)[:, None]
    depth: NDArray[np.float32] = (radii[starts] - np.sqrt(np.maximum(nearest, 0))).max(axis=1)
    return depth


@dataclass
class FloorGrid:
    """A grid over the floor: how low bodies come over each cell, and where furniture stands already."""

    origin_m: NDArray[np.float64]
    low_m: NDArray[np.float32]
    """(X, Y) lowest point of any body within the margin of the cell."""
    taken: Bools
    """(X, Y) furniture."""

    @classmethod
    def around(cls, sweep: Sweep, reach_m: float, margin_m: float = 0.03) -> FloorGrid:
        """Map the surroundings of all bodies."""
        centres, radii = sweep.spheres
        low, high = centres[:, :2].min(axis=0) - reach_m, centres[:, :2].max(axis=0) + reach_m
        shape = np.ceil((high - low) / CELL_M).astype(int) + 1
        cell = ((centres[:, :2] - low) / CELL_M).astype(np.int64)
        key, bottom = cell[:, 0] * shape[1] + cell[:, 1], centres[:, 2] - radii
        low_m = np.full((int(shape[0]), int(shape[1])), _NEVER_M, dtype=np.float32)
        for part in (radii < _THICK_M, radii >= _THICK_M):
            if part.any():
                flat = np.full(low_m.size, _NEVER_M, dtype=np.float32)
                np.minimum.at(flat, key[part], bottom[part])
                # Half a cell's diagonal is lost where a sphere's centre is put into a cell.
                radius = float(radii[part].max()) + 0.7 * CELL_M
                np.minimum(low_m, _spread(flat.reshape(low_m.shape), margin_m + radius), out=low_m)
        return cls(low.astype(np.float64), low_m, np.zeros(low_m.shape, dtype=np.bool_))

    def cells(self, xy: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Bools]:
        """Return the cells of places (..., 2), and whether they are on the grid."""
        cell = np.floor((xy - self.origin_m) / CELL_M).astype(np.int64)
        inside = np.all((cell >= 0) & (cell < self.low_m.shape), axis=-1)
        cell[~inside] = 0
        return cell[..., 0], cell[..., 1], inside

    def is_free(self, xy: Floats, height_m: float) -> Bools:
        """Whether something of this height, and 5 cm more, can stand on all of (..., L, 2)."""
        i, j, inside = self.cells(xy)
        return np.asarray((inside & (self.low_m[i, j] > height_m + 0.05) & ~self.taken[i, j]).all(axis=-1))

    def take(self, xy: Floats) -> None:
        """Mark places (L, 2) as furniture's."""
        i, j, inside = self.cells(xy)
        self.taken[i[inside], j[inside]] = True


def _spread(grid: NDArray[np.float32], radius_m: float) -> NDArray[np.float32]:
    """Minimum over a disc around each cell."""
    steps = int(radius_m / CELL_M)
    padded = np.pad(grid, steps, constant_values=_NEVER_M)
    result = grid.copy()
    for i in range(-steps, steps + 1):
        for j in range(-steps, steps + 1):
            if 0 < math.hypot(i, j) * CELL_M <= radius_m:
                part = padded[steps + i : steps + i + grid.shape[0], steps + j : steps + j + grid.shape[1]]
                np.minimum(result, part, out=result)
    return result


def lattice(rectangle: tuple[float, float, float, float], spacing_m: float = CELL_M) -> NDArray[np.float64]:
    """Points (L, 2) over a rectangle x0, x1, y0, y1, no farther apart than `spacing_m`, its edges included."""
    x0, x1, y0, y1 = rectangle
    x = np.linspace(x0, x1, max(2, math.ceil((x1 - x0) / spacing_m) + 1))
    y = np.linspace(y0, y1, max(2, math.ceil((y1 - y0) / spacing_m) + 1))
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
