"""At which end of a bed the head of who lies on it belongs, where a scan tells.

A headboard is the higher of two boards; a pillow lies on the mattress before it; and beds stand with their heads at a
wall. Each is asked in turn, and the first that tells the ends apart decides.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BOARD_M: Final = 0.2
"""So near to an end a board stands ..."""
_HIGHER_M: Final = 0.1
"""... and the head's is higher than the foot's by this."""
_PILLOW_M: Final = (0.2, 0.75)
"""So far from an end a pillow lies, ..."""
_INSET_M: Final = 0.15
"""... this far from the sides, ..."""
_THIN_M, _THICK_M = 0.1, 0.35
"""... between so much below and above the level, ..."""
_PUFFED_M: Final = 0.03
"""... and raises the mean of what is seen there by this against the other end."""
_AT_WALL_M: Final = 0.5
"""From an end to a wall at most, ..."""
_NEARER_M: Final = 0.4
"""... which is nearer than one beyond the other end by this."""
_WALL_HEIGHTS_M: Final = (0.3, 2.0)


def head_direction(
    points_m: NDArray[np.floating[Any]], centre_m: Array, axes: Array, size_m: Array, level_m: float, walls_m: Array,
) -> tuple[float, float]:  # fmt: skip
    """Find the end of a bed at which heads lie.

    Args:
        points_m: (N, 3) the bed's.
        centre_m: (2,) of its box.
        axes: (2, 2) unit vectors along its length and its width.
        size_m: (2,) its length and its width.
        level_m: Height of the mattress.
        walls_m: (W, 3) points of walls.

    Returns:
        Unit vector along the length towards the head; zero where nothing tells.
    """
    half = np.asarray(size_m, np.float64) / 2
    own = (np.asarray(points_m[:, :2], np.float64) - centre_m) @ axes.T
    above = np.asarray(points_m[:, 2], np.float64) - level_m
    wall = (walls_m[:, :2] - centre_m) @ axes.T
    lowest, highest = _WALL_HEIGHTS_M
    facing = (np.abs(wall[:, 1]) < half[1]) & (walls_m[:, 2] > lowest) & (walls_m[:, 2] < highest)
    sides = np.array([1.0, -1.0])
    boards = np.array([_board(side * own[:, 0], above, half[0]) for side in sides])
    pillows = np.array([_pillow(side * own[:, 0], own[:, 1], above, half) for side in sides])
    gaps = np.array([_gap(side * wall[facing, 0], half[0]) for side in sides])
    if abs(boards[0] - boards[1]) > _HIGHER_M:
        side = sides[int(boards.argmax())]
    elif abs(pillows[0] - pillows[1]) > _PUFFED_M:
        side = sides[int(pillows.argmax())]
    elif gaps.min() < _AT_WALL_M and gaps.min() + _NEARER_M < gaps.max():
        side = sides[int(gaps.argmin())]
    else:
        return 0.0, 0.0
    return float(side * axes[0, 0]), float(side * axes[0, 1])


def _board(along: Array, above: Array, half_m: float) -> float:
    end = above[along > half_m - _BOARD_M]
    return float(np.percentile(end, 98)) if len(end) else 0.0


def _pillow(along: Array, across: Array, above: Array, half_m: Array) -> float:
    near, far = half_m[0] - _PILLOW_M[0], half_m[0] - _PILLOW_M[1]
    there = (along < near) & (along > far) & (np.abs(across) < half_m[1] - _INSET_M)
    seen = above[there & (above > -_THIN_M) & (above < _THICK_M)]
    return float(seen.mean()) if len(seen) else 0.0


def _gap(along: Array, half_m: float) -> float:
    """Metres from an end to the wall beyond it."""
    beyond = along[along > half_m - _BOARD_M]
    return float(max(beyond.min() - half_m, 0.0)) if len(beyond) else np.inf
