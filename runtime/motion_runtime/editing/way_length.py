"""A walk is made as long as the way that it is to go, by whole strides: pace and feet stay as the model has them.

A model walks as far as it likes before it sits down. Put on a way of another length, its feet slide by what differs. So
strides are repeated, each joined where the body is most as it was a stride before (as in motion graphs, Kovar et al.
2002), and what is too much is left out at the start. Where time is left over at the end, who rests goes on resting.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import about_z
from motion_runtime.editing.go_on import going_on, moved_to, to_and_fro
from motion_runtime.editing.joints import joints_of

Array = NDArray[np.float64]

NEARLY: Final = 0.1
"""A way that differs by less than this share is walked at another pace."""
STRIDE_S: Final = (0.7, 1.6)
"""Two steps take as long ..."""
_STRIDE_M: Final = 0.4
"""... and lead at least as far."""
_ALIKE_M: Final = 0.1
"""Bodies whose joints differ by more, on the whole, are not joined."""
_SPAN_S: Final = 0.1
"""Not only frames are compared, but what comes so long before and after."""
_JOIN_S: Final = 0.3
"""What differs nevertheless fades within this time."""
_WALKS_S: Final = 0.6
"""Somebody walks at least as long."""
_RESTS_S: Final = 1.2
"""Nobody rests for less for the sake of the way."""


def with_way(x: Array, way_m: float, upright: int, arrived: int, fps: float) -> tuple[Array, NDArray[np.int64]]:
    """Walk farther, or less far.

    Args:
        x: (T, 258) of somebody who walks, goes down, and stays.
        way_m: How far they are to go while they are upright.
        upright: Frame at which they begin to go down.
        arrived: Frame at which they are down.
        fps: Frames a second.

    Returns:
        The motion, (T, 258), and which frame (T,) of what was given each of its frames is; as near to the way as can be
        got.
    """
    frames = np.arange(len(x))
    gone = _gone(x)
    missing = way_m - float(gone[upright])
    if abs(missing) <= NEARLY * way_m:
        return x, frames
    runs = [frames]
    if missing > 0:
        since, until = _stride(x, gone, upright, fps) or (0, 0)
        count = min(math.ceil(missing / max(float(gone[until] - gone[since]), 1e-9)),
                    int(len(x) - arrived - _RESTS_S * fps) // max(until - since, 1)) if until else 0  # fmt: skip
        if count < 1:
            return x, frames
        runs = [frames[: until + 1], *[frames[since : until + 1]] * (count - 1), frames[since:]]
    longer, index = x[runs[0]], runs[0]
    for run in runs[1:]:
        longer = np.concatenate([longer, going_on(longer[-1], x[run], _JOIN_S * fps)[1:]])
        index = np.concatenate([index, run[1:]])
    goes = int(np.flatnonzero(index == upright)[-1])
    gone = _gone(longer)
    first = int(np.searchsorted(gone, gone[goes] - way_m)) if gone[goes] > way_m else 0
    first = max(min(first, goes - round(_WALKS_S * fps)), 0)
    longer, index = moved_to(x[0], longer[first:])[: len(x)], index[first:][: len(x)]
    spare = len(x) - len(longer)
    if spare:
        down = min(int(np.flatnonzero(index == arrived)[-1]), len(longer) - 2)
        longer = np.concatenate([longer, to_and_fro(longer, down, len(longer) - 1, spare)])
        index = np.concatenate([index, np.full(spare, frames[-1])])
    return longer, index


def _gone(x: Array) -> Array:
    """How far (T,) somebody has gone."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(joints_of(x)[:, 0, :2], axis=0), axis=1))])


def _stride(x: Array, gone: Array, upright: int, fps: float) -> tuple[int, int] | None:
    """The frames between which somebody who walks takes the stride that is most like what comes after it."""
    joints = joints_of(x)[: upright + 1]
    own = (joints - joints[:, :1]) @ np.asarray(about_z(-heading_rad(root_orientation(joints)))).swapaxes(-1, -2)
    own[..., 2] = joints[..., 2]
    span = round(_SPAN_S * fps)
    best, found = _ALIKE_M, None
    for since in range(span, upright + 1):
        for until in range(since + round(STRIDE_S[0] * fps), min(since + round(STRIDE_S[1] * fps), upright - span) + 1):
            if gone[until] - gone[since] < _STRIDE_M:
                continue
            apart = own[since - span : since + span + 1] - own[until - span : until + span + 1]
            differ = float(np.linalg.norm(apart, axis=-1).mean())
            if differ < best:
                best, found = differ, (since, until)
    return found
