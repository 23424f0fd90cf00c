"""Which labels of a scan are its floor, walls and ceiling where their names do not say so.

People name labels in their own language. A name that is none of ours would make the floor a thing to stumble over and
the walls a thing as large as the room; where such points lie tells what they are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import cell_keys
from motion_preprocessing.labels import OBJECT_CLASSES, STRUCTURE, object_class, plain_name
from motion_preprocessing.planes import Plane

_OTHER: Final = OBJECT_CLASSES.index("other")
_FLAT_M: Final = 0.08
_MOST: Final = 0.85
"""Part of a label's points that lie where floor, ceiling or walls are; the rest is noise and strays."""
_COVER: Final = 0.25
"""Part of the ground that a floor or ceiling covers, at least: more than a carpet or a lamp does."""
_CELL_M: Final = 0.2
_CEILING_M: Final = 1.9
_WALL_TOP_M: Final = 1.8
"""What hangs or stands before a wall and is this high is taken for the wall: nobody can get behind it."""


def is_foreign(name: str) -> bool:
    """Whether a name says nothing of what is there: neither a part of the room nor a class of things."""
    plain = plain_name(name)
    return object_class(name) == _OTHER and plain != "other" and plain not in STRUCTURE


def part_of(points_m: NDArray[np.float64], room_m: NDArray[np.float64], walls: list[Plane]) -> str | None:
    """Return 'floor', 'ceiling' or 'wall' for the points (N, 3) of one label, None where they are neither.

    Args:
        points_m: Points of the label, metres, Z up, the floor at z = 0.
        room_m: All points (M, 3) of the room.
        walls: The room's outer walls.
    """
    height = points_m[:, 2]
    middle = float(np.median(height))
    if np.mean(np.abs(height - middle) < _FLAT_M) > _MOST and _cover(points_m, room_m) > _COVER:
        if abs(middle) < _FLAT_M:
            return "floor"
        if middle > _CEILING_M:
            return "ceiling"
    if not walls or np.percentile(height, 95.0) < _WALL_TOP_M:
        return None
    nearest = np.min([np.abs(wall.distances(points_m)) for wall in walls], axis=0)
    return "wall" if np.mean(nearest < _FLAT_M) > _MOST else None


def _cover(points_m: NDArray[np.float64], room_m: NDArray[np.float64]) -> float:
    """Part of the room's ground, seen from above, that has points of the label."""
    both = np.concatenate([points_m, room_m]) * (1.0, 1.0, 0.0)
    keys = cell_keys(both, _CELL_M)
    return len(np.unique(keys[: len(points_m)])) / len(np.unique(keys))
