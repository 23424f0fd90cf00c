"""A capture as it was read: any tree of nodes, before it is taken to the project's skeleton.

Rotations are relative to the source's own rest pose: node n turns the vector to each of its children from where it
points in `rest_joints_m` to where it points in a frame. That makes readers of different formats (BVH's nodes,
ASF's bones with their axes) give the same thing, and leaves no place for a format's private axes further down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

END_SUFFIX = "_end"
"""Ending of the names of nodes without rotations of their own: BVH's End Sites and the far ends of ASF's last bones."""


@dataclass(frozen=True)
class SourceMotion:
    """Motion of a source skeleton in the source's axes (y up, rest pose facing +z with its left towards +x)."""

    names: tuple[str, ...]
    """Node names; parents precede children."""
    parents: tuple[int, ...]
    """Parent of each node, -1 for the root."""
    rest_joints_m: NDArray[np.float64]
    """(N, 3) node positions of the rest pose, metres."""
    rotations: NDArray[np.float64]
    """(T, N, 3, 3) rotations in the world relative to the rest pose."""
    joints_m: NDArray[np.float64]
    """(T, N, 3) node positions, metres."""
    fps: float
    """Frames a second."""


def axis_rotation(axis: str, angle_rad: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return rotations (..., 3, 3) about the coordinate axis 'x', 'y' or 'z' by `angle_rad` (...)."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    matrix = np.zeros((*np.shape(angle_rad), 3, 3))
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    matrix[..., i, i] = 1.0
    matrix[..., j, j] = c
    matrix[..., k, k] = c
    matrix[..., j, k] = -s
    matrix[..., k, j] = s
    return matrix
