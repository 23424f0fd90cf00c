"""Does the model repeat its training data? Distances to the nearest training clip, beside those of recordings.

A motion's first two seconds, canonical (starting over the origin, facing +x), at 4 frames a second; the distance of two
is the mean over frames and joints of the distance of their joints, in metres. Every training clip is cut every half
second. Recordings of held-out subjects measured alike say how near strangers come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_points
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT

Floats = NDArray[np.floating[Any]]
SECONDS: Final = 2.0
_RATE: Final = 4.0
_EVERY_S: Final = 0.5


def snippet(joints_m: Floats, fps: float) -> NDArray[np.float32] | None:
    """The first two seconds of (T, 22, 3) joints as (8, 22, 3); None for what is shorter."""
    frames = np.round(np.arange(int(SECONDS * _RATE)) * fps / _RATE).astype(int)
    if len(joints_m) < round(SECONDS * fps):
        return None
    yaw, shift = canonical_move(joints_m[0])
    return move_points(np.asarray(joints_m[frames], dtype=np.float32), yaw, np.asarray(shift, dtype=np.float32))


def training_snippets(data: MotionDataset, every_s: float = _EVERY_S) -> NDArray[np.float32]:
    """Every training clip cut every half second, (N, 8, 22, 3)."""
    found: list[NDArray[np.float32]] = []
    for record in data:
        joints = np.asarray(record.pose[:, POSITIONS]).reshape(-1, JOINT_COUNT, 3)
        starts = range(0, len(joints) - round(SECONDS * record.fps) + 1, max(1, round(every_s * record.fps)))
        cuts = (snippet(joints[start:], record.fps) for start in starts)
        found += [cut for cut in cuts if cut is not None]
    return np.stack(found) if found else np.zeros((0, int(SECONDS * _RATE), JOINT_COUNT, 3), dtype=np.float32)


def nearest_m(queries: Iterable[Floats], training: Floats) -> NDArray[np.float64]:
    """Distance of each query (8, 22, 3) to the nearest training snippet, metres."""
    result = []
    for query in queries:
        gap = training - np.asarray(query, dtype=np.float32)
        result.append(float(np.sqrt(np.einsum("nfjc,nfjc->nfj", gap, gap)).mean(axis=(1, 2)).min()))
    return np.array(result)
