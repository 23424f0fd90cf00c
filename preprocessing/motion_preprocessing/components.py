"""Connected parts of a point cloud."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_AXIS_BITS: Final = 21
_HALF: Final = 1 << (_AXIS_BITS - 1)
NEIGHBOURS: Final = tuple(
    (dx << (2 * _AXIS_BITS)) + (dy << _AXIS_BITS) + dz for dx, dy, dz in product((-1, 0, 1), repeat=3)
)
"""What the keys of `cell_keys` differ by for a cell, itself and its 26 neighbours."""


def cell_keys(points: NDArray[np.floating[Any]], cell: float) -> NDArray[np.int64]:
    """Return a number (N,) for the cubic cell of each point; neighbouring cells differ by a fixed number an axis.

    Strays more than a million cells from the middle of the cloud share the outermost cells, so that no stray, however
    far, changes the cells of the others.
    """
    middle = np.median(points[:: -(-len(points) // 10_000)], axis=0)
    cells = np.clip(np.floor((points - middle) / cell), 2 - _HALF, _HALF - 2).astype(np.int64) + _HALF
    keys: NDArray[np.int64] = (cells[:, 0] << (2 * _AXIS_BITS)) + (cells[:, 1] << _AXIS_BITS) + cells[:, 2]
    return keys


def thin(points: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """Keep one point (the first) a cubic cell, so that area and not scan density counts."""
    return points[np.sort(np.unique(cell_keys(points, cell), return_index=True)[1])]


def connected_parts(points: NDArray[np.floating[Any]], cell: float) -> NDArray[np.int64]:
    """Label the parts of a cloud that hang together.

    Args:
        points: (N, 3).
        cell: Points are connected when their cubic cells of this width touch, corners included.

    Returns:
        (N,) numbers of the parts, from 0.
    """
    if len(points) == 0:
        return np.zeros(0, dtype=np.int64)
    occupied, cell_of_point = np.unique(cell_keys(points, cell), return_inverse=True)
    edges = []
    for step in NEIGHBOURS:
        if step > 0:  # half of the 26 neighbours; the others see the same pairs from the other side
            at = np.minimum(np.searchsorted(occupied, occupied + step), len(occupied) - 1)
            hit = np.flatnonzero(occupied[at] == occupied + step)
            edges.append(np.stack([hit, at[hit]]))
    first, second = np.concatenate(edges, axis=1)
    label = np.arange(len(occupied))
    while True:
        lower = np.minimum(label[first], label[second])
        spread = label.copy()
        np.minimum.at(spread, first, lower)
        np.minimum.at(spread, second, lower)
        spread = spread[spread]  # a jump along the chain: long parts need few rounds
        if np.array_equal(spread, label):
            break
        label = spread
    parts: NDArray[np.int64] = np.unique(label, return_inverse=True)[1].reshape(-1)[cell_of_point.reshape(-1)]
    return parts
