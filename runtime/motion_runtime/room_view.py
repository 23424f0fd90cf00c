"""The room as pictures need it: coloured points, opened up towards the camera like a doll's house."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import CEILING, FLOOR, OBJECT_CLASSES, WALL, object_class
from motion_preprocessing.scene import Scene, wall_planes

AnyArray = NDArray[np.floating[Any]]

MAX_POINTS: Final = 150_000
"""More points than these are thinned out: at the size of a preview they cover each other."""

CEILING_FROM_M: Final = 2.15
"""Everything above is taken off."""
_FLOOR_M: Final = 0.05
_WALL_M: Final = 0.12
_WHITENING: Final = 0.28
_GREYING: Final = 0.30
"""How much the room's colours are lightened and drained, so that people stand out from it."""

_FLOOR_COLOR: Final = (0.76, 0.78, 0.81)
_WALL_COLOR: Final = (0.72, 0.73, 0.76)
_LOW_COLOR: Final = (0.40, 0.52, 0.70)
_HIGH_COLOR: Final = (0.78, 0.78, 0.80)
CLASS_PALETTE: Final[tuple[tuple[float, float, float], ...]] = (
    (0.40, 0.58, 0.85), (0.85, 0.60, 0.34), (0.63, 0.44, 0.74), (0.75, 0.68, 0.35), (0.72, 0.52, 0.36),
    (0.62, 0.56, 0.42), (0.52, 0.65, 0.45), (0.55, 0.50, 0.62), (0.66, 0.60, 0.55), (0.50, 0.62, 0.66),
    (0.80, 0.45, 0.48), (0.78, 0.52, 0.62), (0.45, 0.68, 0.72), (0.52, 0.74, 0.78), (0.46, 0.66, 0.80),
    (0.88, 0.78, 0.42), (0.42, 0.66, 0.40), (0.42, 0.44, 0.52), (0.60, 0.60, 0.62),
)  # fmt: skip
"""Colours of bed, chair, sofa ... in the order of `OBJECT_CLASSES`, without 'unknown'."""


@dataclass(frozen=True)
class RoomView:
    """Points of a room, floor at z = 0, ceiling taken off."""

    points_m: NDArray[np.float64]
    """(N, 3)."""
    colors: NDArray[np.float32]
    """(N, 3) RGB in 0..1, lightened."""
    wall: NDArray[np.bool_]
    """(N,) points of outer walls and what hangs on them."""
    floor: NDArray[np.bool_]
    """(N,) points of the floor."""
    size_m: NDArray[np.float64]
    """(N,) size to draw each point at: the distance of its neighbours, small for strays."""

    def opened(self, towards: tuple[float, float], centre_m: tuple[float, float]) -> RoomView:
        """Take away the walls on the side of `centre_m` that the direction `towards` points to."""
        ahead = (self.points_m[:, :2] - np.asarray(centre_m)) @ np.asarray(towards)
        return self._pick(~self.wall | (ahead < 0))

    def thinned(self, most: int) -> RoomView:
        """Keep at most `most` points, evenly picked and drawn larger."""
        step = math.ceil(len(self.points_m) / most) or 1
        thin = self._pick(np.arange(0, len(self.points_m), step))
        return RoomView(thin.points_m, thin.colors, thin.wall, thin.floor, thin.size_m * math.sqrt(step))

    def _pick(self, chosen: NDArray[Any]) -> RoomView:
        return RoomView(
            self.points_m[chosen], self.colors[chosen], self.wall[chosen], self.floor[chosen], self.size_m[chosen]
        )


_last: tuple[weakref.ref[Scene], RoomView] | None = None
"""The last room and its view."""


def room_view(scene: Scene) -> RoomView:
    """Choose what of a room is drawn, and in which colours: its own, else its labels', else by height.

    The last room's view is kept, since the pictures of a run mostly share their room.
    """
    global _last
    last = _last
    if last is None or last[0]() is not scene:
        last = _last = (weakref.ref(scene), _view_of(scene))
    return last[1]


def room_colors(scene: Scene) -> NDArray[np.float32]:
    """Colours (N, 3) of a room's points as the pictures have them: their own, else their labels', else by height."""
    points = np.asarray(scene.points_m, dtype=np.float64)
    return _colors(scene, points, *structure_of(scene, points, scene.labels))


def _colors(
    scene: Scene, points: NDArray[np.float64], wall: NDArray[np.bool_], floor: NDArray[np.bool_]
) -> NDArray[np.float32]:
    if scene.colors is not None:
        return lightened(np.asarray(scene.colors[:, :3], dtype=np.float64) / 255)
    return lightened(plain_colors(points, scene.labels, scene.label_names, wall, floor))


def _view_of(scene: Scene) -> RoomView:
    points = np.asarray(scene.points_m, dtype=np.float64)
    wall, floor = structure_of(scene, points, scene.labels)
    light = _colors(scene, points, wall, floor)
    below = np.flatnonzero((points[:, 2] < CEILING_FROM_M) & ~scene.labelled(CEILING))
    chosen = below[:: math.ceil(len(below) / MAX_POINTS) or 1]
    return RoomView(points[chosen], light[chosen], wall[chosen], floor[chosen], _sizes(points[chosen]))


def structure_of(
    scene: Scene, points_m: NDArray[np.float64], labels: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which points (N, 3) of a room, with labels (N,) like the scene's, are on an outer wall and on the floor."""
    unlabelled = labels < 0
    floor = scene.labelled(FLOOR, labels) | (unlabelled & (np.abs(points_m[:, 2]) < _FLOOR_M))
    wall = scene.labelled(WALL, labels)
    if unlabelled.mean() > 0.5:
        for plane in wall_planes(scene.points_m):
            wall |= unlabelled & ~floor & (np.abs(plane.distances(points_m)) < _WALL_M)
    return wall, floor


def lightened(colors: AnyArray) -> NDArray[np.float32]:
    """Return colours (N, 3) as the pictures have them."""
    grey = colors.mean(axis=1, keepdims=True)
    drained = colors + _GREYING * (grey - colors)
    return np.asarray(drained + _WHITENING * (1 - drained), dtype=np.float32)


def plain_colors(
    points_m: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    label_names: tuple[str, ...],
    wall: NDArray[np.bool_],
    floor: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Colours (N, 3) of points that have none of their own: their labels', else by height."""
    palette = np.array([CLASS_PALETTE[object_class(name) - 1] for name in label_names] + [_WALL_COLOR])
    colors = palette[labels]
    height = np.clip(points_m[:, 2:] / CEILING_FROM_M, 0, 1)
    by_height = (1 - height) * np.array(_LOW_COLOR) + height * np.array(_HIGH_COLOR)
    unknown = np.array([object_class(name) == 0 for name in label_names] + [True])[labels]
    colors[unknown] = by_height[unknown]
    colors[wall] = _WALL_COLOR
    colors[floor] = _FLOOR_COLOR
    return np.asarray(colors)


def _sizes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Size (N,) of each point, from the number of 10 cm cells that all of them fill; 1 to 5 cm, strays 1.2 cm."""
    if not len(points):
        return np.empty(0)
    _, cell, count = np.unique(np.floor(points / 0.1).astype(np.int64), axis=0, return_inverse=True, return_counts=True)
    # A surface through a cell has about 1.2 times the area of one of its faces.
    spacing = float(np.clip(math.sqrt(1.2 * 0.01 * len(count) / len(points)), 0.01, 0.05))
    return np.where(count[cell.reshape(-1)] < 3, 0.012, spacing)


assert len(CLASS_PALETTE) == len(OBJECT_CLASSES) - 1
