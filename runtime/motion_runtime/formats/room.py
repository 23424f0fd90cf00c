"""The room as other tools get it: points or triangles with colours, the ceiling apart so that it can be hidden."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import CEILING
from motion_preprocessing.scene import Scene
from motion_runtime.room_view import CEILING_FROM_M, room_view

MAX_POINTS: Final = 200_000
"""More points than these are thinned out evenly: a page or an animation tool has no use for them."""


@dataclass(frozen=True, eq=False)
class Room:
    """A room in the motion's frame: metres, Z up."""

    points_m: NDArray[np.float32]
    """(N, 3)."""
    colors: NDArray[np.float64]
    """(N, 3) sRGB in 0 to 1."""
    ceiling: NDArray[np.bool_]
    """(N,), or (F,) where there are faces: part of the ceiling, or above what the pictures show."""
    faces: NDArray[np.uint32] | None = None
    """(F, 3) triangles, counter-clockwise seen from inside the room; None for points alone."""
    normals: NDArray[np.float32] | None = None
    """(N, 3) unit vectors, where there are faces."""
    walls: NDArray[np.bool_] | None = None
    """(F,) outer walls, which face into the room as the ceiling does; None without faces."""


def room_of(scene: Scene) -> Room:
    """Take a scene's points with their own colours, or with those that the pictures give them."""
    if scene.colors is None:
        view = room_view(scene)
        points = view.points_m.astype(np.float32)
        return _thinned(Room(points, view.colors.astype(np.float64), np.zeros(len(points), dtype=np.bool_)))
    ceiling = scene.labelled(CEILING) | ((scene.labels < 0) & (scene.points_m[:, 2] > CEILING_FROM_M))
    return _thinned(Room(scene.points_m, scene.colors[:, :3] / 255.0, ceiling))


def _thinned(room: Room) -> Room:
    step = math.ceil(len(room.points_m) / MAX_POINTS) or 1
    return Room(room.points_m[::step], room.colors[::step], room.ceiling[::step])
