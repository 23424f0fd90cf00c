"""The way from one place of a room to another, round what stands between: Dijkstra's algorithm on the free floor."""

from __future__ import annotations

import heapq
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.occupancy import FreeSpace

Array = NDArray[np.float64]
Cell = tuple[int, int]

_TIGHT: Final = 0.4
"""How much farther a step is counted where a body just fits through."""
_STEPS: Final = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
_SEEN_M: Final = 0.05
_BEND_M: Final = 0.4
"""Radius of the bow on which somebody sets out."""
_BENDS_RAD: Final = math.radians(30.0)
"""Who faces the way that they go by less sets out straight."""
_BESIDE_M: Final = 1.2
"""A place farther from the free floor has no way to it."""


def find_route(space: FreeSpace, start_m: tuple[float, float], goal_m: tuple[float, float]) -> Array:
    """Return the corners (N, 2) of a way, start and goal among them; a straight line where the floor has no way.

    Start and goal may be where nobody can stand, as on a chair: the way leaves and enters the free floor near by.
    """
    straight = np.array([start_m, goal_m], dtype=np.float64)
    if _is_open(space, straight[0], straight[1]):
        return straight
    ends = _nearest_free(space, straight[0]), _nearest_free(space, straight[1])
    cells = _shortest(space, ends[0], ends[1]) if ends[0] is not None and ends[1] is not None else []
    if not cells:
        return straight
    way = np.array(space.origin_m) + space.cell_m * np.array(cells, dtype=np.float64)
    way = np.concatenate([straight[:1], way, straight[1:]])
    corners, at = [way[0]], 0
    while at < len(way) - 1:
        # The farthest point in sight; the next one always is taken.
        at = next((k for k in range(len(way) - 1, at + 1, -1) if _is_open(space, way[at], way[k])), at + 1)
        corners.append(way[at])
    return _without_hooks(np.array(corners))


def set_out(space: FreeSpace, corners: Array, facing_rad: float) -> Array:
    """Begin a way (N, 2) with a bow from where somebody faces, where the floor has room for it.

    Nobody turns on the spot while they walk: feet that were made to walk straight on would slide.
    """
    start, goal = corners[0], corners[1]
    way = goal - start
    if abs(math.remainder(math.atan2(way[1], way[0]) - facing_rad, 2 * math.pi)) < _BENDS_RAD:
        return corners
    best = corners
    shortest = math.inf
    for side in (1.0, -1.0):
        centre = start + _BEND_M * np.array([-math.sin(facing_rad), math.cos(facing_rad)]) * side
        to_goal = goal - centre
        far = float(np.linalg.norm(to_goal))
        if far <= _BEND_M:
            continue
        # Where the tangent to the goal leaves the circle, as an angle about its centre.
        leaves = math.atan2(to_goal[1], to_goal[0]) - side * math.acos(_BEND_M / far)
        first = facing_rad - side * math.pi / 2
        sweep = side * ((side * (leaves - first)) % (2 * math.pi))
        angles = first + np.linspace(0.0, sweep, max(math.ceil(abs(sweep) / 0.3), 2))
        bow = centre + _BEND_M * np.column_stack([np.cos(angles), np.sin(angles)])
        length = _BEND_M * abs(sweep) + math.dist(bow[-1], goal)
        free = all(_is_open(space, a, b) for a, b in zip(bow[1:-1], bow[2:], strict=True))
        if length < shortest and free and _is_open(space, bow[-1], goal):
            best, shortest = np.concatenate([start[None], bow[1:], corners[1:]]), length
    return best


def _without_hooks(corners: Array) -> Array:
    """Leave out corners that are a body's width from the next: nobody walks to them on purpose."""
    kept = [corners[0]]
    for corner in corners[1:-1]:
        if min(math.dist(corner, kept[-1]), math.dist(corner, corners[-1])) >= 0.3:
            kept.append(corner)
    return np.array([*kept, corners[-1]])


def _is_open(space: FreeSpace, start: Array, end: Array) -> bool:
    steps = max(2, math.ceil(math.dist(start, end) / _SEEN_M))
    line = start + np.linspace(0, 1, steps)[:, None] * (end - start)
    return bool((space.clearance(line[:, 0], line[:, 1]) >= 0.85 * space.body_radius_m).all())


def _nearest_free(space: FreeSpace, place: Array) -> Cell | None:
    cells = np.argwhere(space.free)
    at = (place - np.array(space.origin_m)) / space.cell_m
    gaps = np.hypot(*(cells - at).T)
    if not len(cells) or float(gaps.min()) * space.cell_m > _BESIDE_M:
        return None
    row, column = cells[int(np.argmin(gaps))]
    return int(row), int(column)


def _shortest(space: FreeSpace, start: Cell, goal: Cell) -> list[Cell]:
    """Cells from start to goal, [] where there is no way."""
    free, clearance = space.free, space.clearance_m
    best, came = {start: 0.0}, {start: start}
    pending = [(0.0, start)]
    while pending:
        cost, cell = heapq.heappop(pending)
        if cell == goal:
            path = [goal]
            while path[-1] != start:
                path.append(came[path[-1]])
            return path[::-1]
        if cost > best[cell]:
            continue
        for di, dj in _STEPS:
            i, j = cell[0] + di, cell[1] + dj
            if not (0 <= i < free.shape[0] and 0 <= j < free.shape[1] and free[i, j]):
                continue
            room = max(float(clearance[i, j]), space.body_radius_m) / space.body_radius_m
            there = cost + math.hypot(di, dj) * (1 + _TIGHT / room)
            if there < best.get((i, j), math.inf):
                best[i, j], came[i, j] = there, cell
                heapq.heappush(pending, (there, (i, j)))
    return []
