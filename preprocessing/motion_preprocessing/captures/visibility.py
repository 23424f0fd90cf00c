"""Which points a camera sees: furniture and people in between, without a picture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import Capsules
from motion_preprocessing.captures.render import Box, hit_capsules

Array = NDArray[np.float64]

_SURFACE_M: Final = 0.05
"""A point this close behind a surface lies on it."""
FLESH_M: Final = 0.25
"""How far in front of a joint a body must be to hide it: more than the flesh around the joint."""


def behind_boxes(eye: Array, points: Array, boxes: list[Box]) -> NDArray[np.bool_]:
    """Return which points (..., 3) a box stands in front of, as seen from `eye`; all in the world."""
    hidden = np.zeros(points.shape[:-1], dtype=np.bool_)
    way = points - eye
    limit = 1 - _SURFACE_M / np.maximum(np.linalg.norm(way, axis=-1), 1e-9)
    for box in boxes:
        c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
        turn = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
        own = way @ turn
        own = np.where(np.abs(own) < 1e-12, 1e-12, own)
        start = (eye - np.append(box.place, 0.0)) @ turn
        a, b = (box.low - start) / own, (box.high - start) / own
        enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
        hidden |= (enter <= leave) & (enter > 0) & (enter < limit)
    return hidden


def behind_body(eye: Array, points: Array, capsules: Capsules) -> NDArray[np.bool_]:
    """Return which points (T, N, 3) a body of T poses stands in front of."""
    way = points - eye
    limit = 1 - FLESH_M / np.maximum(np.linalg.norm(way, axis=-1), 1e-9)
    starts, ends = capsules.starts_m - eye, capsules.ends_m - eye
    enter = hit_capsules(way[:, :, None], starts[:, None], ends[:, None], capsules.radii_m).min(axis=-1)
    return np.asarray(enter < limit)
