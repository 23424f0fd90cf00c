"""Objects that nobody uses: along the walls of a room drawn around the motion, and in what floor it leaves free."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.fitting import Fitted, Fitter, Space
from motion_preprocessing.furnishing.item import Item, place, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.needs import Need
from motion_preprocessing.furnishing.procedural import MAKERS
from motion_preprocessing.furnishing.shapes import Shape
from motion_preprocessing.furnishing.sweep import CELL_M, FloorGrid, lattice

Floats = NDArray[np.floating[Any]]

FREE_CLASSES: Final[dict[str, float]] = {
    "chair": 5, "table": 4, "bed": 3, "cabinet": 4, "sofa": 2.5, "nightstand": 2.5, "desk": 2, "shelf": 2, "stool": 2,
    "wheelchair": 2, "walker": 1.5, "appliance": 1, "toilet": 0.7, "sink": 1, "bathtub": 0.5, "lamp": 1, "plant": 1,
    "tv": 1, "other": 2,
}  # fmt: skip
"""How often each class is drawn."""
GOAL_CLASSES: Final[dict[str, float]] = {
    "table": 4, "bed": 3, "chair": 4, "desk": 2, "cabinet": 2, "sofa": 2, "sink": 1.5, "shelf": 1, "wheelchair": 1.5,
    "toilet": 0.7, "nightstand": 1, "appliance": 0.7, "tv": 0.7, "plant": 0.5,
}  # fmt: skip
"""What people walk up to."""
_WALL_SHARE: Final = 0.6
_REMAINS_SHARE: Final = 0.08
_CLOSE_SHARE: Final = 0.35
"""Of the objects that are pushed as near to the bodies as these allow: there is little to learn from far ones."""
_TRIES: Final = 24


def draw_item(
    table: dict[str, float], rng: np.random.Generator, library: FurnitureLibrary | None, per_m2: float,
    library_share: float = 0.6,
) -> Item:  # fmt: skip
    """Draw an object of a class from the table: a library item in about its own size, or a made one."""
    shares = np.array(list(table.values()))
    name = str(rng.choice(list(table), p=shares / shares.sum()))
    models = library.by_class.get(name, []) if library is not None else []
    if models and rng.uniform() < library_share:
        model = models[int(rng.integers(len(models)))]
        return model.scaled(rng.uniform(0.9, 1.12, size=3), rng, per_m2)
    return MAKERS[name](rng).item(rng, per_m2)


def surround(
    fitter: Fitter, grid: FloorGrid, count: int, centre_m: Floats, reach_m: float
) -> tuple[list[Fitted], NDArray[np.float64]]:
    """Place up to `count` objects that no body touches.

    Args:
        fitter: Source of chance, of the library and of the density of points.
        grid: Free floor; what is placed is marked there.
        count: How many objects are tried.
        centre_m: (2,) where objects matter.
        reach_m: How far from it they may stand.

    Returns:
        The objects, and the corners (4, 2) of the room they were placed in.
    """
    rng = fitter.rng
    yaw = float(rng.uniform(-np.pi, np.pi))
    corners = _room(grid, yaw, centre_m, reach_m, rng)
    bodies = np.argwhere(grid.low_m < 1.0) * CELL_M + grid.origin_m
    found: list[Fitted] = []
    for _ in range(count):
        item = draw_item(FREE_CLASSES, rng, fitter.library, fitter.per_m2)
        where = _candidates(item, yaw, corners, centre_m, reach_m, rng)
        if where is None:
            continue
        origins, yaws = where
        gap = rng.uniform(0.0, 0.25) if rng.uniform() < 0.7 else 0.0
        x0, x1, y0, y1 = item.rectangle
        cells = lattice((x0 - gap, x1 + gap, y0 - gap, y1 + gap))
        c, s = np.cos(yaws)[:, None], np.sin(yaws)[:, None]
        spread = np.stack([c * cells[:, 0] - s * cells[:, 1], s * cells[:, 0] + c * cells[:, 1]], axis=-1)
        free = np.flatnonzero(grid.is_free(origins[:, None] + spread, float(item.high_m[2])))
        if not len(free):
            continue
        best = int(free[0])
        origin = origins[best]
        if rng.uniform() < _CLOSE_SHARE:
            origin = _closer(grid, origin, spread[best], float(item.high_m[2]), bodies)
        grid.take(origin + spread[best])
        placed, points = place(item, origin, float(yaws[best]))
        found.append(Fitted(placed, fitter.noisy(points)))
    if count and rng.uniform() < _REMAINS_SHARE:
        found += _remains(fitter, grid, yaw, corners)
    return found, corners


def _closer(
    grid: FloorGrid, origin: NDArray[np.float64], spread: NDArray[np.float64], height_m: float, bodies: Floats
) -> NDArray[np.float64]:
    """Push an object towards the nearest body until it would be in somebody's way."""
    if not len(bodies):
        return origin
    away = bodies - origin
    way = away[int(np.argmin(np.einsum("ij,ij->i", away, away)))]
    length = float(np.linalg.norm(way))
    steps = origin + np.linspace(0, 1, 17)[:, None] * way * min(1.0, 1.3 / max(length, 1e-6))
    free = np.logical_and.accumulate(grid.is_free(steps[:, None] + spread, height_m))
    return np.asarray(steps[max(int(free.sum()) - 1, 0)])


def _remains(fitter: Fitter, grid: FloorGrid, yaw: float, corners: NDArray[np.float64]) -> list[Fitted]:
    """Pieces of walls, as they are left over in scans without labels."""
    rng = fitter.rng
    found = []
    for wall in rng.permutation(4)[: int(rng.integers(1, 4))]:
        a, b = corners[wall], corners[(wall + 1) % 4]
        length = float(np.linalg.norm(b - a))
        wide = float(rng.uniform(0.2, 1.0)) * length
        shape = Shape(
            "unknown", ((-0.02, 0.0, -wide / 2, wide / 2, float(rng.uniform(0, 1)), float(rng.uniform(1.2, 2))),)
        )
        origin = a + (b - a) / length * rng.uniform(wide / 2, length - wide / 2)
        inward = yaw + (np.pi / 2, np.pi, -np.pi / 2, 0.0)[int(wall)]
        if grid.is_free(to_world(lattice((-0.02, 0.0, -wide / 2, wide / 2)), inward, origin), 2.0):
            placed, points = place(shape.item(rng, 0.5 * fitter.per_m2), origin, inward)
            found.append(Fitted(placed, fitter.noisy(points)))
    return found


def _room(
    grid: FloorGrid, yaw: float, centre_m: Floats, reach_m: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Corners (4, 2) of a room of this direction around all bodies."""
    used = np.argwhere(grid.low_m < 2.5) * CELL_M + grid.origin_m
    own = to_world(used, -yaw, np.zeros(2))
    middle = to_world(np.asarray(centre_m), -yaw, np.zeros(2))
    low = np.maximum(own.min(axis=0) - rng.uniform(0.05, 2.0, size=2), middle - reach_m)
    high = np.minimum(own.max(axis=0) + rng.uniform(0.05, 2.0, size=2), middle + reach_m)
    rectangle = np.array([[low[0], low[1]], [high[0], low[1]], [high[0], high[1]], [low[0], high[1]]])
    return np.asarray(to_world(rectangle, yaw, np.zeros(2)), dtype=np.float64)


def _candidates(
    item: Item, yaw: float, corners: NDArray[np.float64], centre_m: Floats, reach_m: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Draw places (K, 2) and directions (K,)."""
    x0, x1, y0, y1 = item.rectangle
    depth, half = x1 - x0, (y1 - y0) / 2
    hangs = float(item.low_m[2]) > 0.25
    if hangs or rng.uniform() < _WALL_SHARE:
        wall = int(rng.integers(4))
        a, b = corners[wall], corners[(wall + 1) % 4]
        length = float(np.linalg.norm(b - a))
        if length < 2 * half + 0.05:
            return None
        inward = yaw + (np.pi / 2, np.pi, -np.pi / 2, 0.0)[wall]
        along = rng.uniform(half, length - half, size=_TRIES)
        normal = np.array([math.cos(inward), math.sin(inward)])
        start = a + normal * (rng.uniform(0.0, 0.06) - x0) - (y0 + y1) / 2 * np.array([-normal[1], normal[0]])
        return start + along[:, None] * (b - a) / length, np.full(_TRIES, inward)
    # Near the path most of all: there it decides where one can walk.
    distance = reach_m * rng.uniform(0.08, 1.0, size=_TRIES) + 0.3 * max(depth, half)
    angle = rng.uniform(-np.pi, np.pi, size=_TRIES)
    origins = centre_m + distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    square = yaw + np.pi / 2 * rng.integers(4, size=_TRIES)
    yaws = np.where(rng.uniform(size=_TRIES) < 0.5, square, rng.uniform(-np.pi, np.pi, size=_TRIES))
    return origins, yaws


def fit_goal(fitter: Fitter, grid: FloorGrid, need: Need) -> Fitted | None:
    """Put an object in front of somebody who has walked up to something."""
    rng = fitter.rng
    for _ in range(3):
        item = draw_item(GOAL_CLASSES, rng, fitter.library, fitter.per_m2)
        x0, x1, y0, y1 = item.rectangle
        # It looks at the person; a bed shows one of its long sides.
        turn = np.pi if item.object_class != "bed" else float(rng.choice([-np.pi / 2, np.pi / 2]))
        near = x1 if turn == np.pi else (y1 if turn < 0 else -y0)
        half = (y1 - y0) / 2 if turn == np.pi else (x1 - x0) / 2
        space = Space(fitter.sweep, need.origin_m, need.yaw_rad)
        layer = space.between(0.02, float(item.high_m[2]))
        edge = space.edge(0.15, 0.8, "x", (-half, half), layer) + rng.uniform(0.03, 0.3)
        if edge > 0.85:
            continue
        yaw = need.yaw_rad + turn
        ahead = np.array([edge + near, rng.uniform(-0.5, 0.5) * half])
        c, s = np.cos(need.yaw_rad), np.sin(need.yaw_rad)
        origin = need.origin_m + np.array([c * ahead[0] - s * ahead[1], s * ahead[0] + c * ahead[1]])
        if grid.is_free(to_world(lattice(item.rectangle), yaw, origin), float(item.high_m[2])):
            found = fitter.settle(item, origin, yaw, None)
            if found is not None:
                return found
    return None
