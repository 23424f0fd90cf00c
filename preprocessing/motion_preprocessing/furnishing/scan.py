"""What a scanner sees of furniture: not the holes, nor the sides that no camera saw."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_BIN_RAD: Final = 0.02
_BEHIND_M: Final = 0.08


def visible_from(points_m: Floats, eye_m: Floats, bin_rad: float = _BIN_RAD) -> NDArray[np.bool_]:
    """Return which points (M, 3) nothing hides from an eye: the nearest, and those little behind, in each direction."""
    away = points_m - eye_m
    distance = np.sqrt(np.einsum("ij,ij->i", away, away))
    azimuth = np.arctan2(away[:, 1], away[:, 0])
    elevation = np.arcsin(np.clip(away[:, 2] / np.maximum(distance, 1e-6), -1, 1))
    across = int(2 * np.pi / bin_rad) + 2
    key = ((elevation + np.pi / 2) / bin_rad).astype(np.int64) * across + ((azimuth + np.pi) / bin_rad).astype(np.int64)
    _, cell = np.unique(key, return_inverse=True)
    nearest = np.full(int(cell.max(initial=-1)) + 1, np.inf)
    np.minimum.at(nearest, cell, distance)
    return np.asarray(distance < nearest[cell] + _BEHIND_M)


def scan(
    points_m: Floats, objects: NDArray[np.int64], corners_m: Floats, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose what is seen (M,) of points (M, 3): by none, one or two cameras in corners of the room, less some holes.

    Args:
        points_m: Surface points.
        objects: (M,) number of the object of each.
        corners_m: (4, 2) of the room.
        rng: Source of chance.
    """
    seen = np.ones(len(points_m), dtype=np.bool_)
    if not len(points_m):
        return seen
    cameras = int(rng.choice([0, 1, 2], p=[0.35, 0.4, 0.25]))
    if cameras:
        seen[:] = False
        middle = corners_m.mean(axis=0)
        for corner in rng.permutation(4)[:cameras]:
            eye = np.append(middle + 0.9 * (corners_m[corner] - middle), rng.uniform(1.4, 2.5))
            seen |= visible_from(points_m, eye)
    if rng.uniform() < 0.35:
        holes = points_m[rng.integers(len(points_m), size=int(rng.integers(1, 6)))]
        for hole, radius in zip(holes, rng.uniform(0.05, 0.25, size=len(holes)), strict=True):
            seen &= np.einsum("ij,ij->i", points_m - hole, points_m - hole) > radius**2
    # An object of which next to nothing is left would be a riddle: it keeps a part.
    total = np.bincount(objects)
    kept = np.bincount(objects[seen], minlength=len(total))
    poor = kept < np.minimum(0.15 * total, 40)
    again = poor[objects] & (rng.uniform(size=len(points_m)) < 0.4)
    return np.asarray(seen | again)
