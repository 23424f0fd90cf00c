"""Object points into groups of 64: a k-d partition, and the scene tokens the model reads.

A median split along the widest axis, down to leaves of exactly `size` points, is a true partition (every point once),
deterministic, and about as tight as balanced clustering. Inside a group the points are put into the order of an
equal-count 4 x 4 x 4 grid, so that each of a token's 192 numbers always means the same corner of its group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

GROUP_SIZE: Final = 64
SCENE_RADIUS_M: Final = 4.0
CELL_M: Final = 0.03
"""Finest spacing of the points a token is made of: rooms scanned densely and sparsely give the same tokens."""
_CELL_GROWTH: Final = 1.1
_CELL_LEVELS: Final = 64


@dataclass(frozen=True)
class SceneTokens:
    """S groups of object points near a person."""

    points: NDArray[np.float32]
    """(S, 64, 3) metres, in the frame of the points that came in (floor z = 0); zero where unused."""
    classes: NDArray[np.int64]
    """(S,) index into the model's class table; 0 where unknown or unused."""
    mask: NDArray[np.bool_]
    """(S,) True where the token is used."""


def group_points(points: NDArray[np.floating[Any]], size: int = GROUP_SIZE) -> NDArray[np.int64]:
    """Split points into compact groups of exactly `size`.

    Args:
        points: (M, 3) coordinates.
        size: Points a group.

    Returns:
        Indices (G, size), G = ceil(M / size). Every point is in exactly one group; the last group is filled by
        repeating its own points. The groups do not depend on the order of the points.
    """
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"expected points of shape (M, 3), got {points.shape} for the groups; pass x, y, z columns")
    if size < 1:
        raise InputError(f"expected a group size of 1 or more, got {size} for the groups; pass 64")
    if len(points) == 0:
        return np.zeros((0, size), dtype=np.int64)
    canonical = np.lexsort(points.T[::-1])  # ties below fall back to this order, never to the order of the input
    leaves: list[NDArray[np.int64]] = []
    pending = [canonical]
    while pending:
        members = pending.pop()
        groups = -(-len(members) // size)
        if groups == 1:
            leaves.append(members if len(members) == size else np.resize(members, size))
            continue
        block = points[members]
        axis = int(np.argmax(np.ptp(block, axis=0)))
        members = members[np.argsort(block[:, axis], kind="stable")]
        cut = (groups // 2) * size  # only the very last leaf can be short
        pending += [members[cut:], members[:cut]]
    return _grid_order(points, np.stack(leaves))


def _grid_order(points: NDArray[np.floating[Any]], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order each group by halving it by z, y, x in turn."""
    count, size = groups.shape
    width, axis = size, 2
    while width > 1:
        blocks = groups.reshape(-1, width)
        order = np.argsort(points[blocks, axis], axis=1, kind="stable")
        groups = np.take_along_axis(blocks, order, axis=1).reshape(count, size)
        if width % 2:
            break
        width, axis = width // 2, (axis - 1) % 3
    return groups


def voxel_means(
    points: NDArray[np.floating[Any]], classes: NDArray[np.integer[Any]], cell_m: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Replace the points of each class in each cubic cell by their mean.

    Returns:
        Points (V, 3) and classes (V,), in an order that does not depend on the order of the input.
    """
    if len(points) == 0:
        return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    exact = np.asarray(points, dtype=np.float64)
    _, inverse, counts = _cells(exact, classes, cell_m)
    # Summed in a canonical order: the same points in another order give the same bits.
    order = np.lexsort((*exact.T, inverse))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.add.reduceat(exact[order], starts, axis=0) / counts[:, None]
    return means, np.asarray(classes, dtype=np.int64)[order[starts]]


def _cells(
    points: NDArray[np.float64], classes: NDArray[np.integer[Any]], cell_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the occupied (class, cell) keys, each point's key index, and the points of each."""
    cell = np.floor(points / cell_m).astype(np.int64)
    cell -= cell.min(axis=0)
    extent = cell.max(axis=0) + 1
    key = ((classes.astype(np.int64) * extent[0] + cell[:, 0]) * extent[1] + cell[:, 1]) * extent[2] + cell[:, 2]
    keys, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    return keys, inverse.reshape(-1), counts


def scene_tokens(
    points: NDArray[np.floating[Any]],
    classes: NDArray[np.integer[Any]],
    *,
    max_tokens: int,
    centre_xy: tuple[float, float] = (0.0, 0.0),
    radius_m: float = SCENE_RADIUS_M,
) -> SceneTokens:
    """Make the scene tokens of a person who stands at `centre_xy`.

    Points within `radius_m` (horizontally) are thinned to one a cubic cell and class, the cell being the smallest of a
    fixed ladder for which the groups of all classes fit into `max_tokens`: space, not scan density, decides what is
    kept, and every object keeps points. Each class is grouped by itself, so a token has one class. Tokens are in the
    order of their distance from the centre. Nothing is drawn at random, and the order of the points does not matter.

    Args:
        points: (M, 3) object points in metres, floor z = 0.
        classes: (M,) index into the model's class table.
        max_tokens: Tokens S of the result; those that are not needed are masked.
        centre_xy: Where the person starts, in the frame of the points.
        radius_m: Horizontal reach.
    """
    exact = np.asarray(points, dtype=np.float64)
    if exact.ndim != 2 or exact.shape[1] != 3 or classes.shape != exact.shape[:1]:
        raise InputError(
            f"expected points (M, 3) and classes (M,), got {exact.shape} and {classes.shape} for the scene tokens; "
            "pass one class a point"
        )
    centre = np.array(centre_xy, dtype=np.float64)
    near = np.hypot(*(exact[:, :2] - centre).T) <= radius_m
    tokens = np.zeros((max_tokens, GROUP_SIZE, 3), dtype=np.float32)
    token_classes = np.zeros(max_tokens, dtype=np.int64)
    mask = np.zeros(max_tokens, dtype=np.bool_)
    thinned, thinned_classes = _thin(*voxel_means(exact[near], classes[near], CELL_M), max_tokens)
    groups = [np.zeros((0, GROUP_SIZE, 3))]
    group_classes = [np.zeros(0, dtype=np.int64)]
    for class_id in np.unique(thinned_classes):
        members = thinned[thinned_classes == class_id]
        index = group_points(members)
        groups.append(members[index])
        group_classes.append(np.full(len(index), class_id))
    stacked, ids = np.concatenate(groups), np.concatenate(group_classes)
    distance = np.hypot(*(stacked.mean(axis=1)[:, :2] - centre).T)
    order = np.argsort(distance, kind="stable")[:max_tokens]
    tokens[: len(order)] = stacked[order]
    token_classes[: len(order)] = ids[order]
    mask[: len(order)] = True
    return SceneTokens(tokens, token_classes, mask)


def _thin(
    points: NDArray[np.float64], classes: NDArray[np.int64], max_tokens: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Grow the cell until the groups of all classes fit."""

    def tokens_needed(level: int) -> int:
        keys, inverse, _ = _cells(points, classes, CELL_M * _CELL_GROWTH**level)
        class_of_key = np.zeros(len(keys), dtype=np.int64)
        class_of_key[inverse] = classes
        return int(sum(-(-count // GROUP_SIZE) for count in np.bincount(class_of_key)))

    if len(points) == 0 or sum(-(-count // GROUP_SIZE) for count in np.bincount(classes)) <= max_tokens:
        return points, classes
    # The need falls with the cell size but for roundings, so bisection ends on a level that fits.
    low, high = 0, _CELL_LEVELS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tokens_needed(middle) <= max_tokens else (middle, high)
    return voxel_means(points, classes, CELL_M * _CELL_GROWTH**high)
