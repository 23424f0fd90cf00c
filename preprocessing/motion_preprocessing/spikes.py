"""Finds and mends frames in which a capture leaves the possible.

Criterion: a joint lies more than 13 cm from the middle of where it was a frame before and where it is a frame later.
At 30 frames a second that is an acceleration beyond 234 m/s^2 (24 g). The fastest genuine movements of the collection,
karate kicks and a dive roll, reach 12.6 cm; limbs that flip for a frame reach 20 to 130 cm. For other rates the limit
is the same acceleration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.motion_features import runs
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix, quaternion_slerp

LIMIT_M_S2 = 234.0
END_LIMIT_M_S2 = 144.0
"""Stricter at the ends, where cutting a frame costs nothing (8 cm at 30 frames a second)."""
END_FRAMES = 4
LONGEST_REPAIR_S = 0.35
WORST_SHARE = 0.05
"""A clip with more of its frames beyond the limit is not worth mending."""


@dataclass(frozen=True)
class Cleaned:
    """A clip after cleaning."""

    local_rotations: NDArray[np.float64]
    """(T, 22, 3, 3)."""
    root_position_m: NDArray[np.float64]
    """(T, 3)."""
    start: int
    """The first frame that was kept."""
    mended: int
    """Frames that were interpolated."""


def acceleration_m_s2(joints_m: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    """Return for each frame (T,) the largest acceleration of any joint of (T, J, 3); 0 at both ends."""
    largest = np.zeros(len(joints_m))
    if len(joints_m) > 2:
        second = np.diff(joints_m, n=2, axis=0) * fps**2
        largest[1:-1] = np.sqrt(np.sum(second**2, axis=-1)).max(axis=-1)
    return largest


def clean(
    local_rotations: NDArray[np.float64], root_position_m: NDArray[np.float64], fps: float
) -> Cleaned | None:
    """Cut bad frames off the ends, interpolate short bad stretches, keep the longest part between long ones.

    Returns:
        The cleaned clip, or None where more than 5 % of its frames are beyond the limit.
    """

    def measure(r: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
        return acceleration_m_s2(np.asarray(forward_kinematics(r, p)[0]), fps)

    rotations, root = local_rotations, root_position_m
    first, last = 0, len(root)
    for _ in range(3):
        worst = measure(rotations[first:last], root[first:last])
        head = np.flatnonzero(worst[:END_FRAMES] > END_LIMIT_M_S2)
        tail = np.flatnonzero(worst[::-1][:END_FRAMES] > END_LIMIT_M_S2)
        if not len(head) and not len(tail):
            break
        first += int(head[-1]) if len(head) else 0
        last -= int(tail[-1]) if len(tail) else 0
    rotations, root = rotations[first:last].copy(), root[first:last].copy()
    if len(root) < 3:
        return None
    bad = measure(rotations, root) > LIMIT_M_S2
    if bad.mean() > WORST_SHARE:
        return None

    touched = np.zeros(len(root), dtype=bool)
    for _ in range(4):
        bad = measure(rotations, root) > LIMIT_M_S2
        if not bad.any():
            break
        touched |= bad
        # The frames beside a bad one share its error: a flip of one frame is flagged in three.
        touched = _close_gaps(touched, round(0.1 * fps))
        touched[0] = touched[-1] = False
        _interpolate(rotations, root, touched)
        touched_next = touched.copy()
        touched_next[1:-1] |= touched[:-2] | touched[2:]
        touched = touched_next if (measure(rotations, root) > LIMIT_M_S2).any() else touched
    usable = ~(measure(rotations, root) > LIMIT_M_S2)
    for begin, end in runs(touched):
        if (end - begin) / fps > LONGEST_REPAIR_S:
            usable[begin:end] = False
    begin, end = max(runs(usable), key=lambda run: run[1] - run[0], default=(0, 0))
    if end - begin < 3:
        return None
    return Cleaned(rotations[begin:end], root[begin:end], first + begin, int(touched[begin:end].sum()))


def _close_gaps(flags: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    closed = flags.copy()
    stretches = runs(flags)
    for (_, end), (begin, _) in zip(stretches[:-1], stretches[1:], strict=True):
        if begin - end <= longest:
            closed[end:begin] = True
    return closed


def _interpolate(rotations: NDArray[np.float64], root: NDArray[np.float64], flags: NDArray[np.bool_]) -> None:
    """Replace the flagged stretches in place by the way between the frames around them."""
    for begin, end in runs(flags):
        a, b = begin - 1, end
        share = (np.arange(begin, end) - a) / (b - a)
        around = continuous(np.asarray(quaternion_from_matrix(rotations[[a, b]])))
        shape = (end - begin, *around.shape[1:])
        between = quaternion_slerp(
            np.broadcast_to(around[0], shape),
            np.broadcast_to(around[1], shape),
            np.broadcast_to(share[:, None], shape[:-1]),
        )
        rotations[begin:end] = matrix_from_quaternion(between)
        root[begin:end] = root[a] + share[:, None] * (root[b] - root[a])
